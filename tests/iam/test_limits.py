"""The limits of names, ids and values are those of botocore's models of STS, IAM and Organizations."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader

from rolechain.iam import limits

CHARACTERS = [chr(code) for code in (*range(0x300), 0x400, 0x4E00, 0x660, 0x2028, 0xD7FF, 0xE000, 0xFFFD)]


@cache
def shapes(service: str) -> dict[str, Any]:
    """The shapes of a service's model."""
    found: dict[str, Any] = Loader().load_service_model(service, "service-2")["shapes"]
    return found


def member(request: str, name: str, service: str = "sts") -> dict[str, Any]:
    """The shape of one parameter of a call."""
    of_service = shapes(service)
    shape: dict[str, Any] = of_service[of_service[request]["members"][name]["shape"]]
    return shape


def documentation(name: str) -> str:
    """What the model of AssumeRole says of a parameter in words."""
    text: str = shapes("sts")["AssumeRoleRequest"]["members"][name]["documentation"]
    return text


def takes(shape: dict[str, Any], text: str) -> bool:
    r"""Whether a text is one that a shape takes; a ``\p{L}`` of its pattern is any letter, as in Java."""
    characters = "".join(CHARACTERS)
    pattern = re.sub(
        r"\\p\{(\w)\}",
        lambda found: re.escape("".join(c for c in characters if unicodedata.category(c)[0] == found[1])),
        shape["pattern"],
    )
    return (
        shape.get("min", 0) <= len(text) <= shape.get("max", len(text))
        and re.fullmatch(pattern, text, re.ASCII) is not None
    )


@pytest.mark.parametrize(
    ("pattern", "shape", "text"),
    [
        (limits.SESSION_NAME, member("AssumeRoleRequest", "RoleSessionName"), "deploy"),
        (limits.EXTERNAL_ID, member("AssumeRoleRequest", "ExternalId"), "deploy"),
        (limits.MFA_SERIAL_NUMBER, member("AssumeRoleRequest", "SerialNumber"), "GAHT12345678"),
        (limits.TOKEN_CODE, member("AssumeRoleRequest", "TokenCode"), "123456"),
        (limits.SESSION_POLICY, member("AssumeRoleRequest", "Policy"), '{"Version": "2012-10-17"}'),
        (limits.ACCOUNT, shapes("organizations")["AccountId"], "111111111111"),
        (limits.ORGANIZATION, shapes("organizations")["OrganizationId"], "o-exampleorg1"),
    ],
)
def test_a_pattern_takes_what_the_model_takes(
    pattern: re.Pattern[str], shape: dict[str, Any], text: str
) -> None:
    """The same characters are taken, at every place of a legal text, and the same lengths."""
    assert pattern.fullmatch(text)
    lengths = [bound + by for bound in (shape.get("min"), shape.get("max")) if bound for by in (-1, 0, 1)]
    probes = [text[:place] + each + text[place + 1 :] for each in CHARACTERS for place in (0, len(text) - 1)]
    probes += [text[-1] * length for length in lengths] + [(text * 40)[:length] for length in lengths] + [""]
    differing = [each for each in probes if takes(shape, each) is (pattern.fullmatch(each) is None)]
    assert differing == []


@pytest.mark.parametrize(
    ("pattern", "characters", "shape", "text"),
    [
        (
            limits.ROLE_NAME,
            limits.ROLE_NAME_CHARACTERS,
            member("CreateRoleRequest", "RoleName", "iam"),
            "deploy",
        ),
        (limits.PATH, limits.PATH_CHARACTERS, member("CreateRoleRequest", "Path", "iam"), "/team/"),
    ],
)
def test_a_name_of_a_role_is_what_the_model_takes(
    pattern: re.Pattern[str], characters: int, shape: dict[str, Any], text: str
) -> None:
    """Pattern and length of a role's name and path are those of CreateRole."""
    assert (shape["min"], shape["max"]) == (1, characters)
    for each in CHARACTERS:
        for probe in (each, each + text, text + each, text[:2] + each + text[2:]):
            assert (pattern.fullmatch(probe) is not None) is takes(shape, probe), probe
    assert not pattern.fullmatch("")


def test_a_source_identity_is_what_the_model_takes() -> None:
    """Pattern and least length are the model's; the most is AWS's of today, and what the installed botocore sends."""
    shape = member("AssumeRoleRequest", "SourceIdentity")
    assert limits.source_identity_characters_here() == shape["max"]
    assert limits.SOURCE_IDENTITY_CHARACTERS_BEFORE <= shape["max"] <= limits.SOURCE_IDENTITY_CHARACTERS
    for probe in [*("b" + each for each in CHARACTERS), "b", "bb", "b" * shape["max"], ""]:
        assert (limits.SOURCE_IDENTITY.fullmatch(probe) is not None) is takes(shape, probe), probe
    longest = "b" * limits.SOURCE_IDENTITY_CHARACTERS
    assert limits.SOURCE_IDENTITY.fullmatch(longest)
    assert not limits.SOURCE_IDENTITY.fullmatch(longest + "b")


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("tagKeyType", 1, limits.TAG_KEY_CHARACTERS), ("tagValueType", 0, limits.TAG_VALUE_CHARACTERS)],
)
def test_a_tag_is_what_the_model_takes(name: str, least: int, most: int) -> None:
    """Characters and lengths of a tag's key and value are the model's, in any language."""
    shape = shapes("sts")[name]
    assert (shape["min"], shape["max"]) == (least, most)
    assert [each for each in CHARACTERS if limits.is_tag_text(each) is not takes(shape, each)] == []


def test_numbers_are_those_of_the_model() -> None:
    """How long sessions last, and how many tags and policies a call passes."""
    seconds = member("AssumeRoleRequest", "DurationSeconds")
    assert range(seconds["min"], seconds["max"] + 1) == limits.SESSION_SECONDS
    of_role = member("CreateRoleRequest", "MaxSessionDuration", "iam")
    assert range(of_role["min"], of_role["max"] + 1) == limits.ROLE_SECONDS
    assert member("AssumeRoleRequest", "Tags")["max"] == limits.SESSION_TAGS
    # The model gives these two in words only.
    assert f"up to {limits.SESSION_POLICY_ARNS} managed policy ARNs" in documentation("PolicyArns")
    for name in ("Policy", "PolicyArns"):
        assert f"can't exceed {limits.SESSION_POLICY_CHARACTERS:,} characters" in documentation(name)
