"""The values that one condition key may have in a request, as a set.

A set has exact intersections and differences; ``is_empty`` raises ``TooLarge`` where it takes too long to find out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rolechain.graph.language import EVERY_TEXT, NO_TEXT, Language
from rolechain.policy.context import ContextValue


@dataclass(frozen=True)
class OneValue:
    """What a key of one value may be.

    Attributes:
        texts: its values.
        absent: whether a request may lack the key.
    """

    texts: Language
    absent: bool

    def __and__(self, other: Values) -> OneValue:
        if not isinstance(other, OneValue):
            raise TypeError(f"{other!r} is not about a key of one value")
        return OneValue(self.texts & other.texts, self.absent and other.absent)

    def minus(self, other: Values) -> Iterator[OneValue]:
        """Sets that together hold what ``other`` does not."""
        if not isinstance(other, OneValue):
            raise TypeError(f"{other!r} is not about a key of one value")
        yield from (OneValue(self.texts & rest, absent=False) for rest in other.texts.complements())
        if self.absent and not other.absent:
            yield ABSENT

    def is_empty(self) -> bool:
        """Whether no request can have such a value."""
        return not self.absent and self.texts.is_empty()

    def example(self) -> ContextValue | None:
        """One of the values; None for an absent key."""
        return None if self.absent else self.texts.example()


@dataclass(frozen=True)
class ManyValues:
    """What a multivalued key may hold; a request that lacks the key holds no value of it.

    Attributes:
        every: what every value must be.
        some: of each of these, one value at least.
        absent: whether a request may lack the key.
    """

    every: Language
    some: tuple[Language, ...]
    absent: bool

    def __and__(self, other: Values) -> ManyValues:
        if not isinstance(other, ManyValues):
            raise TypeError(f"{other!r} is not about a multivalued key")
        return ManyValues(
            self.every & other.every,
            tuple(dict.fromkeys((*self.some, *other.some))),
            self.absent and other.absent,
        )

    def minus(self, other: Values) -> Iterator[ManyValues]:
        """Sets that together hold what ``other`` does not, and a little more where that cannot be written."""
        if not isinstance(other, ManyValues):
            raise TypeError(f"{other!r} is not about a multivalued key")
        for rest in other.every.complements():
            yield ManyValues(self.every, (*self.some, rest), absent=False)
        for some in other.some:
            rests = list(some.complements())
            yield replace(
                self, every=self.every & (rests[0] if len(rests) == 1 else EVERY_TEXT), absent=False
            )
        if self.absent and not other.absent:
            yield ManyValues(NO_TEXT, (), absent=True)

    def is_empty(self) -> bool:
        """Whether no request can hold such values."""
        return not self.absent and any((self.every & some).is_empty() for some in self.some or (EVERY_TEXT,))

    def example(self) -> ContextValue | None:
        """One such set of values; None for an absent key."""
        if self.absent:
            return None
        found = ((self.every & some).example() for some in self.some or (EVERY_TEXT,))
        return tuple(dict.fromkeys(text for text in found if text is not None))


@dataclass(frozen=True)
class WholeNumber:
    """What a key that counts something may be.

    Attributes:
        low: the lowest number.
        high: the highest; None where there is none.
        absent: whether a request may lack the key.
    """

    low: int
    high: int | None
    absent: bool

    def __and__(self, other: Values) -> WholeNumber:
        if not isinstance(other, WholeNumber):
            raise TypeError(f"{other!r} is not about a number")
        highs = [high for high in (self.high, other.high) if high is not None]
        return WholeNumber(max(self.low, other.low), min(highs, default=None), self.absent and other.absent)

    def minus(self, other: Values) -> Iterator[WholeNumber]:
        """Sets that together hold what ``other`` does not."""
        if not isinstance(other, WholeNumber):
            raise TypeError(f"{other!r} is not about a number")
        if other.low > 0:
            yield self & WholeNumber(0, other.low - 1, absent=False)
        if other.high is not None:
            yield self & WholeNumber(max(other.high + 1, 0), None, absent=False)
        if self.absent and not other.absent:
            yield WholeNumber(1, 0, absent=True)

    def is_empty(self) -> bool:
        """Whether no request can have such a number."""
        return not self.absent and self.high is not None and self.low > self.high

    def example(self) -> ContextValue | None:
        """One of the numbers; None for an absent key."""
        return None if self.absent else str(self.low)


Values = OneValue | ManyValues | WholeNumber

ABSENT = OneValue(NO_TEXT, absent=True)


def only(*texts: str) -> OneValue:
    """One of some texts."""
    return OneValue(Language(frozenset(texts)), absent=False)
