"""Many targets behind one chain: what they share, and what one that fails does to the others."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from rolechain import Chain, ChainError, ChainRole
from rolechain.runtime import Cause, Hop, HopError, fan_out
from rolechain.runtime.fanout import RateLimiter

MIDDLE = "arn:aws:iam::222222222222:role/middle"
SECOND = "arn:aws:iam::222222222222:role/second"


def targets(count: int) -> list[str]:
    """The ARNs of roles in as many accounts."""
    return [f"arn:aws:iam::{300_000_000_000 + number}:role/target" for number in range(count)]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Has the rate limiter not wait, and tells for how long it would have."""
    waited: list[float] = []
    monkeypatch.setattr(
        "rolechain.runtime.fanout.RateLimiter", lambda: RateLimiter(sleep=waited.append, uniform=max)
    )
    return waited


def test_five_hundred_targets_cost_five_hundred_and_one_calls(sts: Any, base: Any) -> None:
    """The shared hop is taken once, each target once, and every target comes with its own session."""
    wanted = targets(500)
    done: dict[str, Any] = dict(fan_out([MIDDLE], wanted, session=base))
    assert sorted(done) == wanted
    assert len(sts.calls) == 501
    assert sts.seen[0] == ("AKIABASE", "middle")
    assert {caller for caller, _ in sts.seen[1:]} == {"ASIAmiddle.1"}
    for target, session in done.items():
        assert isinstance(session, boto3.Session)
        account = target.split(":")[4]
        key = session.get_credentials().get_frozen_credentials().access_key  # type: ignore[union-attr]
        assert f":{account}:" in sts.arns[key]
    assert len(sts.calls) == 501


def test_nothing_is_called_before_a_result_is_asked_for(sts: Any, base: Any) -> None:
    """The iterator is lazy, and an empty one costs nothing."""
    results = fan_out([MIDDLE], targets(3), session=base)
    assert sts.calls == []
    assert len(list(results)) == 3
    assert list(fan_out([MIDDLE], [], session=base)) == []
    assert len(sts.calls) == 4


def test_a_session_renews_itself_with_the_shared_hop(sts: Any, base: Any) -> None:
    """A target's session that is rejected later takes its own hop again, from the hop that all share."""
    (_, session), *_ = fan_out([MIDDLE], targets(1), session=base)
    assert isinstance(session, boto3.Session)
    client = session.client("s3")
    client.list_buckets()
    sts.rejected_by_s3.add("ASIAtarget.1")
    with pytest.raises(client.exceptions.ClientError):
        client.list_buckets()
    client.list_buckets()
    assert sts.seen[2:] == [("ASIAmiddle.1", "target")]


def test_one_that_fails_does_not_stop_the_others(sts: Any, base: Any) -> None:
    """A refused target comes with its error, which counts its hop, and the others with their sessions."""
    wanted = targets(20)
    sts.allows = lambda _caller, call: call.parameters["RoleArn"] != wanted[7]
    done: dict[str, Any] = dict(fan_out([MIDDLE], wanted, session=base))
    error = done.pop(wanted[7])
    assert isinstance(error, HopError)
    assert (error.index, error.total, error.role_arn) == (2, 2, wanted[7])
    assert len(done) == 19
    assert len(sts.calls) == 21
    assert all(isinstance(session, boto3.Session) for session in done.values())


def test_a_shared_hop_that_fails_is_every_targets_error(sts: Any, base: Any) -> None:
    """If the chain itself cannot be walked every target comes with that error, for the calls of one walk."""
    sts.allows = lambda _caller, call: call.role != "second"
    done = list(fan_out([MIDDLE, SECOND], targets(50), session=base))
    assert [target for target, _ in done] == targets(50)
    assert {(error.index, error.total) for _, error in done if isinstance(error, HopError)} == {(2, 3)}
    assert len({id(error) for _, error in done}) == 50
    assert len(sts.calls) == 2


def test_without_shared_hops_the_session_itself_calls(sts: Any, base: Any) -> None:
    """The targets may be taken straight from the session."""
    assert len(list(fan_out([], targets(3), session=base))) == 3
    assert sts.seen == [("AKIABASE", "target")] * 3


