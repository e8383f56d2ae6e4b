"""A deployed role's policies, as IAM gives them to those who may read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rolechain.policy import Policy, PolicyError


class UnreadableError(Exception):
    """IAM did not give a role; the text is the error's code."""


class NoSuchRoleError(Exception):
    """The account has no role of that name."""


@dataclass(frozen=True)
class RolePolicies:
    """The policies of a role, as IAM holds them.

    Attributes:
        arn: its ARN, path included.
        trust: who may assume it.
        identity: what it may do, inline and managed; one that could not be read is ``Policy.unknown``.
        boundary: its permissions boundary; None where it has none.
    """

    arn: str
    trust: Policy
    identity: tuple[Policy, ...]
    boundary: Policy | None


def read_role(iam: Any, name: str, *, trust_only: bool = False) -> RolePolicies:
    """Reads a role by its name without the path, with a client of its account; or its trust policy alone.

    Raises:
        NoSuchRoleError: the account has no such role.
        UnreadableError: IAM refused, or did not answer.
    """
    try:
        role = iam.get_role(RoleName=name)["Role"]
    except (ClientError, BotoCoreError) as error:
        if _code(error) == "NoSuchEntity":
            raise NoSuchRoleError(name) from error
        raise UnreadableError(_code(error)) from error
    trust = _policy("the trust policy", lambda: role["AssumeRolePolicyDocument"])
    if trust_only:
        return RolePolicies(role["Arn"], trust, (), None)
    boundary = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return RolePolicies(
        role["Arn"], trust, tuple(_identity(iam, name)), _managed(iam, boundary) if boundary else None
    )


def _identity(iam: Any, name: str) -> Iterator[Policy]:
    try:
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
            for inline in page["PolicyNames"]:
                yield _inline(iam, name, inline)
        for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
            for policy in page["AttachedPolicies"]:
                yield _managed(iam, policy["PolicyArn"])
    except (ClientError, BotoCoreError) as error:
        yield Policy.unknown(f"{name}'s policies ({_code(error)})")


def _inline(iam: Any, name: str, policy: str) -> Policy:
    return _policy(policy, lambda: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])


def _managed(iam: Any, arn: str) -> Policy:
    def document() -> Any:
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    return _policy(arn, document)


def _policy(name: str, document: Callable[[], Any]) -> Policy:
    try:
        return Policy.parse(document())
    except (ClientError, BotoCoreError, PolicyError) as error:
        return Policy.unknown(f"{name} ({_code(error)})")


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return str(error) if isinstance(error, PolicyError) else type(error).__name__
