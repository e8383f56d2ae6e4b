"""Who is behind the sessions of a chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rolechain.wildcards import has_wildcard, matches


@dataclass(frozen=True)
class SourceIdentity:
    """The source identity that a hop sets, and that every later session of the chain keeps.

    Attributes:
        values: what it may be, 2 to 64 characters each; ``*`` and ``?`` are wildcards. Without any, every value is
            taken.
        required: whether the hop, and every later one, is refused without it.
    """

    values: tuple[str, ...] = ()
    required: bool = True

    def __init__(self, values: str | Iterable[str] = (), *, required: bool = True) -> None:
        object.__setattr__(self, "values", (values,) if isinstance(values, str) else tuple(values))
        object.__setattr__(self, "required", required)

    @property
    def fixed(self) -> str | None:
        """The one value that a required source identity can have; None where the caller chooses."""
        one = self.required and len(self.values) == 1 and not has_wildcard(self.values)
        return self.values[0] if one else None

    def allows(self, value: str) -> bool:
        """Whether it may have a value."""
        return not self.values or any(matches(allowed, value) for allowed in self.values)
