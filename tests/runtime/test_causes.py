"""What each text of STS means, and how the error puts it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from rolechain.runtime.error_classification import RECOVERABLE, Cause, cause_of
from rolechain.runtime.errors import HopError, hop_error, source_error

CALLER = "arn:aws:sts::111111111111:assumed-role/deploy-source/ann@host"
ROLE = "arn:aws:iam::222222222222:role/rolechain/deploy-middle"
BARE = f"User: {CALLER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        ("", Cause.UNKNOWN),
        (" because no identity-based policy allows the sts:AssumeRole action", Cause.IDENTITY_POLICY),
        (" because no role trust policy allows the sts:AssumeRole action", Cause.TRUST_POLICY),
        (" because no resource-based policy allows the sts:AssumeRole action", Cause.TRUST_POLICY),
        (" because no session policy allows the sts:AssumeRole action", Cause.SESSION_POLICY),
        (" because no permissions boundary allows the sts:AssumeRole action", Cause.PERMISSIONS_BOUNDARY),
        (" because no service control policy allows the sts:AssumeRole action", Cause.SERVICE_CONTROL_POLICY),
        (
            " because no resource control policy allows the sts:AssumeRole action",
            Cause.RESOURCE_CONTROL_POLICY,
        ),
        (" because no VPC endpoint policy allows the sts:AssumeRole action", Cause.UNKNOWN),
        (" with an explicit deny", Cause.EXPLICIT_DENY),
        (" with an explicit deny in an identity-based policy", Cause.IDENTITY_POLICY),
        (" with an explicit deny in the role trust policy", Cause.TRUST_POLICY),
        (" with an explicit deny in a resource-based policy", Cause.TRUST_POLICY),
        (" with an explicit deny in a session policy", Cause.SESSION_POLICY),
        (" with an explicit deny in a permissions boundary", Cause.PERMISSIONS_BOUNDARY),
        (" with an explicit deny in a service control policy", Cause.SERVICE_CONTROL_POLICY),
        (
            " with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/p-1",
            Cause.SERVICE_CONTROL_POLICY,
        ),
        (" with an explicit deny in a resource control policy", Cause.RESOURCE_CONTROL_POLICY),
        (" with an explicit deny in a VPC endpoint policy", Cause.EXPLICIT_DENY),
    ],
)
def test_a_denial_names_its_side(ending: str, cause: Cause) -> None:
    """The kind of policy that STS names is the cause, denied explicitly or not."""
    assert cause_of("AccessDenied", BARE + ending, 403) is cause
    assert cause not in RECOVERABLE


@pytest.mark.parametrize(
    ("code", "text", "status", "cause", "recoverable"),
    [
        ("AccessDenied", "Roles may not be assumed by root accounts.", 403, Cause.SOURCE_CREDENTIALS, False),
        (
            "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
            403,
            Cause.SOURCE_CREDENTIALS,
            False,
        ),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            400,
            Cause.DURATION,
            False,
        ),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            400,
            Cause.DURATION,
            False,
        ),
        ("ValidationError", "1 validation error detected", 400, Cause.UNKNOWN, False),
        (
            "ExpiredToken",
            "The security token included in the request is expired",
            403,
            Cause.SOURCE_CREDENTIALS,
            False,
        ),
        ("InvalidClientTokenId", "The security token is invalid", 403, Cause.SOURCE_CREDENTIALS, False),
        (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match",
            403,
            Cause.SOURCE_CREDENTIALS,
            False,
        ),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261122T1 is now earlier than 20261122T2",
            403,
            Cause.CLOCK,
            False,
        ),
        (
            "SignatureDoesNotMatch",
            "Signature not yet current: x is still later than y",
            403,
            Cause.CLOCK,
            False,
        ),
        ("RequestExpired", "", 400, Cause.CLOCK, False),
        ("Throttling", "Rate exceeded", 400, Cause.THROTTLED, True),
        ("Anything", "", 429, Cause.THROTTLED, True),
        ("InternalFailure", "", 500, Cause.NETWORK, True),
        ("503", "Service Unavailable", 503, Cause.NETWORK, True),
        ("MalformedPolicyDocument", "Syntax errors in policy.", 400, Cause.SESSION_POLICY, False),
        ("PackedPolicyTooLarge", "", 400, Cause.SESSION_POLICY, False),
        ("RegionDisabledException", "STS is not activated in this region", 403, Cause.UNKNOWN, False),
    ],
)
def test_an_answer_has_its_cause(code: str, text: str, status: int, cause: Cause, recoverable: bool) -> None:
    """Code, text and status give the cause, and whether waiting may help."""
    assert cause_of(code, text, status) is cause
    assert (cause in RECOVERABLE) is recoverable


def _refused(code: str, text: str, secrets: tuple[str, ...] = ()) -> HopError:
    answer: Any = {
        "Error": {"Code": code, "Message": text},
        "ResponseMetadata": {"HTTPStatusCode": 403, "RequestId": "r-1"},
    }
    error = ClientError(answer, "AssumeRole")
    return hop_error(error, index=2, total=3, role_arn=ROLE, caller_arn=None, secrets=secrets)


def test_a_bare_denial_says_to_look_at_both_sides() -> None:
    """STS names no side in its most common text, and the error does not pretend to know."""
    error = _refused("AccessDenied", BARE)
    assert str(error) == (
        f"hop 2 of 3 refused: {CALLER} may not assume {ROLE}: AccessDenied: {BARE}; STS names no side, so look at "
        f"both: the caller's policies must allow sts:AssumeRole on {ROLE}, and the role's trust policy must let this "
        "caller in, its external id and other conditions included"
    )
    assert (error.caller_arn, error.cause, error.request_id) == (CALLER, Cause.UNKNOWN, "r-1")
    assert (error.denied, error.recoverable) == (True, False)


def test_the_action_that_was_refused_is_named() -> None:
    """A denial of sts:TagSession is told as one."""
    text = (
        BARE.replace("sts:AssumeRole", "sts:TagSession") + " because no role trust policy allows the action"
    )
    assert f"change {ROLE}: its trust policy must let this caller in for sts:TagSession" in str(
        _refused("AccessDenied", text)
    )


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_says_what_to_do(cause: Cause) -> None:
    """No cause is without advice, and none leaves a placeholder in the text."""
    texts = {
        Cause.IDENTITY_POLICY: "because no identity-based policy allows",
        Cause.TRUST_POLICY: "because no role trust policy allows",
        Cause.SESSION_POLICY: "because no session policy allows",
        Cause.PERMISSIONS_BOUNDARY: "because no permissions boundary allows",
        Cause.SERVICE_CONTROL_POLICY: "with an explicit deny in a service control policy",
        Cause.RESOURCE_CONTROL_POLICY: "with an explicit deny in a resource control policy",
        Cause.EXPLICIT_DENY: "with an explicit deny",
        Cause.UNKNOWN: "",
        Cause.SOURCE_CREDENTIALS: "may not be assumed by root",
        Cause.CLOCK: "Signature expired",
    }
    codes = {
        Cause.DURATION: "DurationSeconds",
        Cause.THROTTLED: "Throttling",
        Cause.NETWORK: "InternalFailure",
    }
    if cause is Cause.DURATION:
        error = _refused("ValidationError", "DurationSeconds exceeds")
    else:
        error = _refused(codes.get(cause, "AccessDenied"), f"{BARE} {texts.get(cause, '')}")
    assert error.cause is cause
    advice = str(error).rpartition("; ")[2]
    assert len(advice) > 15
    assert "{" not in str(error)
    assert "\n" not in str(error)


def test_what_sts_repeats_of_a_request_is_left_out() -> None:
    """The canonical request in a signature error, session token included, does not reach the message."""
    text = "The signature does not match.\n\nThe Canonical String should have been\n'POST\nx-amz-security-token:HUSH'"
    assert "HUSH" not in str(_refused("SignatureDoesNotMatch", text))


def test_a_secret_in_the_first_line_is_masked() -> None:
    """A secret that STS repeats in its first line is replaced."""
    error = _refused("ValidationError", "Value '654321' at 'tokenCode' failed", secrets=("", "654321"))
    assert "ValidationError: Value '***' at 'tokenCode' failed" in str(error)


def test_a_token_that_no_header_can_hold_is_masked() -> None:
    """What an HTTP client repeats of a provider's own call is left out."""
    error = HTTPClientError(error=ValueError(r"Invalid header value b'hush\n'"))
    told = str(
        hop_error(error, index=1, total=1, role_arn="arn:aws:iam::222222222222:role/x", caller_arn=None)
    )
    assert "Invalid header value ***" in told
    assert "hush" not in told


