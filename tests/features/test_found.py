"""A chain that is synthesized is found again: every feature, from the templates alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain import Chain, ChainRole
from rolechain.cdk import RoleChain
from rolechain.cdk.app import quick_app
from rolechain.graph.found_chains import Found, FoundChain, found_chains
from rolechain.model.declaration import declaration_of
from rolechain.proof import role_graph_of, templates_in
from rolechain.statements.builder import permission_statements, trust_statements
from tests.features.test_proven import CHAINS
from tests.repository.test_features_doc import chain_of, rows, written

Json = dict[str, Any]
SOURCE = {"account": "111111111111", "assumed_by": {"service": "lambda.amazonaws.com"}}


def found_again(chain: Chain, folder: Path) -> FoundChain:
    """The one chain that the templates of a chain hold."""
    app = quick_app(folder)
    RoleChain(app, chain.name, chain=chain, proof=False)
    app.synth()
    found: Found = found_chains(role_graph_of(templates_in(folder)))
    assert found.unsaid == ()
    (one,) = found.chains
    return one


def deployed(chain: Chain) -> Chain:
    """What of a chain is deployed: not what only the calls pass, nor what only the proof is told."""

    def role(declared: ChainRole) -> ChainRole:
        none: Json = {"duration_seconds": None, "policy": None, "policy_arns": (), "description": None}
        return replace(declared, **none)

    return Chain(
        chain.name,
        source=[role(each) for each in chain.sources],
        middle=[role(each) for each in chain.middle],
        targets=[role(each) for each in chain.targets],
        organization=chain.organization,
        region=chain.region,
        partition=chain.partition,
        revoked_before=chain.revoked_before,
    )


def notes(found: FoundChain) -> Sequence[str]:
    """What is noted of the roles that were read."""
    return [note.words for note in found.notes if not note.words.startswith("was not read")]


def check(chain: Chain, folder: Path) -> None:
    """A chain is found as it is declared, and declared as it is found."""
    found = found_again(chain, folder / "out")
    assert notes(found) == []
    again, before = found.chain, deployed(chain)
    assert declaration_of(again) == declaration_of(before)
    for one, other in zip(again.roles, before.roles, strict=True):
        assert trust_statements(again, one) == trust_statements(before, other)
        assert permission_statements(again, one) == permission_statements(before, other)
    file = folder / "found.yaml"
    file.write_text(yaml.safe_dump(declaration_of(again)))
    assert Chain.load(file) == again


def feature(title: str, *, by_unit: bool = False) -> pytest.MarkDecorator:
    listed = [row for row in rows(title) if row[1].strip("`{").startswith("organizational_units:") is by_unit]
    return pytest.mark.parametrize("row", listed, ids=lambda row: row[0])


@feature("Of a hop: keys of the role that is assumed")
def test_a_feature_of_a_hop(row: list[str], tmp_path: Path) -> None:
    """Every row of the table; what the call alone passes is in no policy."""
    check(chain_of(tmp_path, "targets", written(row[1]), source=SOURCE), tmp_path)


@feature("Of a hop: keys of the role that is assumed", by_unit=True)
def test_targets_by_unit(row: list[str], tmp_path: Path) -> None:
    """A target by organizational unit is not found; that its caller may assume more is noted, with the statement."""
    chain = chain_of(tmp_path, "targets", written(row[1]), source=SOURCE)
    found = found_again(chain, tmp_path / "out")
    (note,) = (each for each in found.notes if not each.words.startswith("was not read"))
    assert (note.role, note.words) == (chain.middle[0].arn, "a permission that a chain cannot say")
    assert json.loads(note.statement) == permission_statements(chain, chain.middle[0])[0]


@feature("Of a role by itself")
def test_a_feature_of_a_role(row: list[str], tmp_path: Path) -> None:
    """Every row of the table."""
    check(chain_of(tmp_path, "targets", written(row[1]), source=SOURCE), tmp_path)


@feature("Of who enters at the source role")
def test_a_feature_of_an_entrance(row: list[str], tmp_path: Path) -> None:
    """Every row of the table."""
    check(chain_of(tmp_path, "source", {"assumed_by": written(row[1])}), tmp_path)


@feature("Of the chain")
def test_a_feature_of_the_chain(row: list[str], tmp_path: Path) -> None:
    """Every row of the table; what the proof alone is told is deployed nowhere."""
    check(chain_of(tmp_path, "targets", {}, source=SOURCE, **written(row[1])), tmp_path)


@pytest.mark.parametrize("name", CHAINS)
def test_several_features_together(name: str, tmp_path: Path) -> None:
    """Every chain that the proof is tested on."""
    check(Chain(**CHAINS[name]), tmp_path)


def test_every_feature_at_once(tmp_path: Path) -> None:
    """The example that has every feature is found with all of its roles, and nothing is left over."""
    chain = Chain.load(Path(__file__).parents[2] / "examples" / "every-feature.yaml")
    check(chain, tmp_path)
