"""The report on one hop that was taken, or that had to be refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rolechain.runtime.error_classification import Cause


class Outcome(StrEnum):
    """The outcome of a call.

    ``UNDECIDED``: no policy decided about it (the network, expired credentials), it was not tried as a hop
    before it failed, or another role than the one that was called answered.
    """

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class HopReport:
    """One line of a report on a deployed chain.

    Attributes:
        index: which hop, counted from 1 in the order of the calls: where a source role is assumed first, that is
            hop 1. For a shortcut it is the index of the hop that it would have ended with.
        caller: the ARN of who called.
        callee: the ARN of the role that was called for.
        expected: what the chain says.
        verdict: what happened.
        cause: what decided where it was not allowed; None where it was.
        milliseconds: how long STS took, for the last try; 0.0 where nothing was tried.
        detail: one line: who answered, or what STS said, or why it was not tried.
        altered: what the call left out or sent wrong on purpose, in words; empty where it was as declared.
        session_seconds: how long the session lasts that the declared role gave, in seconds; None where it gave none.
    """

    index: int
    caller: str
    callee: str
    expected: Outcome
    verdict: Outcome
    cause: Cause | None
    milliseconds: float
    detail: str
    altered: str = ""
    session_seconds: int | None = None

    @property
    def ok(self) -> bool:
        """Whether what happened is what was expected."""
        return self.verdict is self.expected
