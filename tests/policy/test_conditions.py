"""Conditions: how operators, keys and values combine, and what an absent key means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Holds = Callable[..., bool | None]
KEY, SINGLE = "aws:TagKeys", "aws:A"

POSITIVE = {
    "StringEquals": "a",
    "StringEqualsIgnoreCase": "a",
    "StringLike": "*",
    "NumericEquals": "1",
    "NumericLessThan": "1",
    "NumericLessThanEquals": "1",
    "NumericGreaterThan": "1",
    "NumericGreaterThanEquals": "1",
    "DateEquals": "2026-11-22",
    "DateLessThan": "2026-11-22",
    "DateLessThanEquals": "2026-11-22",
    "DateGreaterThan": "2026-11-22",
    "DateGreaterThanEquals": "2026-11-22",
    "Bool": "false",
    "BinaryEquals": "YQ==",
    "IpAddress": "0.0.0.0/0",
    "ArnEquals": "arn:*:*:*:*:*",
    "ArnLike": "arn:*:*:*:*:*",
}
NEGATED = {
    "StringNotEquals": "a",
    "StringNotEqualsIgnoreCase": "a",
    "StringNotLike": "*",
    "NumericNotEquals": "1",
    "DateNotEquals": "2026-11-22",
    "NotIpAddress": "0.0.0.0/0",
    "ArnNotEquals": "arn:*:*:*:*:*",
    "ArnNotLike": "arn:*:*:*:*:*",
}


@pytest.mark.parametrize(("operator", "value"), {**POSITIVE, **NEGATED}.items())
def test_absent_key(holds: Holds, operator: str, value: str) -> None:
    """A key that is absent fails a positive operator, meets a negated one, IfExists and ForAllValues."""
    assert holds({operator: {KEY: value}}, {}) is (operator in NEGATED)
    assert holds({f"{operator}IfExists": {KEY: value}}, {}) is True
    assert holds({f"ForAllValues:{operator}": {KEY: value}}, {}) is True
    assert holds({f"ForAllValues:{operator}IfExists": {KEY: value}}, {}) is True
    assert holds({f"ForAnyValue:{operator}": {KEY: value}}, {}) is False
    assert holds({f"ForAnyValue:{operator}IfExists": {KEY: value}}, {}) is None


def test_if_exists_compares_a_key_that_is_there(holds: Holds) -> None:
    """IfExists changes nothing where the key is in the request."""
    assert holds({"StringEqualsIfExists": {SINGLE: "a"}}, {SINGLE: "a"}) is True
    assert holds({"StringEqualsIfExists": {SINGLE: "a"}}, {SINGLE: "b"}) is False
    assert holds({"StringNotEqualsIfExists": {SINGLE: "a"}}, {SINGLE: "a"}) is False


@pytest.mark.parametrize(
    ("value", "context", "expected"),
    [
        ("true", {}, True),
        ("true", {KEY: "a"}, False),
        ("false", {}, False),
        ("false", {KEY: "a"}, True),
        ("FALSE", {KEY: ["a", "b"]}, True),
        ("true", {KEY: []}, True),
        (["true", "false"], {KEY: "a"}, True),
    ],
)
def test_null_tests_absence(holds: Holds, value: object, context: dict[str, object], expected: bool) -> None:
    """Null asks whether a key is absent (true) or present (false); a key without values is absent."""
    assert holds({"Null": {KEY: value}}, context) is expected


def test_null_with_a_set_operator_is_unknown(holds: Holds) -> None:
    """AWS does not document a set operator before Null."""
    assert holds({"ForAnyValue:Null": {KEY: "true"}}, {}) is None


def test_operators_and_keys_are_and(holds: Holds) -> None:
    """Every operator and every key under it must hold."""
    condition = {"StringEquals": {"aws:A": "1", "aws:B": "2"}, "Bool": {"aws:C": "true"}}
    full = {"aws:A": "1", "aws:B": "2", "aws:C": "true"}
    assert holds(condition, full) is True
    for key in full:
        assert holds(condition, {**full, key: "other"}) is False


def test_values_of_a_key_are_or(holds: Holds) -> None:
    """One matching value of a key suffices."""
    assert holds({"StringEquals": {SINGLE: ["a", "b"]}}, {SINGLE: "b"}) is True
    assert holds({"StringEquals": {SINGLE: ["a", "b"]}}, {SINGLE: "c"}) is False


def test_values_of_a_negated_operator_are_nor(holds: Holds) -> None:
    """A negated operator holds only where none of its values matches."""
    assert holds({"StringNotEquals": {SINGLE: ["a", "b"]}}, {SINGLE: "b"}) is False
    assert holds({"StringNotEquals": {SINGLE: ["a", "b"]}}, {SINGLE: "c"}) is True
    assert (
        holds({"ArnNotLike": {SINGLE: ["arn:*:*:*:*:a", "arn:*:*:*:*:b"]}}, {SINGLE: "arn:aws:x:::b"})
        is False
    )


def test_key_names_are_matched_without_case(holds: Holds) -> None:
    """Key names ignore case, the tag's key within them included."""
    assert holds({"StringEquals": {"AWS:requesttag/TEAM": "blue"}}, {"aws:RequestTag/team": "blue"}) is True


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a", "b"], [], True),
        ("ForAllValues:StringEquals", ["a", "b"], [""], True),
        ("ForAllValues:StringEquals", ["a"], "a", True),
        ("ForAllValues:StringLike", ["a*"], ["ab", "ac"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "d"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], [], False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "c"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "b"], False),
        ("ForAnyValue:StringNotEquals", ["a"], [""], False),
        ("ForAnyValue:StringEqualsIfExists", ["a"], ["b", "a"], True),
        ("ForAnyValue:StringEqualsIfExists", ["a"], ["b"], False),
    ],
)
def test_set_operators(holds: Holds, operator: str, wanted: list[str], given: object, expected: bool) -> None:
    """ForAllValues asks every value of the request, ForAnyValue one of them."""
    assert holds({operator: {KEY: wanted}}, {KEY: given}) is expected


