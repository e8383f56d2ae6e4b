"""The error of one hop: which one, who called, what STS said, and which side to mend."""

from __future__ import annotations

import re
from typing import Any, Self, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from rolechain.errors import RolechainError
from rolechain.runtime.clock_skew import NOTICED, drift_in_words
from rolechain.runtime.error_classification import ACCESS_DENIED, BARE_DENIAL, MENDING, Cause, Finding, read

_BRIEF = 300
_USER = re.compile(r"User: (arn:\S+) is not authorized")
_HEADER = re.compile(r"(?<=Invalid header value) .*")
_ACTION = re.compile(r"to perform: (sts:\w+)")


class HopError(RolechainError):
    """A hop of a chain failed; what botocore raised, if anything, is its ``__cause__``.

    Attributes:
        index: which hop, counted from 1 in the order of the calls; 0 for the way into the source role, where
            ``verify`` takes it before the first hop.
        total: how many hops there are.
        role_arn: the role that was to be assumed.
        caller_arn: who called, as far as it is known; the first hop's caller is known only if STS names it.
        code: the error's code, such as ``AccessDenied``; for an error that is no answer of STS, the name of
            its class; empty where the answer itself was at fault.
        cause: what stood in the way.
        request_id: the id of the request that STS gave, for a support case; None if there was no answer.
        recoverable: whether the same call may succeed later with nothing mended (throttling, network).
        denied: whether a policy refused the call, as against a call about which none decided.
        advice: what to do about it, where that is known; the message ends with it.
    """

    def __init__(
        self,
        message: str,
        *,
        index: int,
        total: int,
        role_arn: str,
        caller_arn: str | None = None,
        code: str = "",
        cause: Cause = Cause.UNKNOWN,
        request_id: str | None = None,
        recoverable: bool = False,
        denied: bool = False,
        advice: str = "",
    ) -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self._said = message
        self.index = index
        self.total = total
        self.role_arn = role_arn
        self.caller_arn = caller_arn
        self.code = code
        self.cause = cause
        self.request_id = request_id
        self.recoverable = recoverable
        self.denied = denied
        self.advice = advice

    def __reduce__(self) -> tuple[object, ...]:
        return _remade, (type(self), self._said, self._fields())

    def copy(self) -> Self:
        """The same error without its traceback, for raising it once more."""
        return self._advising(self.advice)

    def refused_there(self, advice: str | None) -> Self:
        """The same error with other advice, where the callee's side refused, or none that STS names; else itself."""
        there = self.denied and self.cause in (Cause.TRUST_POLICY, Cause.UNKNOWN)
        return self._advising(advice) if advice and there else self

    def _advising(self, advice: str) -> Self:
        copied = _remade(type(self), self._said, self._fields() | {"advice": advice})
        copied.__cause__ = self.__cause__
        return copied

    def _fields(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in _FIELDS}


_FIELDS = (
    "index",
    "total",
    "role_arn",
    "caller_arn",
    "code",
    "cause",
    "request_id",
    "recoverable",
    "denied",
    "advice",
)
_Error = TypeVar("_Error", bound=HopError)


def _remade(kind: type[_Error], message: str, fields: dict[str, Any]) -> _Error:
    return kind(message, **fields)


def hop_error(
    error: Exception,
    *,
    index: int,
    total: int,
    role_arn: str,
    caller_arn: str | None,
    secrets: tuple[str, ...] = (),
    drift: float = 0.0,
) -> HopError:
    """The error that says in a hop's words what botocore raised.

    Args:
        error: what was raised.
        index: which hop, counted from 1.
        total: how many hops there are.
        role_arn: the role that was to be assumed.
        caller_arn: who called, if known.
        secrets: what must not stand in the message, should STS have repeated it.
        drift: by how many seconds STS is ahead of this machine.
    """
    code, said, status, request_id = _parts(error)
    finding = read(code, said, status) if isinstance(error, ClientError) else _of_exception(error)
    if named := _USER.search(said):
        caller_arn = named[1]
    denied = code in ACCESS_DENIED
    bare = denied and finding.cause is Cause.UNKNOWN and "because no" not in said
    advice = BARE_DENIAL if bare else MENDING[finding.cause]
    if finding.cause is Cause.CLOCK and abs(drift) > NOTICED:
        advice = f"{drift_in_words(drift)}: set it"
    action = named_action[1] if (named_action := _ACTION.search(said)) else "sts:AssumeRole"
    caller = caller_arn or "the session that the chain starts from"
    what = (
        f"refused: {caller} may not assume {role_arn}"
        if denied
        else f"failed: {caller} could not assume {role_arn}"
    )
    return HopError(
        f"{place(index, total)} {what}: {_brief(code, said, secrets)}",
        index=index,
        total=total,
        role_arn=role_arn,
        caller_arn=caller_arn,
        code=code,
        cause=finding.cause,
        request_id=request_id,
        recoverable=finding.recoverable,
        denied=denied,
        advice=advice.format(action=action, role_arn=role_arn),
    )


def source_error(
    error: Exception, *, index: int, total: int, role_arn: str, secrets: tuple[str, ...] = ()
) -> HopError:
    """The error that says that there are no working credentials to start a hop from; arguments as ``hop_error``'s."""
    code, said, status, request_id = _parts(error)
    finding = read(code, said, status) if isinstance(error, ClientError) else _of_exception(error)
    cause = finding.cause if finding.recoverable or finding.cause is Cause.CLOCK else Cause.SOURCE_CREDENTIALS
    advice = "give credentials that work" if cause is Cause.SOURCE_CREDENTIALS else MENDING[cause]
    lacking = cause is Cause.SOURCE_CREDENTIALS
    what = "no working credentials to call" if lacking else "the credentials could not be checked to call"
    return HopError(
        f"{place(index, total)} failed: {what} {role_arn} with: {_brief(code, said, secrets)}",
        index=index,
        total=total,
        role_arn=role_arn,
        code=code,
        cause=cause,
        request_id=request_id,
        recoverable=finding.recoverable,
        advice=advice,
    )


def place(index: int, total: int) -> str:
    """How a message names a hop."""
    return f"hop {index} of {total}" if index else "the way into the source role"


def _parts(error: Exception) -> tuple[str, str, int, str | None]:
    if not isinstance(error, ClientError):
        return type(error).__name__, str(error), 0, None
    said, about = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    return (
        str(said.get("Code") or ""),
        str(said.get("Message") or ""),
        int(about.get("HTTPStatusCode", 0)),
        about.get("RequestId"),
    )


def _of_exception(error: Exception) -> Finding:
    if isinstance(error, (HTTPClientError, BotoConnectionError)):
        return Finding(Cause.NETWORK, recoverable=True)
    if isinstance(error, BotoCoreError) and re.search(
        r"Credential|Token|Profile|SSO|Login", type(error).__name__
    ):
        return Finding(Cause.SOURCE_CREDENTIALS, recoverable=False)
    return Finding(Cause.UNKNOWN, recoverable=False)


def _brief(code: str, said: str, secrets: tuple[str, ...]) -> str:
    # SignatureDoesNotMatch may repeat the whole request below its first line, session token included.
    lines = said.strip().splitlines()
    line = lines[0] if lines else ""
    for secret in secrets:
        if secret:
            line = line.replace(secret, "***")
    # Where a provider's own call has a token with a line break in it.
    line = _HEADER.sub(" ***", line)
    if len(line) > _BRIEF:
        line = line[: _BRIEF - 1] + "…"
    return f"{code}: {line.rstrip('. ')}" if line else code
