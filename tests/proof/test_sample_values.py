"""What stands for a value that only the call settles is never taken for one that a policy names, nor shown as one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance, SessionTag
from rolechain.proof import Template, prove

Json = dict[str, Any]
TemplatesOf = Callable[[Chain], list[Template]]


def _chain(*tags: SessionTag) -> Chain:
    return Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222", session_tags=tags)],
        targets=[ChainRole("333333333333")],
    )


def _proof(chain: Chain, templates_of: TemplatesOf, deny: Json) -> Any:
    templates = templates_of(chain)
    properties = templates[1].body["Resources"]["Role0"]["Properties"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Condition": deny}
    properties["AssumeRolePolicyDocument"]["Statement"].append(statement)
    return prove(chain, templates)


@pytest.mark.parametrize("name", ["rolechain-q7zk", "somebody"])
def test_a_session_name_that_is_denied_keeps_no_other_out(templates_of: TemplatesOf, name: str) -> None:
    """A hop works whatever single session name its callee refuses, as the call may take another."""
    deny = {"StringEquals": {"sts:RoleSessionName": name}}
    assert all(hop.verdict == "allow" for hop in _proof(_chain(), templates_of, deny).hops)


@pytest.mark.parametrize("value", ["q7zk", "<any other value>", "red"])
def test_a_tag_that_the_chain_leaves_open_may_have_any_value(templates_of: TemplatesOf, value: str) -> None:
    """A hop does not work where its callee refuses one value, or all but one, of what the chain leaves open."""
    for operator in ("StringEquals", "StringNotEquals"):
        chain = _chain(SessionTag("Ticket"))
        proof = _proof(chain, templates_of, {operator: {"aws:RequestTag/Ticket": value}})
        assert "RC08" in {finding.rule for finding in proof.findings}


def test_no_message_shows_made_up_text(templates_of: TemplatesOf) -> None:
    """A reason names the value that policies ask for, and what the call has as another one."""
    chain = _chain(SessionTag("Ticket", ["dev-*"]))
    deny = {"StringNotEquals": {"aws:RequestTag/Ticket": "dev-1"}}
    (finding,) = (each for each in _proof(chain, templates_of, deny).findings if each.rule == "RC08")
    assert finding.message.endswith("as aws:RequestTag/Ticket is dev-*")
    assert not re.search("q7zk|987654321098|000000000000", finding.message)


@pytest.mark.parametrize("account", ["987654321098", "000000000000"])
def test_no_account_stands_for_all_that_are_not_declared(templates_of: TemplatesOf, account: str) -> None:
    """Whatever account a policy names, it is one like any other: let in alone, or left out alone, it opens the role."""
    for statement in (
        {"Principal": {"AWS": account}},
        {"Principal": "*", "Condition": {"StringNotEquals": {"aws:PrincipalAccount": account}}},
    ):
        templates = templates_of(_chain())
        properties = templates[1].body["Resources"]["Role0"]["Properties"]
        properties["AssumeRolePolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
        )
        proof = prove(_chain(), templates)
        assert not proof.proven
        assert "RC05" in {finding.rule for finding in proof.findings}
