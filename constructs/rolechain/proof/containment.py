"""Nothing else gets in: whom the trust policies of a chain let in besides those that the chain declares.

Every way to a target ends in a role of the chain, so that no way over any number of roles leads in if no single
step does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.edges import Edge, edges
from rolechain.graph.finding import Finding, Level
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.graph.trusted_access import TrustedAccess, shown, trusted_access
from rolechain.model.chain import Chain
from rolechain.policy.elements import listed
from rolechain.proof.declared import Declared
from rolechain.statements.builder import trust_statements

UNDECLARED, UNKNOWN = "RC05", "RC00"


@dataclass(frozen=True)
class EntranceRecord:
    """A principal that the trust policy of a role lets in by other than a declared hop.

    Attributes:
        role: the ARN of the role.
        who: the account id, ARN, pattern, service or provider; ``*`` for everyone.
        words: the same in words.
        declared: whether the chain declares it.
        place: the statement.
    """

    role: str
    who: str
    words: str
    declared: bool
    place: SourceLocation


def trusted(declared: Declared, world: RoleGraph) -> Iterator[tuple[TrustedAccess, bool]]:
    """Whom a chain's roles let in besides the declared callers, each with whether it is a declared entrance."""
    for role in world.roles:
        if role.arn not in declared.roles:
            continue
        if role.arn in declared.callees and all(
            declared.writes(role, statement) for statement in role.trust.policy.allows
        ):
            continue
        for access in trusted_access(role):
            is_declared = declared.writes(role, access.statement) or not declared.undeclared(
                role, access.requests, access.action
            )
            if not (is_declared and (access.who, role.arn) in declared.hops):
                yield access, is_declared


def undeclared(
    chain: Chain, declared: Declared, world: RoleGraph, found: list[tuple[TrustedAccess, bool]]
) -> Iterator[Finding]:
    """A finding for each trust statement that lets in somebody who is not declared.

    Args:
        chain: the chain.
        declared: whom it lets in where.
        world: the roles.
        found: what ``trusted`` found.
    """
    inner = [
        edge
        for edge in edges(world)
        if edge.callee.arn in declared.roles and (edge.caller.arn, edge.callee.arn) not in declared.hops
    ]
    by_place: dict[SourceLocation, list[TrustedAccess]] = {}
    for access, is_declared in found:
        if not is_declared:
            by_place.setdefault(access.place, []).append(access)
    for edge in inner:
        at_entrance = edge.callee.arn not in declared.callees
        if at_entrance and edge.caller.arn in declared.roles and edge.trust not in by_place:
            yield _of_edge(edge)
    for place, at in by_place.items():
        names = [edge.caller.arn for edge in inner if edge.trust == place]
        yield _of_access(chain, declared, place, at, list(dict.fromkeys(names)))


def _of_access(
    chain: Chain, declared: Declared, place: SourceLocation, at: list[TrustedAccess], names: list[str]
) -> Finding:
    role = at[0].role
    words = listed([access.words for access in at])
    already = f"; {listed(names)} can assume it already" if names else ""
    for access in at:
        outside = declared.undeclared(role, access.requests, access.action)
        if example := shown(role, access.statement, outside):
            message = f"{role.arn} lets in {words}, which the chain does not declare, such as {example.words}{already}"
            return Finding(UNDECLARED, Level.ERROR, place, message, _remedy(chain, role))
    message = f"{role.arn} cannot be shown to be closed to {words}{already}"
    return Finding(UNKNOWN, Level.ERROR, place, message, _remedy(chain, role))


def _of_edge(edge: Edge) -> Finding:
    certain = edge.decision is not None and edge.decision.allowed
    reason = edge.decision.reason if edge.decision else ""
    return Finding(
        UNDECLARED if certain else UNKNOWN,
        Level.ERROR,
        edge.permission or edge.trust,
        f"{edge.caller.arn} {'can' if certain else 'may be able to'} assume {edge.callee.arn}, and the chain declares "
        f"no such hop: {reason}",
        f"take {edge.callee.arn} out of what {edge.caller.arn} may assume, or close the trust policy to it",
    )


def _remedy(chain: Chain, role: RoleRecord) -> str:
    declared = next(each for each in chain.roles if each.arn == role.arn)
    if declared in chain.sources:
        return "declare it in the chain (assumed_by), or take it out of the trust policy"
    statements = json.dumps(trust_statements(chain, declared), ensure_ascii=False)
    return f"let the trust policy hold these statements and no others: {statements}"
