"""All rules, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from rolechain.graph.finding import Finding
from rolechain.graph.role_graph import RoleGraph
from rolechain.model.chain import Chain
from rolechain.proof.rules import (
    administrators,
    conditions,
    cycles,
    federated,
    granted_actions,
    guards,
    names,
    never_met,
    order,
    partition,
    permissions,
    quotas,
    session_limits,
    session_tags,
    stacks,
    third_parties,
    trust,
)
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.rule import Rule, rules_of

_MODULES = (
    administrators,
    conditions,
    cycles,
    federated,
    granted_actions,
    guards,
    names,
    never_met,
    order,
    partition,
    permissions,
    quotas,
    session_limits,
    session_tags,
    stacks,
    third_parties,
    trust,
)

RULES: tuple[Rule, ...] = tuple(
    sorted((rule for module in _MODULES for rule in rules_of(vars(module))), key=lambda rule: rule.id)
)
"""RC01 to RC40."""


def check(graph: RoleGraph, chain: Chain | None) -> Iterator[Finding]:
    """Every rule that the templates break, in the order of the rules.

    Args:
        graph: every role of the templates.
        chain: what is declared; None for an audit, in which rules that need a declaration stay silent.
    """
    context = RuleContext(graph, chain)
    for rule in RULES:
        yield from rule.findings(context)
