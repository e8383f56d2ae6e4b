"""The same work for every target of a chain: the walk up to the last hop is shared, several targets at a time."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import boto3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rolechain.cli.chain_options import UsageError
from rolechain.cli.start import Start
from rolechain.cli.subprocesses import completed, raise_if_interrupted
from rolechain.cli.walk import Entry, Walked, cache_of, session_of
from rolechain.cli.way import Way
from rolechain.errors import RolechainError
from rolechain.model.role import ChainRole
from rolechain.runtime import HopError, fan_out
from rolechain.runtime.hop import Hop

Result = TypeVar("Result")


@dataclass(frozen=True)
class EveryTarget:
    """Every target of the chain that the options mean.

    Attributes:
        start: where the walk starts.
        arn: who that is.
        targets: the targets, in the order of the declaration.
        shared: the calls that lead to where all targets are called from.
        ends: the call for each target.
        cache: where the sessions are kept.
    """

    start: Start
    arn: str
    targets: tuple[ChainRole, ...]
    shared: tuple[Hop, ...]
    ends: tuple[Hop, ...]
    cache: MutableMapping[str, Entry]

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> EveryTarget:
        """Those that are meant.

        Raises:
            UsageError: one target is named beside them, or the way is not clear.
            RolechainError: there is no session to start from.
        """
        if arguments.target is not None:
            raise UsageError(
                "--target names one target and --every-target means all: leave one of the two out"
            )
        way = Way.of(arguments)
        targets = tuple(way.chain.targets)
        shared, ends = way.hops_to_each(targets)
        start = Start.open(way.chain, arguments.profile, arguments.region, keep=not arguments.no_cache)
        arn = start.arn()
        shared = way.going_on(arn, shared, "every target", later=ends)
        return cls(start, arn, targets, shared, ends, cache_of(arguments))

    def name(self, role: ChainRole) -> str:
        """What tells a target from the others: its account, with its name where the account holds several."""
        several = Counter(each.account for each in self.targets)[role.account] > 1
        return f"{role.account}/{role.role}" if several else role.account

    def each(
        self, work: Callable[[Walked], Result], *, at_once: int
    ) -> Iterator[tuple[ChainRole, Result | RolechainError]]:
        """Does some work with the session of each target, and shows on a terminal how far it has come.

        Args:
            work: what to do; called in threads.
            at_once: for how many targets at a time.

        Returns:
            Each target with what came of it, in the order in which they are done; one that fails does not stop the
            others. Leaving the loop begins no further one.

        Raises:
            HopError: a hop that all targets share failed.
        """
        roles = {role.arn: role for role in self.targets}

        def done(role: ChainRole, session: boto3.Session) -> Result | RolechainError:
            try:
                # The target may have waited for its turn, so its session is looked at only now.
                return work(Walked(session_of(session, self.cache), role, self.start.region))
            except RolechainError as error:
                return error

        taken = fan_out(
            self.shared,
            self.ends,
            session=self.start.session,
            region_name=self.start.region,
            cache=self.cache,
        )
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="rolechain-target")
        try:
            with _progress(len(self.targets)) as advance:
                works = {}
                for end, session in taken:
                    raise_if_interrupted()
                    role = roles[end.role_arn]
                    if isinstance(session, HopError):
                        if session.index < session.total:
                            # Said once, not for every target.
                            raise self.start.explained(session, self.arn)
                        advance()
                        yield role, session
                    else:
                        works[pool.submit(done, role, session)] = role
                for finished in completed(works):
                    advance()
                    yield works[finished], finished.result()
        except BaseException:
            # Whoever has had enough ends the work that is being done, and does not wait for it before.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, if that is a terminal; what is printed meanwhile stands above it."""
    # Lines are left as long as they are, as without a terminal.
    console = Console(stderr=True, soft_wrap=True)
    bar = Progress(
        TextColumn("targets"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        # What goes into a pipe must not be drawn on the terminal instead.
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
