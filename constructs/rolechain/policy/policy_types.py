"""The policies that apply to a request, by their type, and what those of one type answer.

Source: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rolechain.iam.arn import is_service_linked
from rolechain.policy.context import Context
from rolechain.policy.decision import Side
from rolechain.policy.document import Policy
from rolechain.policy.logic import Ternary, any_of
from rolechain.policy.principals import Caller, Match, Strength
from rolechain.policy.request import Request
from rolechain.policy.statement import Statement

# Looked up once: under Python 3.11 the lookup of an enum member takes longer than the test of a statement.
TRUST = Side.TRUST_POLICY
_BOUNDARY, _SESSION, _IDENTITY = Side.PERMISSIONS_BOUNDARY, Side.SESSION_POLICY, Side.IDENTITY_POLICY
_SCP, _RCP = Side.SERVICE_CONTROL_POLICY, Side.RESOURCE_CONTROL_POLICY
_DIRECT, _ROLE = Strength.DIRECT, Strength.ROLE


@dataclass(slots=True)
class ActionRequest:
    """One action of a request.

    Attributes:
        name: the action as the request names it.
        action: the action in lower case.
        caller: who calls.
        resource: the ARN of the role that is to be assumed.
        partition: the partition of that role.
        context: the request's condition keys.
    """

    name: str
    action: str
    caller: Caller
    resource: str
    partition: str
    context: Context

    def named_by(self, statement: Statement) -> tuple[Match, ...]:
        """How a statement of a trust policy names the caller."""
        return statement.names(self.action, self.caller, self.partition, self.context)


@dataclass(slots=True)
class PolicyResult:
    """What the policies of one type answer.

    Attributes:
        value: whether they allow the action, or deny it, as was asked.
        policy: the decisive policy, counted from 0; None where no policy is decisive.
        statement: the decisive statement of that policy; None where no statement is decisive.
    """

    value: Ternary
    policy: int | None = None
    statement: Statement | None = None


NOTHING = PolicyResult(False)
"""No statement applies."""


def answered(policies: Sequence[Policy], request: ActionRequest, *, denies: bool) -> PolicyResult:
    """Whether one of ``policies`` allows the action, or denies it: by the first statement that applies, or may."""
    possible = NOTHING
    for number, policy in enumerate(policies):
        for statement in policy.denies if denies else policy.allows:
            if statement.principals is not None and not denies:
                continue  # IAM refuses a Principal here: only a resource control policy takes one, to deny
            answer = statement.applies(request.action, request.resource, request.context)
            if answer:
                return PolicyResult(True, number, statement)
            if answer is None and possible is NOTHING:
                possible = PolicyResult(None, number, statement)
    return possible


@dataclass(slots=True)
class TrustMatch:
    """A statement of a trust policy that names the caller.

    Attributes:
        strength: how strongly.
        value: whether it lets the caller in.
        statement: the statement.
    """

    strength: Strength
    value: Ternary
    statement: Statement


@dataclass(slots=True)
class PoliciesOfType:
    """The policies of one type.

    Attributes:
        side: the type.
        policies: the policies.
        waived_by: how strongly the trust policy must name the caller for these policies not to have to allow the call;
            None where they always have to.
    """

    side: Side
    policies: Sequence[Policy]
    waived_by: Strength | None


@dataclass(slots=True)
class Limit:
    """A type of policies that does not allow the call, or may not allow it.

    Attributes:
        side: the type.
        answer: False or None, with the statement that may allow the call.
        waived_by: as of ``PoliciesOfType``.
    """

    side: Side
    answer: PolicyResult
    waived_by: Strength | None = None

    def binds(self, grant: TrustMatch | None) -> bool:
        """Whether the call needs these policies to allow it, given how the trust policy names the caller."""
        return self.waived_by is None or (grant is not None and grant.strength < self.waived_by)


@dataclass(slots=True)
class ApplicablePolicies:
    """The policies that apply to a request.

    Attributes:
        levels: service control policies above the caller, from the root down; none for a caller that is exempt.
        controls: the policies of all those levels, and the resource control policies above the callee, unless
            it is exempt.
        own: the caller's own, of each type that limits it. A service has none, and needs none.
        trust: the callee's trust policy.
    """

    levels: Sequence[Sequence[Policy]]
    controls: Sequence[PoliciesOfType]
    own: Sequence[PoliciesOfType]
    trust: Policy

    @classmethod
    def of(cls, request: Request) -> ApplicablePolicies:
        """The policies that apply to ``request``; later changes to its lists have no effect on them."""
        caller, callee = request.caller, request.callee
        is_service = caller.kind == "service"
        levels: Sequence[Sequence[Policy]] = ()
        controls, own = [], []
        if request.scps or callee.rcps:
            is_linked = caller.role_arn is not None and is_service_linked(caller.role_arn)
            if not (is_service or is_linked or caller.in_management_account):
                levels = tuple(map(tuple, request.scps or ()))
                controls.append(PoliciesOfType(_SCP, tuple(chain(*levels)), None))
            if not (is_linked or callee.in_management_account or is_service_linked(callee.arn)):
                controls.append(PoliciesOfType(_RCP, tuple(chain(*(callee.rcps or ()))), None))
        if not is_service:
            direct, role = (_DIRECT, _ROLE) if caller.account == callee.account else (None, None)
            if request.permissions_boundary is not None:
                own.append(PoliciesOfType(_BOUNDARY, (request.permissions_boundary,), direct))
            if request.session_policies:
                own.append(PoliciesOfType(_SESSION, tuple(request.session_policies), direct))
            own.append(PoliciesOfType(_IDENTITY, tuple(request.identity_policies), role))
        return cls(levels, controls, own, callee.trust_policy)

    @property
    def keys(self) -> frozenset[str]:
        """Every condition key that any of the policies depends on, in lower case."""
        policies = chain.from_iterable(kind.policies for kind in (*self.controls, *self.own))
        return self.trust.keys.union(*(policy.keys for policy in policies))

    def denial(self, request: ActionRequest) -> tuple[Side, PolicyResult]:
        """The explicit deny that decides; otherwise the first statement that may deny."""
        possible = TRUST, NOTHING
        for kind in (*self.controls, *self.own):
            answer = answered(kind.policies, request, denies=True)
            if answer.value:
                return kind.side, answer
            if answer.value is None and possible[1] is NOTHING:
                possible = kind.side, answer
        answer = NOTHING
        for statement in self.trust.denies:
            named = any_of(value for _, value in request.named_by(statement))
            if named:
                return TRUST, PolicyResult(True, 0, statement)
            if named is None and answer is NOTHING:
                answer = PolicyResult(None, 0, statement)
        return (TRUST, answer) if possible[1] is NOTHING else possible

    def limits(self, request: ActionRequest) -> list[Limit]:
        """The types of policies beside the trust policy that must allow the action, and do not or may not."""
        limits = []
        if level := self.refusing_level(request):
            _, above, answer = level
            policy = None if answer.policy is None else above + answer.policy
            limits.append(Limit(_SCP, replace(answer, policy=policy)))
        for kind in self.own:
            answer = answered(kind.policies, request, denies=False)
            if not answer.value:
                limits.append(Limit(kind.side, answer, kind.waived_by))
        return limits

    def trusted(self, request: ActionRequest) -> list[TrustMatch]:
        """The statements of the trust policy that let the caller in, or may do so; the surest and strongest first."""
        grants = [
            TrustMatch(strength, value, statement)
            for statement in self.trust.allows
            for strength, value in request.named_by(statement)
        ]
        if len(grants) > 1:
            grants.sort(key=lambda grant: (not grant.value, -grant.strength))
        return grants

    def refusing_level(self, request: ActionRequest) -> tuple[int, int, PolicyResult] | None:
        """The first level of service control policies that does not allow, else the first that may not.

        Returns:
            Its number, counted from 0, how many policies stand above it, and its answer; None where all levels allow.
        """
        possible = None
        above = 0
        for number, level in enumerate(self.levels):
            answer = answered(level, request, denies=False)
            if answer.value is False:
                return number, above, answer
            if answer.value is None:
                possible = possible or (number, above, answer)
            above += len(level)
        return possible
