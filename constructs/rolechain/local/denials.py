"""The words in which AWS denies a call, from the decision that denied it."""

from __future__ import annotations

from rolechain.iam import denials
from rolechain.policy import Decision, Side, Verdict


def denial(caller: str, resource: str, decision: Decision) -> str:
    """The denial of a call, with the kind of policy that denied it as AWS names it.

    What cannot be decided is denied too, and the text says why.
    """
    return denials.denial(caller, decision.action, resource) + _reason(
        decision.side, decision.action, decision
    )


def control_policy_denial(caller: str, action: str, resource: str, verdict: Verdict) -> str:
    """The denial of a call by a service control policy."""
    side = Side.SERVICE_CONTROL_POLICY
    decision = Decision(verdict, side, action, "a service control policy holds what it does not know")
    return denials.denial(caller, action, resource) + _reason(side, action, decision)


def _reason(side: Side, action: str, decision: Decision) -> str:
    if decision.verdict is Verdict.UNKNOWN:
        return f" because the local organization cannot decide it: {decision.reason}"
    if side is Side.ROOT_USER:
        return ""
    if decision.verdict is Verdict.EXPLICIT_DENY:
        return denials.explicit_deny(side.value)
    return denials.implicit_deny(side.value, action)
