"""The values that a session gets from a hop, or brings where it enters: its tags, and its source identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rolechain.iam.glob import has_wildcard, matches
from rolechain.iam.limits import SOURCE_IDENTITY_CHARACTERS

ADVICE = f"write 2 to {SOURCE_IDENTITY_CHARACTERS} of letters, digits and _+=,.@-"


def several(written: object) -> tuple[Any, ...]:
    """The values that are meant by one, or by an iterable of them.

    What is neither stands for one value as it is, so that whoever checks the values tells it as a mistake.
    """
    if type(written) is tuple:
        return written
    if isinstance(written, (str, bytes, Mapping)) or not isinstance(written, Iterable):
        return (written,)
    return tuple(written)


class _Allowed:
    """What may have some values, or any where none is named."""

    values: tuple[str, ...]
    required: bool

    @property
    def fixed(self) -> str | None:
        """The one value that it can have, as it is required; None where the caller chooses."""
        one = self.required and len(self.values) == 1 and not has_wildcard(self.values)
        return self.values[0] if one else None

    def allows(self, value: str) -> bool:
        """Whether it may have a value."""
        return not self.values or any(matches(allowed, value) for allowed in self.values)


@dataclass(frozen=True)
class SessionTag(_Allowed):
    """A tag that the session of a hop gets, and the values that it may have.

    Attributes:
        key: its key, 1 to 128 characters; unique in a session, ignoring case.
        values: what it may be, each of 256 characters at most; ``*`` and ``?`` are wildcards. Without any, every
            value is taken.
        required: whether the hop is refused without it.
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
    """The source identity that a hop sets, and that every later session of the chain keeps.

    Attributes:
        values: what it may be, 2 to 256 characters each, 64 before boto3 1.44.8; ``*`` and ``?`` are wildcards. Without
            any, every value is taken.
        required: whether the hop, and every later one, is refused without it.
    """

    values: tuple[str, ...] = ()
    required: bool = True

    def __init__(self, values: str | Iterable[str] = (), *, required: bool = True) -> None:
        object.__setattr__(self, "values", several(values))
        object.__setattr__(self, "required", required)


SessionTags = Mapping[str, str | Iterable[str]] | Iterable[SessionTag]
"""Session tags as they are written: tags, or allowed values by key, which are all required."""


def session_tags(written: SessionTags) -> tuple[SessionTag, ...]:
    """The tags that are meant, in order."""
    if isinstance(written, Mapping):
        return tuple(SessionTag(key, values) for key, values in written.items())
    return several(written)


def source_identity(written: SourceIdentity | str | Iterable[str] | None) -> SourceIdentity | None:
    """The source identity that is meant by one, or by the values that it may have, which is required then."""
    return written if written is None or isinstance(written, SourceIdentity) else SourceIdentity(written)


class HasSessionValues:
    """What passes session tags and a source identity, or brings them."""

    session_tags: SessionTags
    source_identity: SourceIdentity | str | Iterable[str] | None

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _set_session_values(self) -> None:
        self._set("session_tags", session_tags(self.session_tags))
        self._set("source_identity", source_identity(self.source_identity))

    @property
    def tags(self) -> tuple[SessionTag, ...]:
        """The session tags."""
        return self.session_tags  # type: ignore[return-value]  # made so by _set_session_values

    @property
    def identity(self) -> SourceIdentity | None:
        """The source identity."""
        return self.source_identity  # type: ignore[return-value]  # made so by _set_session_values
