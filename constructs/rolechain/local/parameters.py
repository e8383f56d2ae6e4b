"""The parameters of an AssumeRole call, and what STS checks about them before anything else.

Patterns and limits are those of botocore's model of STS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rolechain.iam.arn import account_of
from rolechain.iam.limits import (
    CHAINED_SECONDS,
    ROLE_NAME,
    SESSION_POLICY_ARNS,
    SESSION_POLICY_CHARACTERS,
    SOURCE_IDENTITY_CHARACTERS,
    folded,
)
from rolechain.local import query_protocol
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
    given = query_protocol.read("sts", "AssumeRole", form, _MAXIMUM)
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
