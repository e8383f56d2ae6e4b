"""One value, four judges: the chain's validation, the runtime, the local STS, and botocore's model of STS."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import example, given
from hypothesis import strategies as st

from rolechain import Chain, ChainError, ChainRole
from rolechain.iam.limits import CHAINED_SECONDS, source_identity_characters_here
from rolechain.local.errors import ServiceError
from rolechain.local.parameters import read
from rolechain.runtime import Hop, HopError
from rolechain.runtime.call import HopCall
from rolechain.runtime.limits import problems_of_chain
from rolechain.runtime.session_credentials import SessionCredentials

MIDDLE, TARGET = "arn:aws:iam::222222222222:role/middle", "arn:aws:iam::333333333333:role/target"
DEVICE = "arn:aws:iam::999999999999:mfa/ann"
SHAPES = Loader().load_service_model("sts", "service-2")["shapes"]

# Legal everywhere, legal somewhere, and what only looks legal.
CHARACTERS = "aZ09_+=,.@-:/ *?#\n\té٣ß\u2028\u00a0\u0301😀"
LENGTHS = [0, 1, 2, 5, 6, 7, 8, 9, 64, 65, 128, 129, 256, 257, 1224, 1225]
texts = st.text(CHARACTERS, max_size=12) | st.sampled_from(LENGTHS).map(lambda n: "a" * n)


def botocore_takes(shape: str, value: Any) -> bool:
    """Whether a value is within the minimum, the maximum and the pattern that botocore's model gives."""
    limits = SHAPES[shape]
    size = value if limits["type"] == "integer" else len(value)
    if not limits.get("min", 0) <= size <= limits.get("max", size):
        return False
    return limits["type"] != "string" or _matches(limits["pattern"], value)


def _matches(pattern: str, value: str) -> bool:
    """A pattern of the model, which is Java's: a word is ASCII there, and ``p{L}`` is a category of Unicode."""
    if r"\p{" not in pattern:
        return re.fullmatch(pattern, value, re.ASCII) is not None
    assert pattern[:-1] == r"[\p{L}\p{Z}\p{N}_.:/=+\-@]"
    fits = (character in "_.:/=+-@" or unicodedata.category(character)[0] in "LZN" for character in value)
    return all(fits) and (bool(value) or pattern[-1] == "*")


def runtime_takes(**passed: Any) -> bool:
    """Whether a hop that passes so can be made."""
    return _accepts(ChainError, lambda: Hop(TARGET, **passed))


def model_takes(**declared: Any) -> bool:
    """Whether a chain whose target is declared so can be made."""
    target = {"account": "333333333333", **declared}
    return _accepts(
        ChainError,
        lambda: Chain("deploy", source=ChainRole("111111111111"), targets=[ChainRole(**target)]),
    )


def local_takes(**parameters: str) -> bool:
    """Whether the local STS takes a call with these parameters."""
    return _accepts(ServiceError, lambda: read({"RoleArn": TARGET, "RoleSessionName": "me", **parameters}))


def _accepts(refusal: type[Exception], make: Callable[[], object]) -> bool:
    try:
        make()
    except refusal:
        return False
    return True


def _is_pattern(value: str) -> bool:
    """Whether a chain takes a value for a pattern of the values that it leaves open."""
    return "*" in value or "?" in value


@given(texts)
def test_session_name(value: str) -> None:
    """The session's name."""
    expected = botocore_takes("roleSessionNameType", value)
    assert runtime_takes(session_name=value) is expected
    assert local_takes(RoleSessionName=value) is expected


@given(texts)
def test_external_id(value: str) -> None:
    """The external id."""
    expected = botocore_takes("externalIdType", value)
    assert runtime_takes(external_id=value) is expected
    assert local_takes(ExternalId=value) is expected
    assert model_takes(external_id=value) is expected


@given(texts)
@example("a" * 64)
@example("a" * 65)
def test_source_identity(value: str) -> None:
    """The source identity, which later releases of botocore take longer: the runtime goes by the installed one."""
    expected = botocore_takes("sourceIdentityType", value)
    assert runtime_takes(source_identity=value) is expected
    if len(value) <= source_identity_characters_here() and not _is_pattern(value):
        assert local_takes(SourceIdentity=value) is expected
        assert model_takes(source_identity=value) is expected


@given(texts, texts)
@example("aws:x", "a")
@example("AWS:x", "a")
def test_session_tags(key: str, value: str) -> None:
    """Key and value of a session tag; that ``aws:`` is reserved is no part of botocore's model."""
    expected = (
        botocore_takes("tagKeyType", key)
        and botocore_takes("tagValueType", value)
        and not key.lower().startswith("aws:")
    )
    assert runtime_takes(tags={key: value}) is expected
    assert local_takes(**{"Tags.member.1.Key": key, "Tags.member.1.Value": value}) is expected
    if not _is_pattern(value):
        assert model_takes(session_tags={key: value}) is expected


