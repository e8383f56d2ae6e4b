"""Roles that lead back to themselves."""

from __future__ import annotations

from rolechain.graph.edges import edges
from rolechain.graph.traversal import circles, successors
from rolechain.iam.condition_keys import PRINCIPAL_ARN
from rolechain.policy.conditions import Condition
from rolechain.policy.statement import Statement
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import by_root, is_role
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC22",
    "no roles assume each other in a circle",
    prevents="a session that renews itself for ever, an hour at a time",
    source="IAM User Guide, Roles terms and concepts: role chaining",
)
def circle(context: RuleContext) -> Violations:
    may_be = {(edge.caller.arn, edge.callee.arn) for edge in context.edges}
    if next(circles(successors(sorted(may_be))), None) is None:
        return
    certain = {
        pair: edge
        for edge in edges(context.graph)
        if edge.decision and edge.decision.allowed and (pair := (edge.caller.arn, edge.callee.arn)) in may_be
    }
    leads = successors(certain)
    for roles in map(sorted, circles(leads)):
        inside = set(roles)
        back = next((one, other) for one in roles for other in leads[one] if other in inside - {one})
        out = f"take {back[0]} out of the trust policy of {back[1]}"
        if not _names(certain[back].entry, back[0]):
            out = f"name the callers of {back[1]} in its trust policy, and leave {back[0]} out"
        yield Violation(
            certain[back].trust,
            f"these roles assume each other in a circle: {', '.join(roles)}",
            f"{out}, or the other way round",
        )


def _names(entry: Statement, arn: str) -> bool:
    """Whether a statement of a trust policy names a principal by its ARN, or asks for it."""
    asked = (each.values for each in entry.conditions if isinstance(each, Condition))
    return any(arn in values for values in (*asked, entry.principals.aws if entry.principals else ()))


@rule(
    "RC23",
    "a role assumes itself only where both its permission and its trust policy say so",
    prevents="AccessDenied: a role does not trust itself unless its trust policy names it",
    source="IAM User Guide, Roles terms and concepts; AWS Security Blog on implicit trust of roles in themselves",
)
def itself(context: RuleContext) -> Violations:
    """A role that names itself: in a chain not declared, elsewhere on one side alone."""
    trusting = {entry.arn for entry in context.trust if entry.lets_role_in(entry.arn)}
    for entry in context.entries:
        named = [*entry.role_arns, *entry.pinned(PRINCIPAL_ARN)]
        if entry.arn in context.declared and entry.arn in named:
            yield entry.violation(
                "trusts itself, and the chain declares no such hop",
                "name its caller in the chain alone, and leave the role itself out",
            )
    for permission in context.permissions:
        arn, resources = permission.arn, permission.statement.resources
        if resources is None or resources.negated or arn not in filter(is_role, resources.written):
            continue
        if arn in context.declared:
            yield permission.violation(
                "may assume itself, and the chain declares no such hop", f"leave {arn} out of Resource"
            )
        elif arn not in trusting:
            yield permission.violation(
                "may assume itself, and its trust policy does not let it",
                f"leave {arn} out of Resource, or trust it: {by_root(arn)}",
            )
