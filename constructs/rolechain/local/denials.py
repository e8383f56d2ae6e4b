"""The words in which AWS denies a call, from the decision that denied it."""

from __future__ import annotations

from rolechain.policy import Decision, Side, Verdict

_ALLOWING = {
    Side.IDENTITY_POLICY: "identity-based policy",
    Side.TRUST_POLICY: "role trust policy",
    Side.SESSION_POLICY: "session policy",
    Side.PERMISSIONS_BOUNDARY: "permissions boundary",
    Side.SERVICE_CONTROL_POLICY: "service control policy",
    Side.RESOURCE_CONTROL_POLICY: "resource control policy",
}
_DENYING = {side: f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for side, name in _ALLOWING.items()} | {
    Side.TRUST_POLICY: "the role trust policy"
}


def bare(caller: str, action: str, resource: str) -> str:
    """The denial that gives no reason: AWS's for a role that does not exist, which it does not disclose."""
    return f"User: {caller} is not authorized to perform: {action} on resource: {resource}"


def denial(caller: str, resource: str, decision: Decision) -> str:
    """The denial of a call, with the kind of policy that denied it as AWS names it.

    What cannot be decided is denied too, and the text says why.
    """
    return bare(caller, decision.action, resource) + _reason(decision.side, decision.action, decision)


def control_policy_denial(caller: str, action: str, resource: str, verdict: Verdict) -> str:
    """The denial of a call by a service control policy."""
    side = Side.SERVICE_CONTROL_POLICY
    decision = Decision(verdict, side, action, "a service control policy holds what it does not know")
    return bare(caller, action, resource) + _reason(side, action, decision)


def _reason(side: Side, action: str, decision: Decision) -> str:
    if decision.verdict is Verdict.UNKNOWN:
        return f" because the local organization cannot decide it: {decision.reason}"
    if side is Side.ROOT_USER:
        return ""
    if decision.verdict is Verdict.EXPLICIT_DENY:
        return f" with an explicit deny in {_DENYING[side]}"
    return f" because no {_ALLOWING[side]} allows the {action} action"