def test_they_come_as_they_are_done(sts: Any, base: Any) -> None:
    """A target that hangs keeps the others from nobody."""
    go_on = threading.Event()

    def hang() -> tuple[int, str]:
        go_on.wait(30)
        return 200, ""

    slow, quick = "arn:aws:iam::333333333333:role/slow", "arn:aws:iam::333333333333:role/quick"
    sts.script("slow", hang)
    results = fan_out([MIDDLE], [slow, quick], session=base, max_workers=2)
    assert next(results)[0] == quick
    go_on.set()
    assert next(results)[0] == slow


def test_closing_it_begins_no_further_target(sts: Any, base: Any) -> None:
    """Whoever leaves the loop is not kept waiting, and what was not begun is not called."""
    go_on = threading.Event()

    def hang() -> tuple[int, str]:
        go_on.wait(30)
        return 200, ""

    sts.script("target", lambda: (200, ""), hang)
    results = fan_out([MIDDLE], targets(10), session=base, max_workers=1)
    next(results)
    results.close()  # type: ignore[attr-defined]
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("rolechain"):
            thread.join(30)
    assert len([call for call in sts.calls if call.role == "target"]) <= 2


def test_closing_it_ends_what_is_throttled(sts: Any, base: Any) -> None:
    """What STS throttles is not tried again for somebody who has left."""
    go_on = threading.Event()
    throttle = sts.error("Throttling", "Rate exceeded")

    def hang() -> tuple[int, str]:
        go_on.wait(30)
        return throttle()  # type: ignore[no-any-return]

    sts.script("slow", hang, *[throttle] * 11)
    slow = "arn:aws:iam::444444444444:role/slow"
    results = fan_out([MIDDLE], [slow, *targets(1)], session=base, max_workers=2)
    assert next(results)[0] != slow
    results.close()  # type: ignore[attr-defined]
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("rolechain"):
            thread.join(30)
    assert [call.role for call in sts.calls].count("slow") == 1


def test_a_program_that_leaves_ends_though_a_call_hangs(sts: Any, base: Any) -> None:
    """Leaving the loop lets the program end: no thread with a call under way is waited for."""
    go_on = threading.Event()

    def hang() -> None:
        go_on.wait(60)

    sts.script("slow", hang)
    code = (
        "import boto3; from rolechain.runtime import fan_out\n"
        "session = boto3.Session('AKIABASE', 's', region_name='eu-central-1')\n"
        "hanging = 'arn:aws:iam::444444444444:role/slow'\n"
        f"for target, _ in fan_out([{MIDDLE!r}], [hanging, {targets(1)[0]!r}], session=session, max_workers=2):\n"
        "    print(target, flush=True)\n"
        "    break\n"
    )
    try:
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
        )
    finally:
        go_on.set()
    assert ended.stdout == f"{targets(1)[0]}\n"


