"""The rules whose violations the proof itself finds: it decides every hop and knows everybody who gets in."""

from __future__ import annotations

from rolechain.graph.finding import Level
from rolechain.proof.rules.rule import Rule, declared

_BOTH = (Level.WARNING, Level.ERROR)
"""An error where the chain declares its administrators."""
_ESCALATION = "pathfinding.cloud; Rhino Security Labs, AWS IAM Privilege Escalation Methods"

UNKNOWN = Rule(
    "RC00",
    "unknown",
    "what the templates say of roles is known before they are deployed",
    "a role that lets in more than can be seen; write plain values, or give the templates that are referred to",
    "",
)
"""What cannot be resolved or decided. It is none of the rules: whatever is asked may be unknown."""

declared += [
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
