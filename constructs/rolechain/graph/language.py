"""Sets of texts that patterns describe: their intersection, difference, emptiness and an example.

A pattern of ``*`` and ``?`` is a regular language, so that all of these are decidable. Each pattern is a row of
positions; the positions that a text may have reached are the bits of one integer, and a step over a character is two
masks and a shift. Patterns are explored together, one state for all of them, and no automaton is ever built as a whole:
against automata of a library, which determinize each pattern first, this took a hundredth of the time on a list of
forty ARN patterns, and needs no dependency.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count, product, takewhile
from math import prod
from typing import NamedTuple

from rolechain.iam import arn

STEPS, FEW_STEPS = 20_000, 300
"""How many steps of patterns over characters are taken before a set is said to be too large to decide: at first, and
when the patience is used up."""
FREE_STEPS = 1_000
"""How many of them use no patience up: what people write takes fewer."""
PATIENCE = 150_000
"""How many others are taken before it is used up."""
ALTERNATIVES = 4_000
"""How many combinations of alternative patterns are tried before a set is too large; each counts as some steps."""
_STEPS_OF_ALTERNATIVE = 20
_SAMPLED = 8
LONGEST = 1_000
"""How long a pattern with wildcards may be: no ARN, name or tag is longer."""

_patience: ContextVar[list[int] | None] = ContextVar("patience", default=None)


@contextmanager
def patience() -> Iterator[None]:
    """Within it, the steps of all sets together are limited: where they are many, sets are too large sooner."""
    token = _patience.set([PATIENCE])
    try:
        yield
    finally:
        _patience.reset(token)


class TooLarge(Exception):  # noqa: N818 - an outcome, not an error: the caller widens its answer
    """Whether a set is empty takes too many steps to find out."""


class Position(NamedTuple):
    """One position of a pattern.

    Attributes:
        text: the character that it takes; empty for a wildcard.
        repeated: whether it takes any number of characters, none included.
        excluded: the characters that a wildcard does not take.
        digit: whether it takes digits only.
        ignores_case: whether upper and lower case are the same.
    """

    text: str = ""
    repeated: bool = False
    excluded: str = ""
    digit: bool = False
    ignores_case: bool = False

    def takes(self, character: str) -> bool:
        """Whether it takes a character."""
        if self.text:
            return character == self.text or (self.ignores_case and character.lower() == self.text.lower())
        return character not in self.excluded and (not self.digit or character in "0123456789")


class Pattern:
    """One pattern of texts; two of the same positions are equal.

    Attributes:
        positions: its positions.
        literal: the only text that it matches; None where it matches several.
        prefix: what every text begins with that it matches.
    """

    def __init__(self, positions: Iterable[Position]) -> None:
        self.positions = tuple(positions)
        self._hash = hash(self.positions)
        is_literal = all(each.text and not each.ignores_case for each in self.positions)
        self.literal = "".join(each.text for each in self.positions) if is_literal else None
        plain = takewhile(lambda each: each.text and not each.ignores_case, self.positions)
        self.prefix = "".join(each.text for each in plain)
        self._repeated = sum(1 << at for at, each in enumerate(self.positions) if each.repeated)
        self.final = 1 << len(self.positions)
        self.start = self._reach(1)
        last = self.positions[-1] if self.positions else Position("-")
        self._ends_open = last.repeated and not last.excluded and not last.digit
        self._masks: dict[str, tuple[int, int]] = {}
        self._texts: dict[int, tuple[str, ...]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.positions == other.positions

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Pattern({str(self)!r})"

    def __str__(self) -> str:
        return "".join(each.text or ("*" if each.repeated else "?") for each in self.positions)

    def matches(self, text: str) -> bool:
        """Whether a whole text matches."""
        if self.literal is not None:
            return text == self.literal
        return text.startswith(self.prefix) and _matches(self, text)

    @property
    def sample(self) -> str:
        """A text that it may match: one character for each wildcard that takes one, none for the others."""
        return "".join(
            each.text or ("" if each.repeated else "0" if each.digit else "a") for each in self.positions
        )

    def step(self, state: int, character: str) -> int:
        """The positions that are reached from ``state`` over a character."""
        masks = self._masks.get(character)
        if masks is None:
            taking = [at for at, each in enumerate(self.positions) if each.takes(character)]
            masks = self._masks[character] = (
                sum(1 << at for at in taking if not self.positions[at].repeated),
                sum(1 << at for at in taking if self.positions[at].repeated),
            )
        return self._reach(((state & masks[0]) << 1) | (state & masks[1]))

    def _reach(self, state: int) -> int:
        """``state`` with the positions behind those that may take no character."""
        while more := ((state & self._repeated) << 1) & ~state:
            state |= more
        return state

    def always_matches(self, state: int) -> bool:
        """Whether every text matches that goes on from ``state``."""
        return self._ends_open and bool(state & (self.final >> 1))

    def next_texts(self, state: int) -> tuple[str, ...]:
        """The characters that positions of ``state`` ask for, in each case that they take."""
        found = self._texts.get(state)
        if found is None:
            asked = (each for at, each in enumerate(self.positions) if each.text and state >> at & 1)
            cases = (
                (each.text, each.text.lower(), each.text.upper()) if each.ignores_case else (each.text,)
                for each in asked
            )
            found = self._texts[state] = tuple(dict.fromkeys(chain.from_iterable(cases)))
        return found


# The same ARNs meet the same few patterns in every pair of roles: remembered, 100 roles take two thirds of the time.
@lru_cache(maxsize=65536)
def _matches(pattern: Pattern, text: str) -> bool:
    state = pattern.start
    for character in text:
        state = pattern.step(state, character)
        if not state or pattern.always_matches(state):
            return bool(state)
    return bool(state & pattern.final)


@lru_cache(maxsize=16384)
def text_of(value: str, *, ignores_case: bool = False) -> Pattern:
    """The pattern that one text matches, or the same text in any case."""
    return Pattern(Position(character, ignores_case=ignores_case) for character in value)


@lru_cache(maxsize=16384)
def glob_of(value: str, excluded: str = "") -> Pattern:
    """The pattern of a text with wildcards.

    Args:
        value: the text.
        excluded: the characters that no wildcard takes.
    """
    return Pattern(_globbed(value, excluded))


@lru_cache(maxsize=16384)
def arn_of(value: str) -> Pattern | None:
    """The pattern of an ARN whose wildcards stay in their segments; None where it has too few and matches nothing."""
    segments = arn.segments_of(value)
    return segments_of(segments) if segments else None


def segments_of(segments: Iterable[str | Iterable[Position]]) -> Pattern:
    """The pattern of an ARN, given by its six segments."""
    positions: list[Position] = []
    for number, segment in enumerate(segments, 1):
        if positions:
            positions.append(Position(":"))
        is_last = number == arn.SEGMENTS
        if isinstance(segment, str):
            positions += _globbed(segment, "" if is_last else ":")
        else:
            positions += segment
    return Pattern(positions)


def _globbed(value: str, excluded: str) -> Iterator[Position]:
    before = ""
    for character in value:
        if character == "*":
            if before != "*":
                yield Position(repeated=True, excluded=excluded)
        elif character == "?":
            yield Position(excluded=excluded)
        else:
            yield Position(character)
        before = character


@dataclass(frozen=True)
class Language:
    """A set of texts.

    Attributes:
        values: the only texts that it may hold; None where patterns tell.
        within: sets of patterns, of each of which one must match.
        without: patterns of which none may match.
    """

    values: frozenset[str] | None = None
    within: tuple[frozenset[Pattern], ...] = ()
    without: frozenset[Pattern] = frozenset()

    def __contains__(self, text: str) -> bool:
        return (
            (self.values is None or text in self.values)
            and all(any(pattern.matches(text) for pattern in patterns) for patterns in self.within)
            and not any(pattern.matches(text) for pattern in self.without)
        )

    @property
    def is_whole(self) -> bool:
        """Whether it is known to hold every text."""
        return self.values is None and not self.within and not self.without

    def __and__(self, other: Language) -> Language:
        if self.is_whole:
            return other
        if other.is_whole or self is other:
            return self
        listed = [each for each in (self, other) if each.values is not None]
        if listed:
            fewest = min(listed, key=lambda each: len(each.values or ()))
            rest = other if fewest is self else self
            return Language(frozenset(text for text in fewest.values or () if text in rest))
        within = (*self.within, *(patterns for patterns in other.within if patterns not in self.within))
        return Language(None, within, self.without | other.without)

    def complements(self) -> Iterator[Language]:
        """Disjoint sets that together hold every text that this one does not."""
        before = EVERY_TEXT
        if self.values is not None:
            yield Language(without=frozenset(map(text_of, self.values)))
            before = Language(self.values)
        for patterns in self.within:
            yield before & Language(without=patterns)
            before &= Language(within=(patterns,))
        if self.without:
            yield before & matching(self.without)

    def example(self) -> str | None:
        """One of its texts; None where it is empty.

        Raises:
            TooLarge: it takes too many steps to find out.
        """
        if self.values is not None:
            return min(self.values, default=None)
        if prod(map(len, self.within)) > ALTERNATIVES or any(
            len(each.positions) > LONGEST and each.literal is None
            for each in chain(self.without, *self.within)
        ):
            raise TooLarge
        left = _patience.get()
        most = STEPS if left is None or left[0] > 0 else FEW_STEPS
        steps = 0
        try:
            for chosen in product(*(sorted(patterns, key=str) for patterns in self.within)):
                steps += _STEPS_OF_ALTERNATIVE
                longest = max((pattern.prefix for pattern in chosen), key=len, default="")
                begin_alike = all(longest.startswith(pattern.prefix) for pattern in chosen)
                if not self.without.isdisjoint(chosen) or not begin_alike:
                    continue
                found, taken = _search(tuple(dict.fromkeys(chosen)), self.without, most)
                if found is not None:
                    return found
                steps += taken
                if taken > most or steps > STEPS:
                    raise TooLarge
        finally:
            if left is not None:
                left[0] -= max(0, steps - FREE_STEPS)
        return None

    def is_empty(self) -> bool:
        """Whether it holds no text.

        Raises:
            TooLarge: it takes too many steps to find out.
        """
        listed = [pattern for patterns in self.within for pattern in patterns]
        # A text that is easily made up spares most searches.
        if self.values is None and len(listed) <= _SAMPLED:
            short = (each for each in listed if len(each.positions) <= LONGEST)
            if any(each.sample in self for each in short):
                return False
        return self.example() is None


EVERY_TEXT = Language()
NO_TEXT = Language(frozenset())


def matching(patterns: Iterable[Pattern]) -> Language:
    """The texts that match one of ``patterns``."""
    found = frozenset(patterns)
    literals = [pattern.literal for pattern in found]
    if all(literal is not None for literal in literals):
        return Language(frozenset(literal for literal in literals if literal is not None))
    return Language(within=(found,))


@lru_cache(maxsize=8192)
def _search(within: tuple[Pattern, ...], without: frozenset[Pattern], most: int) -> tuple[str | None, int]:
    """A text that matches all of ``within`` and none of ``without``, and how many steps were taken.

    What no pattern asks for is tried first, as it leads out of what ``without`` holds. Without a text and with more
    than ``most``, the search was given up.
    """
    if within and within[0].literal is not None:
        text = within[0].literal
        fits = all(pattern.matches(text) for pattern in within) and not any(
            pattern.matches(text) for pattern in without
        )
        return (text if fits else None), len(within) + len(without)
    count, patterns = len(within), (*within, *without)
    others = _representatives(patterns)
    start = tuple(pattern.start for pattern in patterns)
    seen, steps = {start}, 0
    path, spelled = [(start, _characters(patterns, start, others))], [""]
    while path and steps <= most:
        state, characters = path[-1]
        ends = [bool(at & pattern.final) for pattern, at in zip(patterns, state, strict=True)]
        if all(ends[:count]) and not any(ends[count:]):
            return "".join(spelled), steps
        for character in characters:
            steps += len(patterns)
            after = tuple(
                pattern.step(at, character) if at else 0 for pattern, at in zip(patterns, state, strict=True)
            )
            if after in seen or not all(after[:count]):
                continue
            seen.add(after)
            if not any(map(Pattern.always_matches, patterns[count:], after[count:])):
                path.append((after, _characters(patterns, after, others)))
                spelled.append(character)
                break
        else:
            path.pop()
            spelled.pop()
    return None, steps


def _characters(patterns: Iterable[Pattern], state: Iterable[int], others: tuple[str, ...]) -> Iterator[str]:
    """The characters that lead on from a state, those that no pattern asks for before the others."""
    asked = dict.fromkeys(
        text for pattern, at in zip(patterns, state, strict=True) if at for text in pattern.next_texts(at)
    )
    yield from (each for each in others if each not in asked)
    # Of the digits that nothing asks for here, one stands for all.
    yield from [each for each in "0123456789" if each not in asked][:1]
    yield from asked


def _representatives(patterns: Iterable[Pattern]) -> tuple[str, ...]:
    """A character for each kind of those that no position asks for by itself: a letter, and separators."""
    positions = {position for pattern in patterns for position in pattern.positions}
    used = {position.text.lower() for position in positions}
    excluded = {character for position in positions for character in position.excluded}
    letter = next(each for each in map(chr, chain(range(97, 123), count(0x3B1))) if each not in used)
    return (letter, *sorted(excluded))
