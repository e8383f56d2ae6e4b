"""Roles that lead back to themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rolechain.graph.edges import edges
from rolechain.iam.condition_keys import PRINCIPAL_ARN
from rolechain.proof.rules import principals
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.permissions import names_one
from rolechain.proof.rules.rule import Violation, Violations, rule

Successors = dict[str, list[str]]


@rule(
    "RC22",
    "no roles assume each other in a circle",
    prevents="a session that renews itself for ever, an hour at a time",
    source="IAM User Guide, Roles terms and concepts: role chaining",
)
def circle(context: RuleContext) -> Violations:
    """Two roles or more, each of which leads to all the others."""
    may_be = _successors((edge.caller.arn, edge.callee.arn) for edge in context.edges)
    if next(_circles(may_be), None) is None:
        return
    certain = [edge for edge in edges(context.graph) if edge.decision and edge.decision.allowed]
    leads = _successors((edge.caller.arn, edge.callee.arn) for edge in certain)
    places = {(edge.caller.arn, edge.callee.arn): edge.trust for edge in certain}
    for roles in map(sorted, _circles(leads)):
        inside = set(roles)
        back = next((one, other) for one in roles for other in leads[one] if other in inside - {one})
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
def itself(context: RuleContext) -> Violations:
    """A role that names itself: in a chain not declared, elsewhere on one side alone."""
    trusting = {entry.arn for entry in context.trust if principals.lets_role_in(entry, entry.arn)}
    for entry in context.entries:
        named = [*principals.role_arns(entry), *principals.pinned(entry, PRINCIPAL_ARN)]
        if entry.arn in context.declared and entry.arn in named:
            yield entry.violation(
                "trusts itself, and the chain declares no such hop",
                "name its caller in the chain alone, and leave the role itself out",
            )
    for permission in context.permissions:
        arn, resources = permission.arn, permission.statement.resources
        if resources is None or resources.negated or arn not in filter(names_one, resources.written):
            continue
        if arn in context.declared:
            yield permission.violation(
                "may assume itself, and the chain declares no such hop", f"leave {arn} out of Resource"
            )
        elif arn not in trusting:
            yield permission.violation(
                "may assume itself, and its trust policy does not let it",
                f"leave {arn} out of Resource, or trust it: {principals.by_root(arn)}",
            )


def _successors(pairs: Iterable[tuple[str, str]]) -> Successors:
    leads: Successors = {}
    for one, other in pairs:
        leads.setdefault(one, []).append(other)
    return leads


def _circles(leads: Successors) -> Iterator[list[str]]:
    """The strongly connected parts of two nodes or more (Kosaraju), in the order in which they are met."""
    order: list[str] = []
    seen: set[str] = set()
    for start in leads:
        order += _finished(start, leads, seen)
    back: Successors = {}
    for node, others in leads.items():
        for other in others:
            back.setdefault(other, []).append(node)
    seen = set()
    for node in reversed(order):
        part = _finished(node, back, seen)
        if len(part) > 1:
            yield part


def _finished(start: str, leads: Successors, seen: set[str]) -> list[str]:
    if start in seen:
        return []
    seen.add(start)
    finished: list[str] = []
    path = [(start, iter(leads.get(start, ())))]
    while path:
        node, others = path[-1]
        following = next((other for other in others if other not in seen), None)
        if following is None:
            finished.append(node)
            path.pop()
        else:
            seen.add(following)
            path.append((following, iter(leads.get(following, ()))))
    return finished
