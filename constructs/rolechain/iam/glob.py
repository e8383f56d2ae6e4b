"""Wildcards, as IAM compares texts and ARNs with them: ``*`` for any characters, ``?`` for exactly one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from rolechain.iam.arn import SEGMENTS, is_arn, segments_of

WILDCARD, _WILDCARDS = re.compile(r"[*?]"), re.compile(r"(\*+|\?)")
_Piece = str | None
"""The source of a regular expression; None stands for a ``*``."""


class GlobPart(NamedTuple):
    """A part of a pattern.

    Attributes:
        text: its characters.
        literal: whether ``*`` and ``?`` in it are data, as in the value of a policy variable.
    """

    text: str
    literal: bool = False


Glob = tuple[GlobPart, ...]


def has_wildcard(values: Iterable[str]) -> bool:
    """Whether one of ``values`` holds ``*`` or ``?``, so that IAM has to compare it with StringLike."""
    return any("*" in value or "?" in value for value in values)


def matches(pattern: str, value: str) -> bool:
    """Whether StringLike ``pattern`` matches ``value``."""
    return bool(glob((GlobPart(pattern),))(value))


def has_wildcards(pattern: Glob) -> bool:
    """Whether a ``*`` or ``?`` of a pattern is a wildcard."""
    return has_wildcard(part.text for part in pattern if not part.literal)


def text_of(pattern: Glob) -> str:
    """The characters of a pattern."""
    return "".join(part.text for part in pattern)


@lru_cache(maxsize=4096)
def glob(pattern: Glob) -> Callable[[str], object]:
    """A test of whether a whole text matches ``pattern``; its answer is truthy if so."""
    return _regex(_pieces(pattern)).fullmatch


@lru_cache(maxsize=4096)
def arn_glob(pattern: Glob) -> Callable[[str], bool | None]:
    """A test of whether an ARN matches ``pattern`` segment by segment, as the Arn operators compare.

    No wildcard reaches from one of the six segments into the next. A pattern that begins with ``arn:`` and has fewer
    segments matches nothing. AWS does not document what a pattern matches that does not begin with ``arn:``: its
    answer is None.
    """
    whole = text_of(pattern)
    if not whole.startswith("arn:"):
        return lambda _: None
    if not has_wildcards(pattern):
        return lambda arn: arn == whole and is_arn(whole)
    segments = _split(_pieces(pattern))
    if len(segments) < SEGMENTS:
        return lambda _: False
    tests = [_regex(segment).fullmatch for segment in segments]

    def test(arn: str) -> bool:
        parts = segments_of(arn)
        return len(parts) == SEGMENTS and all(test(part) for test, part in zip(tests, parts, strict=True))

    return test


def _pieces(pattern: Glob) -> list[_Piece]:
    found: list[_Piece] = []
    for text, literal in pattern:
        for piece in [text] if literal else _WILDCARDS.split(text):
            if not literal and piece == "?":
                found.append(".")
            elif not literal and piece.startswith("*"):
                found.append(None)
            else:
                found.append(re.escape(piece))
    return found


def _split(pieces: Iterable[_Piece]) -> Sequence[Sequence[_Piece]]:
    """The pieces of each segment; the sixth keeps the colons that are left."""
    segments: list[list[_Piece]] = [[]]
    for piece in pieces:
        if piece is None:
            segments[-1].append(None)
            continue
        # re.escape leaves a colon as it is, and no wildcard's source holds one.
        head, *rest = piece.split(":", SEGMENTS - len(segments))
        segments[-1].append(head)
        segments.extend([part] for part in rest)
    return segments


def _regex(pieces: Iterable[_Piece]) -> re.Pattern[str]:
    """A test of whole texts: atomic groups never go back behind a fixed part, so that many ``*`` take no longer."""
    fixed = [""]
    for piece in pieces:
        if piece is None:
            fixed.append("")
        else:
            fixed[-1] += piece
    first, *rest = fixed
    source = first
    if rest:
        source += "".join(f"(?>.*?{part})" for part in rest[:-1] if part) + f".*{rest[-1]}"
    return re.compile(source, re.DOTALL)
