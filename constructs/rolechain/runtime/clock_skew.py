"""The difference between this machine's clock and that of STS. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

Clock = Callable[[], float]
"""Gives the seconds since the epoch."""

NOTICED = 60.0
"""The difference in seconds from which it is reported; sessions are renewed a minute before they end."""


def clock_skew(answer: Mapping[str, Any], sent_at: float, received_at: float) -> float:
    """The minimum number of seconds that the service is ahead of this machine; negative if it is behind.

    Args:
        answer: an answer as botocore gives it; its ``Date`` header counts whole seconds.
        sent_at: the time of the call, by this machine's clock.
        received_at: the time of the answer, by the same clock.

    Returns:
        0.0 if the two clocks may agree, or the answer has no readable date.
    """
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        date = parsedate_to_datetime(headers["date"])
    except (KeyError, TypeError, ValueError):
        return 0.0
    told = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if told > received_at:
        return told - received_at
    return min(0.0, told + 1 - sent_at)


def skew_in_words(seconds: float) -> str:
    """A difference as a message puts it."""
    amount = abs(seconds)
    shown = f"{amount:.0f} s" if amount < 120 else f"{amount / 60:.0f} minutes"
    return f"this machine's clock is {shown} {'behind' if seconds > 0 else 'ahead of'} that of STS"
