"""The IAM resources of an account, as the IAM API lists them.

Source: IAM API Reference, "GetAccountAuthorizationDetails", "GetPolicyVersion", "ListRoles",
"ListOpenIDConnectProviders" and "ListSAMLProviders".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rolechain.api_calls import answered, retry_config
from rolechain.errors import RolechainError
from rolechain.iam.arn import account_of

if TYPE_CHECKING:
    import boto3

Json = Any

SECTIONS = {
    "RoleDetailList": "role",
    "UserDetailList": "user",
    "GroupDetailList": "group",
    "Policies": "policy",
}
"""The lists of the details, each with the kind of resource that it holds."""


_SHAPES: Json = {
    **{
        f"{kind}PolicyList": [{"PolicyName": str, "PolicyDocument": (str, dict)}]
        for kind in ("Role", "User", "Group")
    },
    "PolicyVersionList": [{}],
    "AttachedManagedPolicies": [{"PolicyArn": str}],
    "PermissionsBoundary": {"PermissionsBoundaryArn": str},
    "GroupList": [str],
    "Tags": [{"Key": str, "Value": str}],
}
_PROVIDER = re.compile(r"arn:[^:]+:iam::(\d{12}):(oidc|saml)-provider/.+")


def _is_of(value: Json, shape: Json) -> bool:
    """Whether a value has a type; each of a list has that of the one in the shape, and a mapping has its keys."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(_is_of(each, shape[0]) for each in value)
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(_is_of(value.get(key), each) for key, each in shape.items())
    return isinstance(value, shape)


class AccountError(RolechainError):
    """An account cannot be read."""


@dataclass(frozen=True)
class Account:
    """The IAM resources of an account.

    Attributes:
        id: the account's id.
        details: what GetAccountAuthorizationDetails lists, all pages together: ``RoleDetailList``, ``UserDetailList``,
            ``GroupDetailList`` and ``Policies``, every policy document parsed.
        durations: the maximum session duration of each role in seconds, by ARN; the details lack it.
        providers: the ARNs of the account's OIDC and SAML providers.
    """

    id: str
    details: Mapping[str, list[Json]]
    durations: Mapping[str, int] = field(default_factory=dict)
    providers: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether each part has its type, and what is said twice agrees, such as a name with its ARN."""
        if not all(type(each) is int for each in self.durations.values()):
            return False
        if any((found := _PROVIDER.fullmatch(arn)) is None or found[1] != self.id for arn in self.providers):
            return False
        if not all(isinstance(self.details[section], list) for section in SECTIONS):
            return False
        for section, kind in SECTIONS.items():
            name = f"{kind.capitalize()}Name"
            owners = (self.id, "aws") if section == "Policies" else (self.id,)
            for each in self.details[section]:
                if not all(_is_of(each[key], shape) for key, shape in _SHAPES.items() if key in each):
                    return False
                arn, _, service, region, place = each["Arn"].split(":", 4)
                if (arn, service, region) != ("arn", "iam", ""):
                    return False
                if place not in [f"{owner}:{kind}{each['Path']}{each[name]}" for owner in owners]:
                    return False
            # IAM tells names apart without regard to case.
            if len({each["Arn"].lower() for each in self.details[section]}) < len(self.details[section]):
                return False
        for policy in self.details["Policies"]:
            default = [each["VersionId"] for each in policy["PolicyVersionList"] if each["IsDefaultVersion"]]
            if default != [policy["DefaultVersionId"]]:
                return False
        if any(account_of(arn) != "aws" for arn in _named(self.details)):
            return False
        return all("AssumeRolePolicyDocument" in role for role in self.details["RoleDetailList"])


def read_account(session: boto3.Session, account: str) -> Account:
    """Reads an account.

    Args:
        session: credentials of the account that may call what ``rolechain.statements.audit_role`` lists.
        account: the account's id.

    Raises:
        AccountError: the credentials are of another account, or AWS refuses a call or does not answer it whole.
    """
    config = retry_config()
    with answered(AccountError):
        found = session.client("sts", config=config).get_caller_identity()["Account"]
        if found != account:
            raise AccountError(f"the credentials are of account {found}: give some of {account}")
        iam = session.client("iam", config=config)
        details: dict[str, list[Json]] = {section: [] for section in SECTIONS}
        for page in _pages(iam, "get_account_authorization_details"):
            for section in SECTIONS:
                details[section] += page.get(section, [])
        # A policy of AWS's that is nothing but a boundary is not among the details.
        details["Policies"] += filter(None, (_policy(iam, arn) for arn in _named(details)))
        roles = [role for page in _pages(iam, "list_roles") for role in page["Roles"]]
        providers = [
            *iam.list_open_id_connect_providers()["OpenIDConnectProviderList"],
            *iam.list_saml_providers()["SAMLProviderList"],
        ]
        durations = {
            role["Arn"]: role["MaxSessionDuration"] for role in roles if "MaxSessionDuration" in role
        }
        read = Account(account, details, durations, tuple(each["Arn"] for each in providers))
        if not read.is_whole:
            raise AccountError("AWS's answer contradicts itself: read the account again")
    return read


def _pages(iam: Any, operation: str) -> Iterator[Json]:
    """The pages of a list; botocore takes one that says that it goes on, and not where, for the last."""
    page: Json = {}
    for page in iam.get_paginator(operation).paginate():
        yield page
    if page.get("IsTruncated"):
        raise AccountError(f"AWS's answer is not whole: {operation} ends in the middle")


def _named(details: Mapping[str, list[Json]]) -> list[str]:
    """The ARNs of the policies that roles, users and groups have and that are not listed."""
    sections = ("RoleDetailList", "UserDetailList", "GroupDetailList")
    arns = (arn for section in sections for each in details[section] for arn in policies_of(each))
    listed = {policy["Arn"] for policy in details["Policies"]}
    return [arn for arn in dict.fromkeys(arns) if arn not in listed]


def policies_of(detail: Mapping[str, Json]) -> Iterator[str]:
    """The ARNs of the managed policies of a role, user or group, and of its boundary."""
    yield from (each["PolicyArn"] for each in detail.get("AttachedManagedPolicies", ()))
    if boundary := detail.get("PermissionsBoundary"):
        yield boundary["PermissionsBoundaryArn"]


def _policy(iam: Any, arn: str) -> Json | None:
    """A managed policy with its default version, as the details list one; None for one that AWS does not have."""
    try:
        policy = iam.get_policy(PolicyArn=arn)["Policy"]
    except iam.exceptions.NoSuchEntityException:
        # The local organization holds some of AWS's policies only.
        if ":iam::aws:policy/" in arn:
            return None
        raise
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return {**policy, "PolicyVersionList": [version]}


def read_accounts(
    sessions: Mapping[str, Callable[[], boto3.Session]], *, at_once: int = 8
) -> Iterator[tuple[str, Account | RolechainError]]:
    """Reads accounts in parallel.

    Args:
        sessions: makes a session of each account, by the account's id.
        at_once: how many at a time.

    Returns:
        Each account with what it holds or why it cannot be read, in the order in which they are done.
    """

    def read(account: str) -> Account | RolechainError:
        try:
            return read_account(sessions[account](), account)
        except RolechainError as error:
            return error

    pool = ThreadPoolExecutor(at_once, thread_name_prefix="rolechain-account")
    try:
        works = {pool.submit(read, account): account for account in sessions}
        for work in as_completed(works):
            yield works[work], work.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
