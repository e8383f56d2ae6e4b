"""The callee's half of its hops: the statements of its trust policy.

Tags and the source identity stand apart from AssumeRole: a condition on what AssumeRole alone carries, such as the
external id, would never be met for sts:TagSession and sts:SetSourceIdentity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import groupby
from typing import Any

from rolechain.hop import Hop
from rolechain.policy.request import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy.writing import Conditions, Statement, allow, asked, one_or_all

REQUEST_TAG, TAG_KEYS, TRANSITIVE_TAG_KEYS = "aws:RequestTag/", "aws:TagKeys", "sts:TransitiveTagKeys"
SET_IDENTITY, IDENTITY = "sts:SourceIdentity", "aws:SourceIdentity"


def hop_trust(hops: Sequence[Hop], organization: str | None) -> list[Statement]:
    """The statements that let the callers of hops into one callee in.

    Args:
        hops: the hops, which differ in their callers only.
        organization: the id of the organization that the callers belong to; asked of all but third parties.
    """
    statements: list[Statement] = []
    by_kind = sorted(hops, key=lambda hop: hop.caller.third_party)
    for number, (third_party, group) in enumerate(groupby(by_kind, lambda hop: hop.caller.third_party), 1):
        statements += _of_callers(
            list(group), None if third_party else organization, "" if number == 1 else f"{number}"
        )
    return statements


def _of_callers(hops: list[Hop], organization: str | None, suffix: str) -> Iterator[Statement]:
    hop = hops[0]
    principal, who = _callers(hops)
    if organization:
        who.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = organization
        if hop.callee.organizational_units:
            paths = (f"{organization}/{unit.rstrip('/')}/*" for unit in hop.callee.organizational_units)
            who["ForAnyValue:StringLike"] = {"aws:PrincipalOrgPaths": one_or_all(paths)}
    yield allow(f"AllowCaller{suffix}", ASSUME_ROLE, _of_call(hop, deepcopy(who)), Principal=principal)
    if hop.carries_tags:
        yield allow(
            f"AllowTagSession{suffix}", TAG_SESSION, _of_tags(hop, deepcopy(who)), Principal=principal
        )
    if hop.carries_source_identity:
        conditions = deepcopy(who)
        if hop.callee.identity:
            asked(SET_IDENTITY, hop.callee.identity.values, conditions)
        yield allow(f"AllowSetSourceIdentity{suffix}", SET_SOURCE_IDENTITY, conditions, Principal=principal)


def _callers(hops: list[Hop]) -> tuple[Any, Conditions]:
    """Principal and conditions that stand for the callers."""
    callee, callers = hops[0].callee, [hop.caller for hop in hops]
    begins = f"arn:{callee.partition}:iam::"
    roots = {"AWS": one_or_all(caller.account_root for caller in callers)}
    if callee.trust == "role_arn":
        return {"AWS": one_or_all(caller.arn for caller in callers)}, {}
    if callee.trust == "account":
        roles = one_or_all(f"{begins}{caller.account}:role/*" for caller in callers)
        return roots, {"ArnLike": {"aws:PrincipalArn": roles}}
    if callee.trust == "organization":
        return "*", {"ArnLike": {"aws:PrincipalArn": f"{begins}*:role/*"}}
    return roots, {"ArnEquals": {"aws:PrincipalArn": one_or_all(caller.arn for caller in callers)}}


def _of_call(hop: Hop, conditions: Conditions) -> Conditions:
    """What a hop must bring; a call without tags or source identity asks for AssumeRole alone, so it is asked here."""
    if hop.external_id:
        conditions.setdefault("StringEquals", {})["sts:ExternalId"] = hop.external_id
    for tag in hop.callee.tags:
        if tag.required:
            asked(REQUEST_TAG + tag.key, tag.values, conditions)
    if hop.callee.identity and hop.callee.identity.required:
        asked(SET_IDENTITY, hop.callee.identity.values, conditions)
    elif hop.inherited_source_identity and hop.inherited_source_identity.required:
        asked(IDENTITY, hop.inherited_source_identity.values, conditions)
    return conditions


def _of_tags(hop: Hop, conditions: Conditions) -> Conditions:
    """Which tags may be passed, and which of them the later hops inherit."""
    tags = hop.callee.tags
    for tag in tags:
        if tag.required or tag.values:
            asked(REQUEST_TAG + tag.key, tag.values, conditions, if_exists=not tag.required)
    keys = conditions.setdefault("ForAllValues:StringEquals", {})
    keys[TAG_KEYS] = one_or_all([*(tag.key for tag in tags), *hop.inherited_tag_keys])
    transitive = [*hop.callee.transitive_tag_keys, *hop.inherited_tag_keys]
    if transitive:
        keys[TRANSITIVE_TAG_KEYS] = one_or_all(transitive)
    else:
        conditions["Null"] = {TRANSITIVE_TAG_KEYS: "true"}
    # ForAllValues is met by a call without the key too.
    required = {tag.key for tag in tags if tag.required}
    if required:
        conditions.setdefault("Null", {})[TAG_KEYS] = "false"
    # What is inherited is among the transitive keys of every call: that there are some would not be enough.
    if own := [key for key in hop.callee.transitive_tag_keys if key in required]:
        conditions["ForAnyValue:StringEquals"] = {TRANSITIVE_TAG_KEYS: one_or_all(own)}
    return conditions
