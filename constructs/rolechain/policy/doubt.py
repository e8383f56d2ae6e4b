"""Condition keys of which it is not documented whether a permission-only action of AssumeRole carries them.

The Service Authorization Reference lists none but tag keys for ``sts:TagSession``, and no tag keys for
``sts:SetSourceIdentity``; field reports agree, and no document says so. What depends on it is unknown.
"""

from __future__ import annotations

from itertools import combinations

from rolechain.policy.context import Context

DOUBTFUL = {
    "sts:tagsession": ("sts:externalid", "sts:rolesessionname", "sts:sourceidentity"),
    "sts:setsourceidentity": ("aws:requesttag/", "aws:tagkeys", "sts:transitivetagkeys"),
}
"""By action, the keys in lower case; one that ends with ``/`` begins the keys of its group."""


def doubtful(action: str, context: Context, mentioned: frozenset[str]) -> list[frozenset[str]]:
    """The keys, in groups, that a request holds, that policies ask for, and that may be absent for ``action``.

    Args:
        action: the action in lower case.
        context: the request's condition keys.
        mentioned: the keys that the policies depend on, in lower case.
    """
    groups = (
        frozenset(key for key in mentioned if _begins(key, begin) and context.find(key) is not None)
        for begin in DOUBTFUL.get(action, ())
    )
    return [group for group in groups if group]


def worlds(action: str, context: Context, mentioned: frozenset[str]) -> list[Context]:
    """The contexts that ``action`` may be decided in: first that of the call, then those with doubtful keys absent."""
    groups = doubtful(action, context, mentioned)
    return [context] + [
        context.without(frozenset().union(*absent))
        for number in range(1, len(groups) + 1)
        for absent in combinations(groups, number)
    ]


def _begins(key: str, begin: str) -> bool:
    return key.startswith(begin) if begin.endswith("/") else key == begin
