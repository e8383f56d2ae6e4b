"""The parameters of an AssumeRole call, and what STS checks about them before anything else.

Patterns and limits are those of the STS API reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rolechain.iam.arn import account_of
from rolechain.iam.limits import (
    CHAINED_SECONDS,
    EXTERNAL,
    EXTERNAL_ID_LENGTHS,
    NAME,
    ROLE_NAME,
    SERIAL_NUMBER_LENGTHS,
    SESSION_NAME_LENGTHS,
    SESSION_POLICY_ARNS,
    SESSION_POLICY_CHARACTERS,
    SESSION_SECONDS,
    SESSION_TAGS,
    SOURCE_IDENTITY_LENGTHS,
    TAG_KEY_CHARACTERS,
    TAG_PATTERN,
    TAG_VALUE_CHARACTERS,
    folded,
    is_tag_text,
)
from rolechain.local.errors import ServiceError

DEFAULT_DURATION = CHAINED_SECONDS
"""Seconds that a session lasts where the call does not say."""

_ROLE_ARN = re.compile(rf"arn:(aws[a-z-]*):iam::(\d{{12}}):role(/[!-~]*)?/({ROLE_NAME.pattern})", re.ASCII)

# Parameter, lengths, pattern.
_TEXTS: tuple[tuple[str, range, str], ...] = (
    (
        "RoleArn",
        range(20, 2049),
        r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
    ),
    ("RoleSessionName", SESSION_NAME_LENGTHS, f"{NAME}*"),
    ("ExternalId", EXTERNAL_ID_LENGTHS, EXTERNAL.replace("/", r"\/") + "*"),
    ("SourceIdentity", SOURCE_IDENTITY_LENGTHS, f"{NAME}*"),
    ("SerialNumber", SERIAL_NUMBER_LENGTHS, f"{EXTERNAL}*"),
    ("TokenCode", range(6, 7), r"[\d]*"),
    ("Policy", range(1, SESSION_POLICY_CHARACTERS + 1), r"[\u0009\u000A\u000D\u0020-\u00FF]+"),
)
_REQUIRED = ("RoleArn", "RoleSessionName")


@dataclass(frozen=True)
class AssumeRoleCall:
    """One AssumeRole call as it was made, well-formed.

    Attributes:
        duration: seconds; None where the call does not say.
        policy: the session policy's text.
        tags: the session tags that are passed.
        transitive_tag_keys: those of them that later sessions of the chain inherit.
    """

    role_arn: str
    session_name: str
    external_id: str | None
    duration: int | None
    policy: str | None
    policy_arns: tuple[str, ...]
    tags: Mapping[str, str]
    transitive_tag_keys: tuple[str, ...]
    source_identity: str | None
    serial_number: str | None
    token_code: str | None

    @property
    def account(self) -> str:
        """The account that the role is looked for in."""
        return account_of(self.role_arn)


def read(parameters: Mapping[str, str]) -> AssumeRoleCall:
    """The call that the parameters make.

    Raises:
        ServiceError: one or more of them are not as STS takes them.
    """
    tags = list(_tags(parameters))
    policy_arns = tuple(_members(parameters, "PolicyArns.member.{}.arn"))
    transitive = tuple(_members(parameters, "TransitiveTagKeys.member.{}"))
    problems = [*_of_texts(parameters), *_of_duration(parameters), *_of_lists(tags, policy_arns, transitive)]
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise ServiceError("ValidationError", count + "; ".join(problems))
    duration = parameters.get("DurationSeconds")
    call = AssumeRoleCall(
        role_arn=parameters["RoleArn"],
        session_name=parameters["RoleSessionName"],
        external_id=parameters.get("ExternalId"),
        duration=int(duration) if duration else None,
        policy=parameters.get("Policy"),
        policy_arns=policy_arns,
        tags=dict(tags),
        transitive_tag_keys=transitive,
        source_identity=parameters.get("SourceIdentity"),
        serial_number=parameters.get("SerialNumber"),
        token_code=parameters.get("TokenCode"),
    )
    _check_together(call, tags)
    return call


def _of_texts(parameters: Mapping[str, str]) -> Iterator[str]:
    for name, lengths, pattern in _TEXTS:
        value = parameters.get(name)
        if value is None:
            if name in _REQUIRED:
                yield _problem("null", name, "must not be null")
            continue
        yield from _of_length(value, name, lengths)
        if name != "RoleArn" and not re.fullmatch(pattern, value, re.ASCII):
            yield _problem(f"'{value}'", name, f"must satisfy regular expression pattern: {pattern}")


def _of_length(value: str, name: str, lengths: range) -> Iterator[str]:
    if len(value) < lengths[0]:
        yield _problem(f"'{value}'", name, f"must have length greater than or equal to {lengths[0]}")
    if len(value) > lengths[-1]:
        yield _problem(f"'{value}'", name, f"must have length less than or equal to {lengths[-1]}")


def _of_duration(parameters: Mapping[str, str]) -> Iterator[str]:
    text = parameters.get("DurationSeconds")
    if text is None:
        return
    if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        raise ServiceError("MalformedInput", f"'{text}' at 'durationSeconds' is no number of seconds")
    if int(text) < SESSION_SECONDS.start:
        yield _problem(f"'{text}'", "DurationSeconds", "must have value greater than or equal to 900")
    if int(text) >= SESSION_SECONDS.stop:
        yield _problem(f"'{text}'", "DurationSeconds", "must have value less than or equal to 43200")


def _of_lists(
    tags: list[tuple[str, str]], policy_arns: tuple[str, ...], transitive: tuple[str, ...]
) -> Iterator[str]:
    for name, values, most in (
        ("tags", tags, SESSION_TAGS),
        ("policyArns", policy_arns, SESSION_POLICY_ARNS),
        ("transitiveTagKeys", transitive, SESSION_TAGS),
    ):
        if len(values) > most:
            at_most = f"Member must have length less than or equal to {most}"
            yield f"Value at '{name}' failed to satisfy constraint: {at_most}"
    for number, (key, value) in enumerate(tags, 1):
        yield from _of_length(key, f"tags.{number}.member.key", range(1, TAG_KEY_CHARACTERS + 1))
        yield from _of_length(value, f"tags.{number}.member.value", range(TAG_VALUE_CHARACTERS + 1))
        for part, text, repeat in (("key", key, "+"), ("value", value, "*")):
            if not is_tag_text(text):
                pattern = f"must satisfy regular expression pattern: {TAG_PATTERN}{repeat}"
                yield _problem(f"'{text}'", f"tags.{number}.member.{part}", pattern)


def _check_together(call: AssumeRoleCall, tags: list[tuple[str, str]]) -> None:
    """What no single parameter shows."""
    if not _ROLE_ARN.fullmatch(call.role_arn):
        raise ServiceError("ValidationError", "Request ARN is invalid")
    keys = {folded(key) for key in call.tags}
    if len(keys) < len(tags):
        raise ServiceError(
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
    if any(key.startswith("aws:") for key in keys):
        raise ServiceError("InvalidParameterValue", "Tag keys that begin with aws: are reserved for AWS.")
    if any(folded(key) not in keys for key in call.transitive_tag_keys):
        raise ServiceError(
            "InvalidParameterValue",
            "The specified transitive tag key must be included in the requested tags.",
        )
    if call.source_identity and call.source_identity.lower().startswith("aws:"):
        raise ServiceError("ValidationError", "A SourceIdentity that begins with aws: is reserved for AWS.")
    if call.policy is not None:
        try:
            json.loads(call.policy)
        except ValueError:
            raise ServiceError("MalformedPolicyDocument", "This policy contains invalid Json") from None


def _tags(parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for number, key in enumerate(_members(parameters, "Tags.member.{}.Key"), 1):
        yield key, parameters.get(f"Tags.member.{number}.Value", "")


def _members(parameters: Mapping[str, str], name: str) -> Iterator[str]:
    number = 1
    while (value := parameters.get(name.format(number))) is not None:
        yield value
        number += 1


def _problem(value: str, name: str, constraint: str) -> str:
    return f"Value {value} at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: Member {constraint}"
