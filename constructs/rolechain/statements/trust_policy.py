"""The callee's half of its hops: the statements of its trust policy.

Tags and the source identity stand apart from AssumeRole: a condition on what AssumeRole alone carries, such as the
external id, would never be met for sts:TagSession and sts:SetSourceIdentity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import groupby
from typing import Any

from rolechain.model.hop import Hop
from rolechain.policy.request import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.statements.session_conditions import IDENTITY, identity_conditions, tag_conditions, tagged_call
from rolechain.statements.writing import Conditions, Statement, allow, asked, one_or_all


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
            f"AllowTagSession{suffix}",
            TAG_SESSION,
            tag_conditions(
                hop.callee.tags, hop.callee.transitive_tag_keys, hop.inherited_tag_keys, deepcopy(who)
            ),
            Principal=principal,
        )
    if hop.carries_source_identity:
        conditions = identity_conditions(hop.callee.identity, deepcopy(who))
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
    """What a hop must bring."""
    if hop.external_id:
        conditions.setdefault("StringEquals", {})["sts:ExternalId"] = hop.external_id
    tagged_call(hop.callee.tags, hop.callee.identity, conditions)
    inherited = hop.inherited_source_identity
    if inherited and inherited.required and not (hop.callee.identity and hop.callee.identity.required):
        asked(IDENTITY, inherited.values, conditions)
    return conditions
