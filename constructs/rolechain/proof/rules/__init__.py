"""What can be wrong with a role chain: the rules RC01 to RC40, one file a topic."""

from collections.abc import Iterator

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.finding import Finding
from rolechain.graph.role_graph import RoleGraph
from rolechain.model.chain import Chain
from rolechain.proof.rules import (  # noqa: F401 - a topic declares its rules where it is imported
    conditions,
    cycles,
    deployment,
    federated,
    guards,
    never_met,
    permissions,
    quotas,
    session_limits,
    session_tags,
    third_parties,
    trust,
)
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.proven import UNKNOWN
from rolechain.proof.rules.rule import Rule, declared

__all__ = ["RULES", "UNKNOWN", "Rule", "check"]

RULES: tuple[Rule, ...] = tuple(sorted(declared, key=lambda rule: rule.id))
"""RC01 to RC40."""

_OF_WHOM_IT_NAMES = frozenset({"never_met", "console_sets_no_identity"})
"""The rules that have nothing to say of a statement whose Principal IAM refuses, as nobody is meant by it."""


def check(graph: RoleGraph, chain: Chain | None) -> Iterator[Finding]:
    """Every rule that the templates break, in the order of the rules.

    Args:
        graph: every role of the templates.
        chain: what is declared; None for an audit, in which rules that need a declaration stay silent.
    """
    context = RuleContext(graph, chain)
    refused: set[SourceLocation | None] = set()
    for rule in RULES:
        for finding in rule.findings(context):
            if rule.name == "refused_principal":
                refused.add(finding.place)
            if rule.name not in _OF_WHOM_IT_NAMES or finding.place not in refused:
                yield finding