@pytest.mark.parametrize(
    ("operator", "given", "expected"),
    [
        ("StringEquals", ["a"], True),
        ("StringEquals", ["b", "c"], False),
        ("StringEquals", ["a", "b"], None),
        ("StringEquals", ["a", "a"], None),
        ("StringNotEquals", ["b", "c"], None),
        ("StringNotEquals", ["a", "b"], None),
    ],
)
def test_several_values_without_a_set_operator(
    holds: Holds, operator: str, given: list[str], expected: bool | None
) -> None:
    """AWS does not say which of several values counts without a set operator: unknown, unless none is asked for."""
    assert holds({operator: {SINGLE: "a"}}, {SINGLE: given}) is expected


@pytest.mark.parametrize(
    "key", ["aws:TagKeys", "AWS:PrincipalOrgPaths", "sts:TransitiveTagKeys", "aws:CalledVia"]
)
def test_one_value_of_a_multivalued_key_without_a_set_operator(holds: Holds, key: str) -> None:
    """A key that may hold several values asks for a set operator even where it holds one: unknown without it."""
    assert holds({"StringEquals": {key: "a"}}, {key: ["a"]}) is None
    assert holds({"StringLike": {key: "a*"}}, {key: "a"}) is None
    assert holds({"StringNotEquals": {key: "b"}}, {key: ["a"]}) is None
    assert holds({"StringEquals": {key: "b"}}, {key: ["a"]}) is False
    assert holds({"StringNotEquals": {key: "b"}}, {}) is True
    assert holds({"ForAnyValue:StringEquals": {key: "a"}}, {key: ["a"]}) is True


def test_unknown_part_only_counts_where_it_could_change_the_answer(holds: Holds) -> None:
    """A false condition beside an unknown one is false, and a matching value beside an unknown one matches."""
    unknown = {"ArnLike": {"aws:A": "*"}}
    context = {"aws:A": "arn:aws:iam::111111111111:root", "aws:B": "1"}
    assert holds({**unknown, "StringEquals": {"aws:B": "2"}}, context) is False
    assert holds({**unknown, "StringEquals": {"aws:B": "1"}}, context) is None
    assert holds({"ArnLike": {"aws:A": ["*", "arn:aws:iam::*:root"]}}, context) is True
