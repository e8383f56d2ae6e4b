"""The policies that have a say in a request, by the side that they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from rolechain.policy.caller import is_service_linked
from rolechain.policy.decision import Side
from rolechain.policy.document import Policy
from rolechain.policy.logic import any_of
from rolechain.policy.question import Answer, Grant, Question, denied, granted
from rolechain.policy.request import Request


class Sides(NamedTuple):
    """The policies of a request.

    Attributes:
        levels: service control policies above the caller, from the root down; none for a caller that is exempt.
        rcps: resource control policies above the callee, of all levels; none for a callee that is exempt.
        own: the caller's own policies by their kind: boundary, session, identity; None for a kind that the
            caller has none of and that then limits nothing. A service has no side of its own.
        trust: the callee's trust policy.
        same_account: whether caller and callee stand in one account.
    """

    levels: Sequence[Sequence[Policy]]
    rcps: Sequence[Policy]
    own: Sequence[tuple[Side, Sequence[Policy] | None]]
    trust: Policy
    same_account: bool

    @classmethod
    def of(cls, request: Request) -> Sides:
        """The policies that apply to ``request``."""
        caller, callee = request.caller, request.callee
        is_service = caller.kind == "service"
        is_linked = caller.role_arn is not None and is_service_linked(caller.role_arn)
        boundary = request.permissions_boundary
        without_scps = is_service or is_linked or caller.in_management_account
        without_rcps = is_linked or callee.in_management_account or is_service_linked(callee.arn)
        return cls(
            levels=() if without_scps else request.scps or (),
            rcps=() if without_rcps else tuple(chain(*(callee.rcps or ()))),
            own=()
            if is_service
            else (
                (Side.PERMISSIONS_BOUNDARY, None if boundary is None else (boundary,)),
                (Side.SESSION_POLICY, request.session_policies or None),
                (Side.IDENTITY_POLICY, request.identity_policies),
            ),
            trust=callee.trust_policy,
            same_account=caller.account == callee.account,
        )

    @property
    def keys(self) -> frozenset[str]:
        """Every condition key that any of the policies depends on, in lower case."""
        own = chain(*(policies or () for _, policies in self.own))
        return self.trust.keys.union(*(policy.keys for policy in (*chain(*self.levels), *self.rcps, *own)))

    def denial(self, question: Question) -> tuple[Side, Answer]:
        """The explicit deny that decides; without one, the first of which it is not known."""
        doubtful = (Side.TRUST_POLICY, Answer(False))
        for side, policies in (
            (Side.SERVICE_CONTROL_POLICY, tuple(chain(*self.levels)) if self.levels else ()),
            (Side.RESOURCE_CONTROL_POLICY, self.rcps),
            *self.own,
        ):
            if not policies:
                continue
            answer = denied(policies, question)
            if answer.value:
                return side, answer
            if answer.value is None and doubtful[1].value is False:
                doubtful = (side, answer)
        answer = self._distrusted(question)
        return (Side.TRUST_POLICY, answer) if answer.value or doubtful[1].value is False else doubtful

    def level(self, question: Question) -> Answer:
        """Whether every level of service control policies allows; the decisive policy is counted over all levels."""
        doubtful = Answer(True)
        before = 0
        for level in self.levels:
            answer = granted(level, question)
            if answer.value is False:
                return answer
            if answer.value is None and doubtful.value:
                doubtful = answer._replace(policy=before + (answer.policy or 0))
            before += len(level)
        return doubtful

    def refusing_level(self, question: Question) -> tuple[int, int]:
        """The first level that does not allow, counted from 0, and how many policies stand above it."""
        before = 0
        for number, level in enumerate(self.levels):
            if granted(level, question).value is False:
                return number, before
            before += len(level)
        raise LookupError("every level allows")

    def trusted(self, question: Question) -> list[Grant]:
        """The statements of the trust policy that let the caller in, or may do so; the surest and strongest first."""
        grants = [
            Grant(strength, value, statement)
            for statement in self.trust.allows
            for strength, value in statement.names(
                question.action, question.caller, question.partition, question.context
            )
        ]
        grants.sort(key=lambda grant: (not grant.value, -grant.strength))
        return grants

    def _distrusted(self, question: Question) -> Answer:
        doubtful = Answer(False)
        for statement in self.trust.denies:
            named = statement.names(question.action, question.caller, question.partition, question.context)
            answer = any_of(value for _, value in named)
            if answer:
                return Answer(True, 0, statement)
            if answer is None and doubtful.value is False:
                doubtful = Answer(None, 0, statement)
        return doubtful
