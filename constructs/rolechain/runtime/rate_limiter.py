"""The rate of the calls of ``fan_out``, and the back-off after STS throttles one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rolechain.runtime.refreshable_credentials import Uniform, system_uniform

QUOTA = 600.0
"""Calls in a second that STS takes from an account in a region, as the IAM User Guide's quotas say."""

_SLOWEST, _STEP = 5.0, 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_TRIES = 12


class RateLimiter:
    """The calls of many threads, evenly spaced: slower after each throttling, faster again after each answer."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Uniform = system_uniform,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._uniform = uniform
        self._rate = QUOTA
        self._next = 0.0
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """The calls in a second that are let through now."""
        return self._rate

    def wait(self) -> None:
        """Waits until the next call may be made."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + 1 / self._rate
        if turn > now:
            self._sleep(turn - now)

    def answered(self) -> None:
        """Notes a call that was not throttled."""
        with self._lock:
            self._rate = min(QUOTA, self._rate + _STEP)

    def throttled(self, tries: int) -> bool:
        """Notes that a call's last of so many tries was throttled, and waits; says whether to try once more."""
        if tries >= _TRIES:
            return False
        with self._lock:
            self._rate = max(_SLOWEST, self._rate / 2)
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
        self._sleep(self._uniform(longest / 2, longest))
        return True
