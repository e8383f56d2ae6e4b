"""When one hop is renewed, who waits, and what a failure does; the clock and the jitter are set by hand."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rolechain.runtime.error_classification import Cause
from rolechain.runtime.errors import HopError
from rolechain.runtime.refreshable_credentials import RefreshableCredentials
from rolechain.runtime.session_credentials import SessionCredentials

T0, MINUTE = 1_800_000_000.0, 60.0


class Source:
    """Gives sessions of a set lifetime, or what is scripted."""

    def __init__(self, clock: Any, lifetime: float) -> None:
        self.clock, self.lifetime, self.calls = clock, lifetime, 0
        self.fails: HopError | None = None
        self.during: Callable[[], None] = lambda: None

    def __call__(self) -> SessionCredentials:
        """Takes the hop."""
        self.calls += 1
        self.during()
        if self.fails:
            raise self.fails
        now = self.clock()
        number = self.calls
        return SessionCredentials(
            f"key{number}", f"secret{number}", f"token{number}", now + self.lifetime, now
        )


def refused(index: int = 1) -> HopError:
    """What waiting does not change."""
    return HopError("refused", index=index, total=3, role_arn="arn", code="AccessDenied", denied=True)


def throttled() -> HopError:
    """What may pass."""
    return HopError("slow", index=1, total=3, role_arn="arn", cause=Cause.THROTTLED, recoverable=True)


def made(
    clock: Any,
    lifetime: float = 3600,
    uniform: Callable[[float, float], float] = min,
    monotonic: Callable[[], float] | None = None,
) -> tuple[RefreshableCredentials, Source]:
    """A hop and its source at a set time."""
    clock.now = T0
    source = Source(clock, lifetime)
    refresh = RefreshableCredentials(source, clock=clock, monotonic=monotonic or clock, uniform=uniform)
    return refresh, source


@pytest.mark.parametrize(
    ("lifetime", "window"),
    [
        (900, 5 * MINUTE),
        (1200, 5 * MINUTE),
        (1201, 15 * MINUTE),
        (3600, 15 * MINUTE),
        (5399, 15 * MINUTE),
        (5400, 60 * MINUTE),
        (43200, 60 * MINUTE),
        (300, 150),
    ],
)
def test_the_advisory_window_goes_by_the_lifetime(clock: Any, lifetime: float, window: float) -> None:
    """A session is renewed from its window on, and not a moment earlier."""
    refresh, source = made(clock, lifetime)
    refresh.get()
    clock.now = T0 + lifetime - window - 0.001
    assert refresh.get().access_key == "key1"
    assert source.calls == 1
    clock.now = T0 + lifetime - window
    assert refresh.get().access_key == "key2"
    assert source.calls == 2


def _while_flying(take: Callable[[], object], source: Source, then: Callable[[], None]) -> None:
    """Runs ``then`` while another thread is in the middle of a renewal."""
    flying, land = threading.Event(), threading.Event()

    def hold() -> None:
        flying.set()
        land.wait(30)

    source.during = hold
    thread = threading.Thread(target=take)
    thread.start()
    flying.wait(30)
    try:
        then()
    finally:
        land.set()
        thread.join()


def test_in_the_advisory_window_nobody_waits(clock: Any) -> None:
    """While one caller renews, the others get what is at hand at once."""
    refresh, source = made(clock)
    refresh.get()
    clock.now = T0 + 50 * MINUTE
    seen = []
    _while_flying(refresh.get, source, lambda: seen.append(refresh.get().access_key))
    assert seen == ["key1"]
    assert refresh.get().access_key == "key2"
    assert source.calls == 2


@pytest.mark.parametrize("late", [59 * MINUTE, 61 * MINUTE])
def test_in_the_mandatory_window_all_wait_for_one_call(clock: Any, late: float) -> None:
    """In the last minute and after it the callers wait for the one renewal, and all get what it gave."""
    refresh, source = made(clock)
    refresh.get()
    clock.now = T0 + late
    seen: list[str] = []
    waiting = [threading.Thread(target=lambda: seen.append(refresh.get().access_key)) for _ in range(8)]

    def start() -> None:
        for thread in waiting:
            thread.start()

    _while_flying(refresh.get, source, start)
    for thread in waiting:
        thread.join()
    assert seen == ["key2"] * 8
    assert source.calls == 2


def test_who_waited_for_a_failing_call_is_told_so(clock: Any) -> None:
    """Callers that waited share the failure, even one that is not remembered, and make no call of their own."""
    refresh, source = made(clock)
    source.fails = throttled()
    told = []

    def take() -> None:
        try:
            refresh.get()
        except HopError as error:
            told.append(str(error))

    waiting = [threading.Thread(target=take) for _ in range(4)]

    def start() -> None:
        for thread in waiting:
            thread.start()
        while not all(map(_waits, waiting)):
            time.sleep(0.001)

    _while_flying(take, source, start)
    for thread in waiting:
        thread.join()
    assert told == ["slow"] * 5
    assert source.calls == 1


def _waits(thread: threading.Thread) -> bool:
    """Whether a thread stands where callers wait for the renewal of another."""
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_name == "_get_due" and "flights" in frame.f_locals


def test_a_recoverable_failure_serves_what_is_at_hand_and_backs_off(clock: Any) -> None:
    """Throttling in the advisory window costs one call until the back-off, 300 s here, is over."""
    refresh, source = made(clock)
    refresh.get()
    clock.now = due = T0 + 45 * MINUTE
    source.fails = throttled()
    assert refresh.get().access_key == "key1"
    clock.now = due + 299.9
    assert refresh.get().access_key == "key1"
    assert source.calls == 2
    clock.now = due + 300
    source.fails = None
    assert refresh.get().access_key == "key3"


def test_the_back_off_is_drawn_between_five_and_ten_minutes(clock: Any) -> None:
    """The jitter is drawn from 300 to 600 s for a back-off, from 1 to 5 s for the memory of an error."""
    drawn = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    refresh, source = made(clock, uniform=draw)
    refresh.get()
    clock.now = T0 + 45 * MINUTE
    source.fails = throttled()
    refresh.get()
    clock.now = T0 + 59 * MINUTE
    source.fails = refused()
    with pytest.raises(HopError):
        refresh.get()
    assert drawn == [(300, 600), (1, 5)]


def test_a_back_off_does_not_reach_into_the_last_minute(clock: Any) -> None:
    """The mandatory window begins with a try whatever the back-off, and a failure there serves to the end."""
    refresh, source = made(clock, 900, max)
    refresh.get()
    clock.now = T0 + 600
    source.fails = throttled()
    refresh.get()
    clock.now = T0 + 839.9
    refresh.get()
    assert source.calls == 2
    clock.now = T0 + 840
    assert refresh.get().access_key == "key1"
    clock.now = T0 + 899.9
    assert refresh.get().access_key == "key1"
    assert source.calls == 3
    clock.now = T0 + 900
    with pytest.raises(HopError, match="slow"):
        refresh.get()
    assert source.calls == 4


def test_a_refusal_raises_and_is_remembered(clock: Any) -> None:
    """A hot loop over a refusal costs one call until the memory, 5 s here, is over."""
    refresh, source = made(clock, uniform=max)
    source.fails = refused()
    for _ in range(100):
        with pytest.raises(HopError, match="refused"):
            refresh.get()
    clock.now = T0 + 4.9
    with pytest.raises(HopError, match="refused"):
        refresh.get()
    assert source.calls == 1
    clock.now = T0 + 5
    source.fails = None
    assert refresh.get().access_key == "key2"


def test_a_refusal_raises_though_the_session_is_still_valid(clock: Any) -> None:
    """What waiting does not change is told as soon as the renewal finds out."""
    refresh, source = made(clock)
    refresh.get()
    clock.now = T0 + 45 * MINUTE
    source.fails = refused()
    with pytest.raises(HopError, match="refused"):
        refresh.get()


def test_only_the_hop_that_failed_remembers(clock: Any) -> None:
    """An error of an earlier hop is that hop's to remember, so that the two memories do not add up."""
    refresh, source = made(clock, uniform=max)
    source.fails = refused(index=2)
    for _ in range(3):
        with pytest.raises(HopError):
            refresh.get()
    assert source.calls == 3


