"""What follows from what: what is reached from somewhere, and what leads back to itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

Successors = dict[str, list[str]]
_Item = TypeVar("_Item", bound=Hashable)


def reachable(first: Iterable[_Item], following: Callable[[_Item], Iterable[_Item]]) -> list[_Item]:
    """What follows some items, directly or by way of others, nearest first."""
    found: dict[_Item, None] = {}
    waiting = list(first)
    for item in waiting:
        new = [each for each in dict.fromkeys(following(item)) if each not in found]
        found.update(dict.fromkeys(new))
        waiting += new
    return list(found)


def successors(pairs: Iterable[tuple[str, str]]) -> Successors:
    """The others that each first of some pairs leads to."""
    leads: Successors = {}
    for one, other in pairs:
        leads.setdefault(one, []).append(other)
    return leads


def turned(leads: Mapping[str, Iterable[str]]) -> Successors:
    """What leads to each node."""
    return successors((other, node) for node, others in leads.items() for other in others)


def circles(leads: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """The strongly connected parts of two nodes or more (Kosaraju), in the order in which they are met."""
    order: list[str] = []
    seen: set[str] = set()
    for start in leads:
        order += _finished(start, leads, seen)
    back = turned(leads)
    seen = set()
    for node in reversed(order):
        part = _finished(node, back, seen)
        if len(part) > 1:
            yield part


def _finished(start: str, leads: Mapping[str, Sequence[str]], seen: set[str]) -> list[str]:
    if start in seen:
        return []
    seen.add(start)
    finished: list[str] = []
    path = [(start, iter(leads.get(start, ())))]
    while path:
        node, others = path[-1]
        following = next((other for other in others if other not in seen), None)
        if following is None:
            finished.append(node)
            path.pop()
        else:
            seen.add(following)
            path.append((following, iter(leads.get(following, ()))))
    return finished
