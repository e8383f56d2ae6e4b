"""What a session over a chain refuses before any call, and how a hop that fails reaches the user."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import boto3
import pytest

from rolechain import ChainError
from rolechain.runtime import Cause, Hop, HopError, chain_session

MIDDLE = "arn:aws:iam::222222222222:role/rolechain/middle"
SECOND = "arn:aws:iam::222222222222:role/rolechain/second"
TARGET = "arn:aws:iam::333333333333:role/rolechain/target"


@pytest.mark.parametrize("code", ["12345", "1234567", "abcdef", 123456, "١٢٣٤٥٦"])
def test_what_is_no_code_is_not_sent(sts: Any, base: Any, code: Any) -> None:
    """Anything but six digits is refused before the call, and is not repeated in the error."""
    session = chain_session(Hop(MIDDLE, serial_number="GAHT12345678", token_code=lambda: code), session=base)
    with pytest.raises(HopError) as caught:
        session.client("s3").list_buckets()
    assert caught.value.cause is Cause.SOURCE_CREDENTIALS
    assert str(code) not in str(caught.value)
    assert sts.calls == []


def test_without_a_region_nothing_is_called(sts: Any) -> None:
    """No region is one clear line, not a call to the global endpoint."""
    with pytest.raises(ChainError, match=r"^region_name: no region is set: pass region_name") as caught:
        chain_session(MIDDLE, session=boto3.Session("AKIABASE", "s"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("region", ["us-east-1a", "us-east1", "nowhere"])
def test_a_region_that_is_none_is_refused(sts: Any, base: Any, region: str) -> None:
    """A name that no region has is one clear line, not a host that cannot be found."""
    with pytest.raises(ChainError) as caught:
        chain_session(MIDDLE, session=base, region_name=region)
    assert str(caught.value) == f"region_name: {region!r} is not a region: name one such as us-east-1"
    assert sts.calls == []


@pytest.mark.parametrize(
    ("hops", "message"),
    [
        ([], "hops: none given"),
        ([MIDDLE, TARGET.replace("arn:aws:", "arn:aws-cn:")], "no hop crosses partitions"),
        ([MIDDLE.replace("arn:aws:", "arn:aws-us-gov:")], "region eu-central-1 in aws: change one"),
        ([MIDDLE, Hop(TARGET, duration_seconds=3601)], "hop 2 of 2, .*duration_seconds: 3601 is over 3600"),
        (
            [MIDDLE, Hop(TARGET, serial_number="GAHT12345678", token_code=lambda: "123456")],
            "hop 2 of 2, .*serial_number: a role session has no MFA device",
        ),
        (
            [Hop(MIDDLE, tags={"Team": "a"}, transitive_tag_keys=["Team"]), Hop(TARGET, tags={"team": "b"})],
            "hop 2 of 2, .*tags: 'team' is inherited from hop 1",
        ),
        (
            [Hop(MIDDLE, source_identity="ann"), SECOND, Hop(TARGET, source_identity="bob")],
            "hop 3 of 3, .*source_identity: 'bob' differs from hop 1's 'ann'",
        ),
        (
            ["arn:aws:iam::1:role/x", "y"],
            "(?s)'arn:aws:iam::1:role/x' is not a role's ARN.*'y' is not a role's ARN",
        ),
    ],
)
def test_what_sts_would_refuse_is_refused_first(sts: Any, base: Any, hops: list[Any], message: str) -> None:
    """What cannot work is said at once, naming the hop, and costs no call."""
    with pytest.raises(ChainError, match=message):
        chain_session(*hops, session=base)
    assert sts.calls == []


def test_the_first_hop_may_last_twelve_hours(sts: Any, base: Any) -> None:
    """The hour of chained sessions does not bind the first hop, whose caller may be a user."""
    chain_session(Hop(MIDDLE, duration_seconds=43200), session=base).client("s3").list_buckets()
    assert sts.calls[0].parameters["DurationSeconds"] == "43200"


def test_a_refused_hop_reaches_the_user_as_its_error(sts: Any, base: Any) -> None:
    """A request of any client raises the error of the hop that failed, botocore's own beneath it."""
    sts.allows = lambda _caller, call: call.role != "target"
    session = chain_session(MIDDLE, TARGET, session=base)
    with pytest.raises(HopError) as caught:
        session.client("s3").list_buckets()
    error = caught.value
    caller = sts.arns["ASIAmiddle.1"]
    assert (error.index, error.total, error.role_arn, error.caller_arn) == (2, 2, TARGET, caller)
    assert (error.code, error.cause, error.request_id) == ("AccessDenied", Cause.UNKNOWN, "req-AccessDenied")
    assert str(error).startswith(
        f"hop 2 of 2 refused: {caller} may not assume {TARGET}: AccessDenied: User: "
    )
    assert type(error.__cause__).__name__ == "ClientError"
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(again), again.index, again.cause, again.denied) == (str(error), 2, Cause.UNKNOWN, True)


