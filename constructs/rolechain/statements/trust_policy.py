"""The statements of a trust policy: for the callers of hops, and for the entrances of a source role.

sts:TagSession and sts:SetSourceIdentity have statements of their own: a condition on a key that only AssumeRole
carries, such as sts:ExternalId, is never met for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import groupby
from typing import Any

from rolechain.iam.arn import iam_arn, permission_set_arn, root_of
from rolechain.iam.partitions import saml_audience
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.entry_principal import Entrance
from rolechain.model.hop import Hop
from rolechain.model.role import ChainRole
from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.statements.statement_json import (
    Conditions,
    StatementJson,
    add_condition,
    allow,
    numbered,
    one_or_all,
)

REQUEST_TAG, TAG_KEYS, TRANSITIVE_TAG_KEYS = "aws:RequestTag/", "aws:TagKeys", "sts:TransitiveTagKeys"
SET_IDENTITY, IDENTITY = "sts:SourceIdentity", "aws:SourceIdentity"

CALLER_SID = "AllowCaller"
"""What the Sid of the statement that lets a hop's caller in begins with."""
_SIDS = {TAG_SESSION: "AllowTagSession", SET_SOURCE_IDENTITY: "AllowSetSourceIdentity"}
_ACTIONS = {"oidc": "sts:AssumeRoleWithWebIdentity", "saml": "sts:AssumeRoleWithSAML"}


def hop_trust_statements(hops: Sequence[Hop], organization: str | None) -> list[StatementJson]:
    """The statements that let the callers of hops assume one callee.

    Args:
        hops: the hops, which differ in their callers only.
        organization: the id of the organization that the callers belong to; a third party is exempt.
    """
    by_kind = sorted(hops, key=lambda hop: hop.caller.third_party)
    statements: list[StatementJson] = []
    for before, (third_party, group) in enumerate(groupby(by_kind, lambda hop: hop.caller.third_party)):
        for statement in _hop_statements(list(group), None if third_party else organization):
            statements.append(statement | {"Sid": numbered(statement["Sid"], before)})
    return statements


def entrance_statements(
    entrances: Iterable[Entrance], source: ChainRole, organization: str | None = None
) -> list[StatementJson]:
    """The statements of a source role's trust policy for its entrances.

    Entrances that differ in their principal or subject only share their statements: each principal stands once, and
    the values of a condition are listed.

    Args:
        entrances: the entrances.
        source: the source role.
        organization: the id of the organization that accounts, roles, users and permission sets must belong to; a
            third party is exempt.
    """
    groups: dict[Entrance, list[Entrance]] = {}
    for entrance in (one for several in entrances for one in several.each()):
        value = entrance.value if entrance.kind == "oidc" else ""
        shared = replace(entrance, value=value, subject=None, audience=entrance.audiences)
        groups.setdefault(shared, []).append(entrance)
    statements: list[StatementJson] = []
    for group in groups.values():
        for statement in _entrance_group_statements(group, source, organization):
            before = sum(each["Sid"].rstrip("0123456789") == statement["Sid"] for each in statements)
            statements.append(statement | {"Sid": numbered(statement["Sid"], before)})
    return statements


def _hop_statements(hops: list[Hop], organization: str | None) -> Iterator[StatementJson]:
    hop, callee = hops[0], hops[0].callee
    principal, who = _caller_principal(hops)
    if organization:
        add_condition("aws:PrincipalOrgID", [organization], who)
        if callee.caller_organizational_units:
            paths = (f"{organization}/{unit.rstrip('/')}/*" for unit in callee.caller_organizational_units)
            who["ForAnyValue:StringLike"] = {"aws:PrincipalOrgPaths": one_or_all(paths)}
    entering = deepcopy(who)
    if hop.external_id:
        add_condition("sts:ExternalId", [hop.external_id], entering)
    _require_session_values(callee.tags, callee.identity, entering)
    inherited = hop.inherited_source_identity
    if inherited and inherited.required and not (callee.identity and callee.identity.required):
        add_condition(IDENTITY, inherited.values, entering)
    yield allow(CALLER_SID, ASSUME_ROLE, entering, Principal=principal)
    if hop.carries_tags:
        passing = _add_tags(callee.tags, callee.transitive_tag_keys, hop.inherited_tag_keys, deepcopy(who))
        yield allow(_SIDS[TAG_SESSION], TAG_SESSION, passing, Principal=principal)
    if hop.carries_source_identity:
        setting = deepcopy(who)
        if callee.identity:
            add_condition(SET_IDENTITY, callee.identity.values, setting)
        yield allow(_SIDS[SET_SOURCE_IDENTITY], SET_SOURCE_IDENTITY, setting, Principal=principal)


