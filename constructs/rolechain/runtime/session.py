"""An ordinary boto3 session whose credentials come over a chain."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver
from botocore.handlers import BUILTIN_HANDLERS
from botocore.hooks import HierarchicalEmitter

from rolechain.errors import ChainError, Problem
from rolechain.runtime.hop import Hop, HopLike, as_hop
from rolechain.runtime.hop_credentials import REJECTED_SESSION, HopCredentials, line_up
from rolechain.runtime.limits import problems_of_chain
from rolechain.runtime.session_cache import CacheLike, as_cache
from rolechain.runtime.sts import Sts

_SIGNED_BY = re.compile(r"Credential=(?P<access_key>[^/,\s]+)/")
_CONTEXT = "rolechain_access_key"


def chain_session(
    *hops: HopLike,
    session: boto3.Session | None = None,
    region_name: str | None = None,
    cache: CacheLike | None = None,
) -> boto3.Session:
    """A session that acts as the last role of a chain.

    No call is made here. Each hop is taken when its credentials are first needed and again before they run
    out, and only then: a hop that is valid is never asked for again because another one is due. The session
    and its clients may be used by any number of threads, and after a fork.

    Args:
        hops: the roles to assume, in the order of the calls: role ARNs, ``Hop`` objects with parameters, or
            the hops of a declared chain (``chain.hops_to(target)``), in any mix.
        session: what the first call is signed by, and whose settings the calls to STS follow; by default a
            new ``boto3.Session()``. The new session shares its profile's settings.
        region_name: the region of the new session and of the calls to STS; by default that of ``session``.
        cache: where the sessions of the hops are kept for other sessions and processes: any mutable mapping, one of
            botocore's caches, or the path of a folder for files that only their owner can read. By default each
            session keeps its own, in memory.

    Returns:
        A ``boto3.Session``. Reading its credentials, so any request of its clients, raises ``HopError`` where
        a hop fails.

    Raises:
        ChainError: with every mistake in the hops, or because no region is set; no call was made.
    """
    credentials, base, region = chain_credentials(hops, session, region_name, cache)
    return ChainSession(credentials, base, region)


def chain_credentials(
    hops: Iterable[HopLike],
    session: boto3.Session | None,
    region_name: str | None,
    cache: CacheLike | None,
) -> tuple[HopCredentials, boto3.Session, str]:
    """The credentials, base session and region of a session over a chain; arguments as ``chain_session``'s."""
    kept_in = as_cache(cache)
    declared = declared_hops(hops)
    base = session or boto3.Session()
    region = region_name or base.region_name
    if found := list(problems_of_chain(declared, region)):
        raise ChainError(found)
    return line_up(declared, sts=Sts(base, region), session=base, cache=kept_in), base, region


def declared_hops(hops: Iterable[HopLike]) -> list[Hop]:
    """The hops that are meant.

    Raises:
        ChainError: with the mistakes of all that cannot be one.
    """
    declared: list[Hop] = []
    problems: list[Problem] = []
    for hop in hops:
        try:
            declared.append(as_hop(hop))
        except ChainError as error:
            problems += error.problems
    if problems:
        raise ChainError(problems)
    return declared


class ChainSession(boto3.Session):
    """A session with the settings of ``base``'s profile, set up when more than its credentials is asked for.

    To set one up takes longer than a call to STS does, and much that walks a chain (a fan-out over hundreds of
    accounts, a command that hands credentials on) asks for nothing more. So boto3's constructor does not run here;
    what it would set is read from an ordinary session, which is made once any of it is asked for.
    """

    def __init__(self, credentials: HopCredentials, base: boto3.Session, region_name: str) -> None:
        self._chain = credentials, base, region_name

    def get_credentials(self) -> Any:
        """The chain's credentials; no call is made before they are read."""
        return self._chain[0]

    def __getattr__(self, name: str) -> Any:
        known = vars(self)
        if "_chain" in known:
            # Of the threads that set one up at the same time all get the first that is put down.
            made = known.get("_ordinary") or known.setdefault("_ordinary", _set_up(*self._chain))
            if name in vars(made):
                return vars(made)[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _set_up(credentials: HopCredentials, base: boto3.Session, region_name: str) -> boto3.Session:
    core = botocore.session.Session(
        event_hooks=copy.copy(_handlers(tuple(BUILTIN_HANDLERS))), include_builtin_handlers=False
    )
    share_profile(base, core)
    core.register_component("credential_provider", CredentialResolver([_Provider(credentials)]))
    made = boto3.Session(botocore_session=core, region_name=region_name)
    renew_when_rejected(made.events, credentials)
    return made


def share_profile(base: boto3.Session, core: botocore.session.Session) -> None:
    """Has the settings of ``base``'s profile hold for another session."""
    # boto3 says "default" where no profile is set too, and botocore refuses one that does not exist.
    if base.profile_name in base.available_profiles:
        core.set_config_variable("profile", base.profile_name)


@lru_cache(maxsize=1)
def _handlers(_: tuple[object, ...]) -> HierarchicalEmitter:
    """The handlers that botocore gives to every session; to register them takes ten times as long as to copy them.

    Others add to them, such as moto when it is imported, so they are registered anew once they differ.
    """
    emitter = HierarchicalEmitter()
    botocore.session.Session(event_hooks=emitter)
    return emitter


class _Provider(CredentialProvider):
    """The one place where the session looks for credentials."""

    METHOD = "rolechain"
    CANONICAL_NAME = "rolechain"

    def __init__(self, credentials: HopCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Any:
        return self._credentials


def renew_when_rejected(events: Any, credentials: HopCredentials) -> None:
    """Has the last hop taken again once a service has said that its session is over.

    The answer may come late, so the access key that signed the request is kept with it.
    """

    def note_signer(request: Any, **_: object) -> None:
        authorization = request.headers.get("Authorization", "")
        text = authorization.decode() if isinstance(authorization, bytes) else str(authorization)
        if signed := _SIGNED_BY.search(text):
            request.context[_CONTEXT] = signed["access_key"]

    def look_at(parsed: Any, context: Any, **_: object) -> None:
        code = parsed.get("Error", {}).get("Code")
        if code in REJECTED_SESSION and _CONTEXT in context:
            credentials.invalidate(context[_CONTEXT])

    events.register_last("request-created", note_signer)
    events.register("after-call", look_at)
