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


def possible_contexts(
    action: str, context: Context, asked_for: Collection[str]
) -> dict[tuple[str, ...], Context]:
    """What an action's context may be: the request's first, then the same without keys that it may not carry.

    Args:
        action: the action in lower case.
        context: the request's condition keys.
        asked_for: the keys that policies depend on, in lower case.

    Returns:
        The contexts, by the names in ``UNDOCUMENTED`` of what is left out; of all of them last.
    """
    carried = {key: undocumented(action, key) for key in asked_for if context.find(key)}
    names = [name for name in UNDOCUMENTED.get(action, ()) if name in carried.values()]
    return {
        absent: context.without({key for key, name in carried.items() if name in absent})
        if absent
        else context
        for number in range(len(names) + 1)
        for absent in combinations(names, number)
    }
