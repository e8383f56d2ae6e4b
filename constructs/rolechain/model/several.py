"""One value, or several of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def several(written: object) -> tuple[Any, ...]:
    """The values that are meant by one, or by an iterable of them.

    What is neither stands for one value as it is, so that whoever checks the values tells it as a mistake.
    """
    if isinstance(written, (str, bytes, Mapping)) or not isinstance(written, Iterable):
        return (written,)
    return tuple(written)
