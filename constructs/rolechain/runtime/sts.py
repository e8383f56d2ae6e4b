"""One STS client that signs each call with the credentials of the hop before it, and how far its clock is from ours."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from rolechain.runtime.forking import reset_in_child
from rolechain.runtime.session_credentials import Clock, MalformedAnswerError, SessionCredentials, seconds_of

_log = logging.getLogger(__name__)

NOTICED = 60.0
"""The difference of the clocks in seconds from which it is reported; sessions are renewed a minute before they end."""

# A proxy or a captive portal may answer in place of STS. The parsers of botocore have no common error for such a body.
_UNREADABLE = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)
_signer: ContextVar[SessionCredentials] = ContextVar("rolechain_signer")


class Sts:
    """STS in one region, over one client for every caller; the client is made with the first call.

    ``session`` configures the endpoint, the retries and the proxies; ``connections`` calls are made at a time.

    Attributes:
        region_name: the region whose endpoint is called.
        clock: this machine's time, which is compared with that of STS.
        skew: by how many seconds STS is ahead of this machine, as its last answer shows; below 0 if it is behind.
    """

    def __init__(
        self, session: boto3.Session, region_name: str, *, connections: int = 10, clock: Clock = time.time
    ) -> None:
        self.region_name = region_name
        self.clock = clock
        self.skew = 0.0
        self._session = session
        self._connections = connections
        self._warned = False
        self._client: Any = None
        self._lock = threading.Lock()
        reset_in_child(self)

    def reset_in_child(self) -> None:
        """Leaves the connections to the parent: two processes on one of them would read each other's answers."""
        self._client = None
        self._lock = threading.Lock()

    def assume_role(self, signer: SessionCredentials, parameters: Mapping[str, object]) -> SessionCredentials:
        """Makes one AssumeRole.

        Raises:
            botocore.exceptions.ClientError: STS refused.
            botocore.exceptions.BotoCoreError: there was no answer.
            MalformedAnswerError: the answer lacks a part, or holds one that cannot be read.
        """
        answer = self._call("assume_role", signer, parameters)
        return SessionCredentials.given_by(answer, self.clock())

    def caller_arn(self, signer: SessionCredentials) -> str:
        """Asks GetCallerIdentity who ``signer`` is; raises as ``assume_role`` does."""
        arn = self._call("get_caller_identity", signer, {}).get("Arn")
        if not arn:
            raise MalformedAnswerError("the answer of STS lacks Arn")
        return str(arn)

    def _call(
        self, operation: str, signer: SessionCredentials, parameters: Mapping[str, object]
    ) -> dict[str, Any]:
        method = getattr(self._connected(), operation)
        before = _signer.set(signer)
        sent_at = self.clock()
        try:
            answer: dict[str, Any] = method(**parameters)
        except ClientError as error:
            self._compare_clocks(error.response, sent_at)
            _mask(error, signer)
            raise
        except BotoCoreError:
            raise
        except _UNREADABLE as error:
            unreadable = type(error).__name__
        else:
            self._compare_clocks(answer, sent_at)
            return answer
        finally:
            _signer.reset(before)
        # Out of the except clause: what botocore raised repeats the answer, and with it perhaps a secret.
        raise MalformedAnswerError(f"the answer of STS cannot be read ({unreadable} in botocore's parser)")

    def _compare_clocks(self, answer: Any, sent_at: float) -> None:
        self.skew = clock_skew(answer, sent_at, self.clock())
        if abs(self.skew) > NOTICED and not self._warned:
            self._warned = True
            _log.warning("%s: calls are refused from five minutes on", skew_in_words(self.skew))

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                client = self._session.client(
                    "sts",
                    region_name=self.region_name,
                    config=Config(max_pool_connections=self._connections),
                )
                client.meta.events.register("before-sign.sts", _sign_with_signer)
                self._client = client
            return self._client


def _sign_with_signer(request: Any, **_: object) -> None:
    """Runs for each attempt, retries included."""
    request.context.setdefault("signing", {})["request_credentials"] = _signer.get()


def _mask(error: ClientError, signer: SessionCredentials) -> None:
    """Takes out of what STS refused with, and of every traceback, the credentials that it may have repeated."""
    text, said = str(error), error.response.get("Error", {})
    for secret in filter(None, (signer.secret_key, signer.token)):
        text = text.replace(secret, "***")
        if message := said.get("Message"):
            said["Message"] = message.replace(secret, "***")
    error.args = (text,)


def clock_skew(answer: Mapping[str, Any], sent_at: float, received_at: float) -> float:
    """The minimum number of seconds that the service is ahead of this machine; negative if it is behind.

    Args:
        answer: an answer as botocore gives it; its ``Date`` header counts whole seconds.
        sent_at: the time of the call, by this machine's clock.
        received_at: the time of the answer, by the same clock.

    Returns:
        0.0 if the two clocks may agree, or the answer has no readable date.
    """
    date = date_of(answer)
    if date is None:
        return 0.0
    told = seconds_of(date)
    if told > received_at:
        return told - received_at
    return min(0.0, told + 1 - sent_at)


def date_of(answer: Mapping[str, Any]) -> datetime | None:
    """The time of the service's clock that its answer shows; None if it has no readable date."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, TypeError, ValueError):
        return None


def skew_in_words(seconds: float) -> str:
    """A difference as a message puts it."""
    amount = abs(seconds)
    shown = f"{amount:.0f} s" if amount < 120 else f"{amount / 60:.0f} minutes"
    return f"this machine's clock is {shown} {'behind' if seconds > 0 else 'ahead of'} that of STS"
