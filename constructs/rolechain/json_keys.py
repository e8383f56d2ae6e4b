"""JSON in which a key stands twice: the last one would win without a word."""

from __future__ import annotations

from typing import Any


class RepeatedKeyError(ValueError):
    """An object of a JSON text holds a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} occurs twice in one object: remove one")


def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand in it once each; it is the ``object_pairs_hook`` of ``json.loads``.

    Raises:
        RepeatedKeyError: a key stands in it twice.
    """
    element = dict(pairs)
    if len(element) != len(pairs):
        keys = [key for key, _ in pairs]
        raise RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return element
