"""The statements of a source role's trust policy that let its entrances in."""

from __future__ import annotations

from rolechain.entrance import Entrance
from rolechain.policy.request import ASSUME_ROLE
from rolechain.policy.writing import Conditions, Statement, allow
from rolechain.role import ChainRole

SAML_AUDIENCES = {
    "aws-cn": "https://signin.amazonaws.cn/saml",
    "aws-us-gov": "https://signin.amazonaws-us-gov.com/saml",
}
"""Where a SAML assertion is posted to, in the partitions that have a sign-in endpoint of their own."""

_SID = "AllowEntrance"


def entrance_statement(entrance: Entrance, source: ChainRole) -> Statement:
    """The statement of the source role's trust policy that lets one entrance in."""
    if entrance.kind == "service":
        return allow(_SID, ASSUME_ROLE, {}, Principal={"Service": entrance.value})
    if entrance.kind in ("account", "arn"):
        return _of_principals(entrance, source)
    if entrance.kind == "permission_set":
        # Identity Center makes the role: region and suffix of its ARN cannot be known beforehand.
        role = (
            f"arn:{source.partition}:iam::{source.account}:role/aws-reserved/sso.amazonaws.com/*"
            f"AWSReservedSSO_{entrance.value}_????????????????"
        )
        return allow(
            _SID, ASSUME_ROLE, {"ArnLike": {"aws:PrincipalArn": role}}, Principal={"AWS": source.account_root}
        )
    principal = {"Federated": entrance.value}
    if entrance.kind == "oidc":
        host = entrance.value.split(":oidc-provider/", 1)[1]
        condition: Conditions = {
            "StringEquals": {f"{host}:aud": entrance.audience},
            "StringLike": {f"{host}:sub": entrance.subject},
        }
        return allow(_SID, "sts:AssumeRoleWithWebIdentity", condition, Principal=principal)
    audience = entrance.audience or SAML_AUDIENCES.get(source.partition, "https://signin.aws.amazon.com/saml")
    return allow(
        _SID, "sts:AssumeRoleWithSAML", {"StringEquals": {"SAML:aud": audience}}, Principal=principal
    )


def _of_principals(entrance: Entrance, source: ChainRole) -> Statement:
    """For an account's principals, or one of them by its ARN."""
    conditions: Conditions = {}
    if entrance.kind == "arn":
        root = ":".join([*entrance.value.split(":")[:5], "root"])
        conditions["ArnEquals"] = {"aws:PrincipalArn": entrance.value}
    else:
        begins = f"arn:{source.partition}:iam::{entrance.value}"
        root = f"{begins}:root"
        if not entrance.iam_users:
            conditions["ArnLike"] = {"aws:PrincipalArn": f"{begins}:role/*"}
    if entrance.external_id is not None:
        conditions["StringEquals"] = {"sts:ExternalId": entrance.external_id}
    if entrance.mfa:
        conditions["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    if entrance.mfa_max_age is not None:
        conditions["NumericLessThanEquals"] = {"aws:MultiFactorAuthAge": str(entrance.mfa_max_age)}
    return allow(_SID, ASSUME_ROLE, conditions, Principal={"AWS": root})
