"""The place of one hop's session in a cache."""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

from rolechain.errors import ChainError, Problem
from rolechain.runtime.cache_entry import entry_of, read_entry
from rolechain.runtime.file_cache import FileCache
from rolechain.runtime.session_credentials import SessionCredentials

_log = logging.getLogger(__name__)

Cache = MutableMapping[str, Any]
"""Holds entries by key, as botocore's caches do."""

CacheLike = Cache | str | PathLike[str]
"""A cache, or the folder of one that is kept in files."""


def as_cache(cache: CacheLike | None) -> Cache | None:
    """The cache that is meant.

    Raises:
        ChainError: it cannot be one.
    """
    if isinstance(cache, (str, PathLike)):
        if problem := _problem_of(os.fspath(cache)):
            raise ChainError([Problem(("cache",), f"{str(cache)!r} {problem}")])
        return FileCache(cache)
    # botocore's caches have what is needed of a mapping, and are none.
    if cache is None or (hasattr(cache, "__getitem__") and hasattr(cache, "__setitem__")):
        return cache
    raise ChainError([Problem(("cache",), f"{cache!r} is no cache: pass a mapping, or the path of a folder")])


def _problem_of(folder: str) -> str | None:
    # An empty text would be the current folder.
    if not folder:
        return "is no folder: name one, or pass None"
    try:
        return "is a file: name a folder" if Path(folder).expanduser().is_file() else None
    except RuntimeError:
        return "begins with a home folder that is not known: write the whole path"


class Slot:
    """One key of a cache. A cache that fails costs a call, and takes nothing away.

    Args:
        cache: where the session is kept.
        key: the key.
    """

    def __init__(self, cache: Cache, key: str) -> None:
        self._cache = cache
        self._key = key

    def load(self) -> SessionCredentials | None:
        """The session that is kept; None if there is none that can be read."""
        try:
            return read_entry(self._cache[self._key])
        except KeyError:
            return None
        except Exception as error:  # a user's mapping may raise anything
            _log.warning("the cache could not be read (%s): the hop is taken", type(error).__name__)
            return None

    def save(self, session: SessionCredentials) -> None:
        """Keeps a session in place of what is there."""
        try:
            self._cache[self._key] = entry_of(session)
        except Exception as error:  # likewise
            _log.warning("the cache could not be written (%s): the session is not kept", type(error).__name__)

    def lock(self) -> AbstractContextManager[None]:
        """Keeps other processes from making the same call, where the cache can do that."""
        return self._cache.lock(self._key) if isinstance(self._cache, FileCache) else nullcontext()
