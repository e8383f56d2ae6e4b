"""The parameters of an AssumeRole call, and what STS checks about them before anything else.

Patterns and limits are those of botocore's model of STS.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.loaders import create_loader
from botocore.model import ServiceModel

from rolechain.iam.arn import account_of
from rolechain.iam.limits import (
    CHAINED_SECONDS,
    ROLE_NAME,
    SESSION_POLICY_ARNS,
    SESSION_POLICY_CHARACTERS,
    SOURCE_IDENTITY_CHARACTERS,
    folded,
    is_tag_text,
)
from rolechain.local.errors import ServiceError

DEFAULT_DURATION = CHAINED_SECONDS
"""Seconds that a session lasts where the call does not say."""

_MAXIMUM = {
    "SourceIdentity": SOURCE_IDENTITY_CHARACTERS,
    "Policy": SESSION_POLICY_CHARACTERS,
    "PolicyArns": SESSION_POLICY_ARNS,
}
"""The maximums that the model lacks, and those that AWS has raised since."""
_ROLE_ARN = re.compile(rf"arn:(aws[a-z-]*):iam::(\d{{12}}):role(/[!-~]*)?/({ROLE_NAME.pattern})", re.ASCII)


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


def read(form: Mapping[str, str]) -> AssumeRoleCall:
    """The call that the parameters of a form make.

    Raises:
        ServiceError: one or more of them are not as STS takes them.
    """
    given = _parsed(_shape(), form, "") or {}
    if problems := list(_problems(_shape(), given, "")):
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise ServiceError("ValidationError", count + "; ".join(problems))
    tags = given.get("Tags", [])
    call = AssumeRoleCall(
        role_arn=given["RoleArn"],
        session_name=given["RoleSessionName"],
        external_id=given.get("ExternalId"),
        duration=int(given["DurationSeconds"]) if "DurationSeconds" in given else None,
        policy=given.get("Policy"),
        policy_arns=tuple(policy["arn"] for policy in given.get("PolicyArns", [])),
        tags={tag["Key"]: tag["Value"] for tag in tags},
        transitive_tag_keys=tuple(given.get("TransitiveTagKeys", [])),
        source_identity=given.get("SourceIdentity"),
        serial_number=given.get("SerialNumber"),
        token_code=given.get("TokenCode"),
    )
    _check_together(call, len(tags))
    return call


@functools.cache
def _shape() -> Any:
    return (
        ServiceModel(create_loader().load_service_model("sts", "service-2"))
        .operation_model("AssumeRole")
        .input_shape
    )


def _parsed(shape: Any, form: Mapping[str, str], name: str) -> Any:
    """The value of a shape in a form of the query protocol: text, or lists and mappings of texts; None for nothing."""
    if shape.type_name == "structure":
        prefix = f"{name}." if name else ""
        members = {key: _parsed(member, form, prefix + key) for key, member in shape.members.items()}
        return {key: value for key, value in members.items() if value not in (None, [])} or None
    if shape.type_name == "list":
        items: list[Any] = []
        while (item := _parsed(shape.member, form, f"{name}.member.{len(items) + 1}")) is not None:
            items.append(item)
        return items
    return form.get(name)


def _problems(shape: Any, value: Any, name: str) -> Iterator[str]:
    """The constraints of the model that a value breaks, in STS's words."""
    limits, kind = shape.metadata, shape.type_name
    if kind == "structure":
        prefix = f"{name}." if name else ""
        for key, member in shape.members.items():
            at = f"{prefix}{key[0].lower()}{key[1:]}"
            if key in value:
                yield from _problems(member, value[key], at)
            elif key in shape.required_members:
                yield f"Value null at '{at}' failed to satisfy constraint: Member must not be null"
        return
    size: int = len(value)
    if kind == "integer":
        if not re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
            raise ServiceError("MalformedInput", f"'{value}' at '{name}' is not a number of seconds")
        size = int(value)
    measure = "value" if kind == "integer" else "length"
    broken = []
    if size < limits.get("min", size):
        broken.append(f"must have {measure} greater than or equal to {limits['min']}")
    maximum = _MAXIMUM.get(name[0].upper() + name[1:], limits.get("max", size))
    if size > maximum:
        broken.append(f"must have {measure} less than or equal to {maximum}")
    if not _matches(limits.get("pattern"), value):
        broken.append(f"must satisfy regular expression pattern: {limits['pattern']}")
    shown = "" if kind == "list" else f" '{value}'"
    for constraint in broken:
        yield f"Value{shown} at '{name}' failed to satisfy constraint: Member {constraint}"
    for number, item in enumerate(value if kind == "list" else (), 1):
        yield from _problems(shape.member, item, f"{name}.{number}.member")


def _matches(pattern: str | None, value: str) -> bool:
    """Whether a text matches a pattern of the model, which is Java's."""
    # Python has neither the code points of an ARN's pattern, nor the categories of a tag's.
    if pattern is None or r"\u10000" in pattern:
        return True
    return is_tag_text(value) if r"\p{" in pattern else bool(re.fullmatch(pattern, value, re.ASCII))


def _check_together(call: AssumeRoleCall, tags: int) -> None:
    if not _ROLE_ARN.fullmatch(call.role_arn):
        raise ServiceError("ValidationError", "Request ARN is invalid")
    keys = {folded(key) for key in call.tags}
    for wrong, message in (
        (len(keys) < tags, "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
        (any(key.startswith("aws:") for key in keys), "Tag keys that begin with aws: are reserved for AWS."),
        (
            any(folded(key) not in keys for key in call.transitive_tag_keys),
            "The specified transitive tag key must be included in the requested tags.",
        ),
    ):
        if wrong:
            raise ServiceError("InvalidParameterValue", message)
    if call.source_identity and call.source_identity.lower().startswith("aws:"):
        raise ServiceError("ValidationError", "A SourceIdentity that begins with aws: is reserved for AWS.")
    if call.policy is not None:
        try:
            json.loads(call.policy)
        except ValueError:
            raise ServiceError("MalformedPolicyDocument", "This policy contains invalid Json") from None
