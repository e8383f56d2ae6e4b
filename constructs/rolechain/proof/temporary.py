"""Entrances that close at a time: what they open, until when, and what they do not ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from rolechain.graph.access import admitted
from rolechain.graph.requests import both
from rolechain.graph.trusted_access import TrustedAccess, closes_at
from rolechain.graph.values import WholeNumber
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.limits import moment_of
from rolechain.model.chain import Chain

_MOST = 3
"""How many roles a line names."""


def temporary_in_words(chain: Chain, found: Iterable[TrustedAccess], now: datetime) -> Iterator[str]:
    """A line for each access to a chain's roles that closes at a time."""
    hops = list(chain.hops())
    for access in found:
        closes = closes_at(access.requests)
        if closes is None:
            continue
        until = moment_of(datetime.fromtimestamp(closes, UTC))
        opened = {access.role.arn: None}
        for hop in hops:
            if hop.caller.arn in opened:
                opened[(hop.callee.member_of or hop.callee).arn] = None
        _, *further = opened
        words = f"{access.who} gets into {access.role.arn} until {until}"
        if closes <= now.timestamp():
            words += ", which has passed"
        if further:
            more = f" and {len(further) - _MOST} more" if len(further) > _MOST else ""
            words += f", and from there into {', '.join(further[:_MOST])}{more}"
        if lacking := list(_lacking(access)):
            words += f", {' and '.join(lacking)}"
        after = WholeNumber(closes, None, absent=False)
        later = (
            replace(one, values={**one.values, keys_of.CURRENT_TIME: after}, doubts=frozenset())
            for one in access.requests
        )
        policy, callee = access.role.trust.policy, access.role.callee
        if both(later, (one for some in admitted(policy, callee, access.action).values() for one in some)):
            words += "; after that another statement of the trust policy may let it in"
        yield words


def _lacking(access: TrustedAccess) -> Iterator[str]:
    """What an emergency's call usually brings and this access does not ask for; no service brings either."""
    asked = {key for condition in access.statement.conditions for key in condition.keys}
    kinds = {one.kind for one in access.requests}
    if "user" in kinds and keys_of.MFA_PRESENT not in asked:
        yield "without MFA"
    if kinds - {"service"} and asked.isdisjoint({keys_of.SET_SOURCE_IDENTITY, keys_of.SOURCE_IDENTITY}):
        yield "without a required source identity"
