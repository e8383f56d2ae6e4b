"""What every error of this package has in common, and the errors of the chain model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Place = tuple[str | int, ...]
"""Where in a chain something stands: ``("targets", 0, "account")``."""


class RolechainError(Exception):
    """Base of every error that this package raises on purpose; its text is fit to be shown to a user."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a declared chain.

    Attributes:
        place: where it stands, as a path into the chain; empty for the chain as a whole.
        message: what was wrong, the value received, and what to do.
        file: the file that the chain was read from, if any.
        line: the line in that file, counted from 1.
    """

    place: Place
    message: str
    file: str | None = None
    line: int | None = None

    @property
    def where(self) -> str:
        """The place as it is written in Python: ``targets[0].account``."""
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.place).lstrip(
            "."
        )

    def __str__(self) -> str:
        source = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return ": ".join(part for part in (source, self.where, self.message) if part)


class ChainError(RolechainError, ValueError):
    """A chain is not declared as it must be; every mistake is reported at once, a line each.

    Attributes:
        problems: the mistakes, in the order of the declaration.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class NoSuchTargetError(RolechainError, LookupError):
    """The chain declares no such role, or the name that was given matches several roles."""
