"""Both halves of every hop, and the entrances, as IAM policy statements.

The trust policy of a callee and the permission of its caller are derived here from one ``Chain``, in IAM's
own JSON, so that they match by construction and can be proven without a synthesis.
"""

from __future__ import annotations

from typing import Any

from rolechain.chain import Chain
from rolechain.entrance import Entrance
from rolechain.hop import Hop
from rolechain.policy.request import ASSUME_ROLE
from rolechain.role import ChainRole

Statement = dict[str, Any]

SAML_AUDIENCES = {
    "aws-cn": "https://signin.amazonaws.cn/saml",
    "aws-us-gov": "https://signin.amazonaws-us-gov.com/saml",
}
"""Where a SAML assertion is posted to, in the partitions that have a sign-in endpoint of their own."""


def trust_statements(chain: Chain, callee: ChainRole) -> list[Statement]:
    """The statements of ``callee``'s trust policy: one for each hop into it, or for each entrance."""
    if callee == chain.source:
        return [entrance_statement(entrance, callee) for entrance in callee.assumed_by]
    return [_trust_of(hop, chain.organization) for hop in chain.calls_into(callee)]


def _trust_of(hop: Hop, organization: str | None) -> Statement:
    equal: dict[str, str] = {}
    condition: dict[str, dict[str, str]] = {}
    if hop.callee.trust == "principal_arn":
        principal = hop.caller.account_root
        condition["ArnEquals"] = {"aws:PrincipalArn": hop.caller.arn}
    else:
        principal = hop.caller.arn
    if organization:
        equal["aws:PrincipalOrgID"] = organization
    if hop.external_id:
        equal["sts:ExternalId"] = hop.external_id
    if equal:
        condition["StringEquals"] = equal
    return _allow("AllowCaller", ASSUME_ROLE, condition, Principal={"AWS": principal})


def permission_statements(chain: Chain, caller: ChainRole) -> list[Statement]:
    """The statements that let ``caller`` make its hops: one for each external id, callees in order."""
    callees: dict[str | None, list[str]] = {}
    for hop in chain.calls_of(caller):
        callees.setdefault(hop.external_id, []).append(hop.callee.arn)
    return [
        _allow(
            "AssumeCallees" if number == 1 else f"AssumeCallees{number}",
            ASSUME_ROLE,
            {"StringEquals": {"sts:ExternalId": external_id}} if external_id else {},
            Resource=arns[0] if len(arns) == 1 else arns,
        )
        for number, (external_id, arns) in enumerate(callees.items(), 1)
    ]


def own_statements(role: ChainRole) -> list[Statement]:
    """What ``role`` may do beyond its hops, as it declares it."""
    return [
        {"Effect": "Allow", "Action": list(permission.actions), "Resource": list(permission.resources)}
        for permission in role.permissions
    ]


def entrance_statement(entrance: Entrance, source: ChainRole) -> Statement:
    """The statement of the source role's trust policy that lets one entrance in."""
    sid = "AllowEntrance"
    if entrance.kind == "service":
        return _allow(sid, ASSUME_ROLE, {}, Principal={"Service": entrance.value})
    if entrance.kind == "account":
        return _allow(
            sid, ASSUME_ROLE, {}, Principal={"AWS": f"arn:{source.partition}:iam::{entrance.value}:root"}
        )
    if entrance.kind == "arn":
        root = ":".join([*entrance.value.split(":")[:5], "root"])
        return _allow(
            sid, ASSUME_ROLE, {"ArnEquals": {"aws:PrincipalArn": entrance.value}}, Principal={"AWS": root}
        )
    if entrance.kind == "permission_set":
        # Identity Center makes the role: region and suffix of its ARN cannot be known beforehand.
        role = (
            f"arn:{source.partition}:iam::{source.account}:role/aws-reserved/sso.amazonaws.com/*"
            f"AWSReservedSSO_{entrance.value}_????????????????"
        )
        return _allow(
            sid, ASSUME_ROLE, {"ArnLike": {"aws:PrincipalArn": role}}, Principal={"AWS": source.account_root}
        )
    if entrance.kind == "oidc":
        host = entrance.value.split(":oidc-provider/", 1)[1]
        condition = {
            "StringEquals": {f"{host}:aud": entrance.audience},
            "StringLike": {f"{host}:sub": entrance.subject},
        }
        return _allow(
            sid, "sts:AssumeRoleWithWebIdentity", condition, Principal={"Federated": entrance.value}
        )
    audience = entrance.audience or SAML_AUDIENCES.get(source.partition, "https://signin.aws.amazon.com/saml")
    condition = {"StringEquals": {"SAML:aud": audience}}
    return _allow(sid, "sts:AssumeRoleWithSAML", condition, Principal={"Federated": entrance.value})


def _allow(sid: str, action: str, condition: dict[str, Any], **element: Any) -> Statement:
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": action, **element}
    if condition:
        statement["Condition"] = condition
    return statement
