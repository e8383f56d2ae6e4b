"""What the sessions of a chain inherit from those before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rolechain.runtime.hop import Hop


@dataclass(frozen=True)
class Inheritance:
    """The tags and the source identity that the next session inherits, as far as they are known.

    Attributes:
        tags: the transitive session tags, by key.
        source_identity: the source identity, if one was set.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    source_identity: str | None = None

    def after(self, call: Hop) -> Inheritance:
        """What the session after ``call`` passes on: this inheritance, and what the call makes transitive."""
        own = {key: value for key, value in (call.tags or {}).items() if key in call.transitive_tag_keys}
        return Inheritance({**self.tags, **own}, self.source_identity or call.source_identity)
