"""What was decided about a request, and which statement of which policy was decisive."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True)
class Decision:
    """The answer to one request.

    Attributes:
        verdict: the answer.
        side: the kind of policy that was decisive; for an allowed request, the trust policy.
        action: the action that the decisive side was asked about.
        policy: which of that side's policies, counted from 0 and, for control policies, over all levels; None
            where none is decisive. Where nothing allows, it is the one that comes nearest.
        statement: the decisive statement of that policy, counted from 0; None likewise, and where the policy's
            document is not at hand.
        sid: that statement's Sid, if it has one.
        reason: one line in words, fit to be shown.
    """

    verdict: Verdict
    side: Side
    action: str
    reason: str
    policy: int | None = None
    statement: int | None = None
    sid: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request is known to be allowed; UNKNOWN is not."""
        return self.verdict is Verdict.ALLOW
