"""Who is behind the sessions of a chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rolechain.iam.glob import has_wildcard, matches
from rolechain.iam.limits import SOURCE_IDENTITY_CHARACTERS
from rolechain.model.several import several

ADVICE = f"write 2 to {SOURCE_IDENTITY_CHARACTERS} of letters, digits and _+=,.@-"


@dataclass(frozen=True)
class SourceIdentity:
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

    @property
    def fixed(self) -> str | None:
        """The one value that a required source identity can have; None where the caller chooses."""
        one = self.required and len(self.values) == 1 and not has_wildcard(self.values)
        return self.values[0] if one else None

    def allows(self, value: str) -> bool:
        """Whether it may have a value."""
        return not self.values or any(matches(allowed, value) for allowed in self.values)


def source_identity(written: SourceIdentity | str | Iterable[str] | None) -> SourceIdentity | None:
    """The source identity that is meant by one, or by the values that it may have, which is required then."""
    return written if written is None or isinstance(written, SourceIdentity) else SourceIdentity(written)
