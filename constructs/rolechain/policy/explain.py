"""Why a request was decided as it was, in one line of words.

A denial names the statement that comes nearest to allowing, and what of it fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rolechain.iam.arn import name_of, resource_type_of
from rolechain.iam.glob import has_wildcard
from rolechain.iam.limits import is_unique_id
from rolechain.policy.conditions import AnyCondition, NullCheck, UnknownCondition
from rolechain.policy.decision import Explanation, Side
from rolechain.policy.document import Policy
from rolechain.policy.elements import listed
from rolechain.policy.logic import Ternary, any_of
from rolechain.policy.policy_types import ActionRequest, ApplicablePolicies, PolicyResult
from rolechain.policy.principals import Caller
from rolechain.policy.statement import Statement

ROOT_USER = "root user credentials cannot assume a role: call as an IAM user or as a role"

_SINGLE = {Side.TRUST_POLICY, Side.PERMISSIONS_BOUNDARY}
_EQUALITIES = ("equals", "like", "bool", "ipaddress")
_FAR, _NEAR, _NEAREST = 100, 10, 1


def foreign_partition(caller: Caller, arn: str) -> str:
    """Why a caller of another partition is refused."""
    return (
        f"{arn} cannot be assumed by {caller.arn}: no call leaves its partition, which is {caller.partition}"
    )


def let_in(statement: Statement, request: ActionRequest) -> Explanation:
    """Why a request is allowed."""
    answer = PolicyResult(True, 0, statement)
    return _explained(f"{_place(Side.TRUST_POLICY, answer)} lets {request.caller.arn} in", answer)


def denied(side: Side, answer: PolicyResult, request: ActionRequest) -> Explanation:
    """Why a request is explicitly denied, with the conditions that made the statement apply."""
    conditions = answer.statement.conditions if answer.statement else ()
    met = dict.fromkeys(
        _state(one.key, request) for one in conditions if not isinstance(one, UnknownCondition)
    )
    because = f", as {listed(met)}" if met else ""
    return _explained(
        f"{_place(side, answer)} denies {request.name} to {request.caller.arn}{because}", answer
    )


def undocumented_keys(action: str, keys: Sequence[str]) -> str:
    """Why it is not known whether an action is allowed whose statement asks for keys that it may not carry."""
    return (
        f"AWS does not document whether {action} carries {listed(keys)}, and the answer depends on it: "
        f"grant {action} in a statement of its own, without that condition"
    )


def unknown(side: Side, answer: PolicyResult, request: ActionRequest) -> Explanation:
    """Why it is not known whether a request is allowed."""
    statement = answer.statement
    if statement is None:
        return _explained(f"it is not known what the {_noun(side)} says to {request.name}", answer)
    unsettled = [one.words for one in mismatches(side, statement, request) if one.answer is None]
    what = {"Allow": "allows", "Deny": "denies", None: "allows or denies"}[statement.effect]
    if statement.effect is None:
        unsettled = unsettled or ["its Effect is not known"]
    elif not unsettled and statement.principals:
        # It names the caller; whether it does so strongly enough is what is not known.
        unsettled = [f"its Principal is {listed(statement.principals.written, 'or')}"]
    because = listed(unsettled)
    return _explained(
        f"it is not known whether {_place(side, answer)} {what} {request.name}: {because}", answer
    )


def refused(refusing: Sequence[Side], applicable: ApplicablePolicies, request: ActionRequest) -> Explanation:
    """Why nothing allows a request, and the statement that comes nearest to it.

    Args:
        refusing: the types of policies that do not allow; the first is the decisive one.
        applicable: the policies.
        request: the action that was asked about.
    """
    side = refusing[0]
    policies: Sequence[Policy] = next((kind.policies for kind in applicable.own if kind.side is side), ())
    above = 0
    if side is Side.TRUST_POLICY:
        policies = (applicable.trust,)
        what = f"no statement of the trust policy lets {request.caller.arn} in"
    elif side is Side.SERVICE_CONTROL_POLICY and (level := applicable.refusing_level(request)):
        number, above, _ = level
        policies = applicable.levels[number]
        what = f"no service control policy of level {number}, counted from the root, allows {request.name}"
    elif side in _SINGLE:
        what = f"the {_noun(side)} does not allow {request.name} on {request.resource}"
    else:
        what = f"no {_noun(side)} of the caller allows {request.name} on {request.resource}"
    nearest, words = _nearest(side, policies, above, request)
    also = "; nor does the trust policy let it in" if Side.TRUST_POLICY in refusing[1:] else ""
    return _explained(f"{what}: {words}{also}", nearest)


def _nearest(
    side: Side, policies: Sequence[Policy], above: int, request: ActionRequest
) -> tuple[PolicyResult, str]:
    found = [
        (list(mismatches(side, statement, request)), PolicyResult(False, above + number, statement))
        for number, policy in enumerate(policies)
        for statement in policy.allows
    ]
    if not found:
        return PolicyResult(False), "it holds no Allow" if policies else "there is none"
    failing, answer = min(found, key=lambda pair: sum(one.weight for one in pair[0]))
    place = _place(side, answer, within=side in _SINGLE)
    return answer, f"{place} would, but {listed([one.words for one in failing])}"


def _explained(reason: str, answer: PolicyResult) -> Explanation:
    statement = answer.statement
    return Explanation(
        reason,
        policy=answer.policy,
        statement=None if statement is None or statement.stands_in else statement.index,
        sid=statement.sid if statement else None,
    )


def _noun(side: Side) -> str:
    return side.value.replace("_", " ")


def _place(side: Side, answer: PolicyResult, within: bool = False) -> str:
    """Where a statement stands; ``within`` leaves out what the sentence has named already."""
    statement = answer.statement
    policy = (
        f"the {_noun(side)}" if statement is None or side in _SINGLE else f"{_noun(side)} {answer.policy}"
    )
    if statement is None or (statement.stands_in and not within):
        return policy
    sid = f" ({statement.sid})" if statement.sid else ""
    return f"statement {statement.index}{sid}" + ("" if within else f" of {policy}")


class Mismatch(NamedTuple):
    """An element of a statement that keeps it from applying.

    Attributes:
        weight: how far the statement is from applying: the wrong action is farther than the wrong principal or
            resource, and that is farther than a condition.
        words: what fails.
        answer: False, or None where it is not known whether it fails.
    """

    weight: int
    words: str
    answer: Ternary


def mismatches(side: Side, statement: Statement, request: ActionRequest) -> Iterator[Mismatch]:
    """What keeps a statement of a policy of this type from applying to a request."""
    about = statement.actions.match(request.action)
    if about is not True:
        element = "NotAction" if statement.actions.negated else "Action"
        yield Mismatch(_FAR, f"its {element} is {listed(statement.actions.written, 'or')}", about)
    # An element that IAM refuses makes a statement allow nothing, and it may deny.
    refused = False if statement.effect == "Allow" else None
    if side is Side.TRUST_POLICY and not statement.unread:
        yield from _in_trust(statement, request, refused)
    elif not statement.unread:
        yield from _in_other(side, statement, request, refused)
    for condition in statement.conditions:
        answer = condition.holds(request.context)
        if answer is not True:
            yield Mismatch(_NEAREST, _condition(condition, answer, request), answer)


def _in_trust(statement: Statement, request: ActionRequest, refused: Ternary) -> Iterator[Mismatch]:
    principals, resources = statement.principals, statement.resources
    if principals is None:
        what = "holds NotPrincipal" if statement.not_principal else "names no Principal"
        yield Mismatch(_FAR, f"it {what}, which IAM refuses in a trust policy", refused)
    if resources is not None:
        element = "NotResource" if resources.negated else "Resource"
        yield Mismatch(_FAR, f"it holds {element}, which IAM refuses in a trust policy", refused)
    if principals is not None and (resources is None or refused is False):
        named = any_of(value for _, value in principals.match(request.caller, request.partition))
        if named is not True:
            words = f"its Principal is {listed(principals.written, 'or') or 'nobody'}"
            yield Mismatch(_NEAR, words + _hint(principals.written, request.caller), named)


def _in_other(
    side: Side, statement: Statement, request: ActionRequest, refused: Ternary
) -> Iterator[Mismatch]:
    may_name = statement.effect != "Allow" or side is Side.RESOURCE_CONTROL_POLICY
    takes = statement.names_everyone_or_nobody and (statement.principals is None or may_name)
    if not takes:
        yield Mismatch(_FAR, "it names a Principal, which IAM refuses here", refused)
    resources = statement.resources
    if resources is None:
        yield Mismatch(_FAR, "it names no Resource, which IAM refuses", refused)
    elif takes or refused is False:
        answer = resources.match(request.resource, request.context)
        if answer is not True:
            element = "NotResource" if resources.negated else "Resource"
            yield Mismatch(_NEAR, f"its {element} is {listed(resources.written, 'or')}", answer)


def _hint(written: tuple[str, ...], caller: Caller) -> str:
    """What often lies behind a principal that does not match."""
    role = caller.role_arn
    if any(map(is_unique_id, written)):
        return ", the id of a principal that was deleted, or of another one"
    if role and any(
        resource_type_of(value) == "role" and name_of(value) == name_of(role) for value in written
    ):
        return f", and the caller's role is {role}"
    if has_wildcard(written):
        return ", and a wildcard within a principal matches nothing"
    return ""


def _state(key: str, request: ActionRequest) -> str:
    values = request.context.find(key.lower())
    return f"{key} is {listed(values) if values else 'missing'}"


def _condition(condition: AnyCondition, answer: Ternary, request: ActionRequest) -> str:
    if isinstance(condition, UnknownCondition):
        return condition.reason
    found = _state(condition.key, request)
    if isinstance(condition, NullCheck):
        wanted = "absent" if True in condition.absent else "present"
        return f"{found}, where Null asks that it be {wanted}"
    wanted = listed(condition.values, "or")
    name = condition.operator
    if answer is None or request.context.find(condition.lookup) is None:
        return f"{found}, where {name} asks for {wanted}"
    if condition.negated:
        return f"{found}, which {name} {wanted} excludes"
    if "than" not in condition.name and any(word in condition.name for word in _EQUALITIES):
        return f"{found}, not {wanted}"
    return f"{found}, which is not {name} {wanted}"
