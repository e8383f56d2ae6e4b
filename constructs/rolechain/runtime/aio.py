"""The same sessions for aiobotocore and aioboto3; needs the extra ``aio``.

The hops are taken in a thread, by the code that takes them for boto3, so that both renew by the same rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import boto3
from botocore.credentials import ReadOnlyCredentials

from rolechain.errors import RolechainError
from rolechain.runtime.hop import HopLike
from rolechain.runtime.hop_credentials import HopCredentials
from rolechain.runtime.session import chain_credentials, renew_when_rejected, share_profile
from rolechain.runtime.session_cache import CacheLike

if TYPE_CHECKING:
    from aiobotocore.session import AioSession  # type: ignore[import-not-found, unused-ignore]


def aio_session(
    *hops: HopLike,
    session: boto3.Session | None = None,
    region_name: str | None = None,
    cache: CacheLike | None = None,
) -> AioSession:
    """A session of aiobotocore that acts as the last role of a chain.

    ``aioboto3.Session(botocore_session=aio_session(…))`` makes one of aioboto3 from it.

    Args:
        hops: as ``chain_session`` takes them.
        session: as there; an ordinary boto3 session.
        region_name: as there.
        cache: as there.

    Raises:
        ChainError: as ``chain_session`` raises it.
        RolechainError: aiobotocore is not installed.
    """
    try:
        from aiobotocore.session import AioSession
    except ModuleNotFoundError as error:
        raise RolechainError("aiobotocore is not installed: pip install 'rolechain[aio]'") from error
    credentials, base, region = chain_credentials(hops, session, region_name, cache)
    made = AioSession()
    share_profile(base, made)
    made.set_config_variable("region", region)
    made.register_component("credential_provider", _Resolver(AioCredentials(credentials)))
    renew_when_rejected(made.get_component("event_emitter"), credentials)
    return made


class AioCredentials:
    """Credentials of a hop as aiobotocore takes them; the event loop never waits for a call."""

    method = "rolechain"

    def __init__(self, credentials: HopCredentials) -> None:
        self._credentials = credentials
        self._flights: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[ReadOnlyCredentials]] = (
            WeakKeyDictionary()
        )

    def __repr__(self) -> str:
        return repr(self._credentials)

    @property
    def account_id(self) -> str | None:
        """The id of the role's account; never a call."""
        return self._credentials.account_id

    async def get_account_id(self) -> str | None:
        """The same, for the endpoints that hold it."""
        return self.account_id

    def get_deferred_property(self, property_name: str) -> Callable[[], object]:
        """A callable that reads a property that needs no call."""
        return lambda: getattr(self, property_name, None)

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Key, secret and token of one answer, renewed if they are due.

        However many tasks ask, one thread renews. A task that is cancelled leaves the renewal to the others.

        Raises:
            HopError: a hop failed.
        """
        if not self._credentials.due:
            return self._credentials.get_frozen_credentials()
        loop = asyncio.get_running_loop()
        flight = self._flights.get(loop)
        if flight is None:
            flight = loop.create_task(asyncio.to_thread(self._credentials.get_frozen_credentials))
            self._flights[loop] = flight
            flight.add_done_callback(self._landed)
        elif at_hand := self._credentials.serving:
            return at_hand
        return await asyncio.shield(flight)

    def _landed(self, flight: asyncio.Task[ReadOnlyCredentials]) -> None:
        self._flights.pop(flight.get_loop(), None)
        if not flight.cancelled():
            # Every task that waited may be cancelled: asyncio would then report an exception that was never retrieved.
            flight.exception()


class _Resolver:
    """The one place where the session looks for credentials."""

    def __init__(self, credentials: AioCredentials) -> None:
        self._credentials = credentials

    async def load_credentials(self) -> AioCredentials:
        return self._credentials