@pytest.mark.parametrize("count", [1, 49, 50, 51])
def test_number_of_session_tags(count: int) -> None:
    """How many tags a session has."""
    tags = {f"k{number}": "v" for number in range(count)}
    expected = count <= SHAPES["tagListType"]["max"]
    sent = {f"Tags.member.{number}.Key": key for number, key in enumerate(tags, 1)}
    sent |= {f"Tags.member.{number}.Value": "v" for number in range(1, count + 1)}
    assert runtime_takes(tags=tags) is expected
    assert local_takes(**sent) is expected
    assert model_takes(session_tags=tags) is expected


@given(st.integers(0, 50_000) | st.sampled_from([-1, 899, 900, 3600, 3601, 43200, 43201]))
def test_duration(seconds: int) -> None:
    """How long a session is asked to last; in a chain an hour at most, by the chain and by the runtime."""
    expected = botocore_takes("roleDurationSecondsType", seconds)
    assert runtime_takes(duration_seconds=seconds) is expected
    assert local_takes(DurationSeconds=str(seconds)) is expected
    chained = expected and seconds <= CHAINED_SECONDS
    assert model_takes(duration_seconds=seconds) is chained
    if expected:
        hops = [Hop(MIDDLE), Hop(TARGET, duration_seconds=seconds)]
        assert (not list(problems_of_chain(hops, "us-east-1"))) is chained


@pytest.mark.parametrize("length", [2047, 2048, 2049])
@pytest.mark.parametrize("character", ["a", "é", "€"])
def test_session_policy(length: int, character: str) -> None:
    """The size of a session policy, and its characters, of which none is beyond Latin-1."""
    text = _policy_of(length, character)
    shape = "sessionPolicyDocumentType"
    expected = botocore_takes(shape, text)
    assert runtime_takes(policy=text) is expected
    assert local_takes(Policy=text) is expected
    # A chain writes what is beyond Latin-1 as an escape, which is longer.
    assert model_takes(policy=text) is expected


def _policy_of(length: int, character: str) -> str:
    statement = {"Sid": "a", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}

    def written() -> str:
        return json.dumps(policy, separators=(",", ":"), ensure_ascii=False)

    statement["Resource"] += character * (length - len(written()))
    return written()


@pytest.mark.parametrize("count", [1, 9, 10, 11])
def test_number_of_policy_arns(count: int) -> None:
    """How many managed policies limit a session: ten, says the STS API reference; botocore's model says nothing."""
    arns = [f"arn:aws:iam::aws:policy/p{number}" for number in range(count)]
    sent = {f"PolicyArns.member.{number}.arn": arn for number, arn in enumerate(arns, 1)}
    expected = count <= 10
    assert runtime_takes(policy_arns=arns) is expected
    assert local_takes(**sent) is expected
    assert model_takes(policy_arns=arns) is expected


@pytest.mark.parametrize("length", [204, 205])
def test_policy_arns_together(length: int) -> None:
    """Ten ARNs of 204 characters keep within 2,048, of 205 they do not, whether a policy is passed or none."""
    start = "arn:aws:iam::aws:policy/"
    arns = [f"{start}{'p' * (length - len(start) - 102)}/{'n' * 100}{number}" for number in range(10)]
    assert {len(arn) for arn in arns} == {length}
    assert runtime_takes(policy_arns=arns) is model_takes(policy_arns=arns) is (length == 204)


@given(texts)
def test_serial_number(value: str) -> None:
    """The serial number of an MFA device."""
    expected = botocore_takes("serialNumberType", value)
    assert runtime_takes(serial_number=value, token_code=lambda: "123456") is expected
    assert local_takes(SerialNumber=value) is expected


class _Sts:
    """Gives a session to whoever calls."""

    def assume_role(self, *_: Any) -> SessionCredentials:
        """The session."""
        return SessionCredentials("key", "secret", "token", 2.0, 1.0)


@given(st.text("0123456789٣a \n", max_size=8))
def test_token_code(value: str) -> None:
    """The code of an MFA device."""
    expected = botocore_takes("tokenCodeType", value)
    sts: Any = _Sts()
    call = HopCall(Hop(TARGET, serial_number=DEVICE, token_code=lambda: value), sts)
    signer = SessionCredentials("key", "secret", "")
    assert _accepts(HopError, lambda: call.make(signer)) is expected
    assert local_takes(TokenCode=value) is expected
