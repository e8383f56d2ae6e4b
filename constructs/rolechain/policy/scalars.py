"""Numbers, dates, addresses and other values as they stand in conditions; None for what is none."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number(text: str) -> Decimal | None:
    """An integer or decimal number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=1024)
def date(text: str) -> Decimal | None:
    """Seconds since 1970: from an ISO 8601 date, in UTC unless it says otherwise, or from epoch seconds."""
    if (seconds := number(text)) is not None:
        return seconds
    try:
        moment = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return since.days * 86400 + since.seconds + Decimal(since.microseconds) / 1_000_000


def boolean(text: str) -> bool | None:
    """True or false, in any case."""
    return {"true": True, "false": False}.get(text.lower())


def binary(text: str) -> bytes | None:
    """The bytes that base64 stands for."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def address(text: str) -> IPv4Address | IPv6Address | None:
    """One IP address of either version."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def network(text: str) -> IPv4Network | IPv6Network | None:
    """A range in CIDR notation, or one address as the range that holds it alone."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
