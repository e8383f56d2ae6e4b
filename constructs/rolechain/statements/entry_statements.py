"""The statements of a source role's trust policy that let its entrances in.

Entrances of which everything but the principal, or the subject, is the same share their statements: each principal
stands once, and the values of a condition are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from rolechain.iam.arn import root_of
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.policy.request import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.statements.session_conditions import (
    identity_conditions,
    tag_conditions,
    tag_values,
    tagged_call,
)
from rolechain.statements.writing import Conditions, Statement, allow, asked, numbered, one_or_all

SAML_AUDIENCES = {
    "aws-cn": "https://signin.amazonaws.cn/saml",
    "aws-us-gov": "https://signin.amazonaws-us-gov.com/saml",
}
"""Where a SAML assertion is posted to, in the partitions that have a sign-in endpoint of their own."""

_SIDS = {TAG_SESSION: "AllowTagSession", SET_SOURCE_IDENTITY: "AllowSetSourceIdentity"}
_ACTIONS = {"oidc": "sts:AssumeRoleWithWebIdentity", "saml": "sts:AssumeRoleWithSAML"}


def entrance_statements(
    entrances: Iterable[Entrance], source: ChainRole, organization: str | None = None
) -> list[Statement]:
    """The statements of a source role's trust policy that let entrances in.

    Args:
        entrances: the entrances.
        source: the source role.
        organization: the id of the organization that accounts, roles, users and permission sets must belong to; asked
            of all but third parties.
    """
    groups: dict[Any, list[Entrance]] = {}
    for entrance in entrances:
        for one in entrance.each():
            groups.setdefault(_shared(one), []).append(one)
    statements: list[Statement] = []
    for group in groups.values():
        for statement in _of_group(group, source, organization):
            before = sum(each["Sid"].rstrip("0123456789") == statement["Sid"] for each in statements)
            statements.append(statement | {"Sid": numbered(statement["Sid"], before)})
    return statements


def _shared(entrance: Entrance) -> Any:
    """What entrances must have in common to share statements."""
    return (
        entrance.kind,
        entrance.value if entrance.kind == "oidc" else "",
        entrance.audiences,
        entrance.external_id,
        entrance.third_party,
        entrance.iam_users,
        entrance.mfa,
        entrance.mfa_max_age,
        entrance.tags,
        tuple(entrance.transitive_tag_keys),
        entrance.identity,
        entrance.source_account,
        entrance.source_arn,
        entrance.source_organization,
        tuple(sorted(entrance.certificate.items())),
    )


def _of_group(group: Sequence[Entrance], source: ChainRole, organization: str | None) -> Iterator[Statement]:
    """The statements of entrances that share them: AssumeRole, and apart from it what they bring."""
    first = group[0]
    principal, who = _who(group, source)
    if first.kind in ("account", "arn", "permission_set") and organization and not first.third_party:
        who.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = organization
    entering = tagged_call(first.tags, first.identity, deepcopy(who))
    _of_call(first, entering)
    asked_by = {_ACTIONS.get(first.kind, ASSUME_ROLE): entering}
    if first.tags:
        asked_by[TAG_SESSION] = (
            tag_values(first.tags, deepcopy(who))
            if first.known
            else tag_conditions(first.tags, first.transitive_tag_keys, (), deepcopy(who))
        )
    if first.identity:
        asked_by[SET_SOURCE_IDENTITY] = (
            deepcopy(who)
            if first.known and not first.identity.values
            else identity_conditions(first.identity, deepcopy(who))
        )
    for actions, conditions in _gathered(asked_by) if first.known else asked_by.items():
        sid = _SIDS.get(actions if isinstance(actions, str) else actions[0], "AllowEntrance")
        yield allow(sid, actions, conditions, Principal=principal)


def _gathered(asked_by: dict[str, Conditions]) -> Iterator[tuple[str | list[str], Conditions]]:
    """Actions of which the same is asked together, as AWS writes them for the services that are known."""
    left = list(asked_by)
    while left:
        conditions = asked_by[left[0]]
        actions = [action for action in left if asked_by[action] == conditions]
        left = [action for action in left if action not in actions]
        yield actions if len(actions) > 1 else actions[0], conditions


def _of_call(entrance: Entrance, conditions: Conditions) -> None:
    """What the call of AssumeRole must bring besides."""
    if entrance.external_id is not None:
        asked("sts:ExternalId", [entrance.external_id], conditions)
    if entrance.mfa:
        conditions["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    if entrance.mfa_max_age is not None:
        conditions["NumericLessThanEquals"] = {"aws:MultiFactorAuthAge": str(entrance.mfa_max_age)}


def _who(group: Sequence[Entrance], source: ChainRole) -> tuple[Any, Conditions]:
    """Principal and conditions that stand for entrances of one kind."""
    first, values = group[0], list(dict.fromkeys(entrance.value for entrance in group))
    begins = f"arn:{source.partition}:iam::"
    if first.kind == "service":
        return {"Service": one_or_all(values)}, _of_service(first)
    if first.kind == "arn":
        roots = one_or_all(root_of(value) for value in values)
        return {"AWS": roots}, {"ArnEquals": {"aws:PrincipalArn": one_or_all(values)}}
    if first.kind == "account":
        roots = one_or_all(f"{begins}{value}:root" for value in values)
        roles = one_or_all(f"{begins}{value}:role/*" for value in values)
        return {"AWS": roots}, {} if first.iam_users else {"ArnLike": {"aws:PrincipalArn": roles}}
    if first.kind == "permission_set":
        # Identity Center makes the role: region and suffix of its ARN cannot be known beforehand.
        folder = f"{begins}{source.account}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_"
        patterns = one_or_all(f"{folder}{value}_????????????????" for value in values)
        return {"AWS": source.account_root}, {"ArnLike": {"aws:PrincipalArn": patterns}}
    principal = {"Federated": one_or_all(values)}
    if first.kind == "oidc":
        host = first.value.split(":oidc-provider/", 1)[1]
        subjects = one_or_all(subject for entrance in group for subject in entrance.subjects)
        return principal, {
            "StringEquals": {f"{host}:aud": one_or_all(first.audiences)},
            "StringLike": {f"{host}:sub": subjects},
        }
    sign_in = SAML_AUDIENCES.get(source.partition, "https://signin.aws.amazon.com/saml")
    return principal, {"StringEquals": {"SAML:aud": one_or_all(first.audiences or (sign_in,))}}


def _of_service(entrance: Entrance) -> Conditions:
    """On whose behalf a service must call, and with which certificate."""
    conditions: Conditions = {}
    equals = {
        "aws:SourceAccount": one_or_all(entrance.source_account) if entrance.source_account else None,
        "aws:SourceOrgID": entrance.source_organization,
        **{f"aws:PrincipalTag/{name}": value for name, value in entrance.certificate.items()},
    }
    if kept := {key: value for key, value in equals.items() if value}:
        conditions["StringEquals"] = kept
    if entrance.source_arn:
        conditions["ArnLike"] = {"aws:SourceArn": one_or_all(entrance.source_arn)}
    return conditions
