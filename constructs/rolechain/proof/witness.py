"""Texts that match given wildcard patterns, found by construction."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

FRESH = "q7zk"
"""Stands for whatever a caller may choose; no policy is taken to mention it."""

_STATES = 20_000


def instance(pattern: str) -> str:
    """A text that matches ``pattern``, ``*`` and ``?`` being wildcards."""
    return pattern.replace("*", FRESH).replace("?", FRESH[0])


def witness(patterns: Sequence[str]) -> str | None:
    """A shortest text that matches every one of ``patterns``; None if there is none, or none within reach."""
    start = tuple(0 for _ in patterns)
    queue = deque([(start, "")])
    seen = {start}
    while queue and len(seen) < _STATES:
        places, text = queue.popleft()
        if all(not pattern[place:].strip("*") for pattern, place in zip(patterns, places, strict=True)):
            return text
        letters = {
            pattern[at]
            for pattern, place in zip(patterns, places, strict=True)
            for at in _next(pattern, place)
        }
        for letter in sorted(letters - {"*", "?"}) or [FRESH[0]]:
            moved = [_after(pattern, place, letter) for pattern, place in zip(patterns, places, strict=True)]
            for state in _combinations(moved):
                if state not in seen:
                    seen.add(state)
                    queue.append((state, text + letter))
    return None


def _next(pattern: str, place: int) -> list[int]:
    """Where the next letter is read: at the place itself, and behind the wildcards that may be empty."""
    found = []
    while place < len(pattern):
        found.append(place)
        if pattern[place] != "*":
            break
        place += 1
    return found


def _after(pattern: str, place: int, letter: str) -> list[int]:
    """The places in ``pattern`` after it has read ``letter``."""
    return [
        at if pattern[at] == "*" else at + 1
        for at in _next(pattern, place)
        if pattern[at] in ("*", "?", letter)
    ]


def _combinations(moved: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for places in moved:
        found = [(*before, place) for before in found for place in places]
    return found
