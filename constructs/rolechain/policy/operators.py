"""The condition operators: how one value of a request compares with one value of a policy.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators". A value of the request that is no
number, date or address where one is compared matches nothing; in a policy it is an error.
"""

from __future__ import annotations

import base64
import binascii
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeVar

from rolechain.iam.glob import Glob, arn_glob, glob, text_of
from rolechain.policy.context import Context
from rolechain.policy.elements import Intrinsic, PolicyError
from rolechain.policy.logic import Ternary
from rolechain.policy.variables import Test, parse

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_YEAR = re.compile(r"\d{4}", re.ASCII)
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Comparison:
    """One value of a condition, ready for comparison.

    Attributes:
        test: whether a value of the request matches it.
        keys: the condition keys that its variables name, in lower case.
    """

    test: Test
    keys: frozenset[str] = frozenset()


UNKNOWN = Comparison(lambda _given, _context: None)


@dataclass(frozen=True)
class Operator:
    """A condition operator, without its set operator and ``IfExists``.

    Attributes:
        name: as AWS writes it.
        read: reads one value of a policy, given whether the document takes policy variables.
        negated: whether it holds where no value of the policy matches.
    """

    name: str
    read: Callable[[str, bool], Comparison]
    negated: bool = False

    def compare(self, value: str | Intrinsic, variables: bool) -> Comparison:
        """One value of a policy, ready for comparison.

        Raises:
            PolicyError: the operator does not take the value.
        """
        return UNKNOWN if isinstance(value, Intrinsic) else self.read(value, variables)


def number(text: str) -> Decimal | None:
    """An integer or decimal number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=1024)
def date(text: str) -> Decimal | None:
    """Seconds since 1970: from an ISO 8601 date, in UTC unless it says otherwise, or from epoch seconds.

    None for four digits, which are a year in ISO 8601: AWS does not say which of both it reads.
    """
    if _YEAR.fullmatch(text):
        return None
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


def _texts(match: Callable[[Glob], Test]) -> Callable[[str, bool], Comparison]:
    """Values that take policy variables; ``match`` makes the test of a resolved value."""

    def read(value: str, variables: bool) -> Comparison:
        template = parse(value, variables)
        return Comparison(template.test(match), template.keys)

    return read


def _like(pattern: Glob) -> Test:
    matches = glob(pattern)
    return lambda given, _: matches(given) is not None


def _equal(pattern: Glob) -> Test:
    wanted = text_of(pattern)
    return lambda given, _: given == wanted


def _equal_ignoring_case(pattern: Glob) -> Test:
    wanted = text_of(pattern).lower()
    return lambda given, _: given.lower() == wanted


def _arn_like(pattern: Glob) -> Test:
    matches = arn_glob(pattern)
    return lambda given, _: matches(given)


def _scalars(
    read: Callable[[str], T | None], what: str, holds: Callable[[T, T], bool]
) -> Callable[[str, bool], Comparison]:
    """Values that are read as a number, a date, …; policy variables have no meaning in them."""

    def compare(value: str, _: bool) -> Comparison:
        wanted = read(value)
        if wanted is None:
            raise PolicyError(f"{value!r} is not {what}")

        def test(given: str, _: Context) -> Ternary:
            found = read(given)
            return found is not None and holds(found, wanted)

        return Comparison(test)

    return compare


def _boolean(value: str, variables: bool) -> Comparison:
    # AWS accepts variables here, and does not document a value that is neither true nor false.
    if variables and "${" in value:
        return Comparison(UNKNOWN.test, parse(value, variables).keys)
    return _scalars(boolean, "a boolean: write true or false", operator.eq)(value, variables)


def _address(value: str, _: bool) -> Comparison:
    wanted = network(value)
    if wanted is None:
        raise PolicyError(f"{value!r} is not an IP address or CIDR range")

    def test(given: str, _: Context) -> Ternary:
        found = address(given)
        return found is not None and found in wanted

    return Comparison(test)


_COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


def _ordered(name: str, read: Callable[[str], Decimal | None], what: str) -> list[Operator]:
    equal = _scalars(read, what, operator.eq)
    return [
        Operator(f"{name}Equals", equal),
        Operator(f"{name}NotEquals", equal, negated=True),
        *(Operator(f"{name}{suffix}", _scalars(read, what, holds)) for suffix, holds in _COMPARISONS.items()),
    ]


OPERATORS = {
    kind.name.lower(): kind
    for kind in (
        Operator("StringEquals", _texts(_equal)),
        Operator("StringNotEquals", _texts(_equal), negated=True),
        Operator("StringEqualsIgnoreCase", _texts(_equal_ignoring_case)),
        Operator("StringNotEqualsIgnoreCase", _texts(_equal_ignoring_case), negated=True),
        Operator("StringLike", _texts(_like)),
        Operator("StringNotLike", _texts(_like), negated=True),
        *_ordered("Numeric", number, "a number"),
        *_ordered("Date", date, "a date: write it as in 2026-11-22T00:00:00Z, or as epoch seconds"),
        Operator("Bool", _boolean),
        Operator("BinaryEquals", _scalars(binary, "base64 text", operator.eq)),
        Operator("IpAddress", _address),
        Operator("NotIpAddress", _address, negated=True),
        Operator("ArnEquals", _texts(_arn_like)),
        Operator("ArnLike", _texts(_arn_like)),
        Operator("ArnNotEquals", _texts(_arn_like), negated=True),
        Operator("ArnNotLike", _texts(_arn_like), negated=True),
    )
}
"""The operators by their name in lower case; ``Null`` is not among them, as it compares no value."""
