"""The chains of a large organization: what was planted is found, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from rolechain import Chain
from rolechain.graph.found_chains import Found, FoundChain, found_chains
from rolechain.live import Organization, prove_live, template_of
from rolechain.proof import Proof, role_graph_of
from tests.live.estate import ORGANIZATION, Estate

SMALL = 60


@cache
def found(size: int) -> tuple[Estate, Found]:
    estate = Estate(size)
    graph = role_graph_of([template_of(account) for account in estate.accounts])
    return estate, found_chains(graph, whole=estate.ids)


def with_role(name: str) -> FoundChain:
    """The one chain of the smaller estate that has a role of some name."""
    chains = [each for each in found(SMALL)[1].chains if name in {role.role for role in each.chain.roles}]
    (one,) = chains
    return one


def proof_of(chain: Chain) -> Proof:
    estate, _ = found(SMALL)
    organization = Organization(ORGANIZATION, "000000000000", {each: ("r-root", each) for each in estate.ids})
    return prove_live(chain, estate.accounts, organization=organization)


@pytest.mark.parametrize("size", [SMALL, 200])
def test_every_planted_hop_is_found_and_no_other(size: int) -> None:
    """Hundreds of hops of five chains among thousands of roles; the chains with the most ways stand first."""
    estate, chains = found(size)
    hops = {(hop.caller.arn, hop.callee.arn) for each in chains.chains for hop in each.chain.hops()}
    assert hops == {hop for planted in estate.planted.values() for hop in planted}
    assert chains.unsaid == ()
    assert [each.paths for each in chains.chains] == [size - 1, size - 1, 30, 2, 1]
    assert len({each.chain.name for each in chains.chains}) == 5


def test_a_hub_that_names_its_callers_by_arn() -> None:
    """The external id, the form of trust, the path and the policies are as they were found."""
    ship = with_role("ship")
    (hub,), target = ship.chain.middle, ship.chain.targets[0]
    assert (hub.role, hub.path, hub.trust, ship.chain.organization) == ("hub", "/ops/", "role_arn", None)
    assert (target.external_id, target.managed_policies) == ("ship-1", ("AdministratorAccess",))
    assert [each.value for each in ship.chain.source.entrances] == ["lambda.amazonaws.com"]
    # Each target's administrator may assume its own account's role, which no chain has.
    assert {note.words.rpartition("/")[2] for note in ship.notes} == {"break-glass"}
    proof = proof_of(ship.chain)
    assert {hop.verdict.value for hop in proof.hops} == {"allow"}
    errors = {
        (finding.rule, str(finding.message)) for finding in proof.findings if finding.level.value == "error"
    }
    assert errors == {
        (
            "RC07",
            f"{hub.arn} may assume arn:aws:iam::*:role/ship-end, which names no roles by account, path and name",
        )
    }


def test_the_organization_and_a_tag() -> None:
    """The organization is the chain's; the open statement for tags is noted, and the proof finds it as well."""
    data = with_role("data-0")
    assert data.chain.organization == ORGANIZATION
    assert [tag.key for tag in data.chain.targets[0].tags] == ["Team"]
    more, less = data.notes
    assert (
        more.words
        == f"its trust policy lets in {data.chain.middle[1].arn} (tagsession) otherwise than the chain says"
    )
    assert "sts:TransitiveTagKeys" in less.statement
    assert {finding.rule for finding in proof_of(data.chain).findings if finding.level.value == "error"} == {
        "RC35"
    }


def test_a_condition_that_no_chain_says() -> None:
    """It is noted with its statement; the role stays with its owner, so that no deployment takes the condition away."""
    reader = with_role("reader")
    assert len(reader.chain.sources) == 2
    more, less = reader.notes
    assert "aws:SourceIp" in more.statement
    assert less.words.startswith("stays with its owner, as the chain would let in ")
    assert reader.chain.targets[0].existing


def test_a_duration_that_was_not_read() -> None:
    """It is noted for each role that the chain makes; iam-collect has none."""
    estate = Estate(SMALL)
    graph = role_graph_of([template_of(replace(account, durations={})) for account in estate.accounts])
    (one,) = found_chains(graph, roles=["data-0"], whole=estate.ids).chains
    words = "its maximum session duration is not known, and the chain takes 3,600 seconds"
    assert [note.role for note in one.notes if note.words == words] == [role.arn for role in one.chain.roles]


def test_one_of_the_chains() -> None:
    """Only the chains that have a role of a name, or an ARN; what stays with its owner has no keys of its own."""
    estate, _ = found(SMALL)
    graph = role_graph_of([template_of(account) for account in estate.accounts])
    (one,) = found_chains(graph, roles=["ship"], existing=["hub", estate.ids[5]], whole=estate.ids).chains
    existing = [role.role for role in one.chain.roles if role.existing]
    assert existing == ["hub", "ship-end"]
    assert one.chain.targets[0].managed_policies == ()
