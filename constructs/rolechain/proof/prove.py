"""The proof of a chain, and the audit of any templates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike
from typing import Any, Literal

from rolechain.cloudformation.assembly import templates_in
from rolechain.cloudformation.conditions import branches
from rolechain.cloudformation.parameter_values import ParameterError, with_values
from rolechain.cloudformation.template import Template
from rolechain.graph.access import ASSUME
from rolechain.graph.administrators import TAKEN_FOR_GRANTED, Changer, changers
from rolechain.graph.calls import request_between
from rolechain.graph.edges import edges, identity_edges
from rolechain.graph.finding import Finding, Level
from rolechain.graph.language import patience
from rolechain.graph.narrowing import written
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord, Principal, RoleGraph, RoleRecord
from rolechain.graph.template_reader import role_graph_of
from rolechain.graph.trusted_access import trusted_access
from rolechain.iam.arn import is_arn
from rolechain.iam.condition_keys import PRINCIPAL_ARN
from rolechain.iam.limits import moment_of
from rolechain.iam.partitions import partition_of
from rolechain.model.chain import Chain
from rolechain.policy import Verdict, decide
from rolechain.policy.resources import Resources
from rolechain.proof.declared import Declared
from rolechain.proof.entrances import EntranceRecord, missing_entrances, trusted, undeclared
from rolechain.proof.hops import HopProof, missing_roles, proven_hops
from rolechain.proof.members import (
    accounts_named,
    accounts_outside,
    accounts_to_prove,
    documents_in,
    in_words,
    policies_in,
    telling_apart,
)
from rolechain.proof.names import Names
from rolechain.proof.relevance import of_chain, unknown
from rolechain.proof.report import Proof, sorted_findings
from rolechain.proof.rules import check
from rolechain.proof.rules.unresolved import closed
from rolechain.proof.temporary import temporary_in_words

_MOST = 3
"""How many roles, or ways to change them, a finding names."""

Templates = Iterable[Template] | Mapping[str, Mapping[str, Any]] | str | PathLike[str]
"""Templates, template bodies by name (a name of 12 digits is the account), or the folder that cdk synth wrote."""


def prove(
    chain: Chain,
    templates: Templates,
    *,
    scope: Literal["chain", "app"] = "chain",
    parts: Collection[str] | None = None,
    now: datetime | None = None,
) -> Proof:
    """Proves that a chain is closed, or says exactly where it is not.

    Every declared hop and entrance works, nobody else gets in, and every rule holds.

    Args:
        chain: the chain.
        templates: the templates.
        scope: ``chain`` for findings about roles that neither belong to the chain nor lead to it to be warnings;
            ``app`` for all to be as bad as they are in an audit.
        parts: the ARNs of the roles that the templates are to create; the others are taken as the chain declares
            them. None for all of them.
        now: the time, aware, by which an entrance has closed; by default that of this machine.

    Raises:
        AssemblyError: the folder is not a cloud assembly.
    """
    listed = _listed(templates)
    return prove_chain(
        chain,
        lambda each, arns: role_graph_of(listed, each, arns),
        documents_in(listed),
        scope=scope,
        parts=parts,
        now=now,
    )


def prove_chain(
    chain: Chain,
    read: Callable[[Chain, Collection[str] | None], RoleGraph],
    documents: Iterable[object],
    *,
    scope: Literal["chain", "app"] = "chain",
    parts: Collection[str] | None = None,
    now: datetime | None = None,
) -> Proof:
    """``prove``, of what a function reads for a chain and the roles that are to be found there.

    Args:
        chain: the chain.
        read: reads the roles; the targets of units are given as the roles of single accounts.
        documents: what may name accounts.
        scope: as of ``prove``.
        parts: as of ``prove``.
        now: as of ``prove``.
    """
    if not any(target.by_unit for target in chain.targets):
        return prove_graph(chain, read(chain, parts), scope=scope, parts=parts, now=now)
    named = accounts_named([*documents, dict(chain.policy_documents)])
    outside: frozenset[str] = frozenset()
    while True:
        accounts = accounts_to_prove(chain, named, outside)
        members = chain.with_members(accounts)
        arns = parts
        if parts is not None:
            arns = {role.arn for role in members.roles if (role.member_of or role).arn in parts}
        graph = read(members, arns)
        # What templates make of their parameters may name more accounts.
        more = accounts_named(record.document for record in policies_in(graph)) - {*named, *accounts}
        left_out = accounts_outside(chain, graph)
        if not more and left_out <= outside:
            break
        named, outside = named | more, outside | left_out
    proof = prove_graph(members, graph, scope=scope, parts=arns, now=now)
    findings = sorted_findings([*proof.findings, *telling_apart(members, graph)])
    return in_words(chain, members, replace(proof, findings=findings))


@patience()
def prove_graph(
    chain: Chain,
    graph: RoleGraph,
    *,
    scope: Literal["chain", "app"] = "chain",
    parts: Collection[str] | None = None,
    now: datetime | None = None,
) -> Proof:
    """``prove``, of templates that were read already."""
    now = now or datetime.now(UTC)
    hops = list(proven_hops(chain, graph))
    declared = Declared(chain)
    found = list(trusted(declared, graph))
    others = tuple(_changers(chain, graph))
    temporary = tuple(dict.fromkeys(temporary_in_words(chain, (access for access, _ in found), now)))
    broken = check(graph, chain, now)
    findings = [
        *unknown(chain, graph, everywhere=scope == "app"),
        *missing_roles(chain, graph),
        *(finding for _, of_hop in hops for finding in of_hop),
        *missing_entrances(declared, graph),
        *undeclared(declared, graph, found),
        *(finding for changer in others for finding in _of_changer(chain, changer)),
        *(broken if scope == "app" else of_chain(broken, chain, graph)),
    ]
    return _in_words(
        graph,
        Proof(
            parts=_names(chain, parts),
            hops=tuple(hop for hop, _ in hops),
            entrances=tuple(EntranceRecord.of(access, declared=is_declared) for access, is_declared in found),
            findings=tuple(findings),
            assumptions=(*graph.assumptions, TAKEN_FOR_GRANTED),
            changers=others,
            revoked_before=chain.revoked_before,
            temporary=temporary,
            now=moment_of(now) if temporary else None,
        ),
    )


def _in_words(graph: RoleGraph, proof: Proof) -> Proof:
    """A proof with words in place of what stands for an account or a name that is not known."""
    names = Names(graph)
    return replace(
        proof,
        hops=tuple(replace(hop, reason=names.words(hop.reason)) for hop in proof.hops),
        entrances=tuple(
            replace(each, words=names.words(each.words, each.place.template)) for each in proof.entrances
        ),
        findings=sorted_findings([names.finding(each) for each in proof.findings]),
        temporary=tuple(map(names.words, proof.temporary)),
        names=names.by_arn(hop.callee for hop in proof.hops),
        graph=graph,
    )


def _changers(chain: Chain, graph: RoleGraph) -> Iterator[Changer]:
    """Who may change a chain or act as its roles; what may depend on a value that is not resolved is unknown."""
    found = changers(chain, graph)
    shut, places = closed(graph)
    again = changers(chain, shut) if any(_by_unresolved(each, places) for each in found) else ()
    sure = {(each.who, each.rule): each for each in again if each.surely}
    for each in found:
        known = sure.get((each.who, each.rule))
        roles = tuple(role for role in each.roles if known is None or role not in known.roles)
        if not roles or not _by_unresolved(each, places):
            yield each
            continue
        if known:
            yield known
        means = (replace(one, unknown=one.unknown or f"a value in {one.place}") for one in each.means)
        yield replace(each, roles=roles, means=tuple(means))


def _by_unresolved(changer: Changer, places: Collection[tuple[str, str]]) -> bool:
    """Whether somebody is known to change a chain by a policy that holds a value that is not resolved."""
    at = (means.place.resource for means in changer.means if means.unknown is None)
    return any(place in places for place in at)


def _of_changer(chain: Chain, changer: Changer) -> Iterator[Finding]:
    if changer.declared:
        return
    level = Level.WARNING if chain.administrators is None else Level.ERROR
    verb = "change" if changer.rule == "RC38" else "act as"
    roles = _shortened(changer.roles)
    first = next((means for means in changer.means if means.unknown is None), changer.means[0])
    ways = _shortened(tuple(dict.fromkeys(means.words for means in changer.means)))
    remediation = "let nobody else call it"
    if changer.who.startswith("arn:"):
        remediation = f"take that away, or declare {changer.who} under administrators"
    if changer.surely:
        yield Finding(
            changer.rule, level, first.place, f"{changer.who} may {verb} {roles}: {ways}", remediation
        )
    else:
        words = f"whether {changer.who} may {verb} {roles} is not known: {first.unknown} is not"
        yield Finding("RC00", level, first.place, words, remediation)


def _shortened(texts: Sequence[str]) -> str:
    """Some texts, of many the first ones and how many more there are."""
    more = f" and {len(texts) - _MOST} more" if len(texts) > _MOST else ""
    return ("; " if any("," in text for text in texts) else ", ").join(texts[:_MOST]) + more


def _names(chain: Chain, parts: Collection[str] | None) -> tuple[str, ...]:
    """The roles that a proof is about, where it is not about all of them."""
    if parts is None or all(role.arn in parts or role.existing for role in chain.roles):
        return ()
    return tuple(f"{role.role} ({role.account})" for role in chain.roles if role.arn in parts)


def audit(
    templates: Templates,
    accounts: Mapping[str, str] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    region: str | None = None,
    exports: Mapping[str, str] | None = None,
    all_conditions: bool = False,
    now: datetime | None = None,
) -> Proof:
    """Every AssumeRole that templates allow, whom they let in, and every rule that they break; no chain is declared.

    Args:
        templates: the templates.
        accounts: the account of each template that is not given with one, by the template's name.
        parameters: the value of each parameter, in place of its default, for every template that declares it; a list
            for one that takes a list. By the name under which Systems Manager holds a value, that value.
        region: the region of each template that is not given with one.
        exports: the values of exports of stacks that are not among the templates, by name.
        all_conditions: whether what is found where a condition is not as the parameters' defaults make it counts as
            what is found otherwise; else its errors are warnings.
        now: as of ``prove``.

    Raises:
        AssemblyError: the folder is not a cloud assembly.
        ParameterError: no template declares a parameter, one does not take the value, or the region is none.
    """
    if region is not None and partition_of(region) is None:
        raise ParameterError(f"{region!r} is not a region: write one such as us-east-1")
    placed = [
        replace(
            template,
            account=(accounts or {}).get(template.name, template.account),
            region=template.region or region,
        )
        for template in _listed(templates)
    ]
    given = with_values(placed, parameters or {})
    with patience():
        now = now or datetime.now(UTC)
        report = _audited(role_graph_of([*given, *_exporting(given, exports or {})]), now)
        others = _of_branches(given, now, all_conditions=all_conditions)
        return replace(report, findings=sorted_findings([*report.findings, *others]))


def _of_branches(templates: Sequence[Template], now: datetime, *, all_conditions: bool) -> Iterator[Finding]:
    """What is found in one template where one of its conditions is another, and not where it is as it is.

    Each branch is looked at beside the accounts that are known and nothing else: whatever other templates hold, RC00
    of the whole audit says what is not known.
    """
    accounts = {
        f"account {account}": Template(f"account {account}", {}, account=account)
        for account in {template.account for template in templates if template.account}
    }

    def found(template: Template) -> list[Finding]:
        graph = role_graph_of([template])
        names = Names(graph)
        return [
            names.finding(each)
            for each in check(replace(graph, templates={**accounts, **graph.templates}), None, now)
        ]

    for template in templates:
        before: set[Finding] | None = None
        for branch in branches(template):
            if not (branch.is_known or all_conditions):
                continue
            if before is None:
                before = set(found(template))
            for finding in found(branch.template):
                if finding in before or finding.rule == "RC00":
                    continue
                if all_conditions or finding.level is Level.ERROR:
                    level = finding.level if all_conditions else Level.WARNING
                    yield replace(finding, level=level, message=f"{finding.message}, {branch.words}")


def _exporting(templates: Sequence[Template], exports: Mapping[str, str]) -> Iterator[Template]:
    """A stack in each account and region that exports some values."""
    outputs = {
        f"Export{number}": {"Value": exports[name], "Export": {"Name": name}}
        for number, name in enumerate(exports)
    }
    places = dict.fromkeys((template.account, template.region) for template in templates)
    for account, region in places if exports else ():
        yield Template("exports", {"Resources": {}, "Outputs": outputs}, account=account, region=region)


def _audited(graph: RoleGraph, now: datetime) -> Proof:
    inner = [
        HopProof(edge.caller.arn, edge.callee.arn, decision.verdict, decision.reason)
        for edge in (*edges(graph), *identity_edges(graph))
        if (decision := edge.hindered or edge.decision)
    ]
    return _in_words(
        graph,
        Proof(
            hops=(*inner, *_refused(graph, {(hop.caller, hop.callee) for hop in inner}), *_outward(graph)),
            entrances=tuple(
                EntranceRecord.of(access, declared=False)
                for role in graph.roles
                for access in trusted_access(role)
            ),
            findings=(*graph.unknown, *check(graph, None, now)),
            assumptions=graph.assumptions,
        ),
    )


def _listed(templates: Templates) -> list[Template]:
    if isinstance(templates, (str, PathLike)):
        return list(templates_in(templates))
    if isinstance(templates, Mapping):
        return [
            Template(name, body, account=name if len(name) == 12 and name.isdecimal() else None)
            for name, body in templates.items()
        ]
    return list(templates)


def _refused(graph: RoleGraph, known: Collection[tuple[str, str]]) -> Iterator[HopProof]:
    """The refused hops where one side names the other; ``known`` are the pairs of those allowed, or that may be."""
    for caller, callee in dict.fromkeys(_named(graph)):
        if (caller.arn, callee.arn) in known or not (is_arn(caller.arn) and is_arn(callee.arn)):
            continue
        decision = decide(request_between(caller, callee, graph))
        if decision.verdict in (Verdict.IMPLICIT_DENY, Verdict.EXPLICIT_DENY):
            yield HopProof(caller.arn, callee.arn, decision.verdict, decision.reason)


def _named(graph: RoleGraph) -> Iterator[tuple[Principal, RoleRecord]]:
    """A caller and a callee of which one names the other by its ARN: in a permission, or in the trust policy."""
    by_arn: dict[str, list[Principal]] = {}
    for each in graph.principals:
        by_arn.setdefault(each.arn, []).append(each)
    for caller, _, resources in _assuming(graph):
        if isinstance(caller, IdentityRecord) and caller.is_group:
            continue
        for arn in () if resources.negated else resources.written:
            yield from ((caller, callee) for callee in graph.by_arn.get(arn, ()))
    for role in graph.roles:
        for statement in role.trust.policy.allows:
            principals = statement.principals.aws if statement.principals else frozenset()
            if statement.actions.match(ASSUME):
                asked = {each.literal or "" for each in written(statement, PRINCIPAL_ARN, {})}
                for arn in sorted(principals | asked):
                    yield from ((caller, role) for caller in by_arn.get(arn, ()))


def _outward(graph: RoleGraph) -> Iterator[HopProof]:
    """What may be assumed outside of the templates, or by somebody whom they do not tell, as far as one side says.

    What a group allows stands at the group, once for all of its members.
    """
    of_groups = {each.arn: set(each.policies) for each in graph.identities if each.is_group}
    for caller, record, resources in _assuming(graph):
        if isinstance(caller, IdentityRecord) and caller.is_group:
            yield from _open_ends(caller.arn, record, resources, {}, "the group may have other members than")
        elif isinstance(caller, RoleRecord) or not any(record in of_groups[arn] for arn in caller.groups):
            yield from _open_ends(caller.arn, record, resources, graph.by_arn, "the trust policy is not in")
    for record in graph.unattached:
        for resources in _assumed_by(record):
            yield from _open_ends(record.name, record, resources, {}, "nobody has it in")


def _open_ends(
    who: str, record: PolicyRecord, resources: Resources, known: Container[str], why: str
) -> Iterator[HopProof]:
    """The roles that a permission names, but for those that are known."""
    for resource in resources.written:
        if resource not in known:
            outside = f"all but {resource}" if resources.negated else resource
            reason = f"{record.name} allows it, and {why} the templates"
            if record.policy.missing is not None:
                reason = f"the document of {record.name} is not at hand, and may allow it"
            yield HopProof(who, outside, Verdict.UNKNOWN, reason)


def _assuming(graph: RoleGraph) -> Iterator[tuple[Principal, PolicyRecord, Resources]]:
    """Each permission that is or may be about AssumeRole: whose, of which policy, and on which roles."""
    for caller in graph.principals:
        for record in caller.policies:
            yield from ((caller, record, resources) for resources in _assumed_by(record))


def _assumed_by(record: PolicyRecord) -> Iterator[Resources]:
    """What the statements of a policy let its holder assume, or may."""
    for statement in record.policy.allows:
        if statement.actions.match(ASSUME) is not False and statement.resources is not None:
            yield statement.resources
