"""Whom a role's trust policy lets in: each principal of each statement, with a description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import ASSUME, ENTERING, admitted, principal_named
from rolechain.graph.examples import Example, decided, example_of
from rolechain.graph.language import EVERY_TEXT, Language, Pattern, matching
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import RoleRecord
from rolechain.graph.values import OneValue, WholeNumber, only
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import segments_of, session_names
from rolechain.policy.conditions import Condition, NullCheck
from rolechain.policy.statement import Statement


@dataclass(frozen=True)
class TrustedAccess:
    """Somebody whom a statement of a trust policy lets in.

    Attributes:
        role: the role.
        kind: ``everyone``, ``account``, ``pattern``, ``arn``, ``session``, ``service``, ``federated`` or ``unknown``.
        who: the account id, pattern, ARN, service or provider; ``*`` for everyone.
        words: the same, described.
        place: the statement.
        statement: the same, compiled.
        action: the action, in lower case, by which it gets in.
        requests: the requests by which it gets in.
    """

    role: RoleRecord
    kind: str
    who: str
    words: str
    place: SourceLocation
    statement: Statement = field(compare=False)
    action: str
    requests: tuple[Requests, ...] = field(compare=False)

    @cached_property
    def certain(self) -> bool:
        """Whether it is shown that somebody gets in by it."""
        return shown(self.role, self.statement, self.requests) is not None


def trusted_access(role: RoleRecord) -> Iterator[TrustedAccess]:
    """Whom each statement of a role's trust policy lets in, each once for each statement."""
    for statement in role.trust.policy.allows:
        place = role.trust.place_of(statement)
        for action in ENTERING:
            requests = admitted(role.trust.policy, role.callee, action).get(statement.index, ())
            for kind, who, words, some in _of_statement(role, statement, action, requests):
                yield TrustedAccess(role, kind, who, words, place, statement, action, some)


def closes_at(requests: Iterable[Requests]) -> int | None:
    """The time, in seconds since 1970, from which on none of some requests gets in; None where there is none."""
    latest = 0
    for one in requests:
        time = one.values.get(keys_of.CURRENT_TIME)
        if not isinstance(time, WholeNumber) or time.high is None or time.high >= _LAST_SECOND:
            return None
        latest = max(latest, time.high + 1)
    return latest or None


def shown(role: RoleRecord, statement: Statement, requests: Iterable[Requests]) -> Example | None:
    """A request of a set that the decision allows; None where no example is allowed."""
    for one in requests:
        example = example_of(one, [statement, *role.trust.policy.allows], role.callee.constants)
        if example and decided(example, role.arn, role.trust.policy):
            return example
    return None


_LAST_SECOND = 253_402_300_799
"""The last second of the year 9999."""

_Named = tuple[str, str, str, tuple[Requests, ...]]
"""Kind, who, words and requests, as of ``TrustedAccess``."""


def _of_statement(
    role: RoleRecord, statement: Statement, action: str, requests: tuple[Requests, ...]
) -> Iterator[_Named]:
    if not requests:
        return
    principals = statement.principals
    if principals is None:
        yield ("unknown", "", "somebody who is not known", requests)
        return
    conditions = _conditions_of(statement)
    for kind, key, word in (("service", keys_of.SERVICE, "the service"), ("federated", keys_of.PROVIDER, "")):
        for name in sorted(principals.services if kind == "service" else principals.federated):
            named = only(name)
            some = tuple(
                found for each in requests if key in each.values and (found := each.where(key, named))
            )
            if some and kind == "service":
                yield (kind, name, f"{word} {name}{conditions.beside}", some)
            elif some:
                pinned = f" with {conditions.claims}" if conditions.claims else ""
                words = f"tokens of {name}{pinned}" if pinned else f"every token of {name}"
                yield (kind, name, f"{words}{conditions.beside}", some)
    if principals.unknown_federated and (some := tuple(each for each in requests if each.doubts)):
        yield ("federated", "", "tokens of a provider that cannot be resolved", some)
    if action != ASSUME:
        if principals.everyone:
            yield ("everyone", "*", f"every token of every provider{conditions.beside}", requests)
        return
    if principals.unknown:
        yield ("unknown", "", f"a principal that cannot be resolved{conditions.beside}", requests)
    elif principals.everyone:
        yield from _by_arns(requests, statement)
        return
    for name in sorted(principals.aws):
        some = both(requests, principal_named(name, role.callee.partition, role.callee.callers))
        if not some:
            continue
        if name.endswith(":root") or name.isdecimal() or name.startswith("<"):
            yield from _by_arns(some, statement)
        elif name.startswith("arn:"):
            known = "session" if session_names(name) else "arn"
            kind = "unknown" if known == "arn" and some[0].kind == "unknown" else known
            yield (kind, name, f"the principal {name}{conditions.beside}", some)
        else:
            words = f"the principal {name}, which is not known{conditions.beside}"
            yield ("unknown" if some[0].kind == "unknown" else "arn", name, words, some)


