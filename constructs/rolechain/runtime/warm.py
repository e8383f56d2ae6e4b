"""A session that a cache holds, read without importing botocore. Standard library only."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rolechain.runtime.cache_entry import cache_key
from rolechain.runtime.cache_slot import CacheLike, Slot, as_cache
from rolechain.runtime.clock_skew import Clock
from rolechain.runtime.hop import HopLike, as_hop
from rolechain.runtime.session_credentials import SessionCredentials


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
        None where there is none, or it is due: then the chain has to be asked.

    Raises:
        ChainError: a hop or the cache is none.
    """
    kept_in = as_cache(cache)
    if kept_in is None:
        return None
    key = cache_key(access_key, region_name, [as_hop(hop) for hop in hops])
    found = Slot(kept_in, key).load()
    return found if found and clock() < found.advisory_at else None
