"""Patterns of texts and of ARNs, whose parts may be data in which ``*`` and ``?`` are no wildcards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from rolechain.iam.glob import Piece, has_wildcard, pieces, regex
from rolechain.policy.logic import Ternary

ARN_SEGMENTS = 6


class Text(NamedTuple):
    """A part of a pattern.

    Attributes:
        text: its characters.
        literal: whether ``*`` and ``?`` in it are data, as in what a policy variable brings in.
    """

    text: str
    literal: bool = False


Pattern = tuple[Text, ...]


@lru_cache(maxsize=4096)
def glob(pattern: Pattern) -> Callable[[str], object]:
    """A test of whether a whole text matches ``pattern``; its answer is truthy if so."""
    return regex(_pieces(pattern)).fullmatch


@lru_cache(maxsize=4096)
def arn_glob(pattern: Pattern) -> Callable[[str], Ternary]:
    """A test of whether an ARN matches ``pattern`` segment by segment, as the Arn operators compare.

    No wildcard crosses from one of the six segments into the next. A pattern that begins with ``arn:`` and
    has fewer segments matches nothing; what AWS makes of one that does not begin so is not documented, and
    the answer is unknown.
    """
    whole = "".join(part.text for part in pattern)
    if not whole.startswith("arn:"):
        return lambda _: None
    if not any(has_wildcard([text]) for text, literal in pattern if not literal):
        is_arn = whole.count(":") >= ARN_SEGMENTS - 1
        return lambda arn: is_arn and arn == whole
    segments = _split(_pieces(pattern))
    if len(segments) < ARN_SEGMENTS:
        return lambda _: False
    tests = [regex(segment).fullmatch for segment in segments]

    def matches(arn: str) -> Ternary:
        parts = arn.split(":", ARN_SEGMENTS - 1)
        return len(parts) == ARN_SEGMENTS and all(test(part) for test, part in zip(tests, parts, strict=True))

    return matches


def _pieces(pattern: Pattern) -> Iterator[Piece]:
    for text, literal in pattern:
        if literal:
            yield re.escape(text)
        else:
            yield from pieces(text)


def _split(pieces: Iterable[Piece]) -> Sequence[Sequence[Piece]]:
    """The pieces of each segment; the sixth keeps the colons that are left."""
    segments: list[list[Piece]] = [[]]
    for piece in pieces:
        if piece is None:
            segments[-1].append(None)
            continue
        # re.escape leaves a colon as it is, and no wildcard's source holds one.
        head, *rest = piece.split(":", ARN_SEGMENTS - len(segments))
        segments[-1].append(head)
        segments.extend([part] for part in rest)
    return segments
