"""What policies deny to the sessions that a chain ends, those that were issued before ``revoked_before``."""

from __future__ import annotations

from dataclasses import replace

from rolechain.graph.role_graph import RoleRecord
from rolechain.iam.limits import MOMENT
from rolechain.policy import Request
from rolechain.policy.conditions import Condition
from rolechain.policy.statement import Statement


def of_new_session(request: Request, since: str | None) -> Request:
    """The same call by a session that is not ended: that the others are refused is meant."""
    if since is None:
        return request
    policies = (
        replace(policy, statements=tuple(each for each in policy.statements if not _spares(each, since)))
        for policy in request.identity_policies
    )
    return replace(request, identity_policies=tuple(policies))


def ends_older(role: RoleRecord, since: str) -> bool:
    """Whether a role denies everything to all of its sessions that were issued before a time."""
    return any(
        statement.effect == "Deny"
        and "*" in statement.actions.written
        and not statement.actions.negated
        and statement.resources is not None
        and "*" in statement.resources.written
        and not statement.resources.negated
        and len(statement.conditions) == 1
        and any(time >= since for time in _times(statement))
        for record in role.policies
        for statement in record.policy.statements
    )


def _spares(statement: Statement, since: str) -> bool:
    """Whether a statement denies nothing to sessions that were issued at a time or later."""
    times = _times(statement)
    return statement.effect == "Deny" and bool(times) and all(time <= since for time in times)


def _times(statement: Statement) -> list[str]:
    """The times before one of which a session must be issued for a statement to apply; none where that is not sure."""
    for each in statement.conditions:
        if (
            isinstance(each, Condition)
            and (each.lookup, each.name, each.quantifier) == ("aws:tokenissuetime", "datelessthan", None)
            and not each.if_exists
        ):
            times = [time for time in each.elements if isinstance(time, str) and MOMENT.fullmatch(time)]
            return times if len(times) == len(each.elements) else []
    return []
