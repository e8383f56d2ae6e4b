"""Which hops of a chain are taken again, against an endpoint, with the clock set by hand."""

from __future__ import annotations

import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rolechain.runtime import Cause, Hop, HopError
from rolechain.runtime.call import HopCall
from rolechain.runtime.hop_credentials import HopCredentials, line_up
from rolechain.runtime.session_credentials import SessionCredentials
from rolechain.runtime.sts import Sts

MIDDLE = "arn:aws:iam::222222222222:role/middle"
SECOND = "arn:aws:iam::222222222222:role/second"
TARGET = "arn:aws:iam::333333333333:role/target"


@pytest.fixture
def chain(sts: Any, base: Any, clock: Any) -> Any:
    """Makes the credentials of the last of some hops."""

    def make(*arns: str) -> HopCredentials:
        hops = [Hop(arn) for arn in arns]
        return line_up(hops, sts=Sts(base, "us-east-1", clock=clock), session=base, uniform=max)

    return make


def key(credentials: HopCredentials) -> str:
    """The access key id that a request would be signed with now."""
    return str(credentials.get_frozen_credentials().access_key)


def test_a_due_target_with_a_valid_middle_costs_one_call(sts: Any, clock: Any, chain: Any) -> None:
    """The target's shorter session is renewed with the middle's that is still good."""
    sts.lifetimes["target"] = 900
    last = chain(MIDDLE, TARGET)
    key(last)
    clock.now += 601
    assert key(last) == "ASIAtarget.2"
    assert sts.seen[2:] == [("ASIAmiddle.1", "target")]


def test_a_valid_target_with_an_expired_middle_costs_none(sts: Any, clock: Any, chain: Any) -> None:
    """A hop is renewed when it is needed, not because it has run out."""
    sts.lifetimes["middle"] = 900
    last = chain(MIDDLE, TARGET)
    key(last)
    clock.now += 1800
    assert key(last) == "ASIAtarget.1"
    assert len(sts.calls) == 2


def test_two_targets_share_an_expired_middle(sts: Any, base: Any, clock: Any) -> None:
    """With the middle run out, two due targets cost one call for it and one each, threads or not."""
    shared = Sts(base, "us-east-1", clock=clock)
    middle = HopCredentials(HopCall(Hop(MIDDLE), shared, 1, 2), base)
    ends = [HopCredentials(HopCall(Hop(TARGET + name), shared, 2, 2), middle) for name in "ab"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(key, ends))
        clock.now += 7200
        list(pool.map(key, ends))
    assert sts.seen[3] == ("AKIABASE", "middle")
    assert sorted(sts.seen[4:]) == [("ASIAmiddle.2", "targeta"), ("ASIAmiddle.2", "targetb")]
    assert len(sts.calls) == 6


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", "The security token included in the request is expired"),
        ("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole with an explicit deny"),
    ],
)
def test_a_middle_that_is_over_is_taken_again_once(
    sts: Any, clock: Any, chain: Any, code: str, message: str
) -> None:
    """A middle that has expired or been revoked is assumed again, and the target's call made again, once."""
    sts.lifetimes["target"] = 900
    last = chain(MIDDLE, TARGET)
    key(last)
    clock.now += 900
    sts.script("target", sts.error(code, message, 403))
    assert key(last) == "ASIAtarget.2"
    assert sts.seen[2:] == [("ASIAmiddle.1", "target"), ("AKIABASE", "middle"), ("ASIAmiddle.2", "target")]


def test_a_middle_that_stays_refused_is_named(sts: Any, clock: Any, chain: Any) -> None:
    """If the new middle is refused too there is no third try, and the error names the middle as the caller."""
    sts.lifetimes["target"] = 900
    last = chain(MIDDLE, TARGET)
    key(last)
    clock.now += 900
    sts.script("target", *[sts.error("ExpiredToken", "expired", 403)] * 2)
    with pytest.raises(HopError) as caught:
        key(last)
    assert caught.value.caller_arn == sts.arns["ASIAmiddle.2"]
    assert (caught.value.index, caught.value.cause) == (2, Cause.SOURCE_CREDENTIALS)
    assert len(sts.seen) == 5


def test_a_middle_that_cannot_be_taken_again_is_the_error(sts: Any, clock: Any, chain: Any) -> None:
    """If the middle itself is refused when it is renewed, the error is the middle's."""
    sts.lifetimes["target"] = 900
    last = chain(MIDDLE, TARGET)
    key(last)
    clock.now += 900
    sts.allows = lambda _caller, _call: False
    with pytest.raises(HopError, match="hop 1 of 2 refused") as caught:
        key(last)
    assert caught.value.role_arn == MIDDLE
    assert sts.seen[2:] == [("ASIAmiddle.1", "target"), ("AKIABASE", "middle")]


def test_a_revoked_chain_is_found_out_hop_by_hop(sts: Any, clock: Any, chain: Any) -> None:
    """With the sessions of two middle roles revoked, each is taken again once."""
    sts.lifetimes["target"] = 900
    last = chain(MIDDLE, SECOND, TARGET)
    key(last)
    clock.now += 900
    revoked = {"ASIAmiddle.1", "ASIAsecond.1"}
    sts.allows = lambda _caller, call: call.access_key not in revoked
    assert key(last) == "ASIAtarget.2"
    assert sts.seen[3:] == [
        ("ASIAsecond.1", "target"),
        ("ASIAmiddle.1", "second"),
        ("AKIABASE", "middle"),
        ("ASIAmiddle.2", "second"),
        ("ASIAsecond.2", "target"),
    ]


