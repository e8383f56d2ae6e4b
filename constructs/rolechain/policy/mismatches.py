"""What of a statement keeps it from applying to a request, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rolechain.iam.arn import name_of
from rolechain.iam.glob import has_wildcard
from rolechain.policy.action_request import ActionRequest
from rolechain.policy.conditions import AnyCondition, Condition, NullCheck, UnknownCondition
from rolechain.policy.logic import Ternary, any_of
from rolechain.policy.principals import Caller, is_unique_id
from rolechain.policy.statement import Statement

_FAR, _NEAR, _NEAREST = 100, 10, 1
_EQUALITIES = ("equals", "like", "bool", "ipaddress")


class Mismatch(NamedTuple):
    """An element of a statement that keeps it from applying.

    Attributes:
        weight: how far that is from applying: the wrong action is farther than the wrong principal or
            resource, and that is farther than a condition.
        words: what fails.
        answer: False, or None where it is not known whether it fails.
    """

    weight: int
    words: str
    answer: Ternary


def in_policy(statement: Statement, question: ActionRequest) -> list[Mismatch]:
    """What keeps a statement of a policy that is not a trust policy from applying."""
    found = list(_of_action(statement, question))
    if statement.resources is None:
        found.append(Mismatch(_FAR, "it names no Resource, which IAM refuses", False))
    elif statement.principals is not None or statement.not_principal:
        found.append(Mismatch(_FAR, "it names a Principal, which IAM refuses here", False))
    elif (on := statement.resources.match(question.resource, question.context)) is not True:
        element = "NotResource" if statement.resources.negated else "Resource"
        found.append(Mismatch(_NEAR, f"its {element} is {listed(statement.resources.written, 'or')}", on))
    return found + list(_of_conditions(statement, question))


def in_trust(statement: Statement, question: ActionRequest) -> list[Mismatch]:
    """What keeps a statement of a trust policy from naming the caller."""
    found = list(_of_action(statement, question))
    if statement.not_principal or statement.resources is not None:
        element = "NotPrincipal" if statement.not_principal else "Resource"
        found.append(
            Mismatch(
                _FAR, f"it holds {element}, which IAM refuses in a trust policy", _unless_deny(statement)
            )
        )
    elif statement.principals is None:
        found.append(
            Mismatch(
                _FAR, "it names no Principal, which IAM refuses in a trust policy", _unless_deny(statement)
            )
        )
    else:
        named = statement.principals.match(question.caller, question.partition)
        if (answer := any_of(value for _, value in named)) is not True:
            words = f"its Principal is {listed(statement.principals.written, 'or') or 'nobody'}"
            found.append(
                Mismatch(_NEAR, words + _hint(statement.principals.written, question.caller), answer)
            )
    return found + list(_of_conditions(statement, question))


def state(key: str, question: ActionRequest) -> str:
    """What a condition key is in the request."""
    values = question.context.find(key.lower())
    return f"{key} is {listed(values) if values else 'missing'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """The words as a person lists them; of many, the first few."""
    *most, final = [word or "''" for word in words] or [""]
    if len(most) > 3:
        most, final = most[:3], f"{len(most) - 2} more"
    return f"{', '.join(most)} {last} {final}" if most else final


def _unless_deny(statement: Statement) -> Ternary:
    return False if statement.effect == "Allow" else None


def _of_action(statement: Statement, question: ActionRequest) -> Iterator[Mismatch]:
    about = statement.actions.match(question.action)
    if about is not True:
        element = "NotAction" if statement.actions.negated else "Action"
        yield Mismatch(_FAR, f"its {element} is {listed(statement.actions.written, 'or')}", about)


def _of_conditions(statement: Statement, question: ActionRequest) -> Iterator[Mismatch]:
    for condition in statement.conditions:
        answer = condition.holds(question.context)
        if answer is not True:
            yield Mismatch(_NEAREST, _condition(condition, answer, question), answer)


def _condition(condition: AnyCondition, answer: Ternary, question: ActionRequest) -> str:
    if isinstance(condition, UnknownCondition):
        return condition.reason
    found = state(condition.key, question)
    if isinstance(condition, NullCheck):
        wanted = "absent" if True in condition.absent else "present"
        return f"{found}, where Null asks that it be {wanted}"
    wanted = listed(condition.values, "or")
    name = condition.operator
    if answer is None or question.context.find(condition.lookup) is None:
        return f"{found}, where {name} asks for {wanted}"
    if condition.negated:
        return f"{found}, which {name} {wanted} excludes"
    if _is_equality(condition):
        return f"{found}, not {wanted}"
    return f"{found}, which is not {name} {wanted}"


def _is_equality(condition: Condition) -> bool:
    name = condition.operator.lower().rsplit(":", 1)[-1].removesuffix("ifexists")
    return "than" not in name and any(word in name for word in _EQUALITIES)


def _hint(written: tuple[str, ...], caller: Caller) -> str:
    """What often lies behind a principal that does not match."""
    role = caller.role_arn
    if any(is_unique_id(value) for value in written):
        return ", the id of a principal that was deleted, or of another one"
    if role and any(":role/" in value and name_of(value) == name_of(role) for value in written):
        return f", and the caller's role is {role}"
    if has_wildcard(written):
        return ", and a wildcard within a principal matches nothing"
    return ""
