"""The error of one hop: which one, who called, what STS said, and which side to change."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from typing import NamedTuple, Self, TypedDict, Unpack

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from rolechain.errors import RolechainError
from rolechain.runtime.error_classification import (
    ACCESS_DENIED,
    BARE_DENIAL,
    RECOVERABLE,
    REMEDIATIONS,
    Cause,
    cause_of,
)
from rolechain.runtime.sts import NOTICED, skew_in_words

_BRIEF = 300
_USER = re.compile(r"User: (arn:\S+) is not authorized")
_HEADER = re.compile(r"(?<=Invalid header value) .*")
_ACTION = re.compile(r"to perform: (sts:\w+)")
_OF_CREDENTIALS = re.compile(r"Credential|Token|Profile|SSO|Login")


@dataclass(eq=False, repr=False, kw_only=True)
class HopError(RolechainError):
    """A hop of a chain failed; what botocore raised, if anything, is its ``__cause__``.

    Attributes:
        index: which hop, counted from 1 in the order of the calls; 0 where the session to start from failed
            before any hop.
        total: how many hops there are.
        role_arn: the role that was to be assumed.
        caller_arn: who called, as far as it is known; the first hop's caller is known only if STS names it.
        code: the error's code, such as ``AccessDenied``; for an error that did not come from STS, the name of
            its class; empty where the answer itself was at fault.
        cause: what stood in the way.
        request_id: the id of the request that STS gave, for a support case; None if there was no answer.
        recoverable: whether the same call may succeed later with nothing changed (throttling, network).
        denied: whether a policy refused the call, as against a call about which none decided.
        advice: what to do about it, where that is known; the message ends with it.
    """

    message: InitVar[str] = field(kw_only=False)
    index: int
    total: int
    role_arn: str
    caller_arn: str | None = None
    code: str = ""
    cause: Cause = Cause.UNKNOWN
    request_id: str | None = None
    recoverable: bool = False
    denied: bool = False
    advice: str = ""

    def __post_init__(self, message: str) -> None:
        super().__init__(f"{message}; {self.advice}" if self.advice else message)

    def __reduce__(self) -> tuple[object, ...]:
        # The ordinary way calls the constructor with the text alone.
        return BaseException.__new__, (type(self), *self.args), vars(self)

    def copy(self) -> Self:
        """The same error without its traceback, for raising it once more."""
        copied = copy.copy(self)
        copied.__cause__ = self.__cause__
        return copied

    def refused_there(self, advice: str | None) -> Self:
        """The same error with other advice, where the callee's side refused, or none that STS names; else itself."""
        if not advice or not self.denied or self.cause not in (Cause.TRUST_POLICY, Cause.UNKNOWN):
            return self
        copied = self.copy()
        copied.args = (f"{str(self).removesuffix(f'; {self.advice}')}; {advice}",)
        copied.advice = advice
        return copied


class HopPlace(TypedDict):
    """Which hop it is, counted from 1, of how many, and the role that was to be assumed."""

    index: int
    total: int
    role_arn: str


