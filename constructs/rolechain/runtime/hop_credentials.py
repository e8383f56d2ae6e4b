"""The credentials of one hop: they take it by AssumeRole, with those of the hop before it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import boto3

from rolechain.runtime.call import HopCall
from rolechain.runtime.error_classification import STALE_SESSION
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import Hop
from rolechain.runtime.refreshable_credentials import RefreshableCredentials, Uniform, system_uniform
from rolechain.runtime.session_cache import Cache, CacheSlot, cache_key
from rolechain.runtime.session_credentials import SessionCredentials
from rolechain.runtime.sts import Sts

# The sessions of a role that was deleted and created again get the two added codes.
REJECTED_SESSION = STALE_SESSION | {"InvalidClientTokenId", "UnrecognizedClientException"}
"""The codes by which a service says that it no longer accepts the session that signed."""

_SUSPECT_AFTER = 60.0
"""The age, in seconds, from which a caller's session that is denied is renewed, as it may be revoked. A chain whose
target is plainly refused pays one call a minute for that."""


class HopCredentials(RefreshableCredentials):
    """Credentials as botocore takes them, of the role that a hop leads to; nothing is called before they are read.

    Args:
        call: the hop's AssumeRole.
        caller: the session that the chain starts from, or the hop before.
        cache: where the session is kept for others; by default nowhere.
        uniform: the source of jitter.
    """

    def __init__(
        self,
        call: HopCall,
        caller: boto3.Session | HopCredentials,
        *,
        cache: Cache | None = None,
        uniform: Uniform = system_uniform,
    ) -> None:
        super().__init__(
            self._take,
            index=call.index,
            account_id=call.hop.account,
            slot=None if cache is None else partial(self._slot_in, cache),
            once=call.hop.token_code is not None,
            clock=call.sts.clock,
            uniform=uniform,
        )
        self._call = call
        self._caller = caller
        self._coded = False

    def __repr__(self) -> str:
        return f"<credentials of hop {self._call.index} of {self._call.total}, {self._call.hop.role_arn}>"

    def _take(self) -> SessionCredentials:
        """Takes the hop; a caller whose session is expired or revoked is renewed once."""
        call, caller = self._call, self._caller
        if not isinstance(caller, HopCredentials):
            if self._coded:
                raise call.needs_code()
            obtained = call.make(call.starting_signer(caller))
            self._coded = call.hop.token_code is not None
            return obtained
        before, started = caller.held, call.sts.clock()
        given = caller.get()
        try:
            return call.make(given)
        except HopError as error:
            # A revoked session shows as a plain denial; one that was obtained just now is not revoked.
            revoked = error.denied and started - given.obtained_at >= _SUSPECT_AFTER
            over = error.code in REJECTED_SESSION and (given is before or given.obtained_at < started)
            if not revoked and not over:
                raise
        return call.make(caller.renew(given.access_key))

    def _slot_in(self, cache: Cache) -> CacheSlot:
        hops, first = [self._call.hop], self
        while isinstance(first._caller, HopCredentials):
            first = first._caller
            hops.insert(0, first._call.hop)
        source = first._call.starting_signer(first._caller)
        return CacheSlot(cache, cache_key(source.access_key, self._call.sts.region_name, hops))


def line_up(
    hops: Sequence[Hop],
    *,
    sts: Sts,
    session: boto3.Session,
    total: int | None = None,
    cache: Cache | None = None,
    uniform: Uniform = system_uniform,
) -> HopCredentials:
    """The credentials of the last of some hops, one at least, resting on those of the hops before it.

    ``total`` counts the hops of which more are to come.
    """
    calls = [HopCall(hop, sts, index, total or len(hops)) for index, hop in enumerate(hops, 1)]
    last = HopCredentials(calls[0], session, cache=cache, uniform=uniform)
    for call in calls[1:]:
        last = HopCredentials(call, last, cache=cache, uniform=uniform)
    return last
