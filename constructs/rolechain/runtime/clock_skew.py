"""How far this machine's clock is from that of STS. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

Clock = Callable[[], float]
"""Gives the seconds since the epoch."""

NOTICED = 60.0
"""From how many seconds on a difference is reported; sessions are renewed a minute before they end."""


def clock_skew(answer: Mapping[str, Any], sent_at: float, received_at: float) -> float:
    """By how many seconds the service is ahead of this machine at least; below 0 if it is behind.

    Args:
        answer: an answer as botocore gives it; its ``Date`` header counts whole seconds.
        sent_at: when the call was made, by this machine's clock.
        received_at: when the answer came, likewise.

    Returns:
        0.0 where the two clocks may well agree, and where the answer has no date that can be read.
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
