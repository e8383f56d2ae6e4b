"""Locks and connections are made anew in a forked process: a lock may be held, a connection is shared."""

from __future__ import annotations

import os
from typing import Any
from weakref import WeakSet

_resettable: WeakSet[Any] = WeakSet()


def reset_in_child(thing: Any) -> None:
    """Has ``thing.reset_in_child()`` called first in every process forked from now on, as long as it lives."""
    _resettable.add(thing)


def _reset_all() -> None:
    for thing in list(_resettable):
        thing.reset_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
