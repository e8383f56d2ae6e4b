"""The decision of one AssumeRole call.

Source: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic"; AWS STS API
Reference, AssumeRole; AWS Organizations User Guide on service and resource control policies.
"""

from __future__ import annotations

from rolechain.policy import doubt, explain
from rolechain.policy.context import Context
from rolechain.policy.decision import Decision, Side, Verdict
from rolechain.policy.elements import printable
from rolechain.policy.logic import Ternary, all_of
from rolechain.policy.principals import Strength
from rolechain.policy.question import Answer, Question, granted
from rolechain.policy.request import Request
from rolechain.policy.sides import Sides

_SEVERITY = (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY, Verdict.UNKNOWN, Verdict.ALLOW)
_OWN_SIDES = {Strength.DIRECT: 0, Strength.ROLE: 2, Strength.ACCOUNT: 3}
"""How many of the caller's own sides must allow in the callee's account: of boundary, session, identity, the first."""


def decide(request: Request) -> Decision:
    """Decides one AssumeRole as AWS would.

    Every action of the request must be allowed on both sides; an explicit deny of any policy wins. What
    cannot be known only makes the answer UNKNOWN where it could change it.

    Raises:
        ValueError: the request uses no action.
    """
    if not request.actions:
        raise ValueError("the request uses no action: an AssumeRole call uses sts:AssumeRole at least")
    caller, callee = request.caller, request.callee
    if caller.kind == "root":
        return Decision(Verdict.IMPLICIT_DENY, Side.ROOT_USER, request.actions[0], explain.ROOT_USER)
    if caller.partition not in (None, callee.partition):
        reason = explain.foreign_partition(caller, callee.arn)
        return Decision(Verdict.IMPLICIT_DENY, Side.TRUST_POLICY, request.actions[0], reason)
    context, sides = Context.of(request.context), Sides.of(request)
    decisions = [_decide_action(request, sides, action, context) for action in request.actions]
    if len(decisions) == 1:
        return decisions[0]
    return min(decisions, key=lambda decision: _SEVERITY.index(decision.verdict))


def _decide_action(request: Request, sides: Sides, action: str, context: Context) -> Decision:
    lowered = action.lower()
    callee = request.callee
    question = Question(action, lowered, request.caller, callee.arn, callee.partition, context)
    if lowered not in doubt.DOUBTFUL:
        return _decide(question, sides)
    doubts = doubt.doubts(lowered, context, sides.keys)
    decisions = [_decide(question._replace(context=world), sides) for world in doubt.worlds(context, doubts)]
    verdicts = {decision.verdict for decision in decisions}
    if len(verdicts) == 1 or not verdicts & {Verdict.ALLOW, Verdict.UNKNOWN}:
        return decisions[0]
    refused = next(decision for decision in decisions if not decision.allowed)
    reason = explain.doubtful_keys(action, [each.name for each in doubts])
    return Decision(
        Verdict.UNKNOWN, refused.side, action, reason, refused.policy, refused.statement, refused.sid
    )


def _decide(question: Question, sides: Sides) -> Decision:
    side, denial = sides.denial(question)
    if denial.value:
        return _made(Verdict.EXPLICIT_DENY, side, denial, question, explain.denied(side, denial, question))

    level = sides.level(question)
    own = [granted(policies, question) for _, policies in sides.own]
    grants = sides.trusted(question)
    nearest = grants[0] if grants else None
    result: Ternary = False
    for grant in grants:
        needed = own[: _OWN_SIDES[grant.strength]] if sides.same_account else own
        answer = all_of([grant.value, level.value, *[side_answer.value for side_answer in needed]])
        if answer and denial.value is False:
            decisive = Answer(True, 0, grant.statement)
            return _made(
                Verdict.ALLOW, Side.TRUST_POLICY, decisive, question, explain.let_in(decisive, question)
            )
        if answer is not False and result is False:
            result, nearest = None, grant

    # In one account the caller's own sides count where the trust policy names it; across accounts in any case.
    count = len(own) if not sides.same_account else _OWN_SIDES[nearest.strength] if nearest else 0
    trust = Answer(nearest.value, 0, nearest.statement) if nearest else Answer(False)
    asked = [
        (Side.SERVICE_CONTROL_POLICY, level),
        *[(kind, answer) for (kind, _), answer in zip(sides.own[:count], own, strict=False)],
        (Side.TRUST_POLICY, trust),
    ]
    if result is False:
        refusing = [kind for kind, answer in asked if answer.value is False]
        reason, decisive = explain.refused(refusing, sides, question)
        return _made(Verdict.IMPLICIT_DENY, refusing[0], decisive, question, reason)
    if denial.value is False:
        side, denial = next((kind, answer) for kind, answer in asked if answer.value is None)
    return _made(Verdict.UNKNOWN, side, denial, question, explain.unknown(side, denial, question))


def _made(verdict: Verdict, side: Side, answer: Answer, question: Question, reason: str) -> Decision:
    statement = answer.statement
    return Decision(
        verdict,
        side,
        question.name,
        printable(reason),
        policy=answer.policy,
        statement=None if statement is None or statement.stands_in else statement.index,
        sid=statement.sid if statement else None,
    )
