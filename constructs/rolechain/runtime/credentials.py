"""The credentials of one hop: botocore signs with them, and they take the hop again when it is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import boto3
from botocore.credentials import ReadOnlyCredentials

from rolechain.runtime.call import HopCall
from rolechain.runtime.causes import STALE_SESSION
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import Hop
from rolechain.runtime.refresh import Clock, Refresh, SessionCredentials, Uniform, system_uniform
from rolechain.runtime.sts import Signer, Sts


class HopCredentials:
    """Credentials as botocore takes them, of the role that a hop leads to; nothing is called before they are read.

    Args:
        call: the hop's AssumeRole.
        caller: the session that the chain starts from, or the hop before.
        uniform: the source of jitter.
    """

    method = "rolechain"

    def __init__(
        self, call: HopCall, caller: boto3.Session | HopCredentials, *, uniform: Uniform = system_uniform
    ) -> None:
        self._call = call
        self._caller = caller
        self._refresh = Refresh(self._take, index=call.index, clock=call.clock, uniform=uniform)

    def __repr__(self) -> str:
        return f"<credentials of hop {self._call.index} of {self._call.total}, {self._call.hop.role_arn}>"

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Key, secret and token of one answer, renewed if they are due.

        Raises:
            HopError: a hop failed.
        """
        given = self._refresh.get()
        return ReadOnlyCredentials(given.access_key, given.secret_key, given.token, self.account_id)

    @property
    def access_key(self) -> str:
        """The access key id; whoever needs secret and token too asks for frozen credentials, which fit together."""
        return self._refresh.get().access_key

    @property
    def secret_key(self) -> str:
        """The secret access key, as ``access_key``."""
        return self._refresh.get().secret_key

    @property
    def token(self) -> str:
        """The session token, as ``access_key``."""
        return self._refresh.get().token

    @property
    def account_id(self) -> str:
        """The id of the role's account; never a call."""
        return self._call.hop.account

    def get_deferred_property(self, property_name: str) -> Callable[[], object]:
        """A callable that reads a property when botocore needs it."""
        return lambda: getattr(self, property_name, None)

    def invalidate(self, rejected: str) -> None:
        """Has the hop taken again if ``rejected`` is still the access key id at hand."""
        self._refresh.invalidate(rejected)

    def _take(self) -> SessionCredentials:
        """Takes the hop; a caller whose session turns out to be over or revoked is renewed, once."""
        if not isinstance(self._caller, HopCredentials):
            return self._call.make(self._call.starting_signer(self._caller))
        caller = self._caller._refresh
        before = caller.held
        given = caller.get()
        try:
            return self._call.make(_signer(given))
        except HopError as error:
            # A revoked session shows as a plain denial; one that was obtained just now is not revoked.
            if not (error.denied or error.code in STALE_SESSION) or given is not before:
                raise
        return self._call.make(_signer(caller.renew(given.access_key)))


def _signer(given: SessionCredentials) -> Signer:
    return Signer(given.access_key, given.secret_key, given.token, given.arn)


def line_up(
    hops: Sequence[Hop],
    *,
    sts: Sts,
    session: boto3.Session,
    clock: Clock = time.time,
    uniform: Uniform = system_uniform,
) -> HopCredentials:
    """The credentials of the last hop, resting on those of the hops before it.

    Args:
        hops: one at least, in the order of the calls.
        sts: where the calls go.
        session: what the first call is signed by.
        clock: the time.
        uniform: the source of jitter.
    """
    first, *others = [HopCall(hop, sts, index, len(hops), clock) for index, hop in enumerate(hops, 1)]
    last = HopCredentials(first, session, uniform=uniform)
    for call in others:
        last = HopCredentials(call, last, uniform=uniform)
    return last
