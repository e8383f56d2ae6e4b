"""Sessions that act in the accounts of a chain, each known to be in the account that it is meant for."""

from __future__ import annotations

from collections.abc import Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rolechain.cli.start import open_session
from rolechain.errors import RolechainError
from rolechain.iam.arn import iam_arn
from rolechain.runtime import HopError, chain_session


class AdministratorError(RolechainError):
    """There is no session for an account."""


class Administrators:
    """The user's session where it is in the account, else a profile's, else a role's that the session assumes.

    Args:
        session: the user's session.
        partition: that of the accounts.
        profiles: the profile of each account that has one.
        role: the name of a role that the user's session may assume in every other account.
    """

    def __init__(
        self, session: boto3.Session, *, partition: str, profiles: Mapping[str, str], role: str | None
    ) -> None:
        self._session = session
        self._partition = partition
        self._profiles = profiles
        self._role = role
        self._home: str | None = None
        self._found: dict[str, boto3.Session] = {}

    def of(self, account: str) -> boto3.Session:
        """A session in an account.

        Raises:
            AdministratorError: there is none, or it is in another account.
        """
        if account not in self._found:
            self._found[account] = self._find(account)
        return self._found[account]

    def _find(self, account: str) -> boto3.Session:
        region = self._session.region_name
        if profile := self._profiles.get(account):
            session, what = open_session(profile, region, region), f"profile {profile}"
        elif self._home_account() == account:
            return self._session
        elif self._role:
            arn = iam_arn(self._partition, account, f"role/{self._role}")
            session, what = chain_session(arn, session=self._session), f"role {self._role}"
        else:
            raise AdministratorError(
                f"no credentials for account {account}: name a profile with --account-profile {account}=PROFILE, "
                "or a role with --account-role"
            )
        if (home := account_of(session, what)) != account:
            raise AdministratorError(f"{what} is of account {home}, not of {account}: name another")
        return session

    def _home_account(self) -> str:
        if self._home is None:
            self._home = account_of(self._session, "the session to start from")
        return self._home


def account_of(session: boto3.Session, what: str) -> str:
    """Asks STS for the account of a session.

    Raises:
        AdministratorError: its credentials do not work; ``what`` says whose.
    """
    try:
        return session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError, HopError, OSError) as error:
        raise AdministratorError(f"{what} does not work: {brief(error)}") from error


def brief(error: Exception) -> str:
    """The first line of what botocore raised."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        message = str(said.get("Message", "")).strip().splitlines()
        return ": ".join(part for part in (str(said.get("Code", "")), *message[:1]) if part)
    return str(error).splitlines()[0] if str(error) else type(error).__name__
