"""What was decided about a request, and which statement of which policy was decisive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from typing import Any, NamedTuple

from rolechain.policy.elements import printable


class Verdict(StrEnum):
    """The four answers."""

    ALLOW = "allow"
    IMPLICIT_DENY = "implicit_deny"
    EXPLICIT_DENY = "explicit_deny"
    UNKNOWN = "unknown"


class Side(StrEnum):
    """The kind of policy that decided; named as in AWS's own messages of denial."""

    IDENTITY_POLICY = "identity_policy"
    TRUST_POLICY = "trust_policy"
    SESSION_POLICY = "session_policy"
    PERMISSIONS_BOUNDARY = "permissions_boundary"
    SERVICE_CONTROL_POLICY = "service_control_policy"
    RESOURCE_CONTROL_POLICY = "resource_control_policy"
    ROOT_USER = "root_user"


class Explanation(NamedTuple):
    """Why a request was decided as it was.

    Attributes:
        reason: one line in words.
        policy: which of the decisive side's policies, counted from 0 and, for control policies, over all levels;
            None where none is decisive. Where nothing allows, it is the one that comes nearest.
        statement: the decisive statement of that policy, counted from 0; None likewise, and where the policy's
            document is not at hand.
        sid: that statement's Sid, if it has one.
    """

    reason: str
    policy: int | None = None
    statement: int | None = None
    sid: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Decision:
    """The answer to one request.

    Attributes:
        verdict: the answer.
        side: the kind of policy that was decisive; for an allowed request, the trust policy.
        action: the action that the decisive side was asked about.
        because: why, as text or as what explains it; it is asked once, when somebody wants to know.
    """

    verdict: Verdict
    side: Side
    action: str
    because: str | Callable[[], Explanation]

    @property
    def allowed(self) -> bool:
        """Whether the request is known to be allowed; UNKNOWN is not."""
        return self.verdict is Verdict.ALLOW

    @cached_property
    def explanation(self) -> Explanation:
        """Why, and which statement was decisive; fit to be shown."""
        found = Explanation(self.because) if isinstance(self.because, str) else self.because()
        return found._replace(reason=printable(found.reason))

    @property
    def reason(self) -> str:
        """Why, in one line of words that is fit to be shown."""
        return self.explanation.reason

    @property
    def policy(self) -> int | None:
        """Which of the side's policies was decisive; see ``Explanation``."""
        return self.explanation.policy

    @property
    def statement(self) -> int | None:
        """Which statement of that policy was decisive; see ``Explanation``."""
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
        # What explains it holds policies, and those cannot be pickled.
        verdict, side, action, explanation = self._whole()
        return Decision, (verdict, side, action, partial(Explanation, *explanation))

    def _whole(self) -> tuple[Verdict, Side, str, Explanation]:
        return self.verdict, self.side, self.action, self.explanation
