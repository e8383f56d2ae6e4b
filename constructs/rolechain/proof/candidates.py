"""The values of a condition key that are worth trying: between them, they meet and miss every test of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations

from rolechain.policy import ContextValue, Policy
from rolechain.policy.conditions import Condition
from rolechain.policy.scalars import date, network, number
from rolechain.proof.witness import FRESH, instance, witness

_VARIABLE = re.compile(r"\$\{\s*([^{},]*?)\s*(?:,[^{}]*)?\}")
_LITERALS = "*?$"


def candidates(
    policies: Sequence[Policy], key: str, fixed: Mapping[str, ContextValue]
) -> list[ContextValue | None]:
    """Values of ``key``, None standing for a request without it.

    Args:
        policies: the policies that ask for it.
        key: the condition key in lower case.
        fixed: the keys of the request that are settled, in lower case, for the variables in the policies' values.
    """
    found: dict[ContextValue | None, None] = {}
    wildcards: dict[str, None] = {}
    asked = [condition for condition in _conditions(policies) if condition.lookup == key]
    for condition in asked:
        values = [_without_variables(value, fixed) for value in condition.values]
        tried = list(dict.fromkeys(each for value in values for each in _near(condition, value)))
        found.update(dict.fromkeys(tried))
        if condition.quantifier and len(tried) > 1:
            found[tuple(tried)] = None
        if (
            not condition.negated and "like" in condition.operator.lower()
        ) or "arn" in condition.operator.lower():
            wildcards.update(dict.fromkeys(values))
    if any("*" in pattern or "?" in pattern for pattern in wildcards) and len(wildcards) <= 16:
        for size in (2, 3) if len(wildcards) <= 8 else (2,):
            found.update(dict.fromkeys(filter(None, map(witness, combinations(wildcards, size)))))
    found.update(dict.fromkeys(_standing_for(policies, key, fixed)))
    found[FRESH] = None
    found[None] = None
    return list(found)


def values_of(policies: Iterable[Policy], key: str, fixed: Mapping[str, ContextValue]) -> list[str]:
    """The values, wildcards included, that policies compare ``key`` with."""
    return list(
        dict.fromkeys(
            _without_variables(value, fixed)
            for condition in _conditions(policies)
            if condition.lookup == key
            for value in condition.values
        )
    )


def _standing_for(policies: Iterable[Policy], key: str, fixed: Mapping[str, ContextValue]) -> Iterator[str]:
    """What ``key`` must be as a variable so that a value that names it is like a settled key's."""
    for condition in _conditions(policies):
        given = fixed.get(condition.lookup)
        if key not in condition.keys or not isinstance(given, str):
            continue
        for value in condition.values:
            names = [name.lower() for name in _VARIABLE.findall(value)]
            if key not in names:
                continue
            around = [re.sub(r"(\\[*?])+", ".*", re.escape(text)) for text in _VARIABLE.split(value)[::2]]
            at = names.index(key) + 1
            pattern = f"{'.*'.join(around[:at])}(.*){'.*'.join(around[at:])}"
            # Each wildcard more multiplies the ways to try.
            match = (
                re.fullmatch(pattern, given, re.DOTALL | re.IGNORECASE) if pattern.count(".*") < 8 else None
            )
            if match:
                yield match[1]


def _conditions(policies: Iterable[Policy]) -> Iterator[Condition]:
    for policy in policies:
        for statement in policy.statements:
            for condition in statement.conditions:
                if isinstance(condition, Condition):
                    yield condition


def _without_variables(value: str, fixed: Mapping[str, ContextValue]) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match[1] in _LITERALS:
            return match[1]
        given = fixed.get(match[1].lower(), FRESH)
        return given if isinstance(given, str) else FRESH

    return _VARIABLE.sub(replaced, value) if "${" in value else value


def _near(condition: Condition, value: str) -> Iterator[str]:
    """Texts on either side of the border that a value draws."""
    operator = condition.operator.lower()
    if "like" in operator or "arn" in operator:
        yield instance(value)
    elif "numeric" in operator and (found := number(value)) is not None:
        yield from (str(found + step) for step in (Decimal(0), Decimal(-1), Decimal(1)))
    elif "date" in operator and (seconds := date(value)) is not None:
        yield from (_moment(seconds + step) for step in (Decimal(0), Decimal(-86400), Decimal(86400)))
    elif "bool" in operator:
        yield from ("true", "false")
    elif "ipaddress" in operator and (addresses := network(value)) is not None:
        yield str(addresses.network_address)
        yield "203.0.113.7"
    else:
        yield value


def _moment(seconds: Decimal) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)
