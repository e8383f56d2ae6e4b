"""All rules: that each is shown to speak up and to stay silent, and is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rolechain.proof.rules import RULES
from rolechain.proof.rules.__main__ import page

HERE = Path(__file__).parent
OF_THE_PROOF = ("RC05", "RC08", "RC38", "RC39")
IDS = [f"RC{number:02}" for number in range(1, 42)]


def test_there_are_41_rules() -> None:
    """Each id has one rule, with words for what it asks for, what it prevents and where AWS says so."""
    assert [rule.id for rule in RULES] == IDS
    for rule in RULES:
        assert all((rule.name, rule.title, rule.prevents, rule.source, rule.levels))
        assert (rule.check is None) == (rule.id in OF_THE_PROOF)


@pytest.mark.parametrize("rule", IDS)
def test_every_rule_is_shown_both_ways(rule: str) -> None:
    """Each rule has a test in which it fires and one in which it stays silent."""
    tests = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    for way in ("fires", "silent"):
        assert re.search(rf"^def test_{rule.lower()}_{way}_", tests, re.MULTILINE), (
            f"{rule} has no test that is {way}"
        )


def test_the_documentation_is_that_of_the_rules() -> None:
    """docs/rules.md is what ``python -m rolechain.proof.rules`` prints."""
    assert (HERE.parents[2] / "docs" / "rules.md").read_text(encoding="utf-8") == page()
