"""Conditions of every operator, drawn for a request that is known already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from rolechain.iam.condition_keys import MULTIVALUED
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request, decide
from tests.proof.soundness.strangers import document, single, text

Json = dict[str, Any]
Keys = Mapping[str, ContextValue]
Condition = tuple[str, str, list[str]]
"""Operator, key and values."""

ORDER = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
STRING = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"]
STRING += ["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"]
ARN = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"]
NUMERIC, DATE = [f"Numeric{order}" for order in ORDER], [f"Date{order}" for order in ORDER]
IP = ["IpAddress", "NotIpAddress"]
OPERATORS = [*STRING, *ARN, *NUMERIC, *DATE, "Bool", *IP, "BinaryEquals", "Null"]

OF_KEYS: dict[str, list[str]] = {
    "aws:PrincipalArn": ARN,
    "aws:SourceArn": ARN,
    "aws:MultiFactorAuthAge": NUMERIC,
    "sts:DurationSeconds": NUMERIC,
    "aws:PrincipalTag/cost": NUMERIC,
    "aws:EpochTime": NUMERIC + DATE,
    "aws:CurrentTime": DATE,
    "aws:TokenIssueTime": DATE,
    "aws:SourceIp": IP,
    "aws:VpcSourceIp": IP,
    "aws:MultiFactorAuthPresent": ["Bool"],
    "aws:SecureTransport": ["Bool"],
    "aws:PrincipalIsAWSService": ["Bool"],
    "aws:PrincipalTag/bin": ["BinaryEquals"],
}
"""The operators that are meant for a key; a key that is not among them holds a text."""

ABSENT = ["aws:SourceVpc", "sts:ExternalId", "aws:username", "aws:PrincipalOrgID", "aws:PrincipalTag/none"]
ABSENT += [
    "aws:MultiFactorAuthPresent",
    "aws:SourceIdentity",
    "aws:TagKeys",
    "aws:SourceAccount",
    "aws:SourceIp",
]


PAIRS = [
    ("StringLike", "StringNotLike"),
    ("StringEqualsIgnoreCase", "StringNotEquals"),
    ("ArnLike", "ArnNotLike"),
]
PAIRS += [(f"{kind}GreaterThan", f"{kind}LessThan") for kind in ("Numeric", "Date")]
PAIRS += [("IpAddress", "NotIpAddress")]
"""Operators of which the one takes away from what the other leaves."""

FIXED = [
    "aws:PrincipalTag/bin",
    "aws:SecureTransport",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalType",
    "aws:MultiFactorAuthPresent",
]
"""Keys of one value or two, in which there is no gap."""


def condition(r: Random, keys: Keys) -> Condition:
    """A condition that has something to do with a request, which may meet it or not."""
    key = r.choice([key for key in ABSENT if key not in keys]) if r.random() < 0.15 else r.choice(list(keys))
    given = keys.get(key, text(r))
    value = given if isinstance(given, str) else r.choice(list(given))
    if r.random() < 0.05:
        return "Null", key, [r.choice(["true", "false"])]
    meant = OF_KEYS.get(key, STRING)
    operator = r.choice(meant if r.random() < 0.8 else STRING)
    values = [_value(r, operator, value, keys) for _ in range(r.choice([1, 1, 2, 3]))]
    multivalued = MULTIVALUED.fullmatch(key.lower())
    quantifier = r.choice(["ForAnyValue:", "ForAllValues:"]) if multivalued or r.random() < 0.1 else ""
    if_exists = "IfExists" if r.random() < 0.15 else ""
    name = f"{quantifier}{operator}{if_exists}"
    return (
        (name.lower(), key.upper(), values) if r.random() < 0.05 and "/" not in key else (name, key, values)
    )


def met(r: Random, keys: Keys) -> Condition:
    """A condition that a request of these keys meets; more often than not one that does not give its value away.

    Other values do not meet it as a rule, and those that it names are not the one that does.
    """
    narrow, hidden = len(keys) == 1 or r.random() < 0.7, r.random() < 0.7
    while True:
        operator, key, values = condition(r, keys)
        if not holds(keys, {operator: {key: values}}):
            continue
        given = keys.get(key, "")
        if (
            hidden
            and isinstance(given, str)
            and given.lower() in map(str.lower, values)
            and r.random() < 0.95
        ):
            continue
        other = _value(r, operator, given, {}) if isinstance(given, str) else text(r)
        if not narrow or r.random() < 0.1 or not holds({**keys, key: other}, {operator: {key: values}}):
            return operator, key, values


def gap(r: Random, keys: Keys) -> Json:
    """Two conditions on one key that leave a gap between them, in which a request lies."""
    key = r.choice([key for key, value in keys.items() if isinstance(value, str) and key not in FIXED])
    first, second = r.choice([pair for pair in PAIRS if pair[0] in OF_KEYS.get(key, STRING)])
    made: Json = {}
    for operator in (first, second):
        tried = (_value(r, operator, str(keys[key]), keys) for _ in range(40))
        values = {value for value in tried if value != keys[key] and holds(keys, {operator: {key: [value]}})}
        if "Not" in operator or len(values) == 1:
            made[operator] = {key: sorted(values)[:9]}
        elif values:
            made[operator] = {key: r.choice(sorted(values))}
    return made


def conditions(r: Random, keys: Keys, draw: Callable[[Random, Keys], Condition], most: int) -> Json:
    """A Condition element of one to so many conditions."""
    made: Json = {}
    about, least = dict(keys), 1
    if r.random() < 0.3:
        key = r.choice(list(keys))
        about, least = {key: keys[key]}, min(2, most)
    for _ in range(r.randint(least, most)):
        operator, key, values = draw(r, about)
        made = merged(made, {operator: {key: values}})
    return made


def merged(first: Json, second: Json) -> Json:
    """Two Condition elements as one; where both ask one key under one operator, the first does."""
    return {name: {**second.get(name, {}), **first.get(name, {})} for name in [*first, *second]}


def holds(keys: Keys, element: Json) -> bool:
    """Whether a request meets a Condition element for sure."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Condition": element}
    callee = Callee("arn:aws:iam::000000000001:role/r", Policy.parse(document([statement])))
    return decide(Request(Caller("service", "any.amazonaws.com"), callee, keys)).allowed


