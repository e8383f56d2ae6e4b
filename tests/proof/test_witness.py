"""Values that are tried for a condition key: they meet what a policy asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolechain.policy import Policy
from rolechain.policy.context import Context
from rolechain.policy.logic import all_of
from rolechain.policy.patterns import Text, glob
from rolechain.proof.candidates import candidates
from rolechain.proof.witness import witness

_text = st.text(alphabet="ab:/", max_size=8)


def _pattern_of(text: str, draw: Any) -> str:
    """A pattern that matches ``text``."""
    parts = []
    for letter in text:
        parts.append(draw(st.sampled_from([letter, "?", "*", f"*{letter}"])))
    return "".join(parts)


@given(text=_text, data=st.data())
def test_patterns_that_share_a_text_have_a_witness(text: str, data: st.DataObject) -> None:
    """Where some text matches every pattern, one that does is found."""
    patterns = [_pattern_of(text, data.draw) for _ in range(data.draw(st.integers(1, 3)))]
    found = witness(patterns)
    assert found is not None
    assert all(glob((Text(pattern),))(found) for pattern in patterns)


@pytest.mark.parametrize("patterns", [["a", "b"], ["a*", "b*"], ["?", "??"], ["*a", "*b"]])
def test_patterns_without_a_common_text_have_none(patterns: list[str]) -> None:
    """Where no text matches every pattern, there is no witness."""
    assert witness(patterns) is None


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"k:x": ["a", "b"]}},
        {"StringNotEquals": {"k:x": ["a", "b"]}},
        {"StringEqualsIgnoreCase": {"k:x": "A"}},
        {"StringLike": {"k:x": "a?c*"}},
        {"StringLike": {"k:x": "a*"}, "StringLikeIfExists": {"k:x": "*b"}},
        {"ArnLike": {"k:x": "arn:aws:iam::*:role/a*"}},
        {"NumericLessThan": {"k:x": "5"}},
        {"NumericGreaterThanEquals": {"k:x": "5"}},
        {"NumericNotEquals": {"k:x": "5"}},
        {"DateGreaterThan": {"k:x": "2026-01-01T00:00:00Z"}},
        {"DateLessThanEquals": {"k:x": "2026-01-01T00:00:00Z"}},
        {"Bool": {"k:x": "false"}},
        {"IpAddress": {"k:x": "10.0.0.0/8"}},
        {"NotIpAddress": {"k:x": "10.0.0.0/8"}},
        {"BinaryEquals": {"k:x": "QmluYXJ5"}},
        {"Null": {"k:x": "true"}},
        {"Null": {"k:x": "false"}},
        {"ForAnyValue:StringEquals": {"k:x": ["a", "b"]}},
        {"ForAllValues:StringEquals": {"k:x": ["a", "b"]}},
        {"StringEquals": {"k:x": "${k:y}-z"}},
        {"StringEquals": {"k:x": "${*}"}},
    ],
)
def test_some_value_meets_each_condition(condition: dict[str, Any]) -> None:
    """Among the values that are tried there is one that meets the condition, whatever its operator."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    policy = Policy.parse({"Version": "2012-10-17", "Statement": [statement]})
    fixed = {"k:y": "value"}
    tried = candidates([policy], "k:x", fixed)
    contexts = [Context.of(fixed | ({} if value is None else {"k:x": value})) for value in tried]
    assert any(
        all_of(each.holds(context) for each in policy.statements[0].conditions) is True
        for context in contexts
    )