def _by_arns(requests: Iterable[Requests], statement: Statement) -> Iterator[_Named]:
    """Those of accounts, as far as they can be told apart: single ones, those like a pattern, or all."""
    groups: dict[tuple[str, str], list[Requests]] = {}
    for one in _apart(requests):
        values = one.values.get(keys_of.PRINCIPAL_ARN)
        if not isinstance(values, OneValue):
            groups.setdefault(("everyone", "*"), []).append(one)
        elif values.texts.values is not None:
            for arn in sorted(values.texts.values):
                named = replace(one, values={**one.values, keys_of.PRINCIPAL_ARN: only(arn)})
                groups.setdefault(("arn", arn), []).append(named)
        else:
            groups.setdefault(_like(values.texts), []).append(one)
    conditions = _conditions_of(statement)
    for (kind, who), some in groups.items():
        kinds = {each.kind for each in some}
        one_of = "role" if kinds == {"role"} else "IAM user" if kinds == {"user"} else "principal"
        if kind == "arn":
            words = f"the principal {who}{conditions.within}"
        elif kind == "everyone":
            every = "everyone" if len(kinds) > 1 else f"every {one_of}"
            every = "every AWS service" if kinds == {"service"} else every
            words = f"{every}{conditions.within} that its own account allows"
        elif kind == "account":
            words = f"every {one_of} of account {who}{conditions.within} that its own account allows"
        else:
            account, _, who = who.partition(" ")
            of = f"account {account}" if account != "*" else "any account"
            words = f"every principal of {of} whose ARN is like {who}{conditions.within}"
        yield (kind, who, f"{words}{conditions.beside}", tuple(some))


def _apart(requests: Iterable[Requests]) -> Iterator[Requests]:
    """``requests`` with one product for each of several accounts or patterns of ARNs."""
    for one in requests:
        values = one.values.get(keys_of.PRINCIPAL_ARN)
        texts = values.texts if isinstance(values, OneValue) else EVERY_TEXT
        # Alternatives of which a pattern fixes more than the partition and the kind.
        telling = (each for each in texts.within if len(each) > 1 and any(any(_shape(it)) for it in each))
        several = next(telling, None)
        if several is None:
            yield one
            continue
        rest = replace(texts, within=tuple(each for each in texts.within if each != several))
        whole = replace(one, values={**one.values, keys_of.PRINCIPAL_ARN: OneValue(rest, absent=False)})
        apart = (OneValue(matching([pattern]), absent=False) for pattern in sorted(several, key=str))
        yield from _apart(part for each in apart if (part := whole.where(keys_of.PRINCIPAL_ARN, each)))


def _like(arns: Language) -> tuple[str, str]:
    """What the ARNs of a product have in common: an account, patterns with the account before them, or nothing."""
    accounts: set[str] | None = None
    patterns: list[str] = []
    for alternatives in arns.within:
        shapes = [_shape(pattern) for pattern in alternatives]
        if all(account and not more for account, more in shapes):
            found = {account for account, _ in shapes}
            accounts = found if accounts is None else accounts & found
        elif any(more for _, more in shapes):
            patterns.append(" or ".join(sorted(map(str, alternatives))))
    account = accounts.pop() if accounts and len(accounts) == 1 else "*"
    if patterns:
        return "pattern", f"{account} {' and '.join(patterns)}"
    if account != "*":
        return "account", account
    return ("everyone", "*") if accounts is None else ("pattern", f"* {' or '.join(sorted(accounts))}")


