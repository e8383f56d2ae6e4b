"""The errors of the local organization: one for its user, one that its services answer with."""

from __future__ import annotations

from rolechain.errors import RolechainError


class LocalOrganizationError(RolechainError):
    """The local organization could not be started, or has ended before it was asked to."""


class ServiceError(RolechainError):
    """What a service answers instead of a result, in AWS's own code and words.

    Attributes:
        code: AWS's error code, such as ``AccessDenied``.
        status: the HTTP status, 400, 403 or 409.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code = code
        self.status = status
        super().__init__(message)
