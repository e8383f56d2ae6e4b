"""Which role of the templates may assume which, by the statements of both sides."""

from __future__ import annotations

from dataclasses import dataclass

from rolechain.policy.context import Context
from rolechain.proof.edges import Edge, links
from rolechain.proof.rules import principals
from rolechain.proof.rules.ruling import Ruling, rulings
from rolechain.proof.world import RoleRecord, World

_NOTHING = Context({})


@dataclass(frozen=True, eq=False)
class Walk:
    """One role that may assume another.

    Attributes:
        caller: the role that calls.
        callee: the role that is assumed.
        entry: the statement of the callee's trust policy that lets the caller in.
        permission: the statement of the caller that allows the call; None in one account, where a trust policy
            that names the caller's role is enough.
    """

    caller: RoleRecord
    callee: RoleRecord
    entry: Ruling
    permission: Ruling | None


def walks_of(world: World) -> tuple[Walk, ...]:
    """The walks of a world of which both sides are known."""
    found: dict[tuple[str, str], Walk] = {}
    for edge in links(world):
        pair = (edge.caller.arn, edge.callee.arn)
        if pair not in found and (walk := _walk(edge)):
            found[pair] = walk
    return tuple(found.values())


def _walk(edge: Edge) -> Walk | None:
    record, granting = edge.granting.record, edge.granting.statement
    entry = next(
        (each for each in rulings(edge.callee, edge.callee.trust) if each.statement is edge.entry), None
    )
    if entry is None:
        return None
    if record is None or granting is None:
        # Whom a * lets in without a permission of its own takes no part in a chain of sessions.
        named = edge.caller.arn in principals.role_arns(entry)
        return Walk(edge.caller, edge.callee, entry, None) if named else None
    places = (each for each in rulings(edge.caller, record) if each.statement.index == granting.index)
    permission = next(places, None)
    return Walk(edge.caller, edge.callee, entry, permission) if permission else None


def covers(permission: Ruling, arn: str) -> bool:
    """Whether a permission may be about a role."""
    resources = permission.statement.resources
    return resources is not None and resources.match(arn, _NOTHING) is not False
