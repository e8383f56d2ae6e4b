"""The values of a session: its session tags and its source identity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rolechain.iam.glob import WILDCARD, has_wildcard, matches
from rolechain.iam.limits import (
    NAME_CHARACTERS,
    OF_TAG,
    SESSION_TAGS,
    SOURCE_IDENTITY_CHARACTERS,
    TAG_KEY_CHARACTERS,
    TAG_VALUE_CHARACTERS,
    folded,
    is_tag_text,
)

ADVICE = f"write 2 to {SOURCE_IDENTITY_CHARACTERS} of {NAME_CHARACTERS}"


def several(written: object) -> tuple[Any, ...]:
    """One value or an iterable of values as a tuple.

    A value of another type becomes a tuple of that value; validation reports it.
    """
    if type(written) is tuple:
        return written
    if isinstance(written, (str, bytes, Mapping)) or not isinstance(written, Iterable):
        return (written,)
    return tuple(written)


class _Allowed:
    """A session value with a list of allowed values; an empty list allows any."""

    values: tuple[str, ...]
    required: bool

    @property
    def fixed(self) -> str | None:
        """The only value that it can have; None if the caller chooses."""
        one = self.required and len(self.values) == 1 and not has_wildcard(self.values)
        return self.values[0] if one else None

    def allows(self, value: str) -> bool:
        """Whether ``value`` is allowed."""
        return not self.values or any(matches(allowed, value) for allowed in self.values)


@dataclass(frozen=True)
class SessionTag(_Allowed):
    """A session tag and its allowed values.

    Attributes:
        key: its key, 1 to 128 characters; unique in a session, ignoring case.
        values: the allowed values, each of 256 characters at most; ``*`` and ``?`` are wildcards. An empty list
            allows every value.
        required: whether a call without it is denied.
    """

    key: str
    values: tuple[str, ...] = ()
    required: bool = True

    def __init__(self, key: str, values: str | Iterable[str] = (), *, required: bool = True) -> None:
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "values", several(values))
        object.__setattr__(self, "required", required)


@dataclass(frozen=True)
class SourceIdentity(_Allowed):
    """The source identity that a hop sets and every later session of the chain keeps.

    Attributes:
        values: the allowed values, 2 to 256 characters each, 64 before boto3 1.44.8; ``*`` and ``?`` are wildcards.
            An empty list allows every value.
        required: whether a call of this hop or a later one is denied without it.
    """

    values: tuple[str, ...] = ()
    required: bool = True

    def __init__(self, values: str | Iterable[str] = (), *, required: bool = True) -> None:
        object.__setattr__(self, "values", several(values))
        object.__setattr__(self, "required", required)


SessionTags = Mapping[str, str | Iterable[str]] | Iterable[SessionTag]
"""Session tags as declared: tags, or allowed values by key, all of them required."""


def tag_problems(
    tags: Iterable[tuple[Any, Iterable[Any]]], *, patterns: bool
) -> Iterator[tuple[tuple[str, ...], str]]:
    """What STS refuses of session tags: the key, or nothing where it is about all of them, and the problem.

    Args:
        tags: the keys, each with its values.
        patterns: whether ``*`` and ``?`` are wildcards in the values.
    """
    listed, seen = list(tags), dict[str, str]()
    if len(listed) > SESSION_TAGS:
        more = len(listed) - SESSION_TAGS
        yield (), f"{len(listed)} tags: a session has {SESSION_TAGS} at most; remove {more}"
    for key, values in listed:
        place = (str(key),)
        if not is_tag_text(key) or not 1 <= len(key) <= TAG_KEY_CHARACTERS:
            yield place, f"{key!r} is not a tag key: write 1 to {TAG_KEY_CHARACTERS} {OF_TAG}"
            continue
        if key.lower().startswith("aws:"):
            yield place, f"{key!r} begins with aws:, which AWS reserves: rename it"
        if first := seen.get(folded(key)):
            same = f"{key!r} and {first!r} are the same key to STS, which ignores case"
            yield place, f"{same if first != key else f'{first!r} occurs twice'}: remove one"
        seen[folded(key)] = key
        for each in values:
            text = WILDCARD.sub("", each) if patterns and isinstance(each, str) else each
            if not is_tag_text(text) or len(each) > TAG_VALUE_CHARACTERS:
                yield place, f"{each!r} is not a tag value: write {TAG_VALUE_CHARACTERS} {OF_TAG} at most"


class HasSessionValues:
    """A declaration with session tags and a source identity."""

    session_tags: SessionTags
    source_identity: SourceIdentity | str | Iterable[str] | None

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _set_session_values(self) -> None:
        tags, identity = self.session_tags, self.source_identity
        if isinstance(tags, Mapping):
            tags = [SessionTag(key, values) for key, values in tags.items()]
        self._set("session_tags", several(tags))
        if identity is not None and not isinstance(identity, SourceIdentity):
            self._set("source_identity", SourceIdentity(identity))

    @property
    def tags(self) -> tuple[SessionTag, ...]:
        """The session tags."""
        return self.session_tags  # type: ignore[return-value]  # converted by _set_session_values

    @property
    def identity(self) -> SourceIdentity | None:
        """The source identity."""
        return self.source_identity  # type: ignore[return-value]  # converted by _set_session_values
