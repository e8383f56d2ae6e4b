"""An account as the template that would create what IAM holds in it, so that one reader serves both.

Source: CloudFormation User Guide, "AWS IAM resource type reference".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rolechain.cloudformation.resources import GROUP, MANAGED_POLICY, ROLE, USER
from rolechain.cloudformation.template import Template
from rolechain.iam.arn import account_of, resource_of
from rolechain.live.account import Account

Json = dict[str, Any]

_PROVIDERS = {
    "oidc-provider": ("AWS::IAM::OIDCProvider", "Url"),
    "saml-provider": ("AWS::IAM::SAMLProvider", "Name"),
}


def template_of(account: Account) -> Template:
    """The roles, users, groups, policies and providers of an account, each under the resource part of its ARN."""
    body = {"Resources": dict(_resources(account))}
    return Template(f"account {account.id}", body, account=account.id, deployed=True)


def document_by_arn(accounts: Iterable[Account]) -> dict[str, Json]:
    """The documents of the policies that AWS manages, as the accounts hold them, by ARN."""
    return {
        policy["Arn"]: document
        for account in accounts
        for policy in account.details["Policies"]
        if account_of(policy["Arn"]) == "aws" and (document := default_version(policy)) is not None
    }


def _resources(account: Account) -> Iterator[tuple[str, Json]]:
    details = account.details
    for role in details["RoleDetailList"]:
        own = {
            "RoleName": role["RoleName"],
            "AssumeRolePolicyDocument": role["AssumeRolePolicyDocument"],
            "Tags": role.get("Tags", []),
        }
        if duration := account.durations.get(role["Arn"]):
            own["MaxSessionDuration"] = duration
        yield _resource(ROLE, role, own, "RolePolicyList")
    for user in details["UserDetailList"]:
        groups, tags = user.get("GroupList", []), user.get("Tags", [])
        own = {"UserName": user["UserName"], "Groups": groups, "Tags": tags}
        yield _resource(USER, user, own, "UserPolicyList")
    for group in details["GroupDetailList"]:
        yield _resource(GROUP, group, {"GroupName": group["GroupName"]}, "GroupPolicyList")
    for policy in details["Policies"]:
        if account_of(policy["Arn"]) == account.id:
            own = {"ManagedPolicyName": policy["PolicyName"], "Path": policy.get("Path", "/")}
            document = default_version(policy)
            yield _key(policy), {"Type": MANAGED_POLICY, "Properties": {**own, "PolicyDocument": document}}
    for arn in account.providers:
        kind, _, name = resource_of(arn).partition("/")
        type_name, key = _PROVIDERS[kind]
        yield f"{kind}/{name}", {"Type": type_name, "Properties": {key: name}}


def _resource(kind: str, detail: Mapping[str, Any], own: Json, inline: str) -> tuple[str, Json]:
    properties: Json = {
        **own,
        "Path": detail.get("Path", "/"),
        "Policies": detail.get(inline, []),
        "ManagedPolicyArns": [each["PolicyArn"] for each in detail.get("AttachedManagedPolicies", [])],
    }
    if boundary := detail.get("PermissionsBoundary"):
        properties["PermissionsBoundary"] = boundary["PermissionsBoundaryArn"]
    return _key(detail), {"Type": kind, "Properties": properties}


def _key(detail: Mapping[str, Any]) -> str:
    return resource_of(detail["Arn"])


def default_version(policy: Mapping[str, Any]) -> Json | None:
    """The document of a managed policy's default version; None where it is not at hand."""
    versions = policy.get("PolicyVersionList", [])
    return next((each.get("Document") for each in versions if each.get("IsDefaultVersion")), None)
