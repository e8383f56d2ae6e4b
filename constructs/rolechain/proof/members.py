"""Targets by organizational unit, proven for any account of the units.

IAM reads an account's id in the account of an ARN, in ``aws:ResourceAccount`` and in account roots alone. So one
account that no document names stands for all that none names; each that a document names is proven by itself. What
tells accounts apart by parts of their ids or of their paths is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Template
from rolechain.graph.access import ASSUME, CARRYING
from rolechain.graph.finding import Finding, Level
from rolechain.graph.role_graph import PolicyRecord, RoleGraph
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of
from rolechain.iam.glob import has_wildcard
from rolechain.model.chain import Chain
from rolechain.model.role import ANY_ACCOUNT, ChainRole
from rolechain.policy import Verdict
from rolechain.policy.conditions import Condition
from rolechain.proof.hops import HopProof
from rolechain.proof.report import Proof, sorted_findings

_ACCOUNT = re.compile(r"(?=(\d{12}))", re.ASCII)
"""Each 12 digits in a row: what surrounds an account's id may be digits too."""
_WHOLE = re.compile(r"\*|\?{12}|[^*?]*", re.ASCII)
"""The account of an ARN that every account matches, or a single one."""
_PATH = re.compile(r"[^*?]*/\*?|\*", re.ASCII)
_ACTIONS = (ASSUME, *(action for action, _ in CARRYING))


def accounts_named(texts: Iterable[object]) -> frozenset[str]:
    """What documents hold that may be an account's id."""
    return frozenset(found for text in texts for found in _ACCOUNT.findall(json.dumps(text, default=str)))


def accounts_outside(chain: Chain, graph: RoleGraph) -> frozenset[str]:
    """The accounts that were read, and lie in none of a chain's units."""
    units = tuple(
        f"{chain.organization}/{unit.rstrip('/')}/"
        for role in chain.targets
        for unit in role.organizational_units
    )
    return frozenset(
        account
        for account, limits in graph.limits.items()
        if limits.path and not limits.path.startswith(units)
    )


def accounts_to_prove(chain: Chain, named: Collection[str], outside: Collection[str]) -> tuple[str, ...]:
    """An account that no document names, which stands for all others, then those named that may be of a chain's units.

    Args:
        chain: the chain.
        named: the accounts that documents name.
        outside: those that are known to lie in none of the units.
    """
    known = {*named, *chain.accounts, *(each for target in chain.targets for each in target.exclude)}
    stand_in = next(str(number) for number in count(314159265358) if str(number) not in known)
    elsewhere = {*outside, *(role.account for role in chain.roles if role.third_party)}
    for target in chain.targets:
        if target.by_unit and target.stack_set and target.stack_set.call_as == "SELF":
            # A service-managed stack set never goes to the management account.
            elsewhere.add(chain.administrator_account(target))
    return (stand_in, *sorted(known - elsewhere))


def documents_in(templates: Iterable[Template]) -> Iterator[object]:
    """What of templates may name an account: where they go, what they hold, and what they are given."""
    yield from ((each.account, each.body, each.nested, each.parameters, each.stored) for each in templates)


def policies_in(graph: RoleGraph) -> Iterator[PolicyRecord]:
    """Every policy of a graph."""
    for role in graph.roles:
        yield role.trust
    for principal in graph.principals:
        yield from principal.policies
        if principal.boundary:
            yield principal.boundary
    yield from (record for records in graph.session_policies.values() for record in records)


def telling_apart(chain: Chain, graph: RoleGraph) -> Iterator[Finding]:
    """What tells the accounts of units apart by a part of their ids, so that none stands for the others.

    Args:
        chain: the chain, with the roles of single accounts in place of targets by organizational unit.
        graph: the roles.
    """
    targets = [target for target in chain.targets if target.member_of]
    arns = dict.fromkeys(hop.caller.arn for target in targets for hop in chain.calls_into(target))
    callers = [role for arn in arns for role in graph.by_arn.get(arn, ())]
    records = [record for role in callers for record in role.policies]
    records += [role.boundary for role in callers if role.boundary]
    records += [record for arn in arns for record in graph.session_policies.get(arn, ())]
    records += [role.trust for target in targets for role in graph.by_arn.get(target.arn, ())]
    for record in records:
        for statement in record.policy.statements:
            if not any(statement.actions.match(action) is not False for action in _ACTIONS):
                continue
            written = statement.resources.written if statement.resources else ()
            texts = [text for text in written if not _is_whole(text)]
            for condition in statement.conditions:
                if isinstance(condition, Condition):
                    texts += _parts(condition)
            for text in texts[:1]:
                yield Finding(
                    "RC00",
                    Level.ERROR,
                    replace(record.place, statement=statement.index),
                    f"{text} tells accounts of organizational units apart by a part of what they are, so that none "
                    "can stand for the others",
                    "write whole account ids, or *, and whole paths of units, or the path and /*",
                )


