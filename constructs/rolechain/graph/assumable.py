"""Which roles a role may assume by its own policies, as a set that surely holds all of them."""

from __future__ import annotations

from collections.abc import Iterator

from rolechain.graph.access import ASSUME
from rolechain.graph.allowed_calls import (
    RESOURCE,
    caller_of,
    denied_calls,
    met,
    outside,
    pattern_of,
    requests_of,
)
from rolechain.graph.language import Language, Position, matching, segments_of
from rolechain.graph.requests import Requests, beyond, both
from rolechain.graph.role_graph import RoleRecord
from rolechain.graph.values import OneValue
from rolechain.iam.arn import partition_of
from rolechain.policy.statement import Statement

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
    caller = caller_of(role, organization)
    asked = met(statement, caller, "role", surely=False)
    if asked is None:
        return
    denied = list(denied_calls(role, caller, ASSUME, "role"))
    bounded = list(requests_of(role.boundary.policy, caller, ASSUME, "role")) if role.boundary else None
    roles = _roles(partition_of(role.arn))
    for entry in resources.written if not resources.negated else ("*",):
        texts = outside(resources) if resources.negated else matching([pattern_of(entry)])
        found = asked.where(RESOURCE, OneValue(texts & roles, absent=False))
        requests: tuple[Requests, ...] = (found,) if found else ()
        yield entry, beyond(requests if bounded is None else both(requests, bounded), denied)


def _roles(partition: str) -> Language:
    """The ARNs of all roles of a partition."""
    name = [*map(Position, "role/"), Position(), _REST]
    return matching(segments_of(("arn", partition, "iam", "", account, name)) for account in _ACCOUNT)
