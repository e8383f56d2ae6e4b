"""Three-valued logic: true, false, and None for unknown.

An unknown operand makes the result unknown only where it could change it.
"""

from __future__ import annotations

from collections.abc import Iterable

Ternary = bool | None
"""True, False, or None for unknown."""


def any_of(answers: Iterable[Ternary]) -> Ternary:
    """True if any is true; otherwise unknown if any is unknown; otherwise false."""
    result: Ternary = False
    for answer in answers:
        if answer:
            return True
        if answer is None:
            result = None
    return result


def all_of(answers: Iterable[Ternary]) -> Ternary:
    """False if any is false; otherwise unknown if any is unknown; otherwise true."""
    return negation(any_of(map(negation, answers)))


def negation(answer: Ternary) -> Ternary:
    """The opposite; of unknown, unknown."""
    return None if answer is None else not answer
