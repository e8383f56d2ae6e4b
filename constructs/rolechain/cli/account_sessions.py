"""Sessions in the accounts of a chain, besides those over the chain: of a profile, or of a role in each account."""

from __future__ import annotations

import argparse
import threading
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from rolechain.cli.base_session import open_session
from rolechain.errors import RolechainError
from rolechain.iam.arn import iam_arn
from rolechain.iam.partitions import partition_of
from rolechain.runtime import HopError, chain_session

if TYPE_CHECKING:
    from botocore.model import OperationModel


class AccountSessionError(RolechainError):
    """There is no session in an account."""


class AccountSessions:
    """The user's session where it is in the account, else a profile's, else an assumed role's; for several threads.

    Args:
        base: the user's session.
        partition: the partition of the accounts.
        profiles: the profile of an account, by its id.
        role: the path and name of a role that ``base`` may assume in every other account; None for no such role.

    Attributes:
        called: how often each action was called by the sessions, such as ``iam:ListRoles``.
    """

    def __init__(
        self, base: boto3.Session, partition: str, profiles: Mapping[str, str], role: str | None
    ) -> None:
        self.called: Counter[str] = Counter()
        self._counting = threading.Lock()
        self.base = self._counted(base)
        self._partition = partition
        self._profiles = profiles
        self._role = role
        self._home: str | None = None
        self._lock = threading.Lock()

    @classmethod
    def opened(
        cls, arguments: argparse.Namespace, region: str, partition: str | None = None
    ) -> AccountSessions:
        """The sessions of a command's options, in a region and a partition where these name none."""
        base = open_session(arguments.profile, arguments.region, region)
        partition = partition or partition_of(base.region_name) or "aws"
        return cls(base, partition, dict(arguments.account_profile), arguments.account_role)

    def session(self, account: str) -> boto3.Session:
        """A session in an account, given its id."""
        if profile := self._profiles.get(account):
            session = self._counted(open_session(profile, self.base.region_name, self.base.region_name))
            what = f"profile {profile}"
        elif self._home_account() == account:
            return self.base
        elif self._role:
            arn = iam_arn(self._partition, account, f"role/{self._role}")
            session, what = self._counted(chain_session(arn, session=self.base)), f"role {self._role}"
        else:
            raise AccountSessionError(
                f"no credentials for account {account}: name a profile with --account-profile {account}=PROFILE, "
                "or a role with --account-role"
            )
        if (home := home_of(session, what)) != account:
            raise AccountSessionError(f"{what} is of account {home}, not of {account}: name another")
        return session

    def _counted(self, session: boto3.Session) -> boto3.Session:
        def count(model: OperationModel, **_: object) -> None:
            with self._counting:
                self.called[f"{model.service_model.signing_name}:{model.name}"] += 1

        session.events.register("before-call", count)
        return session

    def _home_account(self) -> str:
        with self._lock:
            if self._home is None:
                self._home = home_of(self.base)
            return self._home


def home_of(session: boto3.Session, what: str = "the session to start from") -> str:
    """Asks STS for the account of a session; ``what`` says whose it is."""
    try:
        return session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError, ResponseParserError, HopError, KeyError, OSError) as error:
        raise AccountSessionError(f"{what} does not work: {brief(error)}") from error


def brief(error: Exception) -> str:
    """The first line of what botocore raised."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        message = str(said.get("Message", "")).strip().splitlines()
        return ": ".join(part for part in (str(said.get("Code", "")), *message[:1]) if part)
    return str(error).splitlines()[0] if str(error) else type(error).__name__