def _is_whole(resource: str) -> bool:
    """Whether an ARN matches every account, or one."""
    if "${aws:resourceaccount" in resource.lower():
        return False
    return (
        bool(_WHOLE.fullmatch(account_of(resource)))
        if account_of(resource)
        else not re.search(r"\d", resource)
    )


def _parts(condition: Condition) -> list[str]:
    texts = [each for each in condition.elements if isinstance(each, str)]
    if condition.lookup == keys_of.RESOURCE_ORGANIZATION_PATHS:
        return [text for text in texts if not _PATH.fullmatch(text)]
    if condition.lookup == keys_of.RESOURCE_ACCOUNT:
        is_text = condition.name.startswith("string")
        return [text for text in texts if (has_wildcard([text]) and text != "*") or not is_text]
    return [text for text in texts if "${aws:resourceaccount" in text.lower()]


def in_words(chain: Chain, members: Chain, proof: Proof) -> Proof:
    """A proof of single accounts as one of the units: what is said of the account that no document names.

    Args:
        chain: the chain that declares the units.
        members: the same with the roles of single accounts.
        proof: the proof of these.
    """
    roles = {role.arn: role for role in members.targets if role.member_of}
    of_unit = {target.arn: _any_account(target) for target in chain.targets if target.by_unit}
    accounts = list(dict.fromkeys(role.account for role in roles.values()))
    stand_in, *named = accounts
    words_of_all = " or ".join(dict.fromkeys(of_unit.values()))

    def words(text: str) -> str:
        text = text.replace(f"/{stand_in}", "").replace(f":{stand_in}:", f":{ANY_ACCOUNT}:")
        return text.replace(f"account {stand_in}", words_of_all).replace(stand_in, words_of_all)

    def of_place(place: SourceLocation) -> SourceLocation:
        return replace(place, template=place.template.replace(f"/{stand_in}", ""))

    def said(texts: Iterable[str]) -> tuple[str, ...]:
        """The texts in words, without those that are said of all accounts already."""
        listed = list(texts)
        known = {text for text in listed if stand_in in text}
        new = (
            text for text in listed if text in known or known.isdisjoint(_of_another(text, named, stand_in))
        )
        return tuple(dict.fromkeys(map(words, new)))

    def finding(found: Finding) -> Finding:
        place = found.place and of_place(found.place)
        return replace(found, place=place, message=words(found.message), remediation=words(found.remediation))

    known = {(each.rule, each.level, each.message) for each in proof.findings if stand_in in each.message}
    findings = [
        finding(each)
        for each in proof.findings
        if stand_in in each.message
        or all(
            (each.rule, each.level, text) not in known for text in _of_another(each.message, named, stand_in)
        )
    ]
    return replace(
        proof,
        hops=tuple(_hops(proof.hops, roles, stand_in, of_unit, words)),
        findings=sorted_findings(findings),
        entrances=tuple(
            dict.fromkeys(
                replace(
                    each,
                    role=words(each.role),
                    who=words(each.who),
                    words=words(each.words),
                    place=of_place(each.place),
                )
                for each in proof.entrances
            )
        ),
        assumptions=said(proof.assumptions),
        parts=said(proof.parts),
        changers=None
        if proof.changers is None
        else tuple(replace(each, who=words(each.who), roles=said(each.roles)) for each in proof.changers),
        names={words(arn): text for arn, text in proof.names.items()},
    )


def _any_account(target: ChainRole) -> str:
    but = f" but {', '.join(target.exclude)}" if target.exclude else ""
    return f"any account of {', '.join(target.organizational_units)}{but}"


def _of_another(text: str, accounts: Iterable[str], stand_in: str) -> list[str]:
    """A text, as it would be about another account than one of ``accounts``."""
    return [text.replace(account, stand_in) for account in accounts if account in text]


def _hops(
    hops: Iterable[HopProof],
    roles: Mapping[str, ChainRole],
    stand_in: str,
    of_unit: Mapping[str, str],
    words: Callable[[str], str],
) -> Iterator[HopProof]:
    """The hops, those into single accounts only where they are not as those into any account."""
    for hop in hops:
        role = roles.get(hop.callee)
        if role is None or role.member_of is None:
            yield hop
        elif role.account == stand_in:
            accounts = of_unit[role.member_of.arn]
            yield replace(hop, callee=words(hop.callee), reason=words(hop.reason), accounts=accounts)
        elif hop.verdict is not Verdict.ALLOW:
            yield hop
