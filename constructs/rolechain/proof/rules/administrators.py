"""Who may change a chain, or act as one of its roles, besides those who are declared to."""

from __future__ import annotations

from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.rule import Violations, rule


@rule(
    "RC38",
    "nobody but the declared administrators may change the trust policy, the permissions or the boundary of a role of "
    "the chain",
    prevents="a chain that is rewritten by somebody whom nobody declared",
    source="pathfinding.cloud; Rhino Security Labs, AWS IAM Privilege Escalation Methods",
    levels="warning error",
)
def changed_by_others(_: RuleContext) -> Violations:
    """Nothing here: the proof itself finds who may change the chain; an error where administrators are declared."""
    yield from ()


@rule(
    "RC39",
    "nobody but its declared entrances may act as a role of the chain: pass it to a workload, change or start that "
    "workload, make the keys of who enters",
    prevents="a session of the role without sts:AssumeRole",
    source="pathfinding.cloud; Rhino Security Labs, AWS IAM Privilege Escalation Methods",
    levels="warning error",
)
def acted_as_by_others(_: RuleContext) -> Violations:
    """Nothing here: the proof itself finds who may act as its roles; an error where administrators are declared."""
    yield from ()
