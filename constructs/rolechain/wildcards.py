"""Values with the wildcards of IAM's string conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable


def has_wildcard(values: Iterable[str]) -> bool:
    """Whether one of ``values`` holds ``*`` or ``?``, so that IAM has to compare it with StringLike."""
    return any(set(value) & set("*?") for value in values)


def matches(pattern: str, value: str) -> bool:
    """Whether ``value`` is one that StringLike lets through: ``*`` is any text, ``?`` any one character."""
    parts = re.split(r"([*?])", pattern)
    wild = {"*": ".*", "?": "."}
    return (
        re.fullmatch("".join(wild.get(part, re.escape(part)) for part in parts), value, re.DOTALL) is not None
    )
