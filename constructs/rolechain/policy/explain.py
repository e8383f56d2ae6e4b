"""Why a request was decided as it was, in one line of words.

A denial names the statement that comes nearest to allowing, and what of it fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from rolechain.policy import mismatches as misses
from rolechain.policy.action_request import ActionRequest, PolicyResult
from rolechain.policy.conditions import UnknownCondition
from rolechain.policy.decision import Explanation, Side
from rolechain.policy.document import Policy
from rolechain.policy.mismatches import listed
from rolechain.policy.policy_types import ApplicablePolicies
from rolechain.policy.principals import Caller
from rolechain.policy.statement import Statement

ROOT_USER = "root user credentials cannot assume a role: call as an IAM user or as a role"

_SINGLE = {Side.TRUST_POLICY, Side.PERMISSIONS_BOUNDARY}


def foreign_partition(caller: Caller, arn: str) -> str:
    """Why a caller of another partition is refused."""
    return (
        f"{arn} cannot be assumed by {caller.arn}: no call leaves its partition, which is {caller.partition}"
    )


def let_in(statement: Statement, question: ActionRequest) -> Explanation:
    """Why a request is allowed."""
    answer = PolicyResult(True, 0, statement)
    return _explained(f"{_place(Side.TRUST_POLICY, answer)} lets {question.caller.arn} in", answer)


def denied(side: Side, answer: PolicyResult, question: ActionRequest) -> Explanation:
    """Why a request is explicitly denied, with the conditions that made the statement apply."""
    conditions = answer.statement.conditions if answer.statement else ()
    met = dict.fromkeys(
        misses.state(condition.key, question)
        for condition in conditions
        if not isinstance(condition, UnknownCondition)
    )
    because = f", as {listed(met)}" if met else ""
    return _explained(
        f"{_place(side, answer)} denies {question.name} to {question.caller.arn}{because}", answer
    )


def doubtful_keys(action: str, keys: Sequence[str]) -> str:
    """Why it is not known whether an action is allowed whose statement asks for keys that it may not carry."""
    return (
        f"AWS does not document whether {action} carries {listed(keys)}, and the answer depends on it: "
        f"grant {action} in a statement of its own, without that condition"
    )


def unknown(side: Side, answer: PolicyResult, question: ActionRequest) -> Explanation:
    """Why it is not known whether a request is allowed."""
    statement = answer.statement
    if statement is None:
        return _explained(f"it is not known what the {_noun(side)} says to {question.name}", answer)
    of_side = misses.in_trust if side is Side.TRUST_POLICY else misses.in_policy
    open_ones = [miss.words for miss in of_side(statement, question) if miss.answer is None]
    what = {"Allow": "allows", "Deny": "denies", None: "allows or denies"}[statement.effect]
    because = f": {listed(open_ones)}" if open_ones else ": its Effect is not known"
    return _explained(
        f"it is not known whether {_place(side, answer)} {what} {question.name}{because}", answer
    )


def refused(refusing: Sequence[Side], sides: ApplicablePolicies, question: ActionRequest) -> Explanation:
    """Why nothing allows a request, and the statement that comes nearest to it.

    Args:
        refusing: the sides that do not allow; the first is the decisive one.
        sides: the policies.
        question: what they were asked.
    """
    side = refusing[0]
    policies: Sequence[Policy] = next((kind.policies for kind in sides.own if kind.side is side), ())
    above = 0
    if side is Side.TRUST_POLICY:
        policies = (sides.trust,)
        what = f"no statement of the trust policy lets {question.caller.arn} in"
    elif side is Side.SERVICE_CONTROL_POLICY:
        number, above = sides.refusing_level(question)
        policies = sides.levels[number]
        what = f"no service control policy of level {number}, counted from the root, allows {question.name}"
    elif side in _SINGLE:
        what = f"the {_noun(side)} does not allow {question.name} on {question.resource}"
    else:
        what = f"no {_noun(side)} of the caller allows {question.name} on {question.resource}"
    nearest, words = _nearest(side, policies, above, question)
    also = "; nor does the trust policy let it in" if Side.TRUST_POLICY in refusing[1:] else ""
    return _explained(f"{what}: {words}{also}", nearest)


def _nearest(
    side: Side, policies: Sequence[Policy], above: int, question: ActionRequest
) -> tuple[PolicyResult, str]:
    of_side = misses.in_trust if side is Side.TRUST_POLICY else misses.in_policy
    found = [
        (of_side(statement, question), PolicyResult(False, above + number, statement))
        for number, policy in enumerate(policies)
        for statement in policy.allows
    ]
    if not found:
        return PolicyResult(False), "it holds no Allow" if policies else "there is none"
    failing, answer = min(found, key=lambda pair: sum(miss.weight for miss in pair[0]))
    place = _place(side, answer, within=side in _SINGLE)
    return answer, f"{place} would, but {listed([miss.words for miss in failing])}"


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
    if statement is None:
        return f"the {_noun(side)}"
    sid = f" ({statement.sid})" if statement.sid else ""
    if within:
        return f"statement {statement.index}{sid}"
    policy = f"the {_noun(side)}" if side in _SINGLE else f"{_noun(side)} {answer.policy}"
    if statement.stands_in:
        return policy
    return f"statement {statement.index}{sid} of {policy}"
