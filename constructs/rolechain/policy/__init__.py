"""Policies, and the decision of one AssumeRole."""

from rolechain.policy.decision import Decision, Side, Verdict
from rolechain.policy.document import Policy, PolicyError
from rolechain.policy.evaluate import decide
from rolechain.policy.request import Callee, Caller, Request

__all__ = ["Callee", "Caller", "Decision", "Policy", "PolicyError", "Request", "Side", "Verdict", "decide"]
