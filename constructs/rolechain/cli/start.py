"""Where a walk starts: the user's session, and who it is."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import boto3
import botocore.session
from botocore.exceptions import BotoCoreError

from rolechain.cli.cli_cache import share_cache
from rolechain.cli.known_source import region_in_environment
from rolechain.errors import RolechainError
from rolechain.model.chain import Chain
from rolechain.runtime.call import HopCall
from rolechain.runtime.entry import lack_of_mfa
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import Hop
from rolechain.runtime.session_credentials import SessionCredentials
from rolechain.runtime.sts import Sts


class StartError(RolechainError):
    """There is no session to start from."""


def open_session(
    profile: str | None, region: str | None, default_region: str, *, keep: bool = True
) -> boto3.Session:
    """The user's session, in a region.

    Args:
        profile: its profile, if one was asked for.
        region: its region, if one was asked for.
        default_region: the region where neither the environment nor the profile has one.
        keep: whether a session that the profile itself assumes or signs in to is kept, and found, where the AWS
            CLI keeps it: an MFA code is then asked for once, not with each command.

    Raises:
        StartError: there is no such profile, or the config file cannot be read.
    """
    try:
        core = botocore.session.Session(profile=profile)
        core.set_config_variable("region", region or region_in_environment())
        if keep:
            share_cache(core)
        if not core.get_config_variable("region"):
            core.set_config_variable("region", default_region)
        return boto3.Session(botocore_session=core)
    except BotoCoreError as error:
        raise StartError(f"no session to start from: {error}") from error


@dataclass(frozen=True)
class Start:
    """The session that a walk over a chain starts from.

    Attributes:
        chain: the chain.
        session: the session.
        signer: its credentials, without the ARN.
    """

    chain: Chain
    session: boto3.Session
    signer: SessionCredentials

    @classmethod
    def open(cls, chain: Chain, profile: str | None, region: str | None, *, keep: bool = True) -> Start:
        """The start with a session's credentials, as ``open_session`` opens it.

        Raises:
            StartError: there is no such session.
            HopError: it has no credentials.
        """
        session = open_session(profile, region, chain.region, keep=keep)
        return cls(chain, session, _call(chain, session).starting_signer(session))

    @property
    def region(self) -> str:
        """The region whose STS is called."""
        return self.session.region_name

    def arn(self) -> str:
        """Asks STS who the session is.

        Raises:
            HopError: STS does not accept its credentials.
        """
        return self._asking.identified(self.signer).arn or ""

    def answer_to(self, given: SessionCredentials) -> str:
        """The ARN that STS gives for a session of the chain; raises as ``arn`` does."""
        return self._asking.identified(given).arn or ""

    def explained(self, error: HopError, arn: str) -> HopError:
        """The error of a walk, with what the chain's entrances tell of a refusal at the source role.

        Args:
            error: the error.
            arn: who the session is, as ``arn`` says.
        """
        entered = next((role for role in self.chain.sources if role.arn == error.role_arn), None)
        if entered is None:
            return error
        return error.refused_there(lack_of_mfa(entered, arn, temporary=bool(self.signer.token)))

    def own(self) -> SessionCredentials:
        """The session that the walk starts from, where it ends there too."""
        # botocore has no public name for it, and none at all for keys that stand in a file.
        ends: datetime | None = getattr(self.session.get_credentials(), "_expiry_time", None)
        expires_at = ends.timestamp() if ends else math.inf
        return replace(self.signer, expires_at=expires_at, obtained_at=time.time())

    @cached_property
    def _asking(self) -> HopCall:
        return _call(self.chain, self.session)


def _call(chain: Chain, session: boto3.Session) -> HopCall:
    return HopCall(Hop(chain.source.arn), Sts(session, session.region_name), 0, len(chain.middle) + 1)
