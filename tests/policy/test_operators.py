"""Each condition operator, value against value."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rolechain.policy import Policy, PolicyError

Holds = Callable[..., bool | None]
KEY = "aws:Key"
ROLE = "arn:aws:iam::111111111111:role/team/a/source"


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a*", "a*", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", "a", "a", False),
        ("StringEqualsIgnoreCase", "Abc", "aBC", True),
        ("StringEqualsIgnoreCase", "abc", "abd", False),
        ("StringNotEqualsIgnoreCase", "Abc", "aBC", False),
        ("StringNotEqualsIgnoreCase", "abc", "abd", True),
        ("StringLike", "a*c", "abbc", True),
        ("StringLike", "a*c", "ac", True),
        ("StringLike", "a*c", "aBC", False),
        ("StringLike", "a?c", "abc", True),
        ("StringLike", "a?c", "ac", False),
        ("StringLike", "a?c", "abbc", False),
        ("StringLike", "*a*b*", "xxaxxbxx", True),
        ("StringLike", "*ab*ba", "ab-aba", True),
        ("StringLike", "*ab*ba", "aba", False),
        ("StringLike", "a.c", "abc", False),
        ("StringLike", "[a]", "a", False),
        ("StringLike", "a*", "a\nb", True),
        ("StringNotLike", "a*", "abc", False),
        ("StringNotLike", "a*", "bc", True),
        ("NumericEquals", "3", "3.0", True),
        ("NumericEquals", "3", "4", False),
        ("NumericNotEquals", "3", "4", True),
        ("NumericNotEquals", "3", "3", False),
        ("NumericLessThan", "3", "2.9", True),
        ("NumericLessThan", "3", "3", False),
        ("NumericLessThanEquals", "3", "3", True),
        ("NumericLessThanEquals", "3", "4", False),
        ("NumericGreaterThan", "-1", "0", True),
        ("NumericGreaterThan", "3", "3", False),
        ("NumericGreaterThanEquals", "3", "3", True),
        ("NumericGreaterThanEquals", "3", "2", False),
        ("NumericEquals", "3", "three", False),
        ("NumericEquals", "3", "nan", False),
        ("NumericNotEquals", "3", "three", True),
        ("NumericLessThan", "3", "-inf", False),
        ("DateEquals", "2026-11-22T00:00:00Z", "2026-11-22T01:00:00+01:00", True),
        ("DateEquals", "2026-11-22", "2026-11-22T00:00:00Z", True),
        ("DateEquals", "2026-11", "2026-11-01T00:00:00Z", True),
        ("DateEquals", "1795305600", "2026-11-22T00:00:00Z", True),
        ("DateNotEquals", "2026-11-22", "2026-11-23", True),
        ("DateNotEquals", "2026-11-22", "2026-11-22", False),
        ("DateLessThan", "2026-11-22T00:00:00Z", "2026-11-21T23:59:59.999Z", True),
        ("DateLessThan", "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", False),
        ("DateLessThanEquals", "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", True),
        ("DateGreaterThan", "2026-11-22T00:00:00Z", "2026-11-22T00:00:01Z", True),
        ("DateGreaterThan", "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", False),
        ("DateGreaterThanEquals", "2026-11-22T00:00:00Z", "1795305600", True),
        ("DateLessThan", "2026-11-22", "soon", False),
        ("DateNotEquals", "2026-11-22", "soon", True),
        ("Bool", "true", "TRUE", True),
        ("Bool", "False", "false", True),
        ("Bool", "true", "false", False),
        ("Bool", "true", "yes", False),
        ("BinaryEquals", "QmlueQ==", "QmlueQ==", True),
        ("BinaryEquals", "QmlueQ==", "QmluYQ==", False),
        ("BinaryEquals", "QmlueQ==", "*", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.255", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.0", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "203.0.113.7", "203.0.113.8", False),
        ("IpAddress", "2001:db8::/32", "2001:db8:1::1", True),
        ("IpAddress", "2001:db8::/32", "2001:db9::1", False),
        ("IpAddress", "2001:DB8::1", "2001:db8:0::1", True),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
        ("IpAddress", "203.0.113.0/24", "here", False),
        ("NotIpAddress", "203.0.113.0/24", "203.0.114.0", True),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.9", False),
        ("NotIpAddress", "203.0.113.0/24", "here", True),
        ("ArnEquals", ROLE, ROLE, True),
        ("ArnEquals", "arn:aws:iam::111111111111:role/*", ROLE, True),
        ("ArnEquals", "arn:aws:iam::111111111111:role/sour*", ROLE, False),
        ("ArnEquals", "arn:aws:iam::111111111111:ROLE/*", ROLE, False),
        ("ArnEquals", "arn:aws:iam::11111111111?:role/*", ROLE, True),
        ("ArnLike", "arn:aws:iam::*:role/team/*", ROLE, True),
        ("ArnLike", "arn:*:iam::*:*", ROLE, True),
        ("ArnLike", "arn:aws:*:role/team/a/source", ROLE, False),
        ("ArnLike", "arn:aws:iam:*", ROLE, False),
        ("ArnLike", "arn:aws:iam::1*:role/*:x", ROLE, False),
        ("ArnLike", "arn:aws:iam::*:role/*", "source", False),
        ("ArnNotEquals", ROLE, ROLE, False),
        ("ArnNotEquals", "arn:aws:iam::111111111111:role/other", ROLE, True),
        ("ArnNotLike", "arn:aws:iam::*:role/*", ROLE, False),
        ("ArnNotLike", "arn:aws:iam:*", ROLE, True),
        ("ArnNotLike", "arn:aws:iam::*:role/*", "source", True),
    ],
)
def test_operator(holds: Holds, operator: str, wanted: str, given: str, expected: bool) -> None:
    """Each operator compares a value of the request with one of the policy as AWS documents it."""
    assert holds({operator: {KEY: wanted}}, {KEY: given}) is expected


@pytest.mark.parametrize("operator", ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"])
@pytest.mark.parametrize(
    "pattern", ["*", "*:role/source", "", "?rn:aws:iam::111111111111:role/team/a/source"]
)
def test_arn_operator_with_a_pattern_that_is_no_arn_is_unknown(
    holds: Holds, operator: str, pattern: str
) -> None:
    """AWS does not say what an Arn operator makes of a pattern that does not begin with arn:."""
    assert holds({operator: {KEY: pattern}}, {KEY: ROLE}) is None


def test_operator_names_are_matched_without_case(holds: Holds) -> None:
    """Operators, set operators and suffixes may be written in any case."""
    assert holds({"stringequals": {KEY: "a"}}, {KEY: "a"}) is True
    assert holds({"FORANYVALUE:STRINGLIKEIFEXISTS": {KEY: "a*"}}, {KEY: ["b", "ab"]}) is True


def test_json_booleans_and_numbers_stand_for_their_texts(holds: Holds) -> None:
    """A condition value may be written as a JSON boolean or number."""
    assert holds({"Bool": {KEY: True}}, {KEY: "true"}) is True
    assert holds({"NumericLessThan": {KEY: 300}}, {KEY: "299"}) is True


def test_many_wildcards_are_matched_at_once(holds: Holds) -> None:
    """A pattern of many wildcards that almost matches a long value is no way to stall the decision."""
    assert holds({"StringLike": {KEY: "*a" * 60 + "*b"}}, {KEY: "a" * 5000}) is False


@pytest.mark.parametrize(
    ("operator", "value", "message"),
    [
        ("NumericEquals", "three", "'three' is not a number"),
        ("NumericLessThan", "inf", "'inf' is not a number"),
        ("NumericEquals", "${aws:MultiFactorAuthAge}", "'${aws:MultiFactorAuthAge}' is not a number"),
        (
            "DateLessThan",
            "soon",
            "'soon' is not a date: write it as in 2026-11-22T00:00:00Z, or as epoch seconds",
        ),
        ("Bool", "yes", "'yes' is not a boolean: write true or false"),
        ("BinaryEquals", "*", "'*' is not base64 text"),
        ("IpAddress", "203.0.113.0/33", "'203.0.113.0/33' is not an IP address or CIDR range"),
        ("NotIpAddress", "here", "'here' is not an IP address or CIDR range"),
        ("Null", "maybe", "'maybe' is not a boolean: write true where the key must be absent, or false"),
        ("StringMatches", "a", "there is no such operator: write one such as StringEquals or ArnLike"),
        ("NullIfExists", "true", "there is no such operator: write one such as StringEquals or ArnLike"),
        (
            "ForSomeValues:StringEquals",
            "a",
            "there is no such operator: write one such as StringEquals or ArnLike",
        ),
        ("StringEquals", {"a": "b"}, "the value is {'a': 'b'}: write a text or a list of texts"),
        ("StringEquals", None, "the value is None: write a text or a list of texts"),
    ],
)
def test_value_or_operator_that_does_not_exist_is_refused(operator: str, value: object, message: str) -> None:
    """A value that its operator does not take, and an unknown operator, are errors of the document."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {KEY: value}}}
    with pytest.raises(PolicyError) as caught:
        Policy.parse({"Version": "2012-10-17", "Statement": statement})
    assert str(caught.value) == f"statement 0: Condition {operator} {KEY}: {message}"
