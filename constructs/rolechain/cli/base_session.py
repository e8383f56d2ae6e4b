"""The session that the calls over a chain start from."""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.exceptions import BotoCoreError, NoCredentialsError, ProfileNotFound
from botocore.utils import JSONFileCache

from rolechain.cli.aws_config import region_in_environment, static_keys
from rolechain.cli.chain_selection import ChainSelection, MfaDevice, mfa_device
from rolechain.cli.options import checked_region
from rolechain.errors import RolechainError
from rolechain.runtime import HopError, chain_session
from rolechain.runtime.call import HopCall
from rolechain.runtime.entry import closed_entrance, lack_of_mfa
from rolechain.runtime.hop import Hop
from rolechain.runtime.session_credentials import SessionCredentials
from rolechain.runtime.sts import Sts

if TYPE_CHECKING:
    from rolechain.cli.resolved_credentials import SessionCache

_log = logging.getLogger(__name__)
_CLI_CACHE = "~/.aws/cli/cache"
_CLI_PROVIDERS = ("assume-role", "assume-role-with-web-identity", "sso")


class BaseSessionError(RolechainError):
    """There is no session to start from."""


def open_session(
    profile: str | None, region: str | None, default_region: str, *, keep: bool = True
) -> boto3.Session:
    """The user's session; in the default region where no option, variable or profile names one.

    With ``keep``, the session that the profile itself assumes or signs in to is kept, and found, where the AWS CLI
    keeps it: an MFA code is then asked for once, not with each command.
    """
    try:
        core = botocore.session.Session(profile=profile)
        core.set_config_variable("region", region or region_in_environment())
        if keep:
            _share_cli_cache(core)
        if not core.get_config_variable("region"):
            core.set_config_variable("region", default_region)
        checked_region(core.get_config_variable("region"))
        return boto3.Session(botocore_session=core)
    except BotoCoreError as error:
        hint = "; name one of ~/.aws/config with --profile" if isinstance(error, ProfileNotFound) else ""
        raise BaseSessionError(f"no session to start from: {error}{hint}") from error


@contextmanager
def credentials_needed() -> Iterator[None]:
    """Says how to give credentials where a call found none."""
    try:
        yield
    except HopError as error:
        if isinstance(error.__cause__, NoCredentialsError):
            raise BaseSessionError(
                "no AWS credentials were found: name a profile with --profile, or sign in with aws sso login"
            ) from error
        raise


def _share_cli_cache(session: botocore.session.Session) -> None:
    """Has a session's providers keep what they get where the AWS CLI keeps it, and ``aws sso logout`` removes it."""
    resolver: Any = session.get_component("credential_provider")
    try:
        cache = _CliCache(str(Path(_CLI_CACHE).expanduser()))
    except RuntimeError:
        # A user without a home folder, as in some containers, has nothing there.
        return
    for name in _CLI_PROVIDERS:
        resolver.get_provider(name).cache = cache


class _CliCache(JSONFileCache):
    """The cache; a folder that cannot be written costs a call or a code more, and takes nothing away."""

    def __setitem__(self, cache_key: str, value: Any) -> None:
        try:
            super().__setitem__(cache_key, value)
        except OSError as error:
            _log.warning("%s cannot be written (%s): the session is not kept", _CLI_CACHE, error.strerror)


@dataclass(frozen=True)
class BaseSession:
    """The user's session, from which the calls over a chain start.

    Attributes:
        selection: the chain.
        session: the session.
        signer: its credentials, without the ARN.
        cache: where the chain's sessions are kept.
        mfa: the MFA device whose code is passed to the source role, if there is one.
    """

    selection: ChainSelection
    session: boto3.Session
    signer: SessionCredentials
    cache: SessionCache
    mfa: MfaDevice | None

    @classmethod
    def open(
        cls, selection: ChainSelection, arguments: argparse.Namespace, cache: SessionCache
    ) -> BaseSession:
        """The session that the options name."""
        session = open_session(
            arguments.profile, arguments.region, selection.chain.region, keep=not arguments.no_cache
        )
        with credentials_needed():
            signer = _call(selection, session).starting_signer(session)
        keys = static_keys(arguments.profile, arguments.region)
        device = mfa_device(arguments, keys) if not signer.token else None
        return cls(selection, session, signer, cache, device)

    @property
    def region(self) -> str:
        """The region whose STS is called."""
        return self.session.region_name

    @cached_property
    def arn(self) -> str:
        """Who the session is, as STS says."""
        return self.answer_to(self.signer)

    def answer_to(self, given: SessionCredentials) -> str:
        """The ARN that STS gives for a session of the chain; raises as ``arn`` does."""
        return self._asking.identified(given).arn or ""

    def remaining_hops(
        self, hops: tuple[Hop, ...], wanted: str, later: Sequence[Hop] = ()
    ) -> tuple[Hop, ...]:
        """The calls that the session has to make, as ``ChainSelection.remaining_hops`` says."""
        return self.selection.remaining_hops(self.arn, hops, wanted, later=later, device=self.mfa)

    def take(self, hops: Sequence[Hop]) -> SessionCredentials:
        """Makes the calls of some hops, those in the cache excepted; no hop gives the session's own."""
        if not hops:
            # botocore has no public name for it, and none at all for keys that stand in a file.
            ends: datetime | None = getattr(self.session.get_credentials(), "_expiry_time", None)
            expires_at = ends.timestamp() if ends else math.inf
            return replace(self.signer, arn=self.arn, expires_at=expires_at, obtained_at=time.time())
        session = chain_session(*hops, session=self.session, region_name=self.region, cache=self.cache)
        try:
            return self.credentials_of(session)
        except HopError as error:
            raise self.explained(error) from error.__cause__

    def credentials_of(self, session: boto3.Session) -> SessionCredentials:
        """What a session over the chain signs with, renewed if it is due, and when that ends."""
        credentials: Any = session.get_credentials()
        return self.cache.credentials_with(credentials.get_frozen_credentials().access_key)

    def explained(self, error: HopError) -> RolechainError:
        """The error of a hop, with what the chain's entrances say about a refusal by the source role."""
        if isinstance(error.__cause__, RolechainError):
            return error.__cause__
        source = next((role for role in self.selection.chain.sources if role.arn == error.role_arn), None)
        if source is None:
            return error
        if (closed := closed_entrance(source, self.arn)) or self.mfa:
            return error.refused_there(closed)
        temporary = bool(self.signer.token)
        advice = lack_of_mfa(source, self.arn, temporary=temporary)
        return error.refused_there(advice and (advice if temporary else f"{advice}, or add --mfa-serial"))

    @cached_property
    def _asking(self) -> HopCall:
        return _call(self.selection, self.session)


def _call(selection: ChainSelection, session: boto3.Session) -> HopCall:
    chain = selection.chain
    return HopCall(Hop(chain.source.arn), Sts(session, session.region_name), 0, len(chain.middle) + 1)
