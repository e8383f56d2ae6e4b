"""Roles that lead back to themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rolechain.graph.edges import edges
from rolechain.iam.arn import root_of
from rolechain.iam.condition_keys import PRINCIPAL_ARN
from rolechain.proof.rules import principals
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement
from rolechain.proof.rules.permissions import names_one
from rolechain.proof.rules.rule import Violation, Violations, rule

Graph = dict[str, list[str]]


@rule(
    "RC22",
    "no roles assume each other in a circle",
    prevents="a session that renews itself for ever, an hour at a time",
    source="IAM User Guide, Roles terms and concepts: role chaining",
)
def circle(survey: RuleContext) -> Violations:
    """Two roles or more, each of which leads to all the others."""
    may_be = _graph((walk.caller.arn, walk.callee.arn) for walk in survey.walks)
    if next(_circles(may_be), None) is None:
        return
    certain = [edge for edge in edges(survey.world) if edge.decision and edge.decision.allowed]
    graph = _graph((edge.caller.arn, edge.callee.arn) for edge in certain)
    places = {(edge.caller.arn, edge.callee.arn): edge.trust for edge in certain}
    for roles in map(sorted, _circles(graph)):
        inside = set(roles)
        back = next((one, other) for one in roles for other in graph[one] if other in inside - {one})
        yield Violation(
            places[back],
            f"these roles assume each other in a circle: {', '.join(roles)}",
            f"take {back[0]} out of the trust policy of {back[1]}, or the other way round",
        )


@rule(
    "RC23",
    "a role assumes itself only where both its permission and its trust policy say so",
    prevents="AccessDenied: a role does not trust itself unless its trust policy names it",
    source="IAM User Guide, Roles terms and concepts; AWS Security Blog on implicit trust of roles in themselves",
)
def itself(survey: RuleContext) -> Violations:
    """A role that names itself: in a chain not declared, elsewhere on one side alone."""
    trusting = {entry.role.arn for entry in survey.entries if _lets_itself_in(entry.role.arn, entry)}
    for entry in survey.entries:
        arn = entry.role.arn
        named = [*principals.role_arns(entry), *principals.pinned(entry, PRINCIPAL_ARN)]
        if arn in survey.declared and arn in named:
            yield Violation(
                entry.place,
                f"{arn} trusts itself, and the chain declares no such hop",
                "name its caller in the chain alone, and leave the role itself out",
            )
    for permission in survey.permissions:
        arn = permission.role.arn
        resources = permission.statement.resources
        if (
            resources is None
            or resources.negated
            or not any(r == arn and names_one(r) for r in resources.written)
        ):
            continue
        if arn in survey.declared or arn not in trusting:
            root = root_of(arn)
            yield Violation(
                permission.place,
                f"{arn} may assume itself, and "
                + (
                    "the chain declares no such hop"
                    if arn in survey.declared
                    else "its trust policy does not let it"
                ),
                f"leave {arn} out of Resource"
                + (
                    ""
                    if arn in survey.declared
                    else f', or trust it: {{"AWS": "{root}"}} with {{"ArnEquals": {{"aws:PrincipalArn": "{arn}"}}}}'
                ),
            )


def _graph(pairs: Iterable[tuple[str, str]]) -> Graph:
    graph: Graph = {}
    for one, other in pairs:
        graph.setdefault(one, []).append(other)
    return graph


def _lets_itself_in(arn: str, entry: LocatedStatement) -> bool:
    return principals.lets_role_in(entry, arn)


def _circles(graph: Graph) -> Iterator[list[str]]:
    """The strongly connected parts of two nodes or more (Kosaraju), in the order in which they are met."""
    order: list[str] = []
    seen: set[str] = set()
    for start in graph:
        order += _finished(start, graph, seen)
    back: Graph = {}
    for node, others in graph.items():
        for other in others:
            back.setdefault(other, []).append(node)
    seen = set()
    for node in reversed(order):
        part = _finished(node, back, seen)
        if len(part) > 1:
            yield part


def _finished(start: str, graph: Graph, seen: set[str]) -> list[str]:
    """The nodes reached from ``start`` that were not seen before, each after those that it leads to."""
    if start in seen:
        return []
    seen.add(start)
    finished: list[str] = []
    path = [(start, iter(graph.get(start, ())))]
    while path:
        node, others = path[-1]
        following = next((other for other in others if other not in seen), None)
        if following is None:
            finished.append(node)
            path.pop()
        else:
            seen.add(following)
            path.append((following, iter(graph.get(following, ()))))
    return finished
