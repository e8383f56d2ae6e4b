"""When the credentials of one hop are renewed, and who waits for it.

The windows, the back-off and the memory of errors are those that AWS has settled on for all of its SDKs.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rolechain.runtime.errors import HopError
from rolechain.runtime.forking import reset_in_child

_log = logging.getLogger(__name__)

Clock = Callable[[], float]
"""Gives the seconds since the epoch."""

Uniform = Callable[[float, float], float]
"""Gives a random number between two bounds."""

MINUTE = 60.0
MANDATORY_WINDOW = 1 * MINUTE
BACK_OFF = (300.0, 600.0)
MEMORY = (1.0, 5.0)

# The system's source, so that processes that were forked from one do not come back in step.
system_uniform: Uniform = random.SystemRandom().uniform


@dataclass(frozen=True)
class SessionCredentials:
    """What one AssumeRole gave, whole.

    Attributes:
        access_key: the access key id; not secret.
        secret_key: the secret access key.
        token: the session token.
        expires_at: when the session ends, in seconds since the epoch.
        obtained_at: when it was given, likewise.
        arn: the session's own ARN, as STS gave it.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: float
    obtained_at: float
    arn: str | None = None

    @property
    def advisory_at(self) -> float:
        """From when on the session is renewed by whoever comes first, the others not waiting."""
        lifetime = self.expires_at - self.obtained_at
        if lifetime <= 20 * MINUTE:
            # A session of less than ten minutes would else be due on arrival.
            window = min(5 * MINUTE, lifetime / 2)
        else:
            window = (15 if lifetime < 90 * MINUTE else 60) * MINUTE
        return self.expires_at - window

    @property
    def mandatory_at(self) -> float:
        """From when on everybody waits for the renewal."""
        return max(self.expires_at - MANDATORY_WINDOW, self.advisory_at)


@dataclass(frozen=True)
class _Held:
    """Credentials with their deadlines worked out, as they are read at every request."""

    credentials: SessionCredentials
    advisory_at: float
    mandatory_at: float


@dataclass(frozen=True)
class _Failure:
    error: HopError
    since: float
    until: float

    def holds(self, now: float) -> bool:
        # A clock that is set back must not stretch it.
        return self.since <= now < self.until


class Refresh:
    """The credentials of one hop, renewed when they are due; any number of threads may ask for them.

    Args:
        fetch: makes the hop's call and gives what came of it; raises HopError.
        index: which hop it is; only an error of this hop is remembered, as each hop remembers its own.
        clock: the time.
        uniform: the source of jitter.
    """

    def __init__(
        self,
        fetch: Callable[[], SessionCredentials],
        *,
        index: int = 1,
        clock: Clock = time.time,
        uniform: Uniform = system_uniform,
    ) -> None:
        self._fetch = fetch
        self._index = index
        self._clock = clock
        self._uniform = uniform
        self._held: _Held | None = None
        self._failure: _Failure | None = None
        self._flights = 0
        self._lock = threading.Lock()
        reset_in_child(self)

    def reset_in_child(self) -> None:
        """Makes the lock anew in a process just forked: a thread that is not there may hold the old one."""
        self._lock = threading.Lock()

    @property
    def held(self) -> SessionCredentials | None:
        """The credentials at hand, due or not; never a call."""
        held = self._held
        return held.credentials if held else None

    def get(self) -> SessionCredentials:
        """Credentials to sign with, renewed if they are due.

        Raises:
            HopError: there are none to be had, or STS refuses to renew them for a reason that waiting will
                not mend.
        """
        held = self._held
        if held and self._clock() < held.advisory_at:
            return held.credentials
        return self._get_due(held)

    def _get_due(self, held: _Held | None) -> SessionCredentials:
        flights = self._flights
        if held and self._clock() < held.mandatory_at:
            if not self._lock.acquire(blocking=False):
                return held.credentials
        else:
            self._lock.acquire()
        try:
            return self._get_locked(held, flights)
        finally:
            self._lock.release()

    def _get_locked(self, before: _Held | None, flights: int) -> SessionCredentials:
        held, now, failure = self._held, self._clock(), self._failure
        if held and held is not before and now < held.mandatory_at:
            return held.credentials
        valid = held if held and now < held.credentials.expires_at else None
        if failure and failure.holds(now):
            if not failure.error.recoverable:
                raise failure.error.copy()
            if valid:
                return valid.credentials
        elif failure and flights != self._flights and not valid:
            # The call that this caller waited for has failed: it is told so, and does not make its own.
            raise failure.error.copy()
        return self._renew(valid)

    def _renew(self, valid: _Held | None) -> SessionCredentials:
        try:
            fetched = self._fetch()
        except HopError as error:
            self._flights += 1
            self._failure = self._failed(error, valid)
            if valid and error.recoverable:
                _log.warning("%s; the session at hand serves on", error)
                return valid.credentials
            raise
        self._flights += 1
        self._failure = None
        self._held = _Held(fetched, fetched.advisory_at, fetched.mandatory_at)
        return fetched

    def _failed(self, error: HopError, valid: _Held | None) -> _Failure:
        now = self._clock()
        until = now
        if error.recoverable and valid:
            until += self._uniform(*BACK_OFF)
            if now < valid.mandatory_at:
                until = min(until, valid.mandatory_at)
        elif not error.recoverable and error.index == self._index:
            until += self._uniform(*MEMORY)
        return _Failure(error.copy(), now, until)

    def renew(self, rejected: str) -> SessionCredentials:
        """Other credentials than those that were rejected; those at hand stay if that fails.

        Args:
            rejected: the access key id that was rejected. If it is no longer the one at hand, what is at hand
                is given, and no call is made.

        Raises:
            HopError: the hop cannot be taken again.
        """
        with self._lock:
            held = self._held
            if held and held.credentials.access_key != rejected and self._clock() < held.mandatory_at:
                return held.credentials
            failure = self._failure
            if failure and not failure.error.recoverable and failure.holds(self._clock()):
                raise failure.error.copy()
            return self._renew(None)

    def invalidate(self, rejected: str) -> None:
        """Drops the credentials at hand if they are those that a service rejected as expired.

        Args:
            rejected: the access key id that was rejected.
        """
        with self._lock:
            if self._held and self._held.credentials.access_key == rejected:
                self._held = None
