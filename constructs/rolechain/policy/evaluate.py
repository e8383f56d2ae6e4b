"""The decision of one AssumeRole call.

Source: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic"; AWS STS API
Reference, AssumeRole; AWS Organizations User Guide on service and resource control policies.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from rolechain.iam.condition_keys import UNDOCUMENTED
from rolechain.policy import explain
from rolechain.policy.context import Context, possible_contexts
from rolechain.policy.decision import Decision, Side, Verdict
from rolechain.policy.policy_types import (
    NOTHING,
    TRUST,
    ActionRequest,
    ApplicablePolicies,
    Limit,
    PolicyResult,
)
from rolechain.policy.request import Request

_SEVERITY = (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY, Verdict.UNKNOWN, Verdict.ALLOW)
_ALLOW, _IMPLICIT_DENY = Verdict.ALLOW, Verdict.IMPLICIT_DENY  # see policy_types


def decide(request: Request) -> Decision:
    """Decides one AssumeRole as AWS would.

    Every action of the request must be allowed on both sides, and an explicit deny of any policy wins. The
    result is UNKNOWN only where what is not known could change it.

    Raises:
        ValueError: the request has no action.
    """
    if not request.actions:
        raise ValueError("the request uses no action: an AssumeRole call uses sts:AssumeRole at least")
    caller, callee = request.caller, request.callee
    if caller.kind == "root":
        return Decision(Verdict.IMPLICIT_DENY, Side.ROOT_USER, request.actions[0], explain.ROOT_USER)
    partition = callee.partition
    if caller.partition not in (None, partition):
        reason = explain.foreign_partition(caller, callee.arn)
        return Decision(Verdict.IMPLICIT_DENY, Side.TRUST_POLICY, request.actions[0], reason)
    context, applicable = Context.of(request.context), ApplicablePolicies.of(request)
    if len(request.actions) == 1:
        return _decide_action(request, applicable, request.actions[0], partition, context)
    decisions = [
        _decide_action(request, applicable, action, partition, context) for action in request.actions
    ]
    return min(decisions, key=lambda decision: _SEVERITY.index(decision.verdict))


def _decide_action(
    request: Request, applicable: ApplicablePolicies, action: str, partition: str, context: Context
) -> Decision:
    lowered = action.lower()
    asked = ActionRequest(action, lowered, request.caller, request.callee.arn, partition, context)
    if lowered not in UNDOCUMENTED:
        return _decide(asked, applicable)
    contexts = possible_contexts(lowered, context, applicable.keys)
    decisions = [_decide(replace(asked, context=possible), applicable) for possible in contexts.values()]
    verdicts = {decision.verdict for decision in decisions}
    if len(verdicts) == 1 or not verdicts & {Verdict.ALLOW, Verdict.UNKNOWN}:
        return decisions[0]
    refused = next(decision for decision in decisions if not decision.allowed)
    reason = explain.undocumented_keys(action, [*contexts][-1])
    return Decision(
        Verdict.UNKNOWN, refused.side, action, lambda: refused.explanation._replace(reason=reason)
    )


def _decide(request: ActionRequest, applicable: ApplicablePolicies) -> Decision:
    side, denial = applicable.denial(request)
    if denial.value:
        why = partial(explain.denied, side, denial, request)
        return Decision(Verdict.EXPLICIT_DENY, side, request.name, why)

    limits = applicable.limits(request)
    grants = applicable.trusted(request)
    nearest = grants[0] if grants else None
    is_possible = False
    for grant in grants:
        lacking = [limit.answer.value for limit in limits if limit.binds(grant)]
        if grant.value and not lacking and denial.value is False:
            return Decision(_ALLOW, TRUST, request.name, partial(explain.let_in, grant.statement, request))
        if False not in lacking and not is_possible:
            is_possible, nearest = True, grant

    open_limits = [limit for limit in limits if limit.binds(nearest)]
    if nearest is None or not nearest.value:
        trust = PolicyResult(None, 0, nearest.statement) if nearest else NOTHING
        open_limits.append(Limit(TRUST, trust))
    if not is_possible:
        refusing = [limit.side for limit in open_limits if limit.answer.value is False]
        why = partial(explain.refused, refusing, applicable, request)
        return Decision(_IMPLICIT_DENY, refusing[0], request.name, why)
    if denial.value is False:
        side, denial = open_limits[0].side, open_limits[0].answer
    return Decision(Verdict.UNKNOWN, side, request.name, partial(explain.unknown, side, denial, request))
