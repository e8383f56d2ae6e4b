"""The decision of a request, and the decisive statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from typing import Any, NamedTuple

from rolechain.policy.elements import printable


class Verdict(StrEnum):
    """The result of a decision."""

    ALLOW = "allow"
    IMPLICIT_DENY = "implicit_deny"
    EXPLICIT_DENY = "explicit_deny"
    UNKNOWN = "unknown"


class Side(StrEnum):
    """The type of the decisive policy, named as in the denials of AWS."""

    IDENTITY_POLICY = "identity_policy"
    TRUST_POLICY = "trust_policy"
    SESSION_POLICY = "session_policy"
    PERMISSIONS_BOUNDARY = "permissions_boundary"
    SERVICE_CONTROL_POLICY = "service_control_policy"
    RESOURCE_CONTROL_POLICY = "resource_control_policy"
    ROOT_USER = "root_user"


class Explanation(NamedTuple):
    """The reason of a decision.

    Attributes:
        reason: the reason, in one line.
        policy: the decisive policy of its type, counted from 0, for control policies over all levels; None where no
            policy is decisive. Where no policy allows the action, it is the policy that comes nearest.
        statement: the decisive statement of that policy, counted from 0; None where no statement is decisive, or the
            policy's document is not available.
        sid: that statement's Sid, if it has one.
    """

    reason: str
    policy: int | None = None
    statement: int | None = None
    sid: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Decision:
    """The decision of one request.

    Attributes:
        verdict: the result.
        side: the type of the decisive policy; for an allowed request, the trust policy.
        action: the action that the decisive policy was evaluated for.
        because: the reason, or a function that gives it, which is called once, on first use.
    """

    verdict: Verdict
    side: Side
    action: str
    because: str | Callable[[], Explanation]

    @property
    def allowed(self) -> bool:
        """Whether the request is allowed; False for UNKNOWN."""
        return self.verdict is Verdict.ALLOW

    @cached_property
    def explanation(self) -> Explanation:
        """The reason and the decisive statement, with control characters escaped."""
        found = Explanation(self.because) if isinstance(self.because, str) else self.because()
        return found._replace(reason=printable(found.reason))

    @property
    def reason(self) -> str:
        """The reason, in one line, with control characters escaped."""
        return self.explanation.reason

    @property
    def policy(self) -> int | None:
        """The decisive policy; see ``Explanation``."""
        return self.explanation.policy

    @property
    def statement(self) -> int | None:
        """The decisive statement of that policy; see ``Explanation``."""
        return self.explanation.statement

    @property
    def sid(self) -> str | None:
        """The decisive statement's Sid, if it has one."""
        return self.explanation.sid

    def __eq__(self, other: object) -> bool:
        return self._whole() == other._whole() if isinstance(other, Decision) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._whole())

    def __repr__(self) -> str:
        verdict, side, action, explanation = self._whole()
        return f"Decision({verdict!r}, {side!r}, {action!r}, {explanation!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The function of ``because`` holds policies, which cannot be pickled.
        verdict, side, action, explanation = self._whole()
        return Decision, (verdict, side, action, partial(Explanation, *explanation))

    def _whole(self) -> tuple[Verdict, Side, str, Explanation]:
        return self.verdict, self.side, self.action, self.explanation