def _value(r: Random, operator: str, given: str, keys: Keys) -> str:
    """A value for an operator, not far from what a request holds."""
    if operator == "Bool":
        return r.choice(["true", "false"])
    if operator in NUMERIC:
        return _number(r, given)
    if operator in DATE:
        return r.choice([given, _moment(r, given), _moment(r, given), "2026-11-27T06:00:00Z", "2028-01-01"])
    if operator in IP:
        return _network(r, given)
    if operator == "BinaryEquals":
        return r.choice(["QUJD", "QUJE"])
    if r.random() < 0.25:
        given = _other(r, given)
    if r.random() < 0.15:
        return _variable(r, given, keys)
    if "IgnoreCase" in operator:
        return r.choice([given.swapcase(), given.upper(), given])
    return _pattern(r, given) if "Like" in operator or operator in ARN else given


def _number(r: Random, given: str) -> str:
    try:
        return r.choice([given, f"{float(given) + r.choice([-0.5, 0.25, -100, 100, 1]):.4f}"])
    except ValueError:
        return str(r.randint(0, 99))


def _moment(r: Random, given: str) -> str:
    """A moment not long before or after another."""
    if given.count(":") == 2:
        moment = datetime.fromisoformat(given) + timedelta(
            seconds=r.choice([-90000, -3600, -1, 1, 60, 50000])
        )
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{int(given) + r.choice([-90000, -1, 1, 3600])}" if given.isdecimal() else "2027-06-01"


def _network(r: Random, given: str) -> str:
    if ":" in given:
        return r.choice([given, "2001:db8::/32", "::/0", "2001:db9::/32"])
    if given.count(".") != 3:
        return "192.0.2.0/24"
    near, others = f"{given}/{r.choice([8, 16, 24, 31, 32])}", given.rsplit(".", 1)[0]
    beside = f"{others}.{r.choice([0, 1, 64, 128, 255])}/{r.choice([25, 26, 32, 32])}"
    return r.choice([near, near, beside, beside, "10.0.0.0/8", "0.0.0.0/0"])


def _other(r: Random, given: str) -> str:
    """Another text of the same kind."""
    if not given:
        return text(r)
    at = r.randrange(len(given))
    changed = r.choice("abc019") if given[at].isalnum() else given[at]
    return r.choice([given[:at] + changed + given[at + 1 :], given + "x", text(r)])


def _pattern(r: Random, given: str) -> str:
    """A text with a wildcard or two in it; an ARN keeps its beginning."""
    first = 13 if given.startswith("arn:aws:iam::") else 8 if given.startswith("arn:aws:") else 0
    for _ in range(r.choice([0, 1, 1, 2])):
        start = r.randint(min(first, len(given)), len(given))
        length = r.choice([0, 1, 2, 5, 40])
        wild = r.choice(["*", "?" * min(length, len(given) - start)])
        given = given[:start] + wild + given[start + length :]
    return given


def _variable(r: Random, given: str, keys: Keys) -> str:
    """The text with a variable in it that stands for a part of it, or for something else."""
    named = [(key, value) for key, value in single(keys).items() if len(value) > 2 and value in given]
    if not named:
        return f"${{{r.choice([*single(keys), 'aws:username', 'aws:PrincipalTag/none'])}}}"
    key, value = r.choice(named)
    return given.replace(value, r.choice([f"${{{key}}}", f"${{{key}, 'q'}}"]), 1)
