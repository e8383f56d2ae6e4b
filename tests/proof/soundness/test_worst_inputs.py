"""No small input keeps the proof busy for ever."""

from __future__ import annotations

import pytest

from benchmarks.worst_inputs import CHAIN, INPUTS, run, templates
from rolechain.proof import prove


@pytest.mark.parametrize("name", INPUTS)
def test_a_small_input_ends(name: str) -> None:
    """Proof and audit of an input of a few kilobytes end, whatever it repeats; make bench says how fast."""
    assert run(name)


def test_the_chain_is_proven_without_it() -> None:
    """The chain of these inputs is proven where nothing is added to it."""
    assert prove(CHAIN, templates([])).proven
