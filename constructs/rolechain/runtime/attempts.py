"""One hop, taken for real: who answers, or who refuses and why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Literal

import boto3

from rolechain.errors import ChainError
from rolechain.iam.arn import is_session_of
from rolechain.runtime.call import HopCall
from rolechain.runtime.errors import HopError
from rolechain.runtime.hop import HopLike, as_hop
from rolechain.runtime.limits import problems_of_chain
from rolechain.runtime.report import HopReport, Outcome
from rolechain.runtime.session_credentials import SessionCredentials
from rolechain.runtime.sts import Sts

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 8.0


def attempt(
    session: boto3.Session,
    hop: HopLike,
    *,
    expected: Outcome | Literal["allowed", "refused"] = Outcome.ALLOWED,
    region_name: str | None = None,
    index: int = 1,
) -> HopReport:
    """Tries one AssumeRole from a session to any role, declared or not.

    Args:
        session: who calls.
        hop: the role to assume.
        expected: whether it ought to be allowed.
        region_name: the region whose STS is called; by default that of ``session``.
        index: the hop's place in what is reported.

    Returns:
        The outcome; a refusal is not an error here.

    Raises:
        ChainError: STS would not take the hop, or no region is set.
        HopError: the session has no credentials that work, so nothing could be tried.
    """
    wanted = as_hop(hop)
    region = region_name or session.region_name
    if problems := list(problems_of_chain([wanted], region)):
        raise ChainError(problems)
    call = HopCall(wanted, Sts(session, region))
    signer = call.identified(call.starting_signer(session))
    report, _ = try_call(
        call, signer, caller=signer.arn or "", expected=Outcome(expected), index=index, until=Patience()
    )
    return report


class Patience:
    """For how many seconds from now on a denial is taken for one that will pass; 0 takes the first answer.

    IAM's changes take a while to be seen everywhere.
    """

    def __init__(
        self,
        seconds: float = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._ends = clock() + seconds

    def pause(self, tries: int) -> bool:
        """Waits before the next try, longer each time, and says whether there is to be one."""
        left = self._ends - self._clock()
        if left <= 0:
            return False
        self._sleep(min(left, _LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (tries - 1)))
        return True


def try_call(
    call: HopCall,
    signer: SessionCredentials,
    *,
    caller: str,
    expected: Outcome,
    index: int,
    until: Patience,
    advice: str | None = None,
) -> tuple[HopReport, SessionCredentials | None]:
    """Makes a hop's call and asks the session that it gave who it is; only what ought to be allowed is tried again.

    Returns:
        The report, whose advice where the callee's side refuses is ``advice``, and the session if the declared role
        gave it.
    """

    def report(verdict: Outcome, detail: str, error: HopError | None = None) -> HopReport:
        cause = error.cause if error else None
        return HopReport(
            index, caller, call.hop.role_arn, expected, verdict, cause, round(milliseconds, 3), detail
        )

    for tries in count(1):
        started = time.perf_counter()
        try:
            given = call.make(signer)
        except HopError as error:
            milliseconds = (time.perf_counter() - started) * 1000
            if error.denied and expected is Outcome.ALLOWED and until.pause(tries):
                continue
            verdict = Outcome.REFUSED if error.denied else Outcome.UNDECIDED
            return report(verdict, str(error.refused_there(advice)), error), None
        milliseconds = (time.perf_counter() - started) * 1000
        break
    if expected is not Outcome.ALLOWED:
        return report(Outcome.ALLOWED, f"let in as {given.arn}"), None
    try:
        arn = call.identified(given).arn or ""
    except HopError as error:
        return report(Outcome.UNDECIDED, str(error), error), None
    hop = call.hop
    if not is_session_of(arn, hop.role_arn):
        return report(Outcome.UNDECIDED, f"another role answered: {arn}"), None
    answered = report(Outcome.ALLOWED, f"answers as {arn}")
    return replace(answered, session_seconds=round(given.expires_at - given.obtained_at)), given
