"""The credentials of one hop as botocore takes them: when they are renewed, and who waits for it.

The windows, which ``session_credentials.py`` holds, the back-off and the memory of errors are those of all AWS SDKs.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.credentials import ReadOnlyCredentials

from rolechain.runtime.errors import HopError
from rolechain.runtime.forking import reset_in_child
from rolechain.runtime.session_cache import CacheSlot
from rolechain.runtime.session_credentials import Clock, SessionCredentials

_log = logging.getLogger(__name__)

Uniform = Callable[[float, float], float]
"""Gives a random number between two bounds."""

BACK_OFF = (300.0, 600.0)
MEMORY = (1.0, 5.0)

# The system's source: processes that were forked from one process must not draw the same numbers.
system_uniform: Uniform = random.SystemRandom().uniform


@dataclass(frozen=True, slots=True)
class _Held:
    """Credentials with their deadlines worked out, as they are read at every request."""

    credentials: SessionCredentials
    frozen: ReadOnlyCredentials
    advisory_at: float
    mandatory_at: float
    booted_at: float
    """What the clock showed when the monotonic one stood at 0; a clock that is set back does not change it."""
    advisory_tick: float
    """``advisory_at`` by the monotonic clock."""


@dataclass(frozen=True)
class _Failure:
    error: HopError
    since: float
    until: float

    def holds(self, now: float) -> bool:
        # A clock that is set back must not stretch it.
        return self.since <= now < self.until


class RefreshableCredentials:
    """The credentials of one hop, renewed when they are due; any number of threads may ask for them.

    Args:
        fetch: makes the hop's call and gives what came of it; raises HopError.
        index: which hop it is; only an error of this hop is remembered, as each hop remembers its own.
        account_id: the id of the role's account.
        slot: gives the place in a cache where the session is kept; raises as ``fetch`` does.
        once: whether the call can be made a single time only, so that the session serves until it is over.
        clock: the time.
        monotonic: the seconds since some moment, by a clock that nobody sets.
        uniform: the source of jitter.

    Attributes:
        account_id: the id of the role's account; never a call.
    """

    method = "rolechain"

    def __init__(
        self,
        fetch: Callable[[], SessionCredentials],
        *,
        index: int = 1,
        account_id: str | None = None,
        slot: Callable[[], CacheSlot] | None = None,
        once: bool = False,
        clock: Clock = time.time,
        monotonic: Clock = time.monotonic,
        uniform: Uniform = system_uniform,
    ) -> None:
        self._fetch = fetch
        self._index = index
        self.account_id = account_id
        self._slot = slot
        self._once = once
        self._clock = clock
        self._monotonic = monotonic
        self._uniform = uniform
        self._held: _Held | None = None
        self._failure: _Failure | None = None
        self._rejected: str | None = None
        self._flights = 0
        self.reset_in_child()
        reset_in_child(self)

    def reset_in_child(self) -> None:
        """Makes the locks anew in a process just forked: a thread that is not there may hold the old ones."""
        # The first is held during a call; the second guards the credentials, and is never held for long.
        self._lock = threading.Lock()
        self._putting = threading.Lock()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Key, secret and token of one answer, renewed if they are due.

        Raises:
            HopError: a hop failed.
        """
        held = self._held
        # The condition of _get_due, as this is read at every request: a call to it would cost a third more.
        if held is not None and self._clock() < held.advisory_at and self._monotonic() < held.advisory_tick:
            return held.frozen
        return self._get_due().frozen

    def get(self) -> SessionCredentials:
        """Credentials to sign with, renewed if they are due.

        Raises:
            HopError: there are none to be had, or STS refuses to renew them for a reason that waiting
                does not remove.
        """
        return self._get_due().credentials

    @property
    def access_key(self) -> str:
        """The access key id; ``get_frozen_credentials`` gives the key, secret and token of one session."""
        return self.get().access_key

    @property
    def secret_key(self) -> str:
        """The secret access key, as ``access_key``."""
        return self.get().secret_key

    @property
    def token(self) -> str:
        """The session token, as ``access_key``."""
        return self.get().token

    def get_deferred_property(self, property_name: str) -> Callable[[], object]:
        """A callable that reads a property when botocore needs it."""
        return lambda: getattr(self, property_name, None)

    @property
    def held(self) -> SessionCredentials | None:
        """The credentials at hand, due or not; never a call."""
        held = self._held
        return held.credentials if held else None

    @property
    def due(self) -> bool:
        """Whether ``get`` has more to do than to give what is at hand."""
        held = self._held
        return held is None or self._now(held) >= held.advisory_at

    @property
    def serving(self) -> ReadOnlyCredentials | None:
        """The credentials at hand, outside of the mandatory window; never a call."""
        held = self._held
        return held.frozen if held and self._now(held) < held.mandatory_at else None

    def _now(self, held: _Held) -> float:
        """The later of two clocks: one may be set back, the other may stop while the machine sleeps."""
        return max(self._clock(), held.booted_at + self._monotonic())

    def _get_due(self) -> _Held:
        held, flights = self._held, self._flights
        if held and self._now(held) < held.advisory_at:
            return held
        if held and self._now(held) < held.mandatory_at:
            if not self._lock.acquire(blocking=False):
                return held
        else:
            self._lock.acquire()
        try:
            return self._get_locked(held, flights)
        finally:
            self._lock.release()

    def _get_locked(self, before: _Held | None, flights: int) -> _Held:
        held, failure = self._held, self._failure
        if held and held is not before and self._now(held) < held.mandatory_at:
            return held
        valid = self._valid()
        if failure and failure.holds(self._clock()):
            if not failure.error.recoverable:
                raise failure.error.copy()
            if valid:
                return valid
        elif failure and flights != self._flights and not valid:
            # The call that this caller waited for has failed: its error is this caller's too.
            raise failure.error.copy()
        return self._renew()

    def _renew(self, *, forced: bool = False) -> _Held:
        try:
            obtained = self._obtain(self._slot()) if self._slot else self._fetch()
        except HopError as error:
            self._flights += 1
            valid = None if forced else self._valid()
            self._failure = self._failed(error, valid)
            if valid and error.recoverable:
                _log.warning("%s; the session at hand serves on", error)
                return valid
            raise
        self._flights += 1
        self._failure = None
        return self._put(self._hold(obtained))

    def _put(self, held: _Held) -> _Held:
        with self._putting:
            self._held = held
        return held

    def _obtain(self, slot: CacheSlot) -> SessionCredentials:
        """Takes the hop, unless another process has."""
        if kept := self._kept(slot):
            return kept
        with slot.lock():
            if kept := self._kept(slot):
                return kept
            fetched = self._fetch()
            slot.save(fetched)
            return fetched

    def _kept(self, slot: CacheSlot) -> SessionCredentials | None:
        """What the cache holds, if it need not be renewed; else it serves if the renewal fails."""
        now = self._clock()
        kept = slot.load(now)
        if kept is None or kept.access_key == self._rejected:
            return None
        held = self._hold(kept)
        if now < held.advisory_at:
            return kept
        at_hand = self._valid()
        if at_hand is None or at_hand.credentials.expires_at < kept.expires_at:
            self._put(held)
        return None

    def _hold(self, credentials: SessionCredentials) -> _Held:
        advisory_at, mandatory_at = credentials.advisory_at, credentials.mandatory_at
        if self._once:
            advisory_at = mandatory_at = credentials.expires_at
        booted_at = self._clock() - self._monotonic()
        key, secret, token = credentials.access_key, credentials.secret_key, credentials.token
        frozen = ReadOnlyCredentials(key, secret, token, self.account_id)
        return _Held(credentials, frozen, advisory_at, mandatory_at, booted_at, advisory_at - booted_at)

    def _valid(self) -> _Held | None:
        held = self._held
        return held if held and self._now(held) < held.credentials.expires_at else None

    def _failed(self, error: HopError, valid: _Held | None) -> _Failure:
        now = self._clock()
        until = now
        if error.recoverable and valid:
            until += self._uniform(*BACK_OFF)
            if self._now(valid) < valid.mandatory_at:
                until = min(until, now + valid.mandatory_at - self._now(valid))
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
            if held and held.credentials.access_key != rejected and self._now(held) < held.mandatory_at:
                return held.credentials
            failure = self._failure
            if failure and not failure.error.recoverable and failure.holds(self._clock()):
                raise failure.error.copy()
            self._rejected = rejected
            return self._renew(forced=True).credentials

    def invalidate(self, rejected: str) -> None:
        """Drops the credentials at hand if they are those that a service rejected as expired; never waits for a call.

        Args:
            rejected: the access key id that was rejected.
        """
        with self._putting:
            if self._held and self._held.credentials.access_key == rejected:
                self._held = None
                self._rejected = rejected
