"""Sessions kept in a cache: under which key, in which form, and read without importing botocore.

Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from rolechain.errors import ChainError, Problem
from rolechain.runtime.file_cache import FileCache
from rolechain.runtime.hop import Hop, HopLike, as_hop
from rolechain.runtime.session_credentials import MINUTE, Clock, SessionCredentials, seconds_of

_log = logging.getLogger(__name__)
_FORM = 1

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
    raise ChainError(
        [Problem(("cache",), f"{cache!r} is not a cache: pass a mapping, or the path of a folder")]
    )


def _problem_of(folder: str) -> str | None:
    # An empty text would be the current folder.
    if not folder:
        return "is not a folder: name one, or pass None"
    try:
        return "is a file: name a folder" if Path(folder).expanduser().is_file() else None
    except RuntimeError:
        return "begins with a home folder that is not known: write the whole path"


def cache_key(access_key: str, region_name: str, hops: Sequence[Hop]) -> str:
    """The key of the session that the last of some hops gives.

    Two sessions share a key only if the same source asks the same of STS: the source's access key, the region,
    the endpoint that the environment sets, and every parameter of the hop and of all hops before it go in. It is 64
    hexadecimal digits, from which nothing that went in can be read.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL") or ""
    asked = [_FORM, access_key, region_name, endpoint, *(hop.parameters() for hop in hops)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def entry_of(session: SessionCredentials) -> dict[str, Any]:
    """A session as botocore's caches hold an answer of AssumeRole; it can be written as JSON."""
    return {
        "Credentials": {
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret_key,
            "SessionToken": session.token,
            "Expiration": datetime.fromtimestamp(session.expires_at, UTC).isoformat(),
        },
        "AssumedRoleUser": {"Arn": session.arn},
        "ObtainedAt": datetime.fromtimestamp(session.obtained_at, UTC).isoformat(),
    }


def read_entry(entry: object) -> SessionCredentials | None:
    """The session that an entry holds; None if the entry is not whole."""
    if not isinstance(entry, Mapping):
        return None
    try:
        obtained_at = seconds_of(entry["ObtainedAt"]) if "ObtainedAt" in entry else None
        found = SessionCredentials.given_by(entry, obtained_at)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return found if isinstance(found.arn, str | None) else None


class CacheSlot:
    """One key of a cache. A cache that fails costs a call, and takes nothing away."""

    def __init__(self, cache: Cache, key: str) -> None:
        self._cache = cache
        self._key = key

    def load(self, now: float) -> SessionCredentials | None:
        """The session that is kept; None if none serves now."""
        try:
            entry = self._cache[self._key]
        except KeyError:
            return None
        except Exception as error:  # a user's mapping may raise anything
            _log.warning("the cache could not be read (%s): the hop is taken", type(error).__name__)
            return None
        kept = read_entry(entry)
        # An entry that was moved here is another role's session. One of the future is of an unknown age: the clock
        # was set back since.
        if kept is None or entry.get("Key") != self._key or kept.obtained_at > now + MINUTE:
            return None
        return kept if now < kept.expires_at else None

    def save(self, session: SessionCredentials) -> None:
        """Keeps a session in place of what is there."""
        try:
            self._cache[self._key] = entry_of(session) | {"Key": self._key}
        except Exception as error:  # likewise
            _log.warning("the cache could not be written (%s): the session is not kept", type(error).__name__)

    def lock(self) -> AbstractContextManager[None]:
        """Keeps other processes from making the same call, where the cache can do that."""
        return self._cache.lock(self._key) if isinstance(self._cache, FileCache) else nullcontext()


def warm_session(
    hops: Iterable[HopLike],
    *,
    access_key: str,
    region_name: str,
    cache: CacheLike,
    clock: Clock = time.time,
) -> SessionCredentials | None:
    """The session that a chain session with the same source, region, hops and cache would give without any call.

    Args:
        hops: as ``chain_session`` takes them.
        access_key: the access key id of the source's credentials.
        region_name: the region whose STS would be called.
        cache: where the session is kept.
        clock: the time.

    Returns:
        None if the cache holds none, or the session is due for renewal.

    Raises:
        ChainError: a hop or the cache is not valid.
    """
    kept_in = as_cache(cache)
    if kept_in is None:
        return None
    key = cache_key(access_key, region_name, [as_hop(hop) for hop in hops])
    now = clock()
    found = CacheSlot(kept_in, key).load(now)
    return found if found and now < found.advisory_at else None
