"""The values of session tags and of the source identity that a chain leaves to whoever walks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rolechain.errors import ChainError, Problem
from rolechain.model.hop import Hop


def choose(
    hops: Iterable[Hop], tags: Mapping[str, str] | None, source_identity: str | None
) -> tuple[Hop, ...]:
    """The hops, each with what was chosen for it.

    Args:
        hops: the hops of one way.
        tags: the values of tags that the chain does not fix, by key.
        source_identity: who is behind the session, where the chain does not fix it.

    Raises:
        ChainError: no hop of the way takes a value that was chosen.
    """
    hops = tuple(hops)
    if tags is None and source_identity is None:
        return hops
    tags = tags or {}
    if problems := [*_of_tags(hops, tags), *_of_identity(hops, source_identity)]:
        raise ChainError(problems)
    return tuple(hop.choosing(tags, source_identity) for hop in hops)


def _of_tags(hops: tuple[Hop, ...], chosen: Mapping[str, str]) -> Iterator[Problem]:
    declared = [tag for hop in hops for tag in hop.callee.tags]
    for key, value in chosen.items():
        place = ("session_tags", key)
        own = [tag for tag in declared if tag.key == key]
        if not own:
            known = ", ".join(dict.fromkeys(tag.key for tag in declared)) or "none"
            yield Problem(place, f"no hop of this way passes it: the chain declares {known}")
        for tag in own:
            if not isinstance(value, str) or not tag.allows(value):
                yield Problem(place, f"{value!r} is not allowed: the chain allows {', '.join(tag.values)}")


def _of_identity(hops: tuple[Hop, ...], chosen: str | None) -> Iterator[Problem]:
    if chosen is None:
        return
    declared = [hop.callee.identity for hop in hops if hop.callee.identity]
    if not declared:
        yield Problem(
            ("source_identity",), "no hop of this way sets one: declare source_identity in the chain"
        )
    for identity in declared:
        if not isinstance(chosen, str) or not identity.allows(chosen):
            allowed = ", ".join(identity.values)
            yield Problem(("source_identity",), f"{chosen!r} is not allowed: the chain allows {allowed}")
