"""The credentials at the end of a chain, kept in the user's cache. A kept session is found without botocore."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rolechain.cli.aws_config import static_keys
from rolechain.cli.chain_selection import ChainSelection, MfaDevice, mfa_device
from rolechain.model.role import ChainRole
from rolechain.runtime.file_cache import FileCache, default_cache_folder
from rolechain.runtime.session_cache import read_entry, warm_session
from rolechain.runtime.session_credentials import SessionCredentials

Entry = dict[str, Any]

CONFLICTING_VARIABLES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_EXPIRATION",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_BEARER_TOKEN_BEDROCK",
)
"""Variables that an SDK prefers to access keys, or that describe the principal before; they are unset first."""


@dataclass(frozen=True)
class ResolvedCredentials:
    """The credentials of a role of the chain.

    Attributes:
        session: the credentials; those of the base session where that is of the role already.
        role: the role.
        region: the region whose STS was called.
    """

    session: SessionCredentials
    role: ChainRole
    region: str

    def environment(self) -> dict[str, str]:
        """The environment variables that hold them; secret."""
        return {
            "AWS_ACCOUNT_ID": self.role.account,
            "AWS_ACCESS_KEY_ID": self.session.access_key,
            "AWS_SECRET_ACCESS_KEY": self.session.secret_key,
            "AWS_SESSION_TOKEN": self.session.token,
            **({"AWS_CREDENTIAL_EXPIRATION": ends} if (ends := expiration_of(self.session)) else {}),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }


def resolve(arguments: argparse.Namespace) -> ResolvedCredentials:
    """The credentials of the role that the options name; a kept session costs no call, and no import of botocore."""
    selection = ChainSelection.of(arguments)
    role = selection.role
    hops = selection.hops_to(role)
    cache = SessionCache(arguments)

    def kept(access_key: str, region: str, device: MfaDevice | None) -> SessionCredentials | None:
        found = (
            warm_session(taken, access_key=access_key, region_name=region, cache=cache)
            for taken in selection.cached_ways(hops, device)
        )
        return next((session for session in found if session), None)

    if not arguments.no_cache and (keys := static_keys(arguments.profile, arguments.region)):
        region = keys.region or selection.chain.region
        if session := kept(keys.access_key, region, mfa_device(arguments, keys)):
            return ResolvedCredentials(session, role, region)
    # Only calls that have to be made pay for botocore.
    from rolechain.cli.base_session import BaseSession

    base = BaseSession.open(selection, arguments, cache)
    session = kept(base.signer.access_key, base.region, base.mfa) or base.take(
        base.remaining_hops(hops, role.arn)
    )
    return ResolvedCredentials(session, role, base.region)


class SessionCache(FileCache):
    """The sessions of one call of the command: in the user's cache folder, and in memory what is not kept there."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._in_files = not arguments.no_cache
        self._seen: dict[str, Entry] = {}
        super().__init__(default_cache_folder() if self._in_files else "")

    def __getitem__(self, key: str) -> Entry:
        try:
            if not self._in_files:
                raise KeyError(key)
            self._seen[key] = super().__getitem__(key)
        except KeyError:
            pass
        return self._seen[key]

    def __setitem__(self, key: str, entry: Entry) -> None:
        self._seen[key] = entry
        if self._in_files:
            super().__setitem__(key, entry)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Keeps other processes from making the same call, where they look into the same folder."""
        with super().lock(key) if self._in_files else nullcontext():
            yield

    def credentials_with(self, access_key: str) -> SessionCredentials:
        """The session of an access key, whole: botocore's credentials do not say when they end, and an entry does."""
        # Other threads may be adding to it.
        sessions = map(read_entry, list(self._seen.values()))
        return next(
            session for session in sessions if session is not None and session.access_key == access_key
        )


def expiration_of(session: SessionCredentials) -> str | None:
    """When a session ends, as AWS writes it; None where that is not known."""
    return None if math.isinf(session.expires_at) else timestamp(session.expires_at)


def timestamp(seconds: float) -> str:
    """A time since the epoch, as AWS writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
