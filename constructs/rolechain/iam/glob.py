"""Wildcards, as IAM compares texts with them: ``*`` for any characters, ``?`` for exactly one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

_WILDCARD = re.compile(r"(\*+|\?)")
Piece = str | None
"""The source of a regular expression; None stands for a ``*``."""


def has_wildcard(values: Iterable[str]) -> bool:
    """Whether one of ``values`` holds ``*`` or ``?``, so that IAM has to compare it with StringLike."""
    return any(set(value) & set("*?") for value in values)


def matches(pattern: str, value: str) -> bool:
    """Whether ``value`` is one that StringLike lets through."""
    return bool(_test(pattern)(value))


@lru_cache(maxsize=4096)
def _test(pattern: str) -> Callable[[str], object]:
    return regex(pieces(pattern)).fullmatch


def pieces(pattern: str) -> Sequence[Piece]:
    """The parts of a pattern, in order."""
    found: list[Piece] = []
    for piece in _WILDCARD.split(pattern):
        if piece == "?":
            found.append(".")
        elif piece:
            found.append(None if piece.startswith("*") else re.escape(piece))
    return found


def regex(parts: Iterable[Piece]) -> re.Pattern[str]:
    """A test of whole texts: atomic groups never go back behind a fixed part, so that many ``*`` take no longer."""
    fixed = [""]
    for piece in parts:
        if piece is None:
            fixed.append("")
        else:
            fixed[-1] += piece
    first, *rest = fixed
    source = first
    if rest:
        source += "".join(f"(?>.*?{part})" for part in rest[:-1] if part) + f".*{rest[-1]}"
    return re.compile(source, re.DOTALL)
