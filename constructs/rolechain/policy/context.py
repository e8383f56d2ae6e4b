"""The condition keys of one request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations

from rolechain.iam.condition_keys import UNDOCUMENTED, undocumented

ContextValue = str | Sequence[str]
"""One value, or the values of a multivalued key."""


class Context(Mapping[str, tuple[str, ...]]):
    """Condition keys and their values. Names are not case-sensitive, tag keys included.

    A key without any value is absent.

    Attributes:
        find: the values of a key in lower case; None for an absent key.
    """

    __slots__ = ("_values", "find")

    def __init__(self, values: Mapping[str, ContextValue]) -> None:
        self._values: dict[str, tuple[str, ...]] = {
            key.lower(): (value,) if isinstance(value, str) else tuple(value)
            for key, value in values.items()
            if value or value == ""
        }
        self.find: Callable[[str], tuple[str, ...] | None] = self._values.get

    @classmethod
    def of(cls, values: Mapping[str, ContextValue]) -> Context:
        """``values`` as a context; a context is returned as it is."""
        return values if type(values) is cls else cls(values)

    def without(self, keys: Collection[str]) -> Context:
        """This context with ``keys``, in lower case, absent."""
        return Context({key: value for key, value in self._values.items() if key not in keys})

    def __getitem__(self, key: str) -> tuple[str, ...]:
        return self._values[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def undocumented_keys(action: str, context: Context, asked_for: Collection[str]) -> dict[str, frozenset[str]]:
    """The keys of a request of which it is not documented whether ``action`` carries them, where policies ask for them.

    Args:
        action: the action in lower case.
        context: the request's condition keys.
        asked_for: the keys that the policies depend on, in lower case.

    Returns:
        The keys in lower case, by their names in ``UNDOCUMENTED``.
    """
    carried = {key: undocumented(action, key) for key in asked_for if context.find(key)}
    return {
        name: frozenset(key for key, by in carried.items() if by == name)
        for name in UNDOCUMENTED.get(action, ())
        if name in carried.values()
    }


def possible_contexts(context: Context, undocumented: Collection[frozenset[str]]) -> list[Context]:
    """What an action's context may be: the request's first, then the same without undocumented keys."""
    return [context] + [
        context.without(frozenset().union(*absent))
        for number in range(1, len(undocumented) + 1)
        for absent in combinations(undocumented, number)
    ]
