"""Where a chain starts: what kind of session that is, MFA, and this machine's clock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import Credentials

from rolechain.runtime import Cause, Hop, HopError, chain_session, legal_session_name
from rolechain.runtime.call import HopCall
from rolechain.runtime.hop_credentials import line_up
from rolechain.runtime.sts import Sts, clock_skew, skew_in_words

MIDDLE = "arn:aws:iam::222222222222:role/middle"
TARGET = "arn:aws:iam::333333333333:role/target"
DEVICE = "arn:aws:iam::999999999999:mfa/base"


def test_a_profile_that_assumes_a_role_counts_as_a_hop(
    sts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A session that botocore got by AssumeRole cannot ask for more than an hour, and is told before any call."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", sts.url)
    (tmp_path / "config").write_text(
        "[profile user]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n"
        f"[profile work]\nregion = eu-west-1\nrole_arn = {MIDDLE}\nsource_profile = user\n"
    )
    work = boto3.Session(profile_name="work")
    with pytest.raises(HopError) as caught:
        chain_session(
            Hop(TARGET, duration_seconds=7200), session=work
        ).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert str(caught.value) == (
        f"hop 1 of 1 failed: {TARGET}: duration_seconds: 7200 is over 3600, and the session that the chain starts "
        "from is a role's (by assume-role): ask for less"
    )
    assert caught.value.cause is Cause.DURATION
    assert sts.calls == []
    chain_session(Hop(TARGET, duration_seconds=3600), session=work).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert sts.seen == [("AKIABASE", "middle"), ("ASIAmiddle.1", "target")]


def test_a_session_over_a_chain_counts_as_a_hop(sts: Any, base: Any) -> None:
    """The hour binds the first hop of a chain that starts from another chain's session."""
    first = chain_session(MIDDLE, session=base)
    with pytest.raises(HopError, match="7200 is over 3600"):
        chain_session(
            Hop(TARGET, duration_seconds=7200), session=first
        ).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert sts.calls == []


