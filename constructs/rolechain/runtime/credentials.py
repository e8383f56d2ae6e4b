"""The credentials of one hop: botocore signs with them, and they take the hop again when it is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import boto3
from botocore.credentials import ReadOnlyCredentials

from rolechain.runtime.call import HopCall
from rolechain.runtime.error_classification import STALE_SESSION
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import Hop
from rolechain.runtime.refreshable_credentials import RefreshableCredentials, Uniform, system_uniform
from rolechain.runtime.session_cache import Cache, CacheSlot, cache_key
from rolechain.runtime.session_credentials import SessionCredentials
from rolechain.runtime.sts import Sts

# A role that was deleted and made again shows in its old sessions so, and an endpoint that knows them no longer.
_UNKNOWN_SESSION = frozenset({"InvalidClientTokenId", "UnrecognizedClientException"})

REJECTED_SESSION = STALE_SESSION | _UNKNOWN_SESSION
"""The codes by which a service says that the session which signed is of no use any more."""


_SUSPECT_AFTER = 60.0
"""From which age on a session that is denied is taken anew, lest it be a revoked one; a chain whose target is plainly
refused, or many of whose targets are, pays one call a minute for that."""


class HopCredentials(RefreshableCredentials):
    """Credentials as botocore takes them, of the role that a hop leads to; nothing is called before they are read.

    Args:
        call: the hop's AssumeRole.
        caller: the session that the chain starts from, or the hop before.
        cache: where the session is kept for others; by default nowhere.
        uniform: the source of jitter.
    """

    method = "rolechain"

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

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Key, secret and token of one answer, renewed if they are due.

        Raises:
            HopError: a hop failed.
        """
        held = self._held
        # The condition of get, as this is read at every request: a call to it would cost a third more.
        if held and self._clock() < held.advisory_at and self._monotonic() < held.advisory_tick:
            frozen: ReadOnlyCredentials = held.frozen
            return frozen
        return self._freeze(self.get())

    def at_hand(self) -> ReadOnlyCredentials | None:
        """What serves while another caller renews it; None where everybody has to wait for that. Never a call."""
        given = self.serving
        return self._freeze(given) if given else None

    def _freeze(self, given: SessionCredentials) -> ReadOnlyCredentials:
        return ReadOnlyCredentials(given.access_key, given.secret_key, given.token, self.account_id)

    @property
    def access_key(self) -> str:
        """The access key id; whoever needs secret and token too asks for frozen credentials, which fit together."""
        return self.get().access_key

    @property
    def secret_key(self) -> str:
        """The secret access key, as ``access_key``."""
        return self.get().secret_key

    @property
    def token(self) -> str:
        """The session token, as ``access_key``."""
        return self.get().token

    @property
    def account_id(self) -> str:
        """The id of the role's account; never a call."""
        return self._call.hop.account

    def get_deferred_property(self, property_name: str) -> Callable[[], object]:
        """A callable that reads a property when botocore needs it."""
        return lambda: getattr(self, property_name, None)

    def _take(self) -> SessionCredentials:
        if isinstance(self._caller, HopCredentials):
            return self._take_from(self._caller)
        if self._coded:
            raise self._call.needs_code()
        given = self._call.make(self._call.starting_signer(self._caller))
        self._coded = self._call.hop.token_code is not None
        return given

    def _take_from(self, caller: HopCredentials) -> SessionCredentials:
        """Takes the hop; a caller whose session turns out to be over or revoked is renewed, once."""
        before, started = caller.held, self._call.sts.clock()
        given = caller.get()
        try:
            return self._call.make(given)
        except HopError as error:
            # A revoked session shows as a plain denial; one that was obtained just now is not revoked.
            revoked = error.denied and started - given.obtained_at >= _SUSPECT_AFTER
            over = error.code in REJECTED_SESSION and (given is before or given.obtained_at < started)
            if not revoked and not over:
                raise
        return self._call.make(caller.renew(given.access_key))

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
