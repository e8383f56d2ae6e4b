"""What can be wrong with a role chain: the rules RC01 to RC41, one file a topic."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.finding import Finding, Level
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
from rolechain.proof.rules.rule import Rule, declared

__all__ = ["RULES", "UNKNOWN", "Rule", "check"]

UNKNOWN = Rule(
    "RC00",
    "unknown",
    "what the templates say of roles is known before they are deployed",
    "a role that lets in more than can be seen; write plain values, or give the templates that are referred to",
    "",
)
"""What cannot be resolved or decided. It is none of the rules: whatever is asked may be unknown."""

_BOTH = (Level.WARNING, Level.ERROR)
"""An error where the chain declares its administrators."""
_ESCALATION = "pathfinding.cloud; Rhino Security Labs, AWS IAM Privilege Escalation Methods"

_PROVEN = [
    Rule(
        "RC05",
        "undeclared_principal",
        "principals come from the declared chain or the organization only",
        "access of a principal that nobody declared",
        "AWS guardrail IAM-STS-3",
    ),
    Rule(
        "RC08",
        "missing_half",
        "every hop stands in the caller's permission and in the callee's trust policy",
        "AccessDenied",
        "IAM User Guide, Cross-account policy evaluation logic",
    ),
    Rule(
        "RC38",
        "changed_by_others",
        "nobody but the declared administrators may change the trust policy, the permissions or the boundary of a role "
        "of the chain",
        "a chain that is rewritten by somebody whom nobody declared",
        _ESCALATION,
        _BOTH,
    ),
    Rule(
        "RC39",
        "acted_as_by_others",
        "nobody but its declared entrances may act as a role of the chain: pass it to a workload, change or start that "
        "workload, make the keys of who enters",
        "a session of the role without sts:AssumeRole",
        _ESCALATION,
        _BOTH,
    ),
]
"""The rules whose violations the proof itself finds: it decides every hop and knows everybody who gets in."""

RULES: tuple[Rule, ...] = tuple(sorted([*declared, *_PROVEN], key=lambda rule: rule.id))
"""RC01 to RC41."""

_OF_WHOM_IT_NAMES = frozenset({"never_met", "console_sets_no_identity"})
"""The rules that have nothing to say of a statement whose Principal IAM refuses, as nobody is meant by it."""


def check(graph: RoleGraph, chain: Chain | None, now: datetime | None = None) -> Iterator[Finding]:
    """Every rule that the templates break, in the order of the rules.

    Args:
        graph: every role of the templates.
        chain: what is declared; None for an audit, in which rules that need a declaration stay silent.
        now: the time by which a statement has closed; by default that of this machine.
    """
    context = RuleContext(graph, chain, now or datetime.now(UTC))
    refused: set[SourceLocation | None] = set()
    for rule in RULES:
        for finding in rule.findings(context):
            if rule.name == "refused_principal":
                refused.add(finding.place)
            if rule.name not in _OF_WHOM_IT_NAMES or finding.place not in refused:
                yield finding
