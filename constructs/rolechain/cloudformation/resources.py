"""The names and ARNs of a template's resources, as Ref and Fn::GetAtt give them.

Source: CloudFormation User Guide, "AWS IAM resource type reference", the return values of each type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rolechain.cloudformation import texts
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Json
from rolechain.iam.arn import IDENTITY_CENTER_PATH, PERMISSION_SET_PREFIX, format_arn

if TYPE_CHECKING:
    from rolechain.cloudformation.resolver import Resolver

ROLE, USER, GROUP = "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"
MANAGED_POLICY, INLINE_POLICY = "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"
ROLE_POLICY, USER_POLICY, GROUP_POLICY = (
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
)
GROUP_MEMBERS, INSTANCE_PROFILE = "AWS::IAM::UserToGroupAddition", "AWS::IAM::InstanceProfile"
PERMISSION_SET, ASSIGNMENT = "AWS::SSO::PermissionSet", "AWS::SSO::Assignment"
IDENTITY_CENTER = f"{IDENTITY_CENTER_PATH[1:]}{PERMISSION_SET_PREFIX}"
"""What the path and name of a role begin with that IAM Identity Center makes of a permission set."""
CONTROL_POLICY = "AWS::Organizations::Policy"
FUNCTION, PROJECT = "AWS::Lambda::Function", "AWS::CodeBuild::Project"

_PROVIDERS = {"AWS::IAM::OIDCProvider", "Custom::AWSCDKOpenIdConnectProvider", "AWS::IAM::SAMLProvider"}
_WITH_PATH = {
    ROLE: ("iam", "role", "RoleName"),
    USER: ("iam", "user", "UserName"),
    GROUP: ("iam", "group", "GroupName"),
    MANAGED_POLICY: ("iam", "policy", "ManagedPolicyName"),
    INSTANCE_PROFILE: ("iam", "instance-profile", "InstanceProfileName"),
}
_NAMED = _WITH_PATH | {
    "AWS::IAM::OIDCProvider": ("iam", "oidc-provider/", "Url"),
    "Custom::AWSCDKOpenIdConnectProvider": ("iam", "oidc-provider/", "Url"),
    "AWS::IAM::SAMLProvider": ("iam", "saml-provider/", "Name"),
    FUNCTION: ("lambda", "function:", "FunctionName"),
    PROJECT: ("codebuild", "project/", "Name"),
}
"""By type: the service, what the resource of the ARN begins with, and the property that holds the name."""
UNPLACED = "<region>"
"""Stands for the region of a template of which none is known."""
_PART_OF_NAME = re.compile(r"[^\w.@-]+", re.ASCII)
_ARN_IS_REF = {MANAGED_POLICY, *_PROVIDERS}


def stand_in(template: str, logical_id: str = "") -> str:
    """What stands for the account that a template is deployed to, or for a name that CloudFormation makes up there."""
    name = _PART_OF_NAME.sub("-", template)
    return f"<{name}.{logical_id}>" if logical_id else f"<{name}>"


class Identity(NamedTuple):
    """How IAM names a resource.

    Attributes:
        arn: its ARN; a part that is not known stands in it as a placeholder.
        name: its name, or the placeholder.
        path: its path.
        named: whether the template names it; otherwise CloudFormation makes the name up.
    """

    arn: str
    name: str
    path: str
    named: bool


def properties_of(resolver: Resolver, logical_id: str) -> tuple[str, Mapping[str, Json]]:
    """A resource's type and properties; both empty where they are not as CloudFormation asks."""
    resource = texts.section(resolver.section("Resources"), logical_id)
    return str(resource.get("Type", "")), texts.section(resource, "Properties")


def identity_of(resolver: Resolver, logical_id: str, place: SourceLocation) -> Identity | None:
    """How IAM names a resource of the template; None for one that is not named by its properties alone."""
    kind, properties = properties_of(resolver, logical_id)
    if kind not in _NAMED:
        return None
    service, begins, key = _NAMED[kind]
    given, path = resolver.resolve(properties.get(key), place), "/"
    if kind in _PROVIDERS:
        name = given.split("://", 1)[-1].rstrip("/") if isinstance(given, str) else None
    else:
        name = texts.scalar(given)
    if kind in _WITH_PATH:
        path = resolver.resolve(properties.get("Path"), place) or "/"
        path = path if isinstance(path, str) else f"/{resolver.placeholder(logical_id)}/"
        begins += path
    # A name that holds another's placeholder is made up as well.
    known = bool(name) and "<" not in str(name)
    name = name or resolver.placeholder(logical_id)
    template, partition = resolver.around.template, resolver.around.partition
    region = "" if service == "iam" else template.region or UNPLACED
    arn = format_arn(partition, service, region, resolver.account, f"{begins}{name}")
    return Identity(arn, name, path, known)


def reference_to(resolver: Resolver, logical_id: str, place: SourceLocation) -> Json | None:
    """What ``Ref`` gives for a resource; None if that is known on deployment only."""
    kind, _ = properties_of(resolver, logical_id)
    identity = identity_of(resolver, logical_id, place)
    return identity and (identity.arn if kind in _ARN_IS_REF else identity.name)


def attribute_of(resolver: Resolver, logical_id: str, attribute: str, place: SourceLocation) -> Json | None:
    """What ``Fn::GetAtt`` gives for a resource; None if that is known on deployment only."""
    kind, _ = properties_of(resolver, logical_id)
    identity = identity_of(resolver, logical_id, place)
    of_arn = "PolicyArn" if kind == MANAGED_POLICY else "Arn"
    return identity.arn if identity and attribute == of_arn else None
