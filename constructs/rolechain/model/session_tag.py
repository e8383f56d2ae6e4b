"""A session tag that a hop passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rolechain.iam.glob import has_wildcard, matches
from rolechain.model.several import several


@dataclass(frozen=True)
class SessionTag:
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

    @property
    def fixed(self) -> str | None:
        """The one value that a required tag can have; None where the caller chooses."""
        one = self.required and len(self.values) == 1 and not has_wildcard(self.values)
        return self.values[0] if one else None

    def allows(self, value: str) -> bool:
        """Whether the tag may have a value."""
        return not self.values or any(matches(allowed, value) for allowed in self.values)


SessionTags = Mapping[str, str | Iterable[str]] | Iterable[SessionTag]
"""Session tags as they are written: tags, or allowed values by key, which are all required."""


def session_tags(written: SessionTags) -> tuple[SessionTag, ...]:
    """The tags that are meant, in order."""
    if isinstance(written, Mapping):
        return tuple(SessionTag(key, values) for key, values in written.items())
    return several(written)
