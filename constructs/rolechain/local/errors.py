"""The errors of the local organization: one for its user, one that its services answer with, and AWS's words."""

from __future__ import annotations

from rolechain.errors import RolechainError
from rolechain.iam import denials
from rolechain.policy import Decision, Side, Verdict


class LocalOrganizationError(RolechainError):
    """The local organization could not be started, or has ended before it was asked to."""


class ServiceError(RolechainError):
    """An error of a service, with AWS's code and text.

    Attributes:
        code: AWS's error code, such as ``AccessDenied``.
        status: the HTTP status, 400, 403, 404 or 409.
        reason: the reason that Organizations gives beside the text; None where it gives none.
    """

    def __init__(self, code: str, message: str, status: int = 400, *, reason: str | None = None) -> None:
        self.code = code
        self.status = status
        self.reason = reason
        super().__init__(message)


def unknown_key() -> ServiceError:
    """The error of an access key or session token that AWS does not know."""
    return ServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)


def denial(caller: str, resource: str, decision: Decision) -> str:
    """The denial of a call, with the kind of policy that denied it as AWS names it.

    What cannot be decided is denied too, and the text says why.
    """
    text = denials.denial(caller, decision.action, resource)
    if decision.verdict is Verdict.UNKNOWN:
        return f"{text} because the local organization cannot decide it: {decision.reason}"
    if decision.side is Side.ROOT_USER:
        return text
    if decision.verdict is Verdict.EXPLICIT_DENY:
        return text + denials.explicit_deny(decision.side.value)
    return text + denials.implicit_deny(decision.side.value, decision.action)
