"""What policies are asked about one action of a request, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rolechain.policy.caller import Caller
from rolechain.policy.context import Context
from rolechain.policy.document import Policy
from rolechain.policy.logic import Ternary
from rolechain.policy.principals import Strength
from rolechain.policy.statement import Statement


class Question(NamedTuple):
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


class Answer(NamedTuple):
    """What the policies of one kind answer.

    Attributes:
        value: whether they allow, or deny, as was asked.
        policy: which of them is decisive, counted from 0; None where none is.
        statement: its decisive statement, likewise.
    """

    value: Ternary
    policy: int | None = None
    statement: Statement | None = None


class Grant(NamedTuple):
    """A statement of a trust policy that names the caller.

    Attributes:
        strength: how.
        value: whether it lets the caller in.
        statement: which.
    """

    strength: Strength
    value: Ternary
    statement: Statement


_NONE, _UNLIMITED = Answer(False), Answer(True)


def granted(policies: Sequence[Policy] | None, question: Question) -> Answer:
    """Whether one of ``policies`` allows what is asked; where there is no such kind of policy, nothing limits."""
    if policies is None:
        return _UNLIMITED
    return _first([policy.allows for policy in policies], question)


def denied(policies: Sequence[Policy], question: Question) -> Answer:
    """Whether one of ``policies`` denies what is asked."""
    return _first([policy.denies for policy in policies], question)


def _first(statements_of: Sequence[Sequence[Statement]], question: Question) -> Answer:
    """The first statement that applies; without one, the first of which it is not known."""
    doubtful = _NONE
    for number, statements in enumerate(statements_of):
        for statement in statements:
            answer = statement.applies(question.action, question.resource, question.context)
            if answer:
                return Answer(True, number, statement)
            if answer is None and doubtful.value is False:
                doubtful = Answer(None, number, statement)
    return doubtful
