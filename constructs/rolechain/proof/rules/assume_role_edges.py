"""Which role of the templates may assume which, by the statements of both sides."""

from __future__ import annotations

from dataclasses import dataclass

from rolechain.graph.edges import Edge, links
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.policy.context import Context
from rolechain.proof.rules import principals
from rolechain.proof.rules.located_statement import LocatedStatement, located_statements

_NOTHING = Context({})


@dataclass(frozen=True, eq=False)
class AssumeRoleEdge:
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
    entry: LocatedStatement
    permission: LocatedStatement | None


def assume_role_edges(graph: RoleGraph) -> tuple[AssumeRoleEdge, ...]:
    """The edges of a graph of which both sides are known."""
    found: dict[tuple[str, str], AssumeRoleEdge] = {}
    for link in links(graph):
        pair = (link.caller.arn, link.callee.arn)
        if pair not in found and (edge := _known_edge(link)):
            found[pair] = edge
    return tuple(found.values())


def _known_edge(edge: Edge) -> AssumeRoleEdge | None:
    record, granting = edge.granting.record, edge.granting.statement
    entry = next(
        (each for each in located_statements(edge.callee, edge.callee.trust) if each.statement is edge.entry),
        None,
    )
    if entry is None:
        return None
    if record is None or granting is None:
        # Whom a * lets in without a permission of its own takes no part in a chain of sessions.
        named = edge.caller.arn in principals.role_arns(entry)
        return AssumeRoleEdge(edge.caller, edge.callee, entry, None) if named else None
    places = (
        each for each in located_statements(edge.caller, record) if each.statement.index == granting.index
    )
    permission = next(places, None)
    return AssumeRoleEdge(edge.caller, edge.callee, entry, permission) if permission else None


def covers(permission: LocatedStatement, arn: str) -> bool:
    """Whether a permission may be about a role."""
    resources = permission.statement.resources
    return resources is not None and resources.match(arn, _NOTHING) is not False
