"""The source identity: set by one hop, kept by all later ones, and refused where it is not as declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance, SourceIdentity
from rolechain.runtime import chain_session
from rolechain.statements.builder import permission_statements, trust_statements

Send = Callable[..., Sequence[Any]]
SET = "sts:SetSourceIdentity"


def declared(identity: SourceIdentity | str, **target: Any) -> Chain:
    """A chain whose second hop sets the source identity."""
    return Chain(
        "named",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[
            ChainRole("222222222222"),
            ChainRole("444444444444", external_id="jump-2", source_identity=identity),
        ],
        targets=[ChainRole("333333333333", **target)],
    )


def test_a_fixed_source_identity_is_set_and_kept(deploy: Any, sending: Send) -> None:
    """The hop sets it by itself, the later hop inherits it; another one, or none, is refused."""
    chain = declared("deploy-bot")
    made = deploy(chain)
    hops = chain.hops_to("333333333333")
    assert ":assumed-role/named-target/" in made.walk(hops)
    for wrong in ("somebody", None):
        code, message = made.refused(sending(hops[:2], source_identity=wrong))
        assert code == "AccessDenied"
        assert f"not authorized to perform: sts:AssumeRole on resource: {chain.middle[1].arn}" in message


def test_a_required_source_identity_is_chosen(deploy: Any) -> None:
    """Where the chain leaves it open, whoever walks says who is behind the session."""
    chain = declared(SourceIdentity(["*@example.com"]))
    made = deploy(chain)
    assert ":assumed-role/named-target/" in made.walk(
        chain.hops_to("333333333333", source_identity="ann@example.com")
    )
    with pytest.raises(ChainError) as caught:
        chain.hops_to("333333333333", source_identity="ann@example.org")
    assert str(caught.value) == (
        "source_identity: 'ann@example.org' is not allowed: the chain allows *@example.com"
    )
    with pytest.raises(ChainError, match=r"asks for a source identity \(\*@example.com\): choose one with"):
        chain_session(*chain.hops_to("333333333333"), region_name="us-east-1")


def test_any_source_identity_but_one(deploy: Any, sending: Send) -> None:
    """Without values any is taken, and none is refused."""
    chain = declared(SourceIdentity())
    made = deploy(chain)
    hops = chain.hops_to("333333333333", source_identity="ann")
    assert ":assumed-role/named-target/" in made.walk(hops)
    assert made.refused(sending(hops[:2], source_identity=None))[0] == "AccessDenied"


def test_an_offered_source_identity_may_be_left_out(deploy: Any, sending: Send) -> None:
    """One that is not required is set or left out, and has one of the values if it is set."""
    chain = declared(SourceIdentity(["ann", "bob"], required=False))
    made = deploy(chain)
    for who in ("bob", None):
        assert ":assumed-role/named-target/" in made.walk(chain.hops_to("333333333333", source_identity=who))
    code, message = made.refused(sending(chain.hops_to("333333333333")[:2], source_identity="eve"))
    assert (code, SET in message) == ("AccessDenied", True)


def test_it_cannot_change_on_the_way(deploy: Any) -> None:
    """STS refuses another source identity on a later hop; the chain that would set it is refused when it is made."""
    chain = declared("deploy-bot")
    code, message = deploy(chain).refused_by_sts(chain.hops_to("333333333333"), SourceIdentity="other")
    assert (code, SET in message) == ("AccessDenied", True)
    with pytest.raises(ChainError) as caught:
        declared("deploy-bot", source_identity="other")
    assert str(caught.value) == (
        "targets[0].source_identity: middle[1] sets the source identity already, and it cannot change: remove it "
        "here"
    )


def test_it_stands_on_both_sides_from_the_hop_that_sets_it() -> None:
    """sts:SetSourceIdentity is allowed on both sides from that hop on, and on no other."""
    chain = declared("deploy-bot")
    trusting = [
        [each["Sid"] for each in trust_statements(chain, role) if each["Action"] == SET]
        for role in (*chain.middle, *chain.targets)
    ]
    assert trusting == [[], ["AllowSetSourceIdentity"], ["AllowSetSourceIdentity"]]
    permitting = [
        [each["Resource"] for each in permission_statements(chain, role) if each["Action"] == SET]
        for role in (chain.source, *chain.middle)
    ]
    assert permitting == [[], [chain.middle[1].arn], [chain.targets[0].arn]]
