"""Wildcards match what their definition says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rolechain.iam.glob import GlobPart, glob


@given(
    text=st.text(alphabet="ab:*?", max_size=12),
    places=st.lists(st.integers(0, 12), max_size=3),
    data=st.data(),
)
def test_wider_glob_matches_no_less(text: str, places: list[int], data: st.DataObject) -> None:
    """Characters of a pattern replaced by * keep every match that there was."""
    given_text = data.draw(st.text(alphabet="ab:", max_size=12))
    wider = "".join("*" if index in places else character for index, character in enumerate(text))
    if glob((GlobPart(text),))(given_text):
        assert glob((GlobPart(wider),))(given_text)


@given(st.text(alphabet="ab*?.:[\\", max_size=20))
def test_literal_text_matches_itself_alone(text: str) -> None:
    """Literal text matches itself, whatever characters it holds; as a pattern it matches itself too."""
    assert glob((GlobPart(text, literal=True),))(text)
    assert glob((GlobPart(text),))(text)
    assert not glob((GlobPart(text, literal=True),))(text + "a")


@given(pattern=st.text(alphabet="ab*?", max_size=10), text=st.text(alphabet="ab", max_size=10))
def test_glob_agrees_with_its_definition(pattern: str, text: str) -> None:
    """A pattern matches what the plain definition of * and ? says, character by character."""

    def matches(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return any(matches(rest[1:], left[taken:]) for taken in range(len(left) + 1))
        return bool(left) and rest[0] in ("?", left[0]) and matches(rest[1:], left[1:])

    assert bool(glob((GlobPart(pattern),))(text)) is matches(pattern, text)
