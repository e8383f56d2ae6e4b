"""Nothing else gets in: whom the trust policies of a chain admit besides those that the chain declares.

Every way to a target ends in a role of the chain, so that no way over any number of roles leads in if no single
step does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from rolechain.chain import Chain
from rolechain.policy import Verdict
from rolechain.policy.misses import listed
from rolechain.policy.statements import trust_statements
from rolechain.proof.declared import Declared
from rolechain.proof.doors import Door, doors
from rolechain.proof.edges import Edge, edges
from rolechain.proof.finding import Finding, Level
from rolechain.proof.place import Place
from rolechain.proof.world import RoleRecord, World

UNDECLARED, UNKNOWN = "RC05", "RC00"


@dataclass(frozen=True)
class EntranceRecord:
    """Somebody from outside of the templates, or from anywhere in them, who is let into a role.

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
    place: Place


def open_doors(declared: Declared, world: World) -> Iterator[tuple[Door, bool]]:
    """Whom a chain's roles let in besides the declared callers, each with whether it is a declared entrance."""
    for role in world.roles:
        if role.arn not in declared.roles:
            continue
        if all(declared.closes(role.arn, statement) for statement in role.trust.policy.allows):
            continue
        for door in doors(role):
            is_declared = declared.covers(door)
            if not (is_declared and (door.who, role.arn) in declared.hops):
                yield door, is_declared


def undeclared(
    chain: Chain, declared: Declared, world: World, found: list[tuple[Door, bool]]
) -> Iterator[Finding]:
    """A finding for each trust statement that lets in somebody who is not declared.

    Args:
        chain: the chain.
        declared: whom it lets in where.
        world: the roles.
        found: what ``open_doors`` found.
    """
    inner = [
        edge
        for edge in edges(world)
        if edge.callee.arn in declared.roles
        and (edge.caller.arn, edge.callee.arn) not in declared.hops
        and not _enters(edge, declared)
    ]
    by_place: dict[tuple[Place, bool], list[Door]] = {}
    for door, is_declared in found:
        if not is_declared:
            by_place.setdefault((door.place, door.certain), []).append(door)
    told = {place for place, certain in by_place if certain}
    for (place, certain), at in by_place.items():
        names = [edge.caller.arn for edge in inner if edge.trust == place]
        yield _of_doors(chain, place, at, list(dict.fromkeys(names)), certain=certain)
    for edge in inner:
        if edge.trust not in told:
            yield _of_edge(edge)


def _enters(edge: Edge, declared: Declared) -> bool:
    """Whether an edge is a stranger's who comes in by a declared entrance, or where a whole account is let in."""
    return declared.opens(edge.callee.arn, edge.caller.arn) or (
        edge.caller.arn not in declared.roles and declared.enters(edge.callee.arn, edge.caller.arn)
    )


def _of_doors(chain: Chain, place: Place, at: list[Door], names: list[str], *, certain: bool) -> Finding:
    role = at[0].role
    words = listed([door.words for door in at])
    already = f"; {listed(names)} can assume it already" if names else ""
    if not certain:
        message = f"it cannot be decided whether {role.arn} lets in {words}{already}"
        return Finding(UNKNOWN, Level.ERROR, place, message, _cure(chain, role))
    message = f"{role.arn} lets in {words}, which the chain does not declare{already}"
    return Finding(UNDECLARED, Level.ERROR, place, message, _cure(chain, role))


def _cure(chain: Chain, role: RoleRecord) -> str:
    declared = next(each for each in chain.roles if each.arn == role.arn)
    if declared in chain.sources:
        return "declare it in the chain (assumed_by), or take it out of the trust policy"
    statements = json.dumps(trust_statements(chain, declared), ensure_ascii=False)
    return f"let the trust policy hold these statements and no others: {statements}"


def _of_edge(edge: Edge) -> Finding:
    certain = edge.decision.verdict is Verdict.ALLOW
    rule = UNDECLARED if certain else UNKNOWN
    word = "can assume" if certain else "may be able to assume"
    return Finding(
        rule,
        Level.ERROR,
        edge.permission or edge.trust,
        f"{edge.caller.arn} {word} {edge.callee.arn}, and the chain declares no such hop: {edge.decision.reason}",
        f"take {edge.callee.arn} out of what {edge.caller.arn} may assume, or close the trust policy to it",
    )
