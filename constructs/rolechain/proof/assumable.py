"""Which roles a role may assume by its own policies, as a set that surely holds all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rolechain.policy import Policy
from rolechain.policy import condition_keys as keys_of
from rolechain.policy.language import Language, Pattern, Position, glob_of, matching, segments_of
from rolechain.policy.resources import Resources
from rolechain.policy.statement import Statement
from rolechain.policy.variables import Variable
from rolechain.policy.variables import parse as parse_template
from rolechain.proof.access import ASSUME, where
from rolechain.proof.calls import account_of, partition_of
from rolechain.proof.narrowing import narrowing
from rolechain.proof.requests import Requests, beyond, both
from rolechain.proof.values import OneValue
from rolechain.proof.world import RoleRecord

RESOURCE = "<resource>"
"""Stands among the condition keys for the ARN of the role that is assumed."""

_REST = Position(repeated=True)
_ACCOUNT = (
    (Position(digit=True),) * 12,
    (Position("<"), Position(repeated=True, excluded=":"), Position(">")),
)


def assumable(
    role: RoleRecord, statement: Statement, organization: str = ""
) -> Iterator[tuple[str, tuple[Requests, ...]]]:
    """The roles that a statement of a role's policies lets it assume, and neither a Deny nor a boundary keeps it from.

    Args:
        role: the role.
        statement: a statement of one of its policies that allows.
        organization: the id of its organization; empty if that is not known.

    Yields:
        Each entry of Resource, of NotResource ``*``, with the requests that it lets the role make; none is left out.
    """
    resources = statement.resources
    if resources is None or statement.actions.match(ASSUME) is False:
        return
    caller = _caller(role, organization)
    met = _met(statement, caller, surely=False)
    if met is None:
        return
    policies = [record.policy for record in role.policies]
    boundary = role.boundary.policy if role.boundary else None
    denied = [
        each for policy in (*policies, *([boundary] if boundary else [])) for each in _denied(policy, caller)
    ]
    bounded = list(_allowed(boundary, caller)) if boundary else None
    roles = _roles(partition_of(role.arn))
    for entry in resources.written if not resources.negated else ("*",):
        texts = _outside(resources) if resources.negated else matching([_pattern(entry)])
        found = met.where(RESOURCE, OneValue(texts & roles, absent=False))
        requests: tuple[Requests, ...] = (found,) if found else ()
        yield entry, beyond(requests if bounded is None else both(requests, bounded), denied)


def _caller(role: RoleRecord, organization: str) -> dict[str, str]:
    """The condition keys, in lower case, that the calling role settles, as far as their values are known."""
    account = account_of(role.arn)
    return {
        keys_of.PRINCIPAL_ARN: role.arn,
        keys_of.PRINCIPAL_ACCOUNT: account,
        **({keys_of.ORGANIZATION: organization} if organization else {}),
    }


def _roles(partition: str) -> Language:
    """The ARNs of all roles of a partition."""
    name = [*map(Position, "role/"), Position(), _REST]
    return matching(segments_of(("arn", partition, "iam", "", account, name)) for account in _ACCOUNT)


def _allowed(policy: Policy, caller: Mapping[str, str]) -> Iterator[Requests]:
    for statement in policy.allows:
        resources = statement.resources
        if resources is None or statement.actions.match(ASSUME) is False:
            continue
        if met := _met(statement, caller, surely=False):
            patterns = map(_pattern, resources.written)
            texts = _outside(resources) if resources.negated else matching(patterns)
            if found := met.where(RESOURCE, OneValue(texts, absent=False)):
                yield found


def _denied(policy: Policy, caller: Mapping[str, str]) -> Iterator[Requests]:
    for statement in policy.denies:
        resources = statement.resources
        if statement.effect != "Deny" or resources is None or not statement.actions.match(ASSUME):
            continue
        if (met := _met(statement, caller, surely=True)) is None:
            continue
        if resources.negated:
            # What may be excepted is not surely denied.
            texts = Language(without=frozenset(map(_pattern, resources.written)))
        else:
            texts = matching(_pattern(entry) for entry in resources.written if _is_plain(entry))
        if found := met.where(RESOURCE, OneValue(texts, absent=False)):
            yield found


def _outside(resources: Resources) -> Language:
    """What a NotResource leaves: at least all that is like none of its entries whose meaning is plain."""
    return Language(without=frozenset(_pattern(entry) for entry in resources.written if _is_plain(entry)))


def _is_plain(entry: str) -> bool:
    """Whether it is documented and known what an entry of Resource matches."""
    return "${" not in entry and (entry == "*" or (entry.startswith("arn:") and entry.count(":") >= 5))


def _pattern(entry: str) -> Pattern:
    """What an entry of Resource may match; a variable may bring in any text, and an ARN cut short goes on anyhow."""
    if entry.startswith("an unresolved "):
        return Pattern([_REST])
    positions: list[Position] = []
    for part in parse_template(entry, variables=True).parts:
        positions += [_REST] if isinstance(part, Variable) else glob_of(part.text).positions
    if not _is_plain(entry) and "${" not in entry:
        positions.append(_REST)
    return Pattern(positions)


def _met(statement: Statement, caller: Mapping[str, str], *, surely: bool) -> Requests | None:
    found: Requests | None = Requests("role")
    for condition in statement.conditions:
        asked = narrowing(condition, "role", caller, surely=surely)
        found = found and where(found, asked)
    return found
