"""Policies, and the decision of one AssumeRole."""

from rolechain.policy.context import ContextValue
from rolechain.policy.decision import Decision, Side, Verdict
from rolechain.policy.document import Effect, Policy
from rolechain.policy.elements import PolicyError
from rolechain.policy.evaluate import decide
from rolechain.policy.principals import Caller
from rolechain.policy.request import Callee, Request

__all__ = [
    "Callee",
    "Caller",
    "ContextValue",
    "Decision",
    "Effect",
    "Policy",
    "PolicyError",
    "Request",
    "Side",
    "Verdict",
    "decide",
]
