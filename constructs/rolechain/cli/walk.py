"""The way over a chain from the shell: to a session that the cache keeps, or hop by hop."""

from __future__ import annotations

import argparse
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rolechain.cli.chain_options import wanted_role
from rolechain.cli.known_source import known_source
from rolechain.cli.way import Way
from rolechain.model.role import ChainRole
from rolechain.runtime.file_cache import FileCache, default_cache_folder
from rolechain.runtime.hop import Hop
from rolechain.runtime.session_cache import read_entry, warm_session
from rolechain.runtime.session_credentials import SessionCredentials

if TYPE_CHECKING:
    import boto3

    from rolechain.cli.start import Start

Entry = dict[str, Any]


@dataclass(frozen=True)
class Walked:
    """A session at the end of a walk.

    Attributes:
        session: its credentials; those of the start where that is of the role already.
        role: the role that it is of.
        region: the region that it was asked for in.
    """

    session: SessionCredentials
    role: ChainRole
    region: str


def walk_to_target(arguments: argparse.Namespace) -> Walked:
    """A session of the role that the options mean; a kept one costs no call, and no import of botocore.

    Args:
        arguments: those of ``add_chain_options``, ``add_session_options`` and ``add_cache_option``.

    Raises:
        ChainError: the chain cannot be read.
        UsageError: it has no such source role or target, asks for something that was not given, or leads no further
            from the role that the start is of.
        StartError: there is no such profile.
        HopError: a hop failed.
    """
    way = Way.of(arguments)
    role = wanted_role(way.chain, arguments.target)
    hops = way.hops_to(role)
    cache = cache_of(arguments)
    if not arguments.no_cache and (known := known_source(arguments.profile, arguments.region)):
        region = known.region or way.chain.region
        if kept := _kept(way, hops, known.access_key, region, cache):
            return Walked(kept, role, region)
    # Only a walk that has to be made pays for botocore.
    from rolechain.cli.start import Start

    start = Start.open(way.chain, arguments.profile, arguments.region, keep=not arguments.no_cache)
    kept = _kept(way, hops, start.signer.access_key, start.region, cache)
    if kept:
        return Walked(kept, role, start.region)
    arn = start.arn()
    left = way.going_on(arn, hops, role.arn)
    return Walked(take(start, left, cache, arn) if left else start.own(), role, start.region)


def _kept(
    way: Way, hops: tuple[Hop, ...], access_key: str, region: str, cache: MutableMapping[str, Entry]
) -> SessionCredentials | None:
    """The session that is kept, whether its walk began outside the source role, inside, or further on."""
    found = (
        warm_session(taken, access_key=access_key, region_name=region, cache=cache)
        for taken in way.kept_ways(hops)
    )
    return next((session for session in found if session), None)


def cache_of(arguments: argparse.Namespace) -> MutableMapping[str, Entry]:
    """Where the hops of one call of the command are kept: in the user's cache folder, or nowhere beyond it."""
    return {} if arguments.no_cache else _NotingCache(default_cache_folder())


def take(
    start: Start, hops: Sequence[Hop], cache: MutableMapping[str, Entry], arn: str
) -> SessionCredentials:
    """Takes some hops, those that ``cache`` keeps excepted.

    Args:
        start: where the walk starts.
        hops: the hops.
        cache: where they are kept.
        arn: who the start is.

    Raises:
        HopError: one of them failed.
    """
    from rolechain.runtime import HopError, chain_session

    session = chain_session(*hops, session=start.session, region_name=start.region, cache=cache)
    try:
        return session_of(session, cache)
    except HopError as error:
        raise start.explained(error, arn) from error.__cause__


def session_of(session: boto3.Session, cache: MutableMapping[str, Entry]) -> SessionCredentials:
    """What a session over the chain signs with, renewed if it is due, and when that ends.

    Args:
        session: the session.
        cache: the one that its hops are kept in, as ``cache_of`` gave it.

    Raises:
        HopError: a hop failed.
    """
    credentials: Any = session.get_credentials()
    signs_with = credentials.get_frozen_credentials().access_key
    # Other threads may be adding to it.
    entries = list(cache.noted if isinstance(cache, _NotingCache) else cache.values())
    return next(
        found
        for found in map(read_entry, reversed(entries))
        if found is not None and found.access_key == signs_with
    )


class _NotingCache(FileCache):
    """A file cache that notes what passes through it, even where the folder cannot be written.

    botocore's credentials do not say when they end, and an entry does.
    """

    def __init__(self, folder: Any) -> None:
        super().__init__(folder)
        self.noted: list[Entry] = []

    def __getitem__(self, key: str) -> Entry:
        entry = super().__getitem__(key)
        self.noted.append(entry)
        return entry

    def __setitem__(self, key: str, entry: Entry) -> None:
        self.noted.append(entry)
        super().__setitem__(key, entry)
