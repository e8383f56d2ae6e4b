"""Sets of texts: every answer about them against all texts of a small alphabet."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolechain.graph.language import Language, Pattern, Position, TooLarge, arn_of, glob_of, matching, text_of
from rolechain.iam.glob import GlobPart, arn_glob, glob

LETTERS = "ab:"
TEXTS = ["".join(letters) for size in range(6) for letters in product(LETTERS, repeat=size)]
_globs = st.text(alphabet="ab:*?", max_size=4)


@st.composite
def _languages(draw: st.DrawFn) -> Language:
    """An intersection of some unions of patterns and of complements of some."""
    language = Language()
    for _ in range(draw(st.integers(0, 3))):
        patterns = [
            draw(st.sampled_from([glob_of, text_of]))(draw(_globs)) for _ in range(draw(st.integers(1, 2)))
        ]
        language &= matching(patterns) if draw(st.booleans()) else Language(without=frozenset(patterns))
    return language


@settings(deadline=None)
@given(pattern=_globs, text=st.text(alphabet="ab:*?", max_size=5))
def test_a_pattern_matches_as_the_decision_matches(pattern: str, text: str) -> None:
    """A pattern of the sets and the pattern of the decision give the same answer."""
    assert glob_of(pattern).matches(text) is (glob((GlobPart(pattern),))(text) is not None)


@settings(deadline=None)
@given(
    pattern=st.text(alphabet="ab:*?", max_size=8).map("arn:{}".format),
    text=st.text(alphabet="ab:", max_size=8).map("arn:{}".format),
)
def test_an_arn_matches_as_the_decision_matches(pattern: str, text: str) -> None:
    """A pattern of ARNs is compared segment by segment, as the decision does."""
    found = arn_of(pattern)
    assert (found is not None and found.matches(text)) is arn_glob((GlobPart(pattern),))(text)


@settings(deadline=None)
@given(language=_languages())
def test_a_set_is_empty_only_where_no_text_is_in_it(language: Language) -> None:
    """An example is in its set; where there is none, no text of a small alphabet is in it."""
    example = language.example()
    if example is None:
        assert not any(text in language for text in TEXTS)
    else:
        assert example in language


@settings(deadline=None)
@given(one=_languages(), other=_languages())
def test_a_complement_holds_what_its_set_does_not(one: Language, other: Language) -> None:
    """Each text is in a set or in its complement, and not in both; an intersection holds what both hold."""
    rests = list(one.complements())
    both = one & other
    for text in TEXTS:
        assert sum(text in rest for rest in rests) == (text not in one)
        assert (text in both) is (text in one and text in other)


def test_case_is_ignored_where_it_is_asked_for() -> None:
    """A text in any case is more than the text: StringEqualsIgnoreCase abc with StringNotEquals abc is not empty."""
    language = matching([text_of("abc", ignores_case=True)]) & Language(without=frozenset([text_of("abc")]))
    example = language.example()
    assert example is not None
    assert (example.lower(), example == "abc") == ("abc", False)


def test_a_longer_text_than_a_pattern_leaves_is_found() -> None:
    """StringLike a* with StringNotLike a???? leaves texts."""
    language = matching([glob_of("a*")]) & Language(without=frozenset([glob_of("a????")]))
    assert language.example() == "a"


def test_many_wildcards_are_decided_or_said_to_be_too_many() -> None:
    """Patterns of many wildcards are decided in a bounded number of steps, or said not to be."""
    one = matching([glob_of("*a*" * 40)])
    assert (example := one.example()) is not None
    assert example.count("a") == 40
    few = matching([glob_of("*a?*")]) & matching([glob_of("*b?*")])
    assert (example := few.example()) is not None
    assert example in few
    with pytest.raises(TooLarge):
        (
            matching([glob_of("*a" + "?" * 30)]) & Language(without=frozenset([glob_of("*" + "?" * 31)]))
        ).example()


def test_patterns_say_themselves() -> None:
    """A pattern is shown as it was written."""
    assert str(glob_of("a*b?c")) == "a*b?c"
    assert repr(Pattern(text_of("x").positions)) == "Pattern('x')"
    assert re.fullmatch("x", str(text_of("x")))


def test_a_digit_that_nothing_asks_for_is_tried() -> None:
    """A wildcard for digits takes each, where every digit is asked for somewhere else and one of them leads astray."""
    pattern = Pattern([Position(digit=True), *text_of("0123456789").positions])
    left = matching([pattern]) & Language(without=frozenset({glob_of("1*")}))
    example = left.example()
    assert example is not None
    assert example[0] in "023456789"
    assert (left & Language(without=frozenset(glob_of(f"{digit}*") for digit in range(10)))).is_empty()
