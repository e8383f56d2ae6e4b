"""Which calls a principal's own policies let it make, and on what: a set that surely holds all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rolechain.graph.access import where
from rolechain.graph.language import Language, Pattern, Position, glob_of, matching
from rolechain.graph.narrowing import narrowing
from rolechain.graph.requests import Requests, beyond, both
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord, RoleRecord
from rolechain.graph.values import OneValue
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of
from rolechain.iam.condition_keys import Kind
from rolechain.policy import Policy
from rolechain.policy.resources import Resources
from rolechain.policy.statement import Statement
from rolechain.policy.variables import Variable
from rolechain.policy.variables import parse as parse_template

RESOURCE = "<resource>"
"""Stands among the condition keys for the ARN that a call is about."""

_REST = Position(repeated=True)
_UNPLACED = re.compile(r"arn:[^:]*:[^:]*:[^:]*:(<[^:>]+>):")
"""The beginning of an ARN in an account that is not known."""

Principal = RoleRecord | IdentityRecord
"""Whose policies are asked about: a role, a user, or a group in place of its members."""


class Allowed(NamedTuple):
    """What a statement lets a principal call.

    Attributes:
        record: the policy.
        statement: the statement.
        requests: the requests, as far as no Deny and no boundary keeps them.
    """

    record: PolicyRecord
    statement: Statement
    requests: tuple[Requests, ...]


def allowed_calls(principal: Principal, action: str, organization: str = "") -> Iterator[Allowed]:
    """What each statement of a principal's policies may let it call.

    Args:
        principal: the principal.
        action: the action in lower case.
        organization: the id of its organization; empty if that is not known.
    """
    caller, kind = caller_of(principal, organization), kind_of(principal)
    denied = list(denied_calls(principal, caller, action, kind))
    bounded = None
    if principal.boundary:
        bounded = list(requests_of(principal.boundary.policy, caller, action, kind))
    for record in principal.policies:
        for statement in record.policy.allows:
            found = tuple(_requests(statement, caller, action, kind))
            if left := beyond(found if bounded is None else both(found, bounded), denied):
                yield Allowed(record, statement, left)


def kind_of(principal: Principal) -> Kind:
    """The kind of caller that a principal is."""
    return "role" if ":role/" in principal.arn else "user"


def caller_of(principal: Principal, organization: str = "") -> dict[str, str]:
    """The condition keys, in lower case, that a principal settles for every call, as far as their values are known."""
    of_group = isinstance(principal, IdentityRecord) and principal.is_group
    found = {
        keys_of.PRINCIPAL_ARN: "" if of_group else principal.arn,
        keys_of.PRINCIPAL_ACCOUNT: account_of(principal.arn),
        keys_of.ORGANIZATION: organization,
    }
    return {key: value for key, value in found.items() if value and "<" not in value}


def requests_of(policy: Policy, caller: Mapping[str, str], action: str, kind: Kind) -> Iterator[Requests]:
    """What a policy may allow."""
    for statement in policy.allows:
        yield from _requests(statement, caller, action, kind)


def _requests(statement: Statement, caller: Mapping[str, str], action: str, kind: Kind) -> Iterator[Requests]:
    resources = statement.resources
    if resources is None or statement.actions.match(action) is False:
        return
    if found := met(statement, caller, kind, surely=False):
        written = map(_anywhere, resources.written)
        texts = outside(resources) if resources.negated else matching(map(pattern_of, written))
        if left := found.where(RESOURCE, OneValue(texts, absent=False)):
            yield left


def denied_calls(
    principal: Principal, caller: Mapping[str, str], action: str, kind: Kind
) -> Iterator[Requests]:
    """What a principal's policies and boundary surely deny."""
    policies = [record.policy for record in principal.policies]
    for policy in (*policies, *([principal.boundary.policy] if principal.boundary else [])):
        for statement in policy.denies:
            resources = statement.resources
            if statement.effect != "Deny" or resources is None or not statement.actions.match(action):
                continue
            if (found := met(statement, caller, kind, surely=True)) is None:
                continue
            if resources.negated:
                # What may be excepted is not surely denied.
                texts = Language(without=frozenset(map(pattern_of, resources.written)))
            else:
                texts = matching(pattern_of(entry) for entry in resources.written if _is_plain(entry))
            if left := found.where(RESOURCE, OneValue(texts, absent=False)):
                yield left


def met(statement: Statement, caller: Mapping[str, str], kind: Kind, *, surely: bool) -> Requests | None:
    """The requests that meet the conditions of a statement; None where there are certainly none."""
    found: Requests | None = Requests(kind)
    for condition in statement.conditions:
        found = found and where(found, narrowing(condition, kind, caller, surely=surely))
    return found


def outside(resources: Resources) -> Language:
    """What a NotResource leaves: at least all that is like none of its entries whose meaning is plain."""
    return Language(without=frozenset(pattern_of(entry) for entry in resources.written if _is_plain(entry)))


def _anywhere(entry: str) -> str:
    """An entry of Resource with the account that is not known as a wildcard, wherever it stands."""
    unplaced = _UNPLACED.match(entry)
    return entry.replace(unplaced[1], "*") if unplaced else entry


def _is_plain(entry: str) -> bool:
    """Whether it is documented and known what an entry of Resource matches."""
    return "${" not in entry and (entry == "*" or (entry.startswith("arn:") and entry.count(":") >= 5))


def pattern_of(entry: str) -> Pattern:
    """What an entry of Resource may match; a variable may bring in any text, and an ARN cut short goes on anyhow."""
    if entry.startswith("an unresolved "):
        return Pattern([_REST])
    positions: list[Position] = []
    for part in parse_template(entry, variables=True).parts:
        positions += [_REST] if isinstance(part, Variable) else glob_of(part.text).positions
    if not _is_plain(entry) and "${" not in entry:
        positions.append(_REST)
    return Pattern(positions)
