"""The base of this package's errors, and the errors of the chain model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Place = tuple[str | int, ...]
"""A position in a chain: ``("targets", 0, "account")``."""


class RolechainError(Exception):
    """Base of every error that this package raises; its message is meant for users."""


@dataclass(frozen=True)
class Problem:
    """One mistake in the declaration of a chain.

    Attributes:
        place: its position in the chain; empty for the chain as a whole.
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
        """The position as Python writes it: ``targets[0].account``."""
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.place).lstrip(
            "."
        )

    def __str__(self) -> str:
        source = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return ": ".join(part for part in (source, self.where, self.message) if part)


class ChainError(RolechainError, ValueError):
    """The declaration of a chain is invalid. All mistakes are reported at once, one per line.

    Attributes:
        problems: the mistakes, in order of declaration.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class NoSuchTargetError(RolechainError, LookupError):
    """The chain declares no such role, or several roles match the name."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about a word that is not known: the nearest known one, if any is near."""
    from difflib import get_close_matches

    return "".join(f": did you mean {near}?" for near in get_close_matches(word, list(known), 1))
