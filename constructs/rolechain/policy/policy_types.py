"""The policies that have a say in a request, by the side that they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rolechain.iam.arn import is_service_linked
from rolechain.policy.action_request import (
    EVERYTHING,
    NOTHING,
    ActionRequest,
    Grant,
    PolicyResult,
    denied,
    granted,
)
from rolechain.policy.decision import Side
from rolechain.policy.document import Policy
from rolechain.policy.logic import any_of
from rolechain.policy.principals import Strength
from rolechain.policy.request import Request

# Looked up here once: under Python 3.11 a member of an enum takes longer to find than a statement to decide.
TRUST = Side.TRUST_POLICY
_BOUNDARY, _SESSION, _IDENTITY = Side.PERMISSIONS_BOUNDARY, Side.SESSION_POLICY, Side.IDENTITY_POLICY
_SCP, _RCP = Side.SERVICE_CONTROL_POLICY, Side.RESOURCE_CONTROL_POLICY
_DIRECT, _ROLE = Strength.DIRECT, Strength.ROLE


@dataclass(slots=True)
class Kind:
    """The policies of one kind.

    Attributes:
        side: which kind.
        policies: those of it.
        spared: how strongly the trust policy must name the caller for these policies not to have to allow the call;
            None where they always have to.
    """

    side: Side
    policies: Sequence[Policy]
    spared: Strength | None


@dataclass(slots=True)
class Limit:
    """A type of policies that does not allow the call, or of which it is not known.

    Attributes:
        side: the type.
        answer: whether it is not known, and the statement that may allow the call.
        spared: as of ``Kind``.
    """

    side: Side
    answer: PolicyResult
    spared: Strength | None = None

    def binds(self, grant: Grant | None) -> bool:
        """Whether the call needs these policies to allow it, given how the trust policy names the caller."""
        return self.spared is None or (grant is not None and grant.strength < self.spared)


@dataclass(slots=True)
class ApplicablePolicies:
    """The policies of a request.

    Attributes:
        levels: service control policies above the caller, from the root down; none for a caller that is exempt.
        controls: the policies of all those levels, and the resource control policies above the callee, unless
            it is exempt.
        own: the caller's own, of each kind that limits it. A service has none, and needs none.
        trust: the callee's trust policy.
    """

    levels: Sequence[Sequence[Policy]]
    controls: Sequence[Kind]
    own: Sequence[Kind]
    trust: Policy

    @classmethod
    def of(cls, request: Request) -> ApplicablePolicies:
        """The policies that apply to ``request``; what its caller does to its lists later on changes nothing."""
        caller, callee = request.caller, request.callee
        is_service = caller.kind == "service"
        levels: Sequence[Sequence[Policy]] = ()
        controls, own = [], []
        if request.scps or callee.rcps:
            is_linked = caller.role_arn is not None and is_service_linked(caller.role_arn)
            if not (is_service or is_linked or caller.in_management_account):
                levels = tuple(map(tuple, request.scps or ()))
                controls.append(Kind(_SCP, tuple(chain(*levels)), None))
            if not (is_linked or callee.in_management_account or is_service_linked(callee.arn)):
                controls.append(Kind(_RCP, tuple(chain(*(callee.rcps or ()))), None))
        if not is_service:
            near = caller.account == callee.account
            if request.permissions_boundary is not None:
                own.append(Kind(_BOUNDARY, (request.permissions_boundary,), _DIRECT if near else None))
            if request.session_policies:
                own.append(Kind(_SESSION, tuple(request.session_policies), _DIRECT if near else None))
            own.append(Kind(_IDENTITY, tuple(request.identity_policies), _ROLE if near else None))
        return cls(levels, controls, own, callee.trust_policy)

    @property
    def keys(self) -> frozenset[str]:
        """Every condition key that any of the policies depends on, in lower case."""
        policies = chain.from_iterable(kind.policies for kind in (*self.controls, *self.own))
        return self.trust.keys.union(*(policy.keys for policy in policies))

    def denial(self, question: ActionRequest) -> tuple[Side, PolicyResult]:
        """The explicit deny that decides; without one, the first of which it is not known."""
        doubtful = TRUST, NOTHING
        for kind in (*self.controls, *self.own):
            answer = denied(kind.policies, question)
            if answer.value:
                return kind.side, answer
            if answer.value is None and doubtful[1] is NOTHING:
                doubtful = kind.side, answer
        answer = self._distrusted(question)
        return (TRUST, answer) if answer.value or doubtful[1] is NOTHING else doubtful

    def limits(self, question: ActionRequest) -> list[Limit]:
        """What must allow beside the trust policy, and does not, or may not."""
        limits = []
        level = self._level(question)
        if not level.value:
            limits.append(Limit(_SCP, level))
        for kind in self.own:
            answer = granted(kind.policies, question)
            if not answer.value:
                limits.append(Limit(kind.side, answer, kind.spared))
        return limits

    def trusted(self, question: ActionRequest) -> list[Grant]:
        """The statements of the trust policy that let the caller in, or may do so; the surest and strongest first."""
        grants = [
            Grant(strength, value, statement)
            for statement in self.trust.allows
            for strength, value in statement.names(
                question.action, question.caller, question.partition, question.context
            )
        ]
        if len(grants) > 1:
            grants.sort(key=lambda grant: (not grant.value, -grant.strength))
        return grants

    def refusing_level(self, question: ActionRequest) -> tuple[int, int]:
        """The first level that does not allow, counted from 0, and how many policies stand above it."""
        before = 0
        for number, level in enumerate(self.levels):
            if granted(level, question).value is False:
                return number, before
            before += len(level)
        raise LookupError("every level allows")

    def _level(self, question: ActionRequest) -> PolicyResult:
        """Whether every level of service control policies allows; the decisive policy is counted over all levels."""
        doubtful = EVERYTHING
        before = 0
        for level in self.levels:
            answer = granted(level, question)
            if answer.value is False:
                return answer
            if answer.value is None and doubtful is EVERYTHING:
                doubtful = replace(answer, policy=before + (answer.policy or 0))
            before += len(level)
        return doubtful

    def _distrusted(self, question: ActionRequest) -> PolicyResult:
        doubtful = NOTHING
        for statement in self.trust.denies:
            named = statement.names(question.action, question.caller, question.partition, question.context)
            answer = any_of(value for _, value in named)
            if answer:
                return PolicyResult(True, 0, statement)
            if answer is None and doubtful is NOTHING:
                doubtful = PolicyResult(None, 0, statement)
        return doubtful
