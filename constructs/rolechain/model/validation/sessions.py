"""What the sessions of a chain must satisfy: tags, source identity and length."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rolechain.errors import Place
from rolechain.iam.limits import (
    CHAINED_SECONDS,
    SESSION_SECONDS,
    SESSION_TAGS,
    SOURCE_IDENTITY,
    TAG_KEY_CHARACTERS,
    TAG_VALUE_CHARACTERS,
    folded,
    is_tag_text,
)
from rolechain.model.entry_principal import Entrance, brought
from rolechain.model.role import ChainRole
from rolechain.model.session_policy import LONGEST, MOST_ARNS, POLICY_ARN, problems_of
from rolechain.model.session_values import ADVICE, SessionTag, SourceIdentity
from rolechain.model.validation.patterns import Found, matches

if TYPE_CHECKING:
    from rolechain.model.chain import Chain


def problems_of_session(role: ChainRole, *, is_source: bool) -> Found:
    """What is wrong with what a hop into one role passes."""
    if is_source:
        for name in (
            "external_id",
            "session_tags",
            "transitive_tag_keys",
            "source_identity",
            "duration_seconds",
            "policy",
            "policy_arns",
        ):
            if getattr(role, name):
                yield (
                    (name,),
                    "no hop ends in the source role: declare it on the role that is assumed with it",
                )
        return
    yield from of_tags(role.tags)
    declared = {tag.key for tag in role.tags if isinstance(tag, SessionTag)}
    for number, key in enumerate(role.transitive_tag_keys):
        if key not in declared:
            yield (
                ("transitive_tag_keys", number),
                f"{key!r} is none of the session tags of this hop: declare it under session_tags too",
            )
    if role.identity is not None:
        yield from of_identity(role.identity)
    yield from _of_policies(role)
    seconds = role.duration_seconds
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds not in SESSION_SECONDS:
        yield ("duration_seconds",), f"{seconds!r} is outside STS's limits: write 900 to 3600, in seconds"
    elif seconds > CHAINED_SECONDS:
        yield (
            ("duration_seconds",),
            f"{seconds} seconds: STS gives a chained session {CHAINED_SECONDS} at most; write that or less, and let "
            "the runtime renew the hop for longer work",
        )


def of_tags(tags: Iterable[SessionTag]) -> Found:
    """What is wrong with session tags."""
    seen: dict[str, str] = {}
    tags = list(tags)
    if len(tags) > SESSION_TAGS:
        yield (
            ("session_tags",),
            f"{len(tags)} tags: a session has {SESSION_TAGS} at most; leave {len(tags) - SESSION_TAGS} out",
        )
    for tag in tags:
        if not isinstance(tag, SessionTag):
            yield ("session_tags",), f"{tag!r} is no session tag: write values by key, or SessionTag(…)"
            continue
        place = ("session_tags", str(tag.key))
        if not is_tag_text(tag.key) or not 1 <= len(tag.key) <= TAG_KEY_CHARACTERS:
            yield (
                place,
                f"{tag.key!r} is no tag key: write 1 to {TAG_KEY_CHARACTERS} letters, digits, blanks and _.:/=+-@",
            )
            continue
        if tag.key.lower().startswith("aws:"):
            yield place, f"{tag.key!r} begins with aws:, which AWS keeps to itself: rename it"
        if (first := seen.setdefault(folded(tag.key), tag.key)) != tag.key:
            yield place, f"{tag.key!r} and {first!r} are one key to STS, which ignores case: leave one out"
        for value in tag.values:
            if not is_tag_text(_without_wildcards(value)) or len(value) > TAG_VALUE_CHARACTERS:
                yield (
                    place,
                    f"{value!r} is no tag value: write {TAG_VALUE_CHARACTERS} letters, digits, blanks and _.:/=+-@ at "
                    "most",
                )


def of_identity(identity: SourceIdentity) -> Found:
    """What is wrong with a source identity."""
    for value in identity.values:
        legal = isinstance(value, str) and matches(
            SOURCE_IDENTITY, value.replace("*", "xx").replace("?", "x")
        )
        if not legal or value.lower().startswith("aws:"):
            yield (
                ("source_identity",),
                f"{value!r} is no source identity: {ADVICE}",
            )


def _of_policies(role: ChainRole) -> Found:
    """What is wrong with the policies that limit the session."""
    for number, arn in enumerate(role.policy_arns):
        found = POLICY_ARN.fullmatch(arn) if isinstance(arn, str) else None
        if found is None or found["partition"] != role.partition:
            advice = f"write one such as arn:{role.partition}:iam::aws:policy/ReadOnlyAccess"
            yield ("policy_arns", number), f"{arn!r} is no managed policy's ARN in this partition: {advice}"
        elif found["account"] not in ("aws", role.account):
            yield (
                ("policy_arns", number),
                f"{arn} is of account {found['account']}, and STS looks in the role's own, {role.account}: name a "
                "policy of that account, or one of AWS's",
            )
    if len(role.policy_arns) > MOST_ARNS:
        yield (
            ("policy_arns",),
            f"{len(role.policy_arns)} policies: STS takes {MOST_ARNS} at most; leave some out",
        )
    if role.policy is not None:
        for message in problems_of(role.policy):
            yield ("policy",), message
    length = sum(len(text) for text in (role.policy, *role.policy_arns) if isinstance(text, str))
    if length > LONGEST:
        yield (
            ("policy" if role.policy else "policy_arns",),
            f"{length} characters, the ARNs of policy_arns included: STS takes {LONGEST} at most; shorten it",
        )


def _without_wildcards(value: object) -> object:
    return value.replace("*", "").replace("?", "") if isinstance(value, str) else value


def problems_along(chain: Chain, entrances: Iterable[Entrance]) -> Found:
    """What is wrong with what the sessions of a chain hand on from one hop to the next.

    Args:
        chain: the chain.
        entrances: those of its entrances that are right by themselves.
    """
    tags, identity = brought(one for entrance in entrances for one in entrance.each())
    entry: Place = ("source", "assumed_by")
    inherited: dict[str, tuple[str, Place]] = {folded(tag.key): (tag.key, entry) for tag in tags}
    set_at: Place | None = entry if identity else None
    line = [(("middle", number), role) for number, role in enumerate(chain.middle)]
    for place, role in line:
        yield from _of_one(place, role, inherited, set_at)
        inherited |= {folded(key): (key, place) for key in role.transitive_tag_keys if isinstance(key, str)}
        set_at = set_at or (place if role.identity else None)
    for number, role in enumerate(chain.targets):
        yield from _of_one(("targets", number), role, inherited, set_at)


def _of_one(
    place: Place, role: ChainRole, inherited: dict[str, tuple[str, Place]], set_at: Place | None
) -> Found:
    for tag in role.tags:
        known = inherited.get(folded(str(tag.key))) if isinstance(tag, SessionTag) else None
        if known:
            key, first = known
            yield (
                (*place, "session_tags", str(tag.key)),
                f"the session inherits {key} as transitive from {_shown(first)}, and STS refuses to have it passed "
                "again: leave it out here, or out of transitive_tag_keys there",
            )
    whole = len(inherited) + len(role.tags)
    if inherited and len(role.tags) <= SESSION_TAGS < whole:
        yield (
            (*place, "session_tags"),
            f"{len(role.tags)} tags and {len(inherited)} inherited ones: a session has {SESSION_TAGS} at most; leave "
            f"{whole - SESSION_TAGS} out",
        )
    if role.identity and set_at:
        yield (
            (*place, "source_identity"),
            f"{_shown(set_at)} sets the source identity already, and it cannot change: leave it out here",
        )


def _shown(place: Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else str(step) for step in place)