def test_a_clock_that_is_set_back_does_not_stretch_a_memory(clock: Any) -> None:
    """After the clock has gone back the next caller tries again."""
    refresh, source = made(clock, uniform=max)
    source.fails = refused()
    with pytest.raises(HopError):
        refresh.get()
    clock.now = T0 - 3600
    source.fails = None
    assert refresh.get().access_key == "key2"


@pytest.mark.parametrize("back", [1800, 86_400])
def test_a_clock_that_is_set_back_does_not_stretch_a_session(clock: Any, back: float) -> None:
    """A session is renewed at its real age, which the monotonic clock tells, and never served past its end."""
    age = [0.0]
    refresh, source = made(clock, monotonic=lambda: age[0])
    refresh.get()
    clock.now = T0 - back
    age[0] = 44 * MINUTE
    assert (refresh.get().access_key, refresh.due) == ("key1", False)
    age[0] = 45 * MINUTE
    assert refresh.due
    source.fails = throttled()
    assert refresh.get().access_key == "key1"
    age[0] = 59 * MINUTE
    assert refresh.serving is None
    age[0] = 60 * MINUTE
    with pytest.raises(HopError, match="slow"):
        refresh.get()


def test_a_machine_that_slept_renews_by_the_wall_clock(clock: Any) -> None:
    """The monotonic clock stands still while a machine sleeps; the session has aged all the same."""
    refresh, _ = made(clock, monotonic=lambda: 0.0)
    refresh.get()
    clock.now = T0 + 45 * MINUTE
    assert refresh.get().access_key == "key2"


def test_renewing_spares_what_is_no_longer_at_hand(clock: Any) -> None:
    """A rejected key that has been replaced costs no call; the one at hand costs one."""
    refresh, source = made(clock)
    refresh.get()
    assert refresh.renew("key1").access_key == "key2"
    assert refresh.renew("key1").access_key == "key2"
    assert source.calls == 2


def test_a_renewal_that_fails_keeps_what_is_at_hand(clock: Any) -> None:
    """A forced renewal raises, and takes nothing away."""
    refresh, source = made(clock)
    refresh.get()
    source.fails = throttled()
    with pytest.raises(HopError, match="slow"):
        refresh.renew("key1")
    assert refresh.get().access_key == "key1"


def test_invalidating_goes_by_the_key(clock: Any) -> None:
    """Only the key at hand can be invalidated."""
    refresh, source = made(clock)
    refresh.get()
    refresh.invalidate("key0")
    assert refresh.get().access_key == "key1"
    refresh.invalidate("key1")
    assert refresh.get().access_key == "key2"
    assert source.calls == 2
