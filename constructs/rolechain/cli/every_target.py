"""The same work for every target of a chain: the hops before the last are shared, several targets at a time."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import boto3

from rolechain.cli.base_session import BaseSession, open_session
from rolechain.cli.chain_selection import ChainSelection, in_every_account
from rolechain.cli.options import UsageError
from rolechain.cli.output import progress
from rolechain.cli.resolved_credentials import ResolvedCredentials, SessionCache
from rolechain.cli.subprocesses import completed, raise_if_interrupted
from rolechain.errors import RolechainError
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.runtime import HopError, fan_out, list_unit_accounts
from rolechain.runtime.hop import Hop

Result = TypeVar("Result")


def _targets(chain: Chain, arguments: argparse.Namespace) -> Iterator[ChainRole]:
    """The targets, those by organizational unit as the role of each account; which accounts are skipped is told."""
    if arguments.accounts_from and not any(target.by_unit for target in chain.targets):
        raise UsageError(f"chain {chain.name} has no target by organizational unit: remove --from")
    own = {(role.account, role.role.lower()) for role in chain.roles}
    for target in chain.targets:
        if not target.by_unit:
            yield target
            continue
        if not arguments.accounts_from:
            raise UsageError(
                f"{in_every_account(target)}: add --from organizations to have them listed, or name one with --target"
            )
        profile = arguments.organizations_profile or arguments.profile
        found = list_unit_accounts(target, open_session(profile, arguments.region, chain.region))
        for account, reason in found.skipped.items():
            print(f"rolechain: {account} is skipped: {reason}", file=sys.stderr)
        for account in found.accounts:
            if (account, target.role.lower()) not in own:
                yield target.in_account(account)


@dataclass(frozen=True)
class EveryTarget:
    """Every target of the chain that the options select.

    Attributes:
        base: the session from which the calls start.
        targets: the targets, in the order of the declaration.
        shared: the calls before the last.
        ends: the last call to each target.
    """

    base: BaseSession
    targets: tuple[ChainRole, ...]
    shared: tuple[Hop, ...]
    ends: tuple[Hop, ...]

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> EveryTarget:
        """Those that the options select."""
        if arguments.target is not None:
            raise UsageError("--target names one target and --every-target means all: remove one of the two")
        selection = ChainSelection.of(arguments)
        base = BaseSession.open(selection, arguments, SessionCache(arguments))
        targets = tuple(_targets(selection.chain, arguments))
        shared, ends = selection.hops_to_each(targets)
        return cls(base, targets, base.remaining_hops(shared, "every target", ends), ends)

    def name(self, role: ChainRole) -> str:
        """What tells a target from the others: its alias, else its account, with its name where that holds several."""
        several = Counter(each.account for each in self.targets)[role.account] > 1
        return role.alias or (f"{role.account}/{role.role}" if several else role.account)

    def each(
        self, work: Callable[[ResolvedCredentials], Result], *, at_once: int
    ) -> Iterator[tuple[ChainRole, Result | RolechainError]]:
        """Does some work with the session of each target, and shows on a terminal how far it has come.

        Args:
            work: what to do; called in threads.
            at_once: for how many targets at a time.

        Returns:
            Each target with what came of it, in the order in which they are done; one that fails does not stop the
            others. Leaving the loop begins no further one.
        """
        roles = {role.arn: role for role in self.targets}

        def done(role: ChainRole, session: boto3.Session) -> Result | RolechainError:
            try:
                # The target may have waited for its turn, so its session is looked at only now.
                return work(ResolvedCredentials(self.base.credentials_of(session), role, self.base.region))
            except RolechainError as error:
                return error

        taken = fan_out(
            self.shared,
            self.ends,
            session=self.base.session,
            region_name=self.base.region,
            cache=self.base.cache,
        )
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="rolechain-target")
        try:
            with progress("targets", len(self.targets)) as advance:
                works = {}
                for end, session in taken:
                    raise_if_interrupted()
                    role = roles[end.role_arn]
                    if isinstance(session, HopError):
                        if session.index < session.total:
                            # Said once, not for every target.
                            raise self.base.explained(session)
                        advance()
                        yield role, session
                    else:
                        works[pool.submit(done, role, session)] = role
                for finished in completed(works):
                    advance()
                    yield works[finished], finished.result()
        except BaseException:
            # A caller that leaves the loop ends the running work itself, so this does not wait for it.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
