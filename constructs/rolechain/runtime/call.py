"""The one call that a hop consists of: AssumeRole, its answer checked, its errors put into the hop's words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from rolechain.runtime.causes import Cause
from rolechain.runtime.errors import HopError, hop_error, place, source_error
from rolechain.runtime.hop import Hop
from rolechain.runtime.refresh import Clock, SessionCredentials
from rolechain.runtime.session_name import default_session_name
from rolechain.runtime.sts import MalformedAnswerError, Signer, Sts

_TOKEN_CODE = re.compile(r"\d{6}", re.ASCII)


@dataclass(frozen=True)
class HopCall:
    """One AssumeRole, ready to be made with whatever credentials the caller has.

    Attributes:
        hop: the role, and how it is assumed.
        sts: where the call goes.
        index: which hop, counted from 1.
        total: how many hops there are.
        clock: the time.
    """

    hop: Hop
    sts: Sts
    index: int = 1
    total: int = 1
    clock: Clock = time.time

    def make(self, signer: Signer) -> SessionCredentials:
        """Makes the call.

        Raises:
            HopError: STS refused, there was no answer, or it was of no use.
        """
        parameters = self.hop.parameters(default_session_name())
        code = self._token_code(self.hop.token_code) if self.hop.token_code else ""
        if code:
            parameters["TokenCode"] = code
        try:
            answer = self.sts.assume_role(signer, parameters)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise hop_error(
                error,
                index=self.index,
                total=self.total,
                role_arn=self.hop.role_arn,
                caller_arn=signer.arn,
                secrets=(signer.secret_key, signer.token or "", code),
            ) from error
        except MalformedAnswerError as error:
            raise self._failed(str(error), Cause.UNKNOWN, signer, recoverable=True) from error
        now = self.clock()
        if answer.expires_at <= now:
            message = "STS gave a session that is over already: set this machine's clock"
            raise self._failed(message, Cause.CLOCK, signer, recoverable=True)
        return SessionCredentials(
            answer.access_key, answer.secret_key, answer.token, answer.expires_at, now, answer.arn
        )

    def starting_signer(self, session: boto3.Session) -> Signer:
        """The credentials of a session, frozen.

        Raises:
            HopError: there are none, or whatever provides them failed.
        """
        # Providers run commands, read files and call services: what they raise has no common base.
        try:
            found = session.get_credentials()
            if found is None:
                raise NoCredentialsError
            frozen = found.get_frozen_credentials()
        except HopError:
            raise
        except Exception as error:
            raise source_error(
                error, index=self.index, total=self.total, role_arn=self.hop.role_arn
            ) from error
        return Signer(frozen.access_key or "", frozen.secret_key or "", frozen.token)

    def _token_code(self, ask: Callable[[], str]) -> str:
        try:
            code = ask()
        except Exception as error:
            message = f"token_code raised {type(error).__name__}: give the code that the MFA device shows"
            raise self._failed(message, Cause.SOURCE_CREDENTIALS, None) from error
        if not isinstance(code, str) or not _TOKEN_CODE.fullmatch(code):
            message = (
                "token_code gave something other than six digits: give the code that the MFA device shows"
            )
            raise self._failed(message, Cause.SOURCE_CREDENTIALS, None)
        return code

    def _failed(
        self, message: str, cause: Cause, signer: Signer | None, *, recoverable: bool = False
    ) -> HopError:
        return HopError(
            f"{place(self.index, self.total)} failed: {self.hop.role_arn}: {message}",
            index=self.index,
            total=self.total,
            role_arn=self.hop.role_arn,
            caller_arn=signer.arn if signer else None,
            cause=cause,
            recoverable=recoverable,
        )