def test_no_credentials_at_all_is_an_error_of_the_first_hop(
    sts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base without credentials is named as such, with no call."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", sts.url)
    session = chain_session(MIDDLE, TARGET, session=boto3.Session(region_name="eu-west-1"))
    with pytest.raises(
        HopError, match=r"hop 1 of 2 failed: no working credentials .*NoCredentialsError"
    ) as caught:
        session.client("s3").list_buckets()
    assert caught.value.cause is Cause.SOURCE_CREDENTIALS
    assert sts.calls == []


def test_a_failing_provider_is_an_error_of_the_first_hop(
    sts: Any, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the base's own provider raises comes out as the first hop's error, with its cause."""

    def fail() -> None:
        raise RuntimeError("the helper program has gone")

    monkeypatch.setattr(base, "get_credentials", fail)
    with pytest.raises(HopError, match="the helper program has gone") as caught:
        chain_session(MIDDLE, session=base).client("s3").list_buckets()
    assert (caught.value.index, caught.value.cause) == (1, Cause.SOURCE_CREDENTIALS)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("part", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"])
@pytest.mark.parametrize("added", ["\n", " ", "\r\n", "\u2026"])
def test_what_was_copied_with_a_line_break_is_not_sent_and_not_repeated(
    sts: Any, part: str, added: str
) -> None:
    """Keys that no request can carry are refused before any call, where an HTTP client would print them."""
    keys: Any = {
        "aws_access_key_id": "AKIAHUSH",
        "aws_secret_access_key": "hush",
        "aws_session_token": "hush",
    }
    keys[part] += added + "hush"
    session = chain_session(MIDDLE, session=boto3.Session(region_name="eu-west-1", **keys))
    with pytest.raises(HopError, match=r"hop 1 of 1 failed: .* line break.*: copy them anew") as caught:
        session.client("s3").list_buckets()
    assert caught.value.cause is Cause.SOURCE_CREDENTIALS
    assert "hush" not in "".join(traceback.format_exception(caught.value))
    assert sts.calls == []


def test_what_sts_repeats_of_the_signer_is_in_no_traceback(sts: Any, base: Any) -> None:
    """A refusal that repeats the request, session token included, is shown without it, botocore's error too."""
    text = "The request signature does not match.\n\nThe Canonical String:\n'POST\nx-amz-security-token:"
    sts.script("target", sts.error("SignatureDoesNotMatch", f"{text}token-of-ASIAmiddle.1'", 403))
    with pytest.raises(
        HopError, match="SignatureDoesNotMatch: The request signature does not match"
    ) as caught:
        chain_session(MIDDLE, TARGET, session=base).client("s3").list_buckets()
    shown = "".join(traceback.format_exception(caught.value))
    assert "x-amz-security-token:***'" in shown
    assert "token-of" not in shown
    cause: Any = caught.value.__cause__
    assert "token-of" not in str(cause.response)


def test_an_unreachable_endpoint_is_the_network(sts: Any, base: Any) -> None:
    """A connection that breaks off is told as the network's fault."""
    sts.script("middle", lambda: None)
    with pytest.raises(HopError, match=r"hop 1 of 1 failed: .*ConnectionClosedError") as caught:
        chain_session(MIDDLE, session=base).client("s3").list_buckets()
    assert caught.value.cause is Cause.NETWORK


@pytest.mark.parametrize("url", ["not a url", "127.0.0.1:1"])
def test_a_wrong_endpoint_is_an_error_of_the_hop(
    base: Any, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """An endpoint that is no address does not come out as a bare ValueError."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    with pytest.raises(HopError, match="hop 1 of 1 failed"):
        chain_session(MIDDLE, session=base).client("s3").list_buckets()


@pytest.mark.parametrize(
    ("sent", "unsent"),
    [
        ({}, "external id, session tags or source identity"),
        ({"external_id": "ticket-7"}, "session tags or source identity"),
        ({"external_id": "ticket-7", "tags": {"Team": "a"}}, "source identity"),
    ],
)
@pytest.mark.parametrize("reason", ["", " because no role trust policy allows the sts:AssumeRole action"])
def test_a_refusal_says_first_what_was_not_sent(
    sts: Any, base: Any, sent: Any, unsent: str, reason: str
) -> None:
    """A forgotten external id is what a newcomer is refused for most: the advice begins with it."""
    text = (
        f"User: arn:aws:iam::999999999999:user/base is not authorized to perform: sts:AssumeRole on: {TARGET}"
    )
    sts.script("target", sts.error("AccessDenied", text + reason, 403))
    with pytest.raises(HopError) as caught:
        chain_session(Hop(TARGET, **sent), session=base).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    advice = f"the call sent no {unsent}: add what the trust policy of {TARGET} asks for; "
    assert caught.value.advice.startswith(advice)
    assert f"; {advice}" in str(caught.value)


def test_a_refusal_of_the_callers_side_says_nothing_of_what_was_not_sent(sts: Any, base: Any) -> None:
    """Where STS names another policy, or all was sent, the advice is that policy's."""
    text = "is not authorized to perform: sts:AssumeRole because no identity-based policy allows the action"
    sts.script("target", sts.error("AccessDenied", text, 403))
    with pytest.raises(HopError) as caught:
        chain_session(TARGET, session=base).get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    assert "the call sent no" not in str(caught.value)
