"""The limits of STS on a hop, alone and in its place in a chain.

The patterns and limits are those of the STS API reference for AssumeRole. botocore itself checks the minimums only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rolechain.errors import Problem
from rolechain.iam.limits import (
    CHAINED_SECONDS,
    EXTERNAL_ID,
    MFA_SERIAL_NUMBER,
    NAME,
    NAME_CHARACTERS,
    OF_EXTERNAL_ID,
    OF_SESSION_NAME,
    ROLE_NAME_CHARACTERS,
    SESSION_NAME,
    SESSION_POLICY,
    SESSION_SECONDS,
    SOURCE_IDENTITY,
    SOURCE_IDENTITY_CHARACTERS_BEFORE,
    folded,
    source_identity_characters_here,
)
from rolechain.iam.partitions import PARTITIONS, partition_of
from rolechain.model.session_policy import POLICY_ARN, beyond_quotas
from rolechain.model.session_values import tag_problems

if TYPE_CHECKING:
    from rolechain.runtime.hop import Hop

_ROLE_ARN = re.compile(
    rf"arn:(?P<partition>[a-z-]+):iam::\d{{12}}:role(?P<path>/(?:[!-~]+/)?){NAME}{{1,{ROLE_NAME_CHARACTERS}}}",
    re.ASCII,
)

_TEXTS = (
    ("session_name", SESSION_NAME, f"write {OF_SESSION_NAME}"),
    ("external_id", EXTERNAL_ID, f"write {OF_EXTERNAL_ID}"),
    ("serial_number", MFA_SERIAL_NUMBER, "write the MFA device's ARN or serial"),
)

Found = Iterator[tuple[str, str]]
"""A field's name, and what is wrong with it."""


def problems_of(hop: Hop) -> Found:
    """Every mistake in ``hop`` by itself."""
    arn = _ROLE_ARN.fullmatch(hop.role_arn) if isinstance(hop.role_arn, str) else None
    if arn is None or arn["partition"] not in PARTITIONS:
        yield (
            "role_arn",
            f"{hop.role_arn!r} is not a role's ARN: write one such as arn:aws:iam::222222222222:role/name",
        )
    for name, pattern, advice in _TEXTS:
        value = getattr(hop, name)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            yield name, f"{value!r} is not accepted by STS: {advice}"
    yield from _of_source_identity(hop.source_identity)
    seconds = hop.duration_seconds
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int) or seconds not in SESSION_SECONDS
    ):
        yield "duration_seconds", f"{seconds!r} is outside the limits of STS: write 900 to 43200"
    yield from _of_policies(hop)
    yield from _of_tags(hop)
    if hop.token_code is not None and not callable(hop.token_code):
        yield "token_code", "must be a callable that gives six digits, as a code is good for one call only"
    elif hop.token_code is not None and hop.serial_number is None:
        yield "token_code", "needs serial_number, the MFA device that the code comes from"
    elif hop.serial_number is not None and hop.token_code is None:
        yield "serial_number", "needs token_code, a callable that gives the device's six digits"


def _of_source_identity(identity: object) -> Found:
    # botocore is asked only where it matters: it takes half a second to start.
    longest = (
        source_identity_characters_here()
        if isinstance(identity, str) and len(identity) > SOURCE_IDENTITY_CHARACTERS_BEFORE
        else SOURCE_IDENTITY_CHARACTERS_BEFORE
    )
    legal = isinstance(identity, str) and SOURCE_IDENTITY.fullmatch(identity) and len(identity) <= longest
    if identity is not None and not legal:
        yield (
            "source_identity",
            f"{identity!r} is not accepted by STS: write 2 to {source_identity_characters_here()} of {NAME_CHARACTERS}",
        )


def _of_policies(hop: Hop) -> Found:
    if hop.policy is not None and not (
        isinstance(hop.policy, str) and SESSION_POLICY.fullmatch(hop.policy) and _is_json_object(hop.policy)
    ):
        yield "policy", "is not a JSON object of Latin-1 characters: pass a policy's JSON, or a mapping"
    yield from beyond_quotas(hop.policy, hop.policy_arns)
    for policy in hop.policy_arns:
        if not isinstance(policy, str) or not POLICY_ARN.fullmatch(policy):
            advice = "write one such as arn:aws:iam::aws:policy/name"
            yield "policy_arns", f"{policy!r} is not a policy's ARN: {advice}"


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _of_tags(hop: Hop) -> Found:
    tags = {} if hop.tags is None else hop.tags
    if not isinstance(tags, Mapping):
        yield "tags", f"a {type(tags).__name__} is not a mapping: write {{key: value}}"
        return
    for _, message in tag_problems([(key, [value]) for key, value in tags.items()], patterns=False):
        yield "tags", message
    keys = {folded(key) for key in tags if isinstance(key, str)}
    for key in hop.transitive_tag_keys:
        if not isinstance(key, str) or folded(key) not in keys:
            yield (
                "transitive_tag_keys",
                f"{key!r} is not among the hop's tags: add the tag, or leave the key out",
            )


def problems_of_chain(hops: Sequence[Hop], region: str | None) -> Iterator[Problem]:
    """Every mistake that shows only once the hops stand in their order, in a region."""
    if not hops:
        yield Problem(("hops",), "none given: name the roles to assume, in the order of the calls")
    if not region:
        yield Problem(
            ("region_name",),
            "no region is set: pass region_name, set AWS_DEFAULT_REGION, or give the session's profile a region",
        )
    elif partition_of(region) is None:
        yield Problem(("region_name",), f"{region!r} is not a region: name one such as us-east-1")
    transitive: dict[str, int] = {}
    identity: tuple[int, str] | None = None
    for index, hop in enumerate(hops, 1):
        where = (f"hop {index} of {len(hops)}, {hop.role_arn}",)
        if hop.partition != hops[0].partition:
            yield Problem(
                where,
                f"lies in partition {hop.partition}, hop 1 in {hops[0].partition}: no hop crosses partitions",
            )
        elif region and (home := partition_of(region)) and hop.partition != home:
            yield Problem(
                where, f"lies in partition {hop.partition}, region {region} in {home}: change one of the two"
            )
        if index > 1 and hop.duration_seconds and hop.duration_seconds > CHAINED_SECONDS:
            yield Problem(
                (*where, "duration_seconds"),
                f"{hop.duration_seconds} is over {CHAINED_SECONDS}, the most a chained session lasts: ask for less",
            )
        if index > 1 and hop.serial_number:
            yield Problem(
                (*where, "serial_number"), "a role session has no MFA device: ask for the code in hop 1"
            )
        for key in hop.tags or {}:
            if first := transitive.get(folded(key)):
                yield Problem(
                    (*where, "tags"), f"{key!r} is inherited from hop {first} and cannot be set again"
                )
        transitive |= {folded(key): index for key in hop.transitive_tag_keys}
        if hop.source_identity and identity and identity[1] != hop.source_identity:
            yield Problem(
                (*where, "source_identity"),
                f"{hop.source_identity!r} differs from hop {identity[0]}'s {identity[1]!r}, which stays once it is set",
            )
        identity = identity or ((index, hop.source_identity) if hop.source_identity else None)
