"""Conditions on what a call carries: session tags and the source identity, passed or inherited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.statements.writing import Conditions, asked, one_or_all

REQUEST_TAG, TAG_KEYS, TRANSITIVE_TAG_KEYS = "aws:RequestTag/", "aws:TagKeys", "sts:TransitiveTagKeys"
SET_IDENTITY, IDENTITY = "sts:SourceIdentity", "aws:SourceIdentity"


def tagged_call(
    tags: Sequence[SessionTag], identity: SourceIdentity | None, conditions: Conditions
) -> Conditions:
    """What AssumeRole itself must bring: a call without tags or source identity asks for AssumeRole alone."""
    for tag in tags:
        if tag.required:
            asked(REQUEST_TAG + tag.key, tag.values, conditions)
    if identity and identity.required:
        asked(SET_IDENTITY, identity.values, conditions)
    return conditions


def tag_values(tags: Iterable[SessionTag], conditions: Conditions) -> Conditions:
    """Which values the tags may have that sts:TagSession passes, whatever others it passes."""
    for tag in tags:
        if tag.required or tag.values:
            asked(REQUEST_TAG + tag.key, tag.values, conditions, if_exists=not tag.required)
    return conditions


def tag_conditions(
    tags: Sequence[SessionTag],
    own_transitive: Sequence[str],
    inherited_keys: Sequence[str],
    conditions: Conditions,
) -> Conditions:
    """Which tags sts:TagSession may pass, and which of them the later hops inherit."""
    tag_values(tags, conditions)
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


def identity_conditions(identity: SourceIdentity | None, conditions: Conditions) -> Conditions:
    """Which source identity sts:SetSourceIdentity may set."""
    if identity:
        asked(SET_IDENTITY, identity.values, conditions)
    return conditions
