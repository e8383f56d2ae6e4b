"""The inputs of the rules' pages: each bad one breaks its rule, and each good one does not."""

from __future__ import annotations

import pytest

from rolechain.proof.rules import RULES
from tools.rule_examples import FOLDER, RuleExample


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_the_bad_input_breaks_the_rule_and_the_good_one_does_not(rule: str) -> None:
    """The bad input gives a finding of its rule with a remediation, and the good input gives none."""
    example = RuleExample.of(rule)
    found = example.findings("bad")
    assert found
    assert all(each.remediation for each in found)
    assert example.findings("good") == []


def test_every_input_is_of_a_rule() -> None:
    """No file is left of a rule that there is no more."""
    assert {path.stem for path in FOLDER.iterdir()} == {rule.id for rule in RULES}