def _caller_principal(hops: list[Hop]) -> tuple[Any, Conditions]:
    """The Principal element and the conditions that match the callers."""
    callee, callers = hops[0].callee, [hop.caller for hop in hops]
    arns = one_or_all(caller.arn for caller in callers)
    roots = {"AWS": one_or_all(caller.account_root for caller in callers)}
    if callee.trust == "role_arn":
        return {"AWS": arns}, {}
    if callee.trust == "account":
        roles = one_or_all(iam_arn(callee.partition, caller.account, "role/*") for caller in callers)
        return roots, {"ArnLike": {"aws:PrincipalArn": roles}}
    if callee.trust == "organization":
        return {"AWS": "*"}, {"ArnLike": {"aws:PrincipalArn": iam_arn(callee.partition, "*", "role/*")}}
    return roots, {"ArnEquals": {"aws:PrincipalArn": arns}}


def _entrance_group_statements(
    group: Sequence[Entrance], source: ChainRole, organization: str | None
) -> Iterator[StatementJson]:
    first = group[0]
    principal, who = _entrance_principal(group, source)
    if first.kind in ("account", "arn", "permission_set") and organization and not first.third_party:
        add_condition("aws:PrincipalOrgID", [organization], who)
    if first.until is not None:
        who["DateLessThan"] = {"aws:CurrentTime": str(first.until)}
    entering = deepcopy(who)
    _require_session_values(first.tags, first.identity, entering)
    if first.external_id is not None:
        add_condition("sts:ExternalId", [first.external_id], entering)
    if first.mfa:
        entering["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    if first.mfa_max_age is not None:
        entering["NumericLessThanEquals"] = {"aws:MultiFactorAuthAge": str(first.mfa_max_age)}
    by_action = {_ACTIONS.get(first.kind, ASSUME_ROLE): entering}
    if first.tags:
        by_action[TAG_SESSION] = (
            _add_tag_values(first.tags, deepcopy(who))
            if first.known
            else _add_tags(first.tags, first.transitive_tag_keys, (), deepcopy(who))
        )
    if first.identity:
        setting = by_action[SET_SOURCE_IDENTITY] = deepcopy(who)
        if first.identity.values or not first.known:
            add_condition(SET_IDENTITY, first.identity.values, setting)
    for actions, conditions in _merged_actions(by_action) if first.known else by_action.items():
        sid = _SIDS.get(actions if isinstance(actions, str) else actions[0], "AllowEntrance")
        yield allow(sid, actions, conditions, Principal=principal)


def _merged_actions(by_action: dict[str, Conditions]) -> Iterator[tuple[str | list[str], Conditions]]:
    """The actions with equal conditions in one statement, as AWS writes them for those services."""
    while by_action:
        conditions = next(iter(by_action.values()))
        actions = [action for action, others in by_action.items() if others == conditions]
        by_action = {action: others for action, others in by_action.items() if others != conditions}
        yield one_or_all(actions), conditions


def _entrance_principal(group: Sequence[Entrance], source: ChainRole) -> tuple[Any, Conditions]:
    """The Principal element and the conditions that match entrances of one kind."""
    first, values = group[0], list(dict.fromkeys(entrance.value for entrance in group))
    if first.kind == "service":
        return {"Service": one_or_all(values)}, _service_conditions(first)
    if first.kind == "arn":
        roots = one_or_all(root_of(value) for value in values)
        return {"AWS": roots}, {"ArnEquals": {"aws:PrincipalArn": one_or_all(values)}}
    if first.kind == "account":
        roots = one_or_all(iam_arn(source.partition, value, "root") for value in values)
        roles = one_or_all(iam_arn(source.partition, value, "role/*") for value in values)
        return {"AWS": roots}, {} if first.iam_users else {"ArnLike": {"aws:PrincipalArn": roles}}
    if first.kind == "permission_set":
        # Identity Center makes the role: region and suffix of its ARN cannot be known beforehand.
        patterns = one_or_all(permission_set_arn(source.partition, source.account, value) for value in values)
        return {"AWS": source.account_root}, {"ArnLike": {"aws:PrincipalArn": patterns}}
    principal = {"Federated": one_or_all(values)}
    if first.kind == "oidc":
        host = first.value.split(":oidc-provider/", 1)[1]
        subjects = one_or_all(subject for entrance in group for subject in entrance.subjects)
        return principal, {
            "StringEquals": {f"{host}:aud": one_or_all(first.audiences)},
            "StringLike": {f"{host}:sub": subjects},
        }
    audiences = first.audiences or (saml_audience(source.partition),)
    return principal, {"StringEquals": {"SAML:aud": one_or_all(audiences)}}


def _service_conditions(entrance: Entrance) -> Conditions:
    """The conditions on the account, resource or organization a service acts for, and on its certificate."""
    equals = {
        "aws:SourceAccount": one_or_all(entrance.source_account),
        "aws:SourceOrgID": entrance.source_organization,
        **{f"aws:PrincipalTag/{name}": value for name, value in entrance.certificate.items()},
    }
    arns = {"aws:SourceArn": one_or_all(entrance.source_arn)} if entrance.source_arn else {}
    return {"StringEquals": {key: value for key, value in equals.items() if value}, "ArnLike": arns}


def _require_session_values(
    tags: Sequence[SessionTag], identity: SourceIdentity | None, conditions: Conditions
) -> None:
    """Adds the required tags and source identity: a call that passes none of them needs sts:AssumeRole alone."""
    for tag in tags:
        if tag.required:
            add_condition(REQUEST_TAG + tag.key, tag.values, conditions)
    if identity and identity.required:
        add_condition(SET_IDENTITY, identity.values, conditions)


def _add_tag_values(tags: Iterable[SessionTag], conditions: Conditions) -> Conditions:
    """Adds the allowed values of the tags of sts:TagSession; other tags are not restricted."""
    for tag in tags:
        if tag.required or tag.values:
            add_condition(REQUEST_TAG + tag.key, tag.values, conditions, if_exists=not tag.required)
    return conditions


def _add_tags(
    tags: Sequence[SessionTag],
    own_transitive: Sequence[str],
    inherited_keys: Sequence[str],
    conditions: Conditions,
) -> Conditions:
    """Adds the tags that sts:TagSession may pass, and those of them that later hops inherit."""
    _add_tag_values(tags, conditions)
    keys = conditions.setdefault("ForAllValues:StringEquals", {})
    keys[TAG_KEYS] = one_or_all([*(tag.key for tag in tags), *inherited_keys])
    transitive = [*own_transitive, *inherited_keys]
    if transitive:
        keys[TRANSITIVE_TAG_KEYS] = one_or_all(transitive)
    else:
        conditions["Null"] = {TRANSITIVE_TAG_KEYS: "true"}
    # ForAllValues is met by a call without the key too.
    required = {tag.key for tag in tags if tag.required}
    if required:
        conditions.setdefault("Null", {})[TAG_KEYS] = "false"
    # What is inherited is among the transitive keys of every call: that there are some would not be enough.
    if own := [key for key in own_transitive if key in required]:
        conditions["ForAnyValue:StringEquals"] = {TRANSITIVE_TAG_KEYS: one_or_all(own)}
    return conditions
