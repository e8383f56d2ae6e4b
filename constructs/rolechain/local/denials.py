"""The words in which AWS denies a call, from the decision that denied it."""

from __future__ import annotations

from rolechain.iam import denials
from rolechain.policy import Decision, Side, Verdict


def denial(caller: str, resource: str, decision: Decision) -> str:
    """The denial of a call, with the kind of policy that denied it as AWS names it.

    What cannot be decided is denied too, and the text says why.
    """
    text = denials.denial(caller, decision.action, resource)
    if decision.verdict is Verdict.UNKNOWN:
        return f"{text} because the local organization cannot decide it: {decision.reason}"
    if decision.side is Side.ROOT_USER:
        return text
    if decision.verdict is Verdict.EXPLICIT_DENY:
        return text + denials.explicit_deny(decision.side.value)
    return text + denials.implicit_deny(decision.side.value, decision.action)
