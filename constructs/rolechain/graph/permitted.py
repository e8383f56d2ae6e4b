"""Which requests a role's own policies let it make, as a set that surely holds all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rolechain.graph.access import Callee, where
from rolechain.graph.narrowing import narrowing
from rolechain.graph.policy_about import narrowed
from rolechain.graph.requests import Requests, beyond, both
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.iam.arn import account_of, partition_of
from rolechain.policy import Policy
from rolechain.policy.context import Context
from rolechain.policy.statement import Statement

_NOTHING = Context({})


class Permission(NamedTuple):
    """A statement that may let a role make a call.

    Attributes:
        requests: the requests.
        record: the policy; None where the callee's trust policy is enough.
        statement: the statement, likewise.
    """

    requests: tuple[Requests, ...]
    record: PolicyRecord | None
    statement: Statement | None


def permissions(
    caller: RoleRecord, callee: RoleRecord, facts: Callee, action: str, *, named: bool
) -> Iterator[Permission]:
    """The statements by which a role may assume another, as far as no Deny and no boundary keeps it.

    Args:
        caller: the role that calls.
        callee: the role that is assumed.
        facts: what of it policies may ask about.
        action: the action in lower case.
        named: whether the callee's trust policy names the caller itself, which is enough in one account.
    """
    arn = callee.arn
    denied = [
        requests
        for policy in (*(record.policy for record in caller.policies), *_boundary(caller))
        for requests in surely_denied(policy, action, arn, facts)
    ]
    bounded = [
        requests for policy in _boundary(caller) for _, requests in allowed(policy, action, arn, facts)
    ]
    if named and caller.account == callee.account:
        yield Permission(beyond([Requests("role")], denied), None, None)
    for record in caller.policies:
        for statement, requests in allowed(narrowed(record.policy, arn), action, arn, facts):
            left = both([requests], bounded) if caller.boundary else (requests,)
            if left := beyond(left, denied):
                yield Permission(left, record, statement)


def may_call(caller: RoleRecord, callee: RoleRecord, action: str, requests: Iterable[Requests]) -> bool:
    """Whether a role's own policies let it make one of ``requests``, or may."""
    facts, listed = Callee(partition_of(callee.arn), account_of(callee.arn)), tuple(requests)
    found = permissions(caller, callee, facts, action, named=False)
    return any(both(listed, permission.requests) for permission in found)


def _boundary(caller: RoleRecord) -> Sequence[Policy]:
    return (caller.boundary.policy,) if caller.boundary else ()


def allowed(policy: Policy, action: str, arn: str, callee: Callee) -> Iterator[tuple[Statement, Requests]]:
    """What each statement of a policy may allow on one role."""
    for statement in policy.allows:
        if statement.effect == "Allow" and (statement.resources is None or statement.principals is not None):
            continue  # IAM refuses it
        on = statement.resources.match(arn, _NOTHING) if statement.resources else None
        if statement.actions.match(action) is False or (on is False and not _has_variable(statement)):
            continue
        if found := _met(statement, callee, surely=False):
            yield statement, found


def _has_variable(statement: Statement) -> bool:
    return bool(statement.resources and statement.resources.keys)


def surely_denied(policy: Policy, action: str, arn: str, callee: Callee) -> Iterator[Requests]:
    """What a policy surely denies on one role."""
    for statement in policy.denies:
        if statement.effect != "Deny" or statement.resources is None or statement.principals is not None:
            continue
        if _has_variable(statement) or not statement.actions.match(action):
            continue
        if statement.resources.match(arn, _NOTHING) and (found := _met(statement, callee, surely=True)):
            yield found


def _met(statement: Statement, callee: Callee, *, surely: bool) -> Requests | None:
    found: Requests | None = Requests("role")
    for condition in statement.conditions:
        asked = narrowing(condition, "role", callee.constants, surely=surely)
        found = found and where(found, asked)
    return found
