"""The role that reads an account for ``rolechain prove --live``: what it may do, which is what is called."""

from __future__ import annotations

from typing import Any

ACCOUNT_ACTIONS = (
    "iam:GetAccountAuthorizationDetails",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:ListOpenIDConnectProviders",
    "iam:ListRoles",
    "iam:ListSAMLProviders",
    "organizations:DescribeOrganization",
)
"""What reading an account calls; the last one names its management account."""
ORGANIZATION_ACTIONS = (
    "organizations:DescribePolicy",
    "organizations:ListParents",
    "organizations:ListPolicies",
    "organizations:ListRoots",
    "organizations:ListTargetsForPolicy",
)
"""What reading the organization calls besides, in its management account or as a delegated administrator."""
NAME = "rolechain-audit"


def audit_trust(reader: str) -> dict[str, Any]:
    """The trust policy: a reader, by its ARN or its account's id, may assume the role.

    A policy that names an account lets in whom that account allows.
    """
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": reader}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def audit_permissions(*, organization: bool = False) -> dict[str, Any]:
    """The permissions policy: it reads IAM, and the organization's control policies too where that is asked for."""
    actions = [*ACCOUNT_ACTIONS, *(ORGANIZATION_ACTIONS if organization else ())]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def audit_properties(reader: str, *, name: str = NAME, organization: bool = False) -> dict[str, Any]:
    """The properties of the role as an ``AWS::IAM::Role``.

    Args:
        reader: the ARN or the account's id of whoever reads.
        name: the role's name, one in every account.
        organization: whether the role may read the organization's control policies too.
    """
    return {
        "RoleName": name,
        "Description": "Reads IAM for rolechain prove --live",
        "AssumeRolePolicyDocument": audit_trust(reader),
        "Policies": [{"PolicyName": "read", "PolicyDocument": audit_permissions(organization=organization)}],
    }
