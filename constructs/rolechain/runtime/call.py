"""The one call that a hop consists of: AssumeRole, its answer checked, its errors put into the hop's words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from rolechain.iam.arn import resource_type_of
from rolechain.iam.limits import CHAINED_SECONDS, TOKEN_CODE
from rolechain.runtime.error_classification import Cause
from rolechain.runtime.errors import HopError, HopPlace, hop_error, place, source_error
from rolechain.runtime.hop import Hop
from rolechain.runtime.session_credentials import MalformedAnswerError, SessionCredentials, is_sendable
from rolechain.runtime.sts import NOTICED, Sts, skew_in_words

_ROLE_SESSIONS = frozenset({"assume-role", "assume-role-with-web-identity", "sso", "rolechain"})
"""The names in botocore of the credential providers that give a role session."""


@dataclass(frozen=True)
class HopCall:
    """One AssumeRole, to be made with the credentials of any caller.

    Attributes:
        hop: the role, and how it is assumed.
        sts: where the call goes.
        index: which hop, counted from 1.
        total: how many hops there are.
    """

    hop: Hop
    sts: Sts
    index: int = 1
    total: int = 1

    def make(self, signer: SessionCredentials) -> SessionCredentials:
        """Makes the call.

        Raises:
            HopError: STS refused, did not answer, or gave an answer that cannot be used.
        """
        self._check_user_session(signer)
        parameters = self.hop.parameters()
        code = self._token_code(self.hop.token_code) if self.hop.token_code else ""
        if code:
            parameters["TokenCode"] = code
        # What a trust policy may ask of a call.
        named = {"external id": "ExternalId", "session tags": "Tags", "source identity": "SourceIdentity"}
        try:
            given = self.sts.assume_role(signer, parameters)
        except MalformedAnswerError as error:
            raise self._failed(str(error), Cause.UNKNOWN, signer, recoverable=True) from error
        except (BotoCoreError, ClientError, ValueError) as error:
            raise hop_error(
                error,
                **self._at,
                caller_arn=signer.arn,
                secrets=(signer.secret_key, signer.token, code),
                ahead=self.sts.skew,
                unsent=[words for words, name in named.items() if name not in parameters],
                revoked_before=self.hop.revoked_before,
            ) from error
        if given.expires_at <= given.obtained_at:
            known = f": {skew_in_words(self.sts.skew)}" if abs(self.sts.skew) > NOTICED else ""
            message = f"STS gave a session that is over already{known}: set this machine's clock"
            raise self._failed(message, Cause.CLOCK, signer, recoverable=True)
        return given

    def starting_signer(self, session: boto3.Session) -> SessionCredentials:
        """The credentials of a session, frozen.

        Raises:
            HopError: the session has none, or their provider failed.
        """
        # Providers run commands, read files and call services: what they raise has no common base.
        try:
            found = session.get_credentials()
            if found is None:
                raise NoCredentialsError
            self._check_start(str(getattr(found, "method", "")))
            frozen = found.get_frozen_credentials()
        except HopError:
            raise
        except Exception as error:
            raise source_error(error, **self._at) from error
        if not is_sendable(frozen.access_key, frozen.secret_key, frozen.token):
            message = (
                "the access key id, the secret or the session token that the chain starts from holds a line break, "
                "a blank or another character that none has: copy them anew"
            )
            raise self._failed(message, Cause.SOURCE_CREDENTIALS)
        return SessionCredentials.of(frozen)

    def _check_start(self, method: str) -> None:
        """Refuses what STS does not give to a role session, where the start is known to be one.

        The session that EC2, ECS or Lambda gives to a workload is exempt.
        """
        if method not in _ROLE_SESSIONS:
            return
        seconds = self.hop.duration_seconds or 0
        start = f"the session that the chain starts from is a role's (by {method})"
        if seconds > CHAINED_SECONDS:
            message = f"duration_seconds: {seconds} is over {CHAINED_SECONDS}, and {start}: ask for less"
            raise self._failed(message, Cause.DURATION)
        if self.hop.serial_number:
            message = f"serial_number: {start}, which has no MFA device: start from the user"
            raise self._failed(message, Cause.SOURCE_CREDENTIALS)

    @property
    def _at(self) -> HopPlace:
        return {"index": self.index, "total": self.total, "role_arn": self.hop.role_arn}

    def _check_user_session(self, signer: SessionCredentials) -> None:
        """Refuses more than an hour where a user's session calls, as GetSessionToken gives it.

        A role's session is left to STS: it may be the first one of a workload.
        """
        seconds = self.hop.duration_seconds or 0
        if seconds <= CHAINED_SECONDS or not signer.token:
            return
        try:
            arn = signer.arn or self.sts.caller_arn(signer)
        except (BotoCoreError, ClientError, ValueError):
            # AssumeRole fails with the same error, which names the hop.
            return
        if resource_type_of(arn) == "user":
            message = (
                f"duration_seconds: {seconds} is over {CHAINED_SECONDS}, and the session that the chain starts from is "
                f"one of GetSessionToken, of {arn}: ask for less, or start with the user's access keys"
            )
            raise self._failed(message, Cause.DURATION, signer)

    def identified(self, signer: SessionCredentials) -> SessionCredentials:
        """The same credentials, with the ARN that GetCallerIdentity gives for them.

        Raises:
            HopError: STS does not accept them.
        """
        try:
            return replace(signer, arn=self.sts.caller_arn(signer))
        except (BotoCoreError, ClientError, ValueError) as error:
            secrets = (signer.secret_key, signer.token)
            raise source_error(error, **self._at, secrets=secrets) from error

    def needs_code(self) -> HopError:
        """The error of a session that only a new MFA code could renew."""
        message = (
            "the session is over, and the MFA code was good for one call: make a new session over the chain, or ask "
            "for a longer one with duration_seconds"
        )
        return self._failed(message, Cause.SOURCE_CREDENTIALS)

    def _token_code(self, ask: Callable[[], str]) -> str:
        try:
            code = ask()
        except Exception as error:
            message = f"token_code raised {type(error).__name__}: give the code that the MFA device shows"
            raise self._failed(message, Cause.SOURCE_CREDENTIALS, None) from error
        if not isinstance(code, str) or not TOKEN_CODE.fullmatch(code):
            message = (
                "token_code gave something other than six digits: give the code that the MFA device shows"
            )
            raise self._failed(message, Cause.SOURCE_CREDENTIALS)
        return code

    def _failed(
        self,
        message: str,
        cause: Cause,
        signer: SessionCredentials | None = None,
        *,
        recoverable: bool = False,
    ) -> HopError:
        return HopError(
            f"{place(self._at)} failed: {self.hop.role_arn}: {message}",
            **self._at,
            caller_arn=signer.arn if signer else None,
            cause=cause,
            recoverable=recoverable,
        )