def test_a_cold_chain_that_is_refused_costs_its_calls_only(sts: Any, clock: Any, chain: Any) -> None:
    """A middle that was obtained just now is not suspected: a plain refusal costs no second middle."""
    sts.allows = lambda _caller, call: call.role != "target"
    last = chain(MIDDLE, TARGET)
    for _ in range(10):
        with pytest.raises(HopError, match="hop 2 of 2 refused"):
            key(last)
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "target")]


@pytest.mark.parametrize(
    "fault", ["throttled", "unavailable", "reset", "no time", "no such time", "no token", "html"]
)
def test_a_passing_fault_keeps_the_session_at_hand_whole(
    sts: Any, clock: Any, chain: Any, fault: str
) -> None:
    """Throttling, a server's fault, a reset and a broken answer leave key, secret and token as they were."""
    last = chain(TARGET)
    before = last.get_frozen_credentials()
    clock.now += 46 * 60
    sts.script(
        "target",
        {
            "throttled": sts.error("Throttling", "Rate exceeded"),
            "unavailable": sts.error("ServiceUnavailable", status=503),
            "reset": lambda: None,
            "no time": sts.assumed("target", without="Expiration"),
            "no such time": sts.assumed("target", expiration="soon"),
            "no token": sts.assumed("target", without="SessionToken"),
            "html": sts.raw("<html><body>Log in<br></body></html>"),
        }[fault],
    )
    assert last.get_frozen_credentials() == before
    assert len(sts.calls) == 2
    clock.now += 299
    assert last.get_frozen_credentials() == before
    assert len(sts.calls) == 2


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        ("over", Cause.CLOCK, "over already: set this machine's clock"),
        ("no time", Cause.UNKNOWN, "the answer of STS lacks Expiration"),
        ("no such time", Cause.UNKNOWN, "the answer of STS cannot be read"),
        ("no key", Cause.UNKNOWN, "the answer of STS lacks AccessKeyId"),
        ("html", Cause.UNKNOWN, "the answer of STS"),
        ("line break", Cause.UNKNOWN, "SessionToken in the answer of STS holds a blank or a line break"),
    ],
)
def test_a_broken_answer_on_a_cold_chain_is_an_error(
    sts: Any, clock: Any, chain: Any, fault: str, cause: Cause, words: str
) -> None:
    """With nothing at hand an answer that is no use is an error that says what is wrong with it."""
    sts.script(
        "target",
        {
            "over": sts.assumed("target", expiration="2020-01-01T00:00:00Z"),
            "no time": sts.assumed("target", without="Expiration"),
            "no such time": sts.assumed("target", expiration="soon"),
            "no key": sts.assumed("target", without="AccessKeyId"),
            "html": sts.raw("<html><body>Log in</body></html>"),
            "line break": sts.raw(sts.assumed("target")()[1].replace("</SessionToken>", "\n</SessionToken>")),
        }[fault],
    )
    with pytest.raises(HopError, match=words) as caught:
        key(chain(TARGET))
    assert caught.value.cause is cause
    assert "secret-of" not in str(caught.value)
    assert "token-of" not in str(caught.value)


@pytest.mark.parametrize("cut", ["</SecretAccessKey>", "<Expiration>"])
def test_an_answer_that_breaks_off_gives_no_secret_away(sts: Any, clock: Any, chain: Any, cut: str) -> None:
    """What was received of a broken answer is in no part of the error, the traceback included."""
    sts.script("target", sts.assumed("target", cut=cut))
    with pytest.raises(HopError, match="the answer of STS cannot be read") as caught:
        key(chain(TARGET))
    shown = "".join(traceback.format_exception(caught.value))
    error: BaseException | None = caught.value
    while error is not None:
        shown += repr(error)
        error = error.__cause__ or error.__context__
    assert "secret-of" not in shown
    assert "token-of" not in shown


def test_a_rejection_does_not_wait_for_a_renewal(sts: Any, clock: Any, chain: Any) -> None:
    """What a service says of a session is noted while STS is being called: an event loop must not wait for that."""
    credentials = chain(TARGET)
    assert key(credentials) == "ASIAtarget.1"
    clock.now += 50 * 60
    noted = []

    def reject() -> tuple[int, str]:
        thread = threading.Thread(target=credentials.invalidate, args=["ASIAtarget.1"])
        thread.start()
        thread.join(10)
        noted.append(not thread.is_alive())
        return sts.error("Throttling", "Rate exceeded")()  # type: ignore[no-any-return]

    sts.script("target", reject)
    with pytest.raises(HopError, match="Rate exceeded"):
        key(credentials)
    assert noted == [True]
    assert key(credentials) == "ASIAtarget.2"


def test_no_secret_is_shown() -> None:
    """The repr of a session's credentials holds neither secret nor token."""
    shown = repr(SessionCredentials("key", "hush1", "hush2", 1.0, 0.0, "arn"))
    assert "hush" not in shown
    assert "key" in shown