def test_an_error_without_a_code_has_none() -> None:
    """An empty element of the answer is no text of its own."""
    response: Any = {"Error": {"Code": None, "Message": None}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    error = hop_error(
        ClientError(response, "AssumeRole"),
        index=1,
        total=1,
        role_arn="arn:aws:iam::222222222222:role/x",
        caller_arn=None,
    )
    assert error.code == ""
    assert "None" not in str(error)


def test_a_long_text_is_cut() -> None:
    """The message stays a line one can read."""
    assert len(str(_refused("ValidationError", "x" * 5000))) < 600


@pytest.mark.parametrize(
    ("error", "cause", "recoverable"),
    [
        (EndpointConnectionError(endpoint_url="https://x"), Cause.NETWORK, True),
        (ConnectTimeoutError(endpoint_url="https://x"), Cause.NETWORK, True),
        (ReadTimeoutError(endpoint_url="https://x"), Cause.NETWORK, True),
        (NoCredentialsError(), Cause.SOURCE_CREDENTIALS, False),
        (CredentialRetrievalError(provider="p", error_msg="gone"), Cause.SOURCE_CREDENTIALS, False),
        (ParamValidationError(report="x"), Cause.UNKNOWN, False),
    ],
)
def test_an_exception_of_botocore_has_its_cause(error: Exception, cause: Cause, recoverable: bool) -> None:
    """What is no answer of STS is read by its class."""
    made = hop_error(error, index=1, total=2, role_arn=ROLE, caller_arn=None)
    assert (made.cause, made.recoverable, made.code) == (cause, recoverable, type(error).__name__)
    assert (made.request_id, made.denied) == (None, False)
    assert str(made).startswith(
        f"hop 1 of 2 failed: the session that the chain starts from could not assume {ROLE}: "
    )


def test_a_provider_that_cannot_reach_its_service_is_the_network() -> None:
    """A base whose own renewal is cut off is not blamed for its credentials, and may be tried again."""
    made = source_error(EndpointConnectionError(endpoint_url="https://x"), index=1, total=2, role_arn=ROLE)
    assert (made.cause, made.recoverable) == (Cause.NETWORK, True)
    assert "give credentials" not in str(made)