def hop_error(
    error: Exception,
    *,
    caller_arn: str | None,
    secrets: tuple[str, ...] = (),
    ahead: float = 0.0,
    unsent: Sequence[str] = (),
    revoked_before: str | None = None,
    **at: Unpack[HopPlace],
) -> HopError:
    """The error that says in a hop's words what botocore raised.

    Args:
        error: what was raised.
        caller_arn: who called, if known.
        secrets: what must not stand in the message, should STS have repeated it.
        ahead: by how many seconds STS is ahead of this machine.
        unsent: what a trust policy may ask for and the call did not pass; the advice about a refusal by the callee's
            side, or by none that STS names, begins with it.
        revoked_before: the time before which the chain ends its sessions; the advice about a refusal begins with it.
        at: which hop.
    """
    said = _Said.by(error)
    if named := _USER.search(said.text):
        caller_arn = named[1]
    denied = said.code in ACCESS_DENIED
    bare = denied and said.cause is Cause.UNKNOWN and "because no" not in said.text
    advice = BARE_DENIAL if bare else REMEDIATIONS[said.cause]
    if said.cause is Cause.CLOCK and abs(ahead) > NOTICED:
        advice = f"{skew_in_words(ahead)}: set it"
    if denied and unsent and said.cause in (Cause.TRUST_POLICY, Cause.UNKNOWN):
        named_unsent = " or ".join(filter(None, (", ".join(unsent[:-1]), unsent[-1])))
        advice = (
            f"the call sent no {named_unsent}: add what the trust policy of {{role_arn}} asks for; {advice}"
        )
    if denied and revoked_before:
        advice = (
            f"the chain is revoked: sessions issued before {revoked_before} are denied everything; {advice}"
        )
    action = named_action[1] if (named_action := _ACTION.search(said.text)) else "sts:AssumeRole"
    what = "refused: {} may not assume" if denied else "failed: {} could not assume"
    caller = what.format(caller_arn or "the session that the chain starts from")
    return HopError(
        f"{place(at)} {caller} {at['role_arn']}: {said.brief(secrets)}",
        **at,
        caller_arn=caller_arn,
        code=said.code,
        cause=said.cause,
        request_id=said.request_id,
        recoverable=said.cause in RECOVERABLE,
        denied=denied,
        advice=advice.format(action=action, role_arn=at["role_arn"]),
    )


def source_error(error: Exception, *, secrets: tuple[str, ...] = (), **at: Unpack[HopPlace]) -> HopError:
    """The error of a hop whose caller has no working credentials; arguments as ``hop_error``'s."""
    said = _Said.by(error)
    cause = said.cause if said.cause in {*RECOVERABLE, Cause.CLOCK} else Cause.SOURCE_CREDENTIALS
    lacking = cause is Cause.SOURCE_CREDENTIALS
    what = "no working credentials to call" if lacking else "the credentials could not be checked to call"
    return HopError(
        f"{place(at)} failed: {what} {at['role_arn']} with: {said.brief(secrets)}",
        **at,
        code=said.code,
        cause=cause,
        request_id=said.request_id,
        recoverable=cause in RECOVERABLE,
        advice="set AWS_PROFILE, or start from a session whose credentials work"
        if lacking
        else REMEDIATIONS[cause],
    )


def place(at: HopPlace) -> str:
    """The name of a hop in a message."""
    return f"hop {at['index']} of {at['total']}" if at["index"] else "the session to start from"


class _Said(NamedTuple):
    """What an error says: an answer of STS, or an exception of botocore's own, whose class is its code."""

    code: str
    text: str
    cause: Cause
    request_id: str | None = None

    @classmethod
    def by(cls, error: Exception) -> _Said:
        if isinstance(error, ClientError):
            said, about = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
            code, text = str(said.get("Code") or ""), str(said.get("Message") or "")
            cause = cause_of(code, text, int(about.get("HTTPStatusCode", 0)))
            return cls(code, text, cause, about.get("RequestId"))
        name = type(error).__name__
        if isinstance(error, (HTTPClientError, BotoConnectionError)):
            return cls(name, str(error), Cause.NETWORK)
        of_source = isinstance(error, BotoCoreError) and _OF_CREDENTIALS.search(name)
        return cls(name, str(error), Cause.SOURCE_CREDENTIALS if of_source else Cause.UNKNOWN)

    def brief(self, secrets: tuple[str, ...]) -> str:
        # SignatureDoesNotMatch may repeat the whole request below its first line, session token included.
        line = next(iter(self.text.strip().splitlines()), "")
        for secret in filter(None, secrets):
            line = line.replace(secret, "***")
        # Where a provider's own call has a token with a line break in it.
        line = _HEADER.sub(" ***", line)
        if len(line) > _BRIEF:
            line = line[: _BRIEF - 1] + "…"
        return f"{self.code}: {line.rstrip('. ')}" if line else self.code
