"""Credentials that sign a call, and until when they serve. Standard library only."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

Clock = Callable[[], float]
"""Gives the seconds since the epoch."""

MINUTE = 60.0
MANDATORY_WINDOW = 1 * MINUTE

_HOUR = 60 * MINUTE
_SENDABLE = re.compile(r"[!-~]*")


def is_sendable(*parts: object) -> bool:
    """Whether credentials can be sent: they hold no blank or line break that was copied with them.

    An HTTP client repeats a header with a line break in its error, secret included.
    """
    return all(part is None or (isinstance(part, str) and _SENDABLE.fullmatch(part)) for part in parts)


class MalformedAnswerError(ValueError):
    """The answer is not a complete answer of STS."""


@dataclass(frozen=True)
class SessionCredentials:
    """The credentials that one AssumeRole returned, or those that a chain starts from.

    The windows are those that AWS has settled on for all of its SDKs.

    Attributes:
        access_key: the access key id; not secret.
        secret_key: the secret access key.
        token: the session token; empty for a user's access keys.
        expires_at: when the session ends, in seconds since the epoch; infinite where that is not known.
        obtained_at: when it was given, likewise.
        arn: whose they are, as STS gave it; None where it was not asked.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: float = math.inf
    obtained_at: float = 0.0
    arn: str | None = None

    @classmethod
    def of(cls, credentials: Any) -> Self:
        """Credentials of botocore's, frozen, of which it is not known when they end."""
        return cls(credentials.access_key or "", credentials.secret_key or "", credentials.token or "")

    @classmethod
    def given_by(cls, answer: Mapping[str, Any], obtained_at: float | None = None) -> Self:
        """The credentials that an answer of AssumeRole gives; where it is not known when, for an hour.

        Raises:
            MalformedAnswerError: the answer lacks a part, or holds one that cannot be sent.
        """
        given, user = answer.get("Credentials", {}), answer.get("AssumedRoleUser") or {}
        for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"):
            if not given.get(name):
                raise MalformedAnswerError(f"the answer of STS lacks {name}")
            if name != "Expiration" and not is_sendable(given[name]):
                raise MalformedAnswerError(f"{name} in the answer of STS holds a blank or a line break")
        expires_at = seconds_of(given["Expiration"])
        return cls(
            given["AccessKeyId"],
            given["SecretAccessKey"],
            given["SessionToken"],
            expires_at,
            expires_at - _HOUR if obtained_at is None else obtained_at,
            user.get("Arn"),
        )

    def get_frozen_credentials(self) -> Self:
        """These, which botocore's signers sign with as they are."""
        return self

    @property
    def advisory_at(self) -> float:
        """The time from which the first caller renews the session, while the others do not wait."""
        lifetime = self.expires_at - self.obtained_at
        if lifetime <= 20 * MINUTE:
            # A session of less than ten minutes would else be due on arrival.
            window = min(5 * MINUTE, lifetime / 2)
        else:
            window = (15 if lifetime < 90 * MINUTE else 60) * MINUTE
        return self.expires_at - window

    @property
    def mandatory_at(self) -> float:
        """The time from which every caller waits for the renewal."""
        return max(self.expires_at - MANDATORY_WINDOW, self.advisory_at)


def seconds_of(moment: str | datetime) -> float:
    """A moment in seconds since the epoch; of UTC where it names no zone."""
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
