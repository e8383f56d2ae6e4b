"""Condition keys of which it is not documented whether a permission-only action of AssumeRole carries them.

The Service Authorization Reference lists none but tag keys for ``sts:TagSession``, and no tag keys for
``sts:SetSourceIdentity``; field reports agree, and no document says so. What depends on it is unknown.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

from rolechain.policy.context import Context

DOUBTFUL = {
    "sts:tagsession": ("sts:ExternalId", "sts:RoleSessionName", "sts:SourceIdentity"),
    "sts:setsourceidentity": ("aws:RequestTag/", "aws:TagKeys", "sts:TransitiveTagKeys"),
}
"""By action, in lower case, the keys; one that ends with ``/`` begins the keys of its group."""


class Doubt(NamedTuple):
    """A key, or a group of keys, that a request holds and that an action may not carry.

    Attributes:
        name: the key as AWS writes it, or what the keys of its group begin with.
        keys: those that policies ask for, in lower case.
    """

    name: str
    keys: frozenset[str]


def doubts(action: str, context: Context, mentioned: frozenset[str]) -> list[Doubt]:
    """What a request holds, policies ask for, and ``action`` may not carry.

    Args:
        action: the action in lower case.
        context: the request's condition keys.
        mentioned: the keys that the policies depend on, in lower case.
    """
    found = (
        Doubt(name, frozenset(key for key in mentioned if _is_one(key, name.lower()) and context.find(key)))
        for name in DOUBTFUL.get(action, ())
    )
    return [doubt for doubt in found if doubt.keys]


def worlds(context: Context, open_doubts: list[Doubt]) -> list[Context]:
    """The contexts that an action may be decided in: that of the call first, then those with doubtful keys absent."""
    return [context] + [
        context.without(frozenset().union(*(doubt.keys for doubt in absent)))
        for number in range(1, len(open_doubts) + 1)
        for absent in combinations(open_doubts, number)
    ]


def _is_one(key: str, name: str) -> bool:
    return key.startswith(name) if name.endswith("/") else key == name
