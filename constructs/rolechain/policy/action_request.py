"""What policies are asked about one action of a request, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rolechain.policy.context import Context
from rolechain.policy.document import Policy
from rolechain.policy.logic import Ternary
from rolechain.policy.principals import Caller, Strength
from rolechain.policy.statement import Statement


@dataclass(slots=True)
class ActionRequest:
    """One action of a request.

    Attributes:
        name: the action as the request names it.
        action: the same in lower case.
        caller: who calls.
        resource: the ARN of the role that is to be assumed.
        partition: that role's.
        context: the request's condition keys.
    """

    name: str
    action: str
    caller: Caller
    resource: str
    partition: str
    context: Context


@dataclass(slots=True)
class PolicyResult:
    """What the policies of one kind answer.

    Attributes:
        value: whether they allow, or deny, as was asked.
        policy: which of them is decisive, counted from 0; None where none is.
        statement: its decisive statement, likewise.
    """

    value: Ternary
    policy: int | None = None
    statement: Statement | None = None


@dataclass(slots=True)
class Grant:
    """A statement of a trust policy that names the caller.

    Attributes:
        strength: how.
        value: whether it lets the caller in.
        statement: which.
    """

    strength: Strength
    value: Ternary
    statement: Statement


NOTHING, EVERYTHING = PolicyResult(False), PolicyResult(True)
"""No statement applies; no statement has to apply."""


def granted(policies: Sequence[Policy], question: ActionRequest) -> PolicyResult:
    """Whether one of ``policies`` allows what is asked."""
    return _first(policies, question, denies=False)


def denied(policies: Sequence[Policy], question: ActionRequest) -> PolicyResult:
    """Whether one of ``policies`` denies what is asked."""
    return _first(policies, question, denies=True)


def _first(policies: Sequence[Policy], question: ActionRequest, denies: bool) -> PolicyResult:
    """The first statement that applies, or else the first of which it is not known whether it applies."""
    doubtful = NOTHING
    for number, policy in enumerate(policies):
        for statement in policy.denies if denies else policy.allows:
            if statement.principals is not None and not denies:
                continue  # IAM refuses a Principal here: only a resource control policy takes one, to deny
            answer = statement.applies(question.action, question.resource, question.context)
            if answer:
                return PolicyResult(True, number, statement)
            if answer is None and doubtful is NOTHING:
                doubtful = PolicyResult(None, number, statement)
    return doubtful