def _shape(pattern: Pattern) -> tuple[str, bool]:
    """The account that a pattern of ARNs fixes, empty for none, and whether it fixes more than partition and kind."""
    if any(position.digit for position in pattern.positions):
        return "", False
    segments = segments_of(str(pattern))
    if not segments:
        return "", bool(str(pattern).strip("*"))
    account = "" if set(segments[4]) & set("*?") else segments[4]
    name = segments[5].removeprefix("role/").removeprefix("user/")
    more = bool(name.strip("*?")) or (not account and bool(segments[4].strip("*?<>")))
    return account, more


_WHO = (keys_of.PRINCIPAL_ARN, keys_of.PRINCIPAL_ACCOUNT, keys_of.ORGANIZATION, keys_of.ORGANIZATION_PATHS)
_GLOBAL = re.compile(r"(aws|sts|iam):.*")
_PHRASES = {
    keys_of.EXTERNAL_ID: "with the external id {}",
    keys_of.SESSION_NAME: "with the session name {}",
    keys_of.SET_SOURCE_IDENTITY: "with the source identity {}",
    keys_of.SOURCE_IDENTITY: "with the source identity {}",
    "aws:sourceip": "from {}",
    "aws:vpcsourceip": "from {}",
    "aws:sourcevpc": "from VPC {}",
    "aws:sourcevpce": "from VPC endpoint {}",
    "aws:sourceaccount": "for account {}",
    "aws:sourcearn": "for {}",
    "aws:requestedregion": "in region {}",
}
"""The words for a condition that asks for values of a key, in lower case."""
_LIMITS = {
    ("notipaddress", "aws:sourceip"): "not from {}",
    ("datelessthan", "aws:currenttime"): "until {}",
    ("dategreaterthan", "aws:currenttime"): "from {} on",
    ("numericlessthan", keys_of.MFA_AGE): "with MFA of the last {} seconds",
}
"""The same by operator, in lower case and without the ``equals`` at its end, and key."""


class _Conditions(NamedTuple):
    """The conditions of a statement.

    Attributes:
        within: the organization and its units, with a blank before; empty where none is asked for.
        claims: what a token must carry.
        beside: everything else, with a comma before; empty likewise.
    """

    within: str
    claims: str
    beside: str


def _conditions_of(statement: Statement) -> _Conditions:
    within: list[str] = []
    claims: list[str] = []
    beside: list[str] = []
    for condition in statement.conditions:
        if isinstance(condition, NullCheck):
            beside.append(f"if {condition.key} is {'absent' if True in condition.absent else 'present'}")
        elif isinstance(condition, Condition):
            values = " or ".join(condition.values)
            plain = (
                not condition.negated and not condition.if_exists and condition.quantifier != "ForAllValues"
            )
            if condition.lookup == keys_of.ORGANIZATION and plain:
                within.append(f" in {_organization(values)}")
            elif condition.lookup == keys_of.ORGANIZATION_PATHS and plain:
                within.append(f" in organizational unit {values}")
            elif condition.lookup in _WHO and not condition.negated:
                continue
            elif not _GLOBAL.fullmatch(condition.lookup) and plain:
                claims.append(f"{condition.key} {values}")
            else:
                beside.append(_phrase(condition, values, plain=plain))
    return _Conditions("".join(within), " and ".join(claims), "".join(f", {each}" for each in beside))


def _organization(values: str) -> str:
    """An organization in words; a variable may stand for that of the role itself."""
    if values.lower() == f"${{{keys_of.RESOURCE_ORGANIZATION}}}":
        return "its own organization"
    return "any organization" if values == "*" else f"organization {values}"


def _phrase(condition: Condition, values: str, *, plain: bool) -> str:
    key, operator = condition.lookup, condition.operator.lower()
    if plain and key == "aws:sourceorgid":
        return f"for {_organization(values)}"
    if plain and key in _PHRASES:
        return _PHRASES[key].format(values)
    if (limit := _LIMITS.get((operator.replace("equals", ""), key))) is not None:
        return limit.format(values)
    if plain and key.startswith("aws:principaltag/"):
        return f"whose tag {condition.key.split('/', 1)[1]} is {values}"
    if plain and key == keys_of.MFA_PRESENT and values.lower() == "true":
        return "with MFA"
    if plain and key.startswith(keys_of.REQUEST_TAG):
        return f"with the session tag {condition.key.split('/', 1)[1]} {values}"
    return f"if {condition.operator} {condition.key} {values}"