@pytest.mark.parametrize("method", ["assume-role", "assume-role-with-web-identity", "sso", "rolechain"])
def test_a_role_session_has_no_device(
    sts: Any, base: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A code is not even asked for where a role session would make the call."""
    monkeypatch.setattr(base, "get_credentials", lambda: Credentials("AKIABASE", "s", "t", method=method))
    hop = Hop(MIDDLE, serial_number=DEVICE, token_code=lambda: pytest.fail("asked"))
    with pytest.raises(HopError, match=r"serial_number: .* which has no MFA device") as caught:
        chain_session(hop, session=base).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert caught.value.cause is Cause.SOURCE_CREDENTIALS
    assert sts.calls == []


@pytest.mark.parametrize(
    "method", ["iam-role", "container-role", "env", "shared-credentials-file", "explicit"]
)
def test_the_first_role_of_a_workload_is_no_hop(
    sts: Any, base: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """EC2, ECS and Lambda give their role as a workload's own: its first hop may last longer than an hour."""
    sts.arns["AKIABASE"] = "arn:aws:sts::999999999999:assumed-role/workload/i-1"
    monkeypatch.setattr(base, "get_credentials", lambda: Credentials("AKIABASE", "s", "t", method=method))
    chain_session(
        Hop(MIDDLE, duration_seconds=43200), session=base
    ).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert sts.calls[-1].parameters["DurationSeconds"] == "43200"


def test_a_users_session_is_held_to_an_hour(sts: Any, base: Any) -> None:
    """STS gives a session of GetSessionToken no longer one: it is refused before AssumeRole is called."""
    sts.arns["ASIAUSER"] = "arn:aws:iam::999999999999:user/ann"
    start = boto3.Session("ASIAUSER", "s", "t", region_name="us-east-1")
    with pytest.raises(HopError, match="duration_seconds: 7200 is over 3600, and the session") as caught:
        chain_session(
            Hop(MIDDLE, duration_seconds=7200), session=start
        ).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert caught.value.cause is Cause.DURATION
    assert sts.seen == []
    chain_session(
        Hop(MIDDLE, duration_seconds=3600), session=start
    ).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert [call.action for call in sts.calls] == ["GetCallerIdentity", "AssumeRole"]


def test_who_is_not_known_to_be_a_user_is_left_to_sts(sts: Any, base: Any) -> None:
    """A role's session may be a workload's first one, and an access key is none: STS decides."""
    sts.arns["ASIAROLE"] = "arn:aws:sts::999999999999:assumed-role/workload/i-1"
    for key, token in (("ASIAROLE", "t"), ("AKIABASE", None)):
        start = boto3.Session(key, "s", token, region_name="us-east-1")
        chain_session(
            Hop(MIDDLE, duration_seconds=7200), session=start
        ).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert [caller for caller, _ in sts.seen] == ["ASIAROLE", "AKIABASE"]


def test_a_code_is_asked_for_once(sts: Any, base: Any, clock: Any) -> None:
    """The session serves to its end without a renewal, and is then over, in words that say what to do."""
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return "123456"

    hops = [Hop(MIDDLE, serial_number=DEVICE, token_code=ask), Hop(TARGET)]
    sts.lifetimes["target"] = 900
    last = line_up(hops, sts=Sts(base, "us-east-1", clock=clock), session=base, uniform=max)
    for _ in range(6):
        last.get_frozen_credentials()
        clock.now += 599
    assert asked == [1]
    assert [role for _, role in sts.seen].count("middle") == 1
    clock.now += 900
    for _ in range(3):
        with pytest.raises(
            HopError, match=r"hop 1 of 2 failed: .*the MFA code was good for one call"
        ) as caught:
            last.get_frozen_credentials()
        assert caught.value.cause is Cause.SOURCE_CREDENTIALS
        clock.now += 60
    assert asked == [1]


def test_a_wrong_code_may_be_followed_by_a_right_one(sts: Any, base: Any, clock: Any) -> None:
    """As long as no session was given the next reading asks again."""
    codes = iter(["111111", "222222"])
    hop = Hop(MIDDLE, serial_number=DEVICE, token_code=lambda: next(codes))
    text = "MultiFactorAuthentication failed with invalid MFA one time pass code."
    sts.script("middle", sts.error("AccessDenied", text, 403))
    last = line_up([hop], sts=Sts(base, "us-east-1", clock=clock), session=base, uniform=max)
    with pytest.raises(HopError, match="invalid MFA one time pass code"):
        last.get_frozen_credentials()
    clock.now += 6
    assert last.get_frozen_credentials().access_key == "ASIAmiddle.1"


def test_a_target_that_stays_refused_does_not_renew_the_middle_each_time(
    sts: Any, base: Any, clock: Any
) -> None:
    """A middle that was obtained less than a minute ago is not suspected of being revoked."""
    hops = [Hop(MIDDLE), Hop(TARGET)]
    last = line_up(hops, sts=Sts(base, "us-east-1", clock=clock), session=base, uniform=max)
    last.get_frozen_credentials()
    clock.now += 50 * 60
    sts.allows = lambda _caller, call: call.role != "target"
    for _ in range(5):
        with pytest.raises(HopError, match="hop 2 of 2 refused"):
            last.get_frozen_credentials()
        clock.now += 5
    assert [role for _, role in sts.seen].count("middle") == 2


@pytest.mark.parametrize(
    ("ahead", "words"), [(600, "10 minutes behind that of STS"), (-91, "90 s ahead of that of STS")]
)
def test_a_wrong_clock_is_noticed_and_reported_once(
    sts: Any, base: Any, caplog: pytest.LogCaptureFixture, ahead: float, words: str
) -> None:
    """The date of an answer tells how far this machine's clock is off, and the log says so once."""
    now = [float(int(time.time()))]
    sts.date = lambda: now[0] + ahead
    service = Sts(base, "us-east-1", clock=lambda: now[0])
    for hop in (MIDDLE, TARGET):
        line_up([Hop(hop)], sts=service, session=base).get_frozen_credentials()
    assert service.skew == pytest.approx(ahead, abs=1)
    assert [record.message for record in caplog.records if record.name.startswith("rolechain")] == [
        f"this machine's clock is {words}: calls are refused from five minutes on"
    ]


def test_a_clock_that_is_right_is_not_mentioned(
    sts: Any, base: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A second more or less is none."""
    service = Sts(base, "us-east-1")
    line_up([Hop(MIDDLE)], sts=service, session=base).get_frozen_credentials()
    assert abs(service.skew) < 2
    assert [record for record in caplog.records if record.name.startswith("rolechain")] == []


def test_an_error_of_the_clock_says_by_how_much(sts: Any, base: Any) -> None:
    """What STS refuses for its date names the difference."""
    now = [float(int(time.time()))]
    sts.date = lambda: now[0] + 1200
    text = "Signature expired: 20261122T120000Z is now earlier than 20261122T121500Z"
    sts.script("middle", sts.error("SignatureDoesNotMatch", text, 403))
    call = HopCall(Hop(MIDDLE), Sts(base, "us-east-1", clock=lambda: now[0]))
    with pytest.raises(HopError) as caught:
        call.make(call.starting_signer(base))
    assert caught.value.cause is Cause.CLOCK
    assert str(caught.value).endswith("; this machine's clock is 20 minutes behind that of STS: set it")


@pytest.mark.parametrize("date", [None, "", "soon", "Sun, 99 Nov 2026 14:00:00 GMT"])
def test_an_answer_without_a_date_tells_nothing(date: str | None) -> None:
    """A proxy may leave the header out, or write anything in it."""
    headers = {} if date is None else {"date": date}
    assert clock_skew({"ResponseMetadata": {"HTTPHeaders": headers}}, 1.0, 2.0) == 0.0
    assert clock_skew({}, 1.0, 2.0) == 0.0


def test_the_date_counts_whole_seconds() -> None:
    """Within the second and the time of the call nothing is concluded."""
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": "Thu, 01 Jan 1970 00:16:40 GMT"}}}
    assert [clock_skew(answer, sent, sent + 0.5) for sent in (999.6, 1000.0, 1000.9, 1001.0)] == [0.0] * 4
    assert clock_skew(answer, 1003.0, 1003.5) == -2.0
    assert clock_skew(answer, 990.0, 995.0) == 5.0
    assert skew_in_words(-150) == "this machine's clock is 2 minutes ahead of that of STS"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ann", "ann"),
        ("Ann Bö <ann@example.org>", "Ann-B---ann@example.org-"),
        ("", "--"),
        ("ä", "--"),
        ("x" * 70, "x" * 64),
        ("repo:acme/app:ref", "repo-acme-app-ref"),
    ],
)
def test_a_name_from_a_user_is_made_legal(text: str, name: str) -> None:
    """What STS refuses is replaced, what is too long is cut, what is too short is filled up."""
    assert legal_session_name(text) == name
    assert Hop(MIDDLE, session_name=name).session_name == name