def test_no_more_are_taken_at_a_time_than_there_are_workers(sts: Any, base: Any) -> None:
    """The number of workers bounds the calls that are under way together."""
    running, most, lock = 0, 0, threading.Lock()
    ordinary = sts.answer

    def counted(call: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            return ordinary(call)
        finally:
            with lock:
                running -= 1

    sts.answer = counted
    sts.latency = 0.005
    assert len(list(fan_out([MIDDLE], targets(40), session=base, max_workers=4))) == 40
    assert 1 < most <= 4


def test_what_is_throttled_is_tried_again(sts: Any, base: Any, no_pauses: list[float]) -> None:
    """Throttled calls, the shared hop's too, are made again later and cost no target."""
    throttle = sts.error("Throttling", "Rate exceeded")
    sts.script("middle", throttle)
    sts.script("target", *[throttle] * 5)
    done = list(fan_out([MIDDLE], targets(10), session=base))
    assert all(isinstance(session, boto3.Session) for _, session in done)
    assert len(sts.calls) == 1 + 1 + 10 + 5
    assert len([pause for pause in no_pauses if pause in (0.4, 0.8, 1.6, 3.2, 6.4)]) == 6


def test_what_stays_throttled_is_an_error(sts: Any, base: Any) -> None:
    """After twelve tries the target comes with the error that says so."""
    sts.script("target", *[sts.error("Throttling", "Rate exceeded")] * 12)
    ((_, error),) = fan_out([MIDDLE], targets(1), session=base)
    assert isinstance(error, HopError)
    assert error.cause is Cause.THROTTLED
    assert len(sts.calls) == 13


def test_a_cache_serves_a_second_run(sts: Any, base: Any, tmp_path: Any) -> None:
    """With a cache a second run makes no call, not even for the shared hop."""
    for _ in range(2):
        done = list(fan_out([MIDDLE], targets(5), session=base, cache=tmp_path))
        assert all(isinstance(session, boto3.Session) for _, session in done)
    assert len(sts.calls) == 6


def test_targets_are_given_back_as_they_came(sts: Any, base: Any) -> None:
    """A declared hop, a hop with parameters or an ARN is what comes with its session."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333", external_id="ticket-7")],
    )
    *shared, declared = chain.hops_to("333333333333")
    own = Hop("arn:aws:iam::444444444444:role/x", duration_seconds=900)
    wanted: list[Any] = [declared, own]
    done = [target for target, _ in fan_out(shared, wanted, session=base)]
    assert any(target is declared for target in done)
    assert any(target is own for target in done)
    assert {call.parameters.get("ExternalId") for call in sts.calls} == {None, "ticket-7"}


@pytest.mark.parametrize(
    ("hops", "wanted", "workers", "message"),
    [
        (["x"], targets(1), 1, "'x' is not a role's ARN"),
        ([MIDDLE], ["y", "z"], 1, "(?s)'y' is not a role's ARN.*'z' is not a role's ARN"),
        ([MIDDLE], [Hop(SECOND, duration_seconds=3601)], 1, "hop 2 of 2, .*duration_seconds: 3601"),
        (MIDDLE, targets(1), 1, "^hops: '.*' is one role, not a list of them: write "),
        ([MIDDLE], SECOND, 1, "^targets: '.*' is one role, not a list of them: write "),
        ([MIDDLE], targets(1), 0, "max_workers: 0 is not a number of workers: write 1 or more"),
        ([MIDDLE], targets(1), True, "max_workers: True"),
    ],
)
def test_mistakes_are_said_before_any_call(
    sts: Any, base: Any, hops: Any, wanted: Any, workers: Any, message: str
) -> None:
    """A mistake in any hop or target is raised when the function is called, not when it is iterated."""
    with pytest.raises(ChainError, match=message):
        fan_out(hops, wanted, session=base, max_workers=workers)
    assert sts.calls == []


def test_a_mistake_of_the_shared_hops_is_said_once(base: Any) -> None:
    """However many targets there are."""
    with pytest.raises(ChainError) as caught:
        fan_out([MIDDLE], targets(50), session=boto3.Session("a", "b"))
    assert str(caught.value).count("no region is set") == 1


class _Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Moves it."""
        self.now += seconds


def _limited(uniform: Callable[[float, float], float] = max) -> tuple[RateLimiter, _Time]:
    time = _Time()
    return RateLimiter(clock=time, sleep=time.sleep, uniform=uniform), time


def test_the_limiter_keeps_within_the_quota() -> None:
    """No more than 600 calls are let through in a second."""
    limiter, time = _limited()
    for _ in range(1201):
        limiter.wait()
    assert time.now == pytest.approx(2.0)


def test_throttling_slows_everybody_and_answers_speed_up() -> None:
    """Each throttling halves the rate, down to five a second, and each answer adds ten, up to the quota."""
    limiter, _ = _limited()
    assert limiter.throttled(1)
    assert limiter.rate == 300
    limiter.answered()
    assert limiter.rate == 310
    for _ in range(10):
        limiter.throttled(1)
    assert limiter.rate == 5
    for _ in range(100):
        limiter.answered()
    assert limiter.rate == 600


def test_each_try_waits_longer() -> None:
    """The pauses double from 0.4 s up to ten, and end with the twelfth try."""
    limiter, time = _limited()
    waited = []
    for tries in range(1, 12):
        before = time.now
        assert limiter.throttled(tries)
        waited.append(round(time.now - before, 6))
    assert waited == [0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10, 10, 10, 10]
    assert not limiter.throttled(12)
