"""Sessions of many roles behind one chain, which they share."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from typing import TypeVar

import boto3

from rolechain.errors import ChainError, Problem
from rolechain.runtime.call import HopCall
from rolechain.runtime.error_classification import Cause
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import HopLike
from rolechain.runtime.hop_credentials import HopCredentials, line_up
from rolechain.runtime.limits import problems_of_chain
from rolechain.runtime.refreshable_credentials import Uniform, system_uniform
from rolechain.runtime.session import ChainSession, declared_hops
from rolechain.runtime.session_cache import CacheLike, as_cache
from rolechain.runtime.sts import Sts

Target = TypeVar("Target", bound=HopLike)

QUOTA = 600.0
"""Calls in a second that STS takes from an account in a region, as the IAM User Guide's quotas say."""

_SLOWEST, _STEP = 5.0, 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_TRIES = 12


def fan_out(
    hops: Iterable[HopLike],
    targets: Iterable[Target],
    *,
    session: boto3.Session | None = None,
    max_workers: int = 32,
    region_name: str | None = None,
    cache: CacheLike | None = None,
) -> Iterator[tuple[Target, boto3.Session | HopError]]:
    """Takes each of many roles from the end of one chain.

    The hops before the last are taken once and shared; then the targets are taken side by side. What STS throttles
    is tried again, more slowly, within the 600 calls a second that an account has. A session that is given renews
    itself as any session over a chain. Nothing is called before the first result is asked for, and closing the
    iterator (or leaving its loop and dropping it) ends it: no further target is begun.

    Args:
        hops: the hops that all targets share, in order; may be empty.
        targets: the roles to take from there, as ``chain_session`` takes hops.
        session: as ``chain_session``'s.
        max_workers: how many targets are taken at a time.
        region_name: as ``chain_session``'s.
        cache: likewise.

    Returns:
        Each target, in the order in which they are done, with its session, or with the error of the hop that
        failed; one that fails does not stop the others.

    Raises:
        ChainError: with every mistake in the hops and targets; nothing was called.
    """
    if isinstance(max_workers, bool) or not isinstance(max_workers, int) or max_workers < 1:
        raise ChainError(
            [Problem(("max_workers",), f"{max_workers!r} is not a number of workers: write 1 or more")]
        )
    for name, given in (("hops", hops), ("targets", targets)):
        if isinstance(given, str):
            raise ChainError(
                [Problem((name,), f"{given!r} is one role, not a list of them: write [{given!r}]")]
            )
    kept_in = as_cache(cache)
    wanted = list(targets)
    shared, ends = declared_hops(hops), declared_hops(wanted)
    base = session or boto3.Session()
    region = region_name or base.region_name
    found = [problem for end in ends for problem in problems_of_chain([*shared, end], region)]
    if found:
        raise ChainError(dict.fromkeys(found))
    sts = Sts(base, region, connections=min(max_workers, max(len(ends), 1)))
    total = len(shared) + 1
    trunk = line_up(shared, sts=sts, session=base, total=total, cache=kept_in) if shared else None
    branches = [HopCredentials(HopCall(end, sts, total, total), trunk or base, cache=kept_in) for end in ends]
    return _taken(wanted, trunk, branches, lambda branch: ChainSession(branch, base, region), max_workers)


def _taken(
    targets: Sequence[Target],
    trunk: HopCredentials | None,
    branches: Sequence[HopCredentials],
    finish: Callable[[HopCredentials], boto3.Session],
    max_workers: int,
) -> Iterator[tuple[Target, boto3.Session | HopError]]:
    limiter = RateLimiter()
    ended = threading.Event()
    if trunk and branches and (error := _take(trunk, limiter, ended)):
        yield from ((target, error.copy()) for target in targets)
        return
    waiting = deque(enumerate(branches))
    done: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()

    def work() -> None:
        while waiting and not ended.is_set():
            with suppress(IndexError):  # another thread has taken the last one
                number, branch = waiting.popleft()
                try:
                    done.put((number, _take(branch, limiter, ended)))
                except BaseException as error:
                    done.put((number, error))

    try:
        for number in range(min(max_workers, len(branches))):
            # Daemons, which a program that ends does not wait for: a call may hang for minutes.
            threading.Thread(target=work, name=f"rolechain_{number}", daemon=True).start()
        for _ in branches:
            number, failed = done.get()
            if failed is None:
                yield targets[number], finish(branches[number])
            elif isinstance(failed, HopError):
                yield targets[number], failed
            else:
                raise failed
    finally:
        ended.set()


def _take(credentials: HopCredentials, limiter: RateLimiter, ended: threading.Event) -> HopError | None:
    """Has credentials obtained, and gives the error if they cannot be; tries no more once all has ended."""
    for tries in count(1):
        limiter.wait()
        try:
            credentials.get_frozen_credentials()
        except HopError as error:
            if error.cause is Cause.THROTTLED and not ended.is_set() and limiter.throttled(tries):
                continue
            return error
        limiter.answered()
        break
    return None


class RateLimiter:
    """The calls of many threads, evenly spaced: slower after each throttling, faster again after each answer.

    Attributes:
        rate: the calls in a second that are let through now.
    """

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
        self.rate = QUOTA
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Waits until the next call may be made."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + 1 / self.rate
        if turn > now:
            self._sleep(turn - now)

    def answered(self) -> None:
        """Notes a call that was not throttled."""
        with self._lock:
            self.rate = min(QUOTA, self.rate + _STEP)

    def throttled(self, tries: int) -> bool:
        """Notes that a call's last of so many tries was throttled, and waits; says whether to try once more."""
        if tries >= _TRIES:
            return False
        with self._lock:
            self.rate = max(_SLOWEST, self.rate / 2)
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
        self._sleep(self._uniform(longest / 2, longest))
        return True
