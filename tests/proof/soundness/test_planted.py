"""Nobody whom the decision lets in is called kept out: strangers planted in proven chains.

ROLECHAIN_PLANTED sets how many strangers are tried on each side, ROLECHAIN_SEED which. A stranger that was missed is
drawn again by its seed and number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from rolechain import Chain
from rolechain.proof import Level, Template, prove
from tests.proof.soundness.drawn_conditions import OPERATORS
from tests.proof.soundness.planted import Planted, chain_of, in_permissions, in_trust

TemplatesOf = Callable[[Chain], list[Template]]
Plant = Callable[[Random, Chain], Planted]

STRANGERS = int(os.environ.get("ROLECHAIN_PLANTED", "500"))
PARTS = 4
SEED = os.environ.get("ROLECHAIN_SEED", "1")
ACCUSING: dict[Plant, set[str]] = {
    in_trust: {"RC05", "RC35", "RC37", "RC00"},
    in_permissions: {"RC05", "RC07", "RC30", "RC00"},
}
"""The rules that a stranger breaks; what is broken besides, such as a quota, says nothing of it.

RC35 is about whoever is of a declared account or organization, and gets in without what the chain asks of it.
"""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("plant", ACCUSING, ids=lambda plant: plant.__name__)
def test_no_planted_stranger_is_called_kept_out(plant: Plant, part: int, templates_of: TemplatesOf) -> None:
    """Whoever can make one request that gets in is found, by a rule about who gets in, whatever is asked."""
    missed, certain, numbers = [], 0, range(part, STRANGERS, PARTS)
    for number in numbers:
        case = _case(plant, number)
        rules = _accusing(case, templates_of, ACCUSING[plant])
        certain += bool(rules - {"RC00"})
        if not rules:
            missed.append(
                f"ROLECHAIN_SEED={SEED}, number {number}: {case.statements}; let in: {case.somebody}"
            )
    print(f"seed {SEED}: {len(missed)} of {len(numbers)} missed, {certain} found for certain")
    assert missed == [], f"{len(missed)} of {len(numbers)} missed; the first: " + "\n".join(missed[:3])


def test_conditions_of_every_operator_are_planted() -> None:
    """There is no operator but some stranger meets it."""
    assert set().union(*(_operators(_case(in_trust, number)) for number in range(500))) == set(OPERATORS)


def _case(plant: Plant, number: int) -> Planted:
    r = Random(f"{SEED}/{number}")  # noqa: S311
    return plant(r, chain_of(r))


def _accusing(case: Planted, templates_of: TemplatesOf, rules: set[str]) -> set[str]:
    """The rules that find the stranger, in the template of the role that lets it in or may assume it."""
    findings = prove(case.chain, case.templates(templates_of(case.chain))).findings
    return {
        finding.rule
        for finding in findings
        if finding.level is Level.ERROR
        and finding.rule in rules
        and finding.place
        and finding.place.template == case.role.account
    }


def _operators(case: Planted) -> set[str]:
    written = {name for each in case.statements for name in each.get("Condition", {})}
    plain = {name.split(":")[-1].removesuffix("IfExists") for name in written}
    return plain & set(OPERATORS)


def test_the_chains_are_proven_without_them(templates_of: TemplatesOf) -> None:
    """Every chain that a stranger is planted in is proven before."""
    refused: list[Any] = []
    for number in range(min(STRANGERS, 500)):
        chain = chain_of(Random(f"{SEED}/{number}"))  # noqa: S311
        refused += [each for each in prove(chain, templates_of(chain)).findings if each.level is Level.ERROR]
    assert refused == []
