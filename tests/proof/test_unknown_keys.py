"""A hop that depends on what only its call brings is never said to work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Level, Template, prove

Json = dict[str, Any]
TRUST = "AssumeRolePolicyDocument"


@pytest.fixture
def chain(minimal: Chain) -> Chain:
    """A chain that declares no organization."""
    return minimal


@pytest.fixture
def templates(chain: Chain, templates_of: Callable[[Chain], list[Template]]) -> list[Template]:
    """What the chain's stacks would be."""
    return templates_of(chain)


def _found(chain: Chain, templates: list[Template]) -> set[tuple[str, str]]:
    return {(each.rule, each.level.value) for each in prove(chain, templates).findings}


def _denied_by_trust(templates: list[Template], condition: Json) -> None:
    denial = {"Effect": "Deny", "Action": "sts:*", "Principal": "*", "Condition": condition}
    templates[2].body["Resources"]["Role0"]["Properties"][TRUST]["Statement"].append(denial)


def _denied_by_permission(templates: list[Template], condition: Json) -> None:
    denial = {"Effect": "Deny", "Action": "sts:*", "Resource": "*", "Condition": condition}
    document = {"Version": "2012-10-17", "Statement": [denial]}
    templates[1].body["Resources"]["Role0"]["Properties"]["Policies"] = [
        {"PolicyName": "no", "PolicyDocument": document}
    ]


SIDES = pytest.mark.parametrize("deny", [_denied_by_trust, _denied_by_permission])


@SIDES
@pytest.mark.parametrize(
    "condition",
    [
        {"StringLike": {"aws:userid": "*"}},
        {"Null": {"aws:userid": "false"}},
        {"StringLike": {"aws:PrincipalOrgID": "o-*"}},
        {"Null": {"aws:PrincipalOrgID": "false"}},
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*"}},
        {"StringLike": {"aws:ResourceOrgID": "o-*"}},
        {"StringLike": {"aws:FederatedProvider": "*"}},
        {"Null": {"lambda:SourceFunctionArn": "false"}},
        {"StringEquals": {"aws:PrincipalAccount": "${aws:userid}"}},
    ],
)
def test_a_deny_on_what_the_session_is(
    chain: Chain, templates: list[Template], deny: Callable[[list[Template], Json], None], condition: Json
) -> None:
    """A Deny on a key that every session has, or may have, leaves the hop unknown."""
    deny(templates, condition)
    assert ("RC00", "error") in _found(chain, templates)


@SIDES
@pytest.mark.parametrize(
    "condition",
    [
        {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
        {"DateGreaterThan": {"aws:CurrentTime": "2000-01-01T00:00:00Z"}},
        {"NumericGreaterThan": {"aws:EpochTime": "0"}},
        {"StringLike": {"aws:SourceVpce": "*"}},
        {"Null": {"aws:TokenIssueTime": "false"}},
    ],
)
def test_a_deny_on_the_moment(
    chain: Chain, templates: list[Template], deny: Callable[[list[Template], Json], None], condition: Json
) -> None:
    """A Deny on when and whence a call is made is said, as an Allow on it is."""
    deny(templates, condition)
    assert ("RC00", "warning") in _found(chain, templates)


@SIDES
@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
        {"StringNotEquals": {"sts:RoleSessionName": "rolechain"}},
    ],
)
def test_a_deny_on_what_a_call_may_bring(
    chain: Chain, templates: list[Template], deny: Callable[[list[Template], Json], None], condition: Json
) -> None:
    """A hop works in each way that its call may be made, or it does not."""
    deny(templates, condition)
    assert ("RC08", "error") in _found(chain, templates)


@SIDES
@pytest.mark.parametrize(
    "condition",
    [
        {"StringLike": {"aws:username": "*"}},
        {"StringLike": {"aws:PrincipalTag/team": "*"}},
        {"Null": {"sts:ExternalId": "false"}},
        {"ArnLike": {"aws:SourceArn": "*"}},
        {"Null": {"aws:CalledVia": "false"}},
    ],
)
def test_a_deny_on_what_no_call_of_the_hop_brings(
    chain: Chain, templates: list[Template], deny: Callable[[list[Template], Json], None], condition: Json
) -> None:
    """A key that a role's session lacks unless the chain says otherwise leaves the hop proven."""
    deny(templates, condition)
    assert prove(chain, templates).proven


@pytest.mark.parametrize(
    "condition",
    [
        {"Null": {"aws:PrincipalOrgID": "true"}},
        {"StringNotEquals": {"aws:PrincipalOrgID": "o-x"}},
        {"StringEqualsIfExists": {"aws:ResourceOrgID": "o-x"}},
        {"Null": {"aws:userid": "true"}},
    ],
)
def test_an_allow_that_counts_on_absence(chain: Chain, templates: list[Template], condition: Json) -> None:
    """An Allow that is met only without a key is unknown where the session may have it."""
    for statement in templates[2].body["Resources"]["Role0"]["Properties"][TRUST]["Statement"]:
        for operator, keys in condition.items():
            statement["Condition"][operator] = statement["Condition"].get(operator, {}) | keys
    assert ("RC00", "error") in _found(chain, templates)


def test_a_tag_that_is_not_known(chain: Chain, templates: list[Template]) -> None:
    """A role whose tags are not all known may have the one that a Deny asks for; one whose tags are known has not."""
    templates[2].body["Parameters"] = {"Stage": {"Type": "String"}}  # type: ignore[index]
    properties = templates[2].body["Resources"]["Role0"]["Properties"]
    properties["Tags"] = [{"Key": "stage", "Value": "test"}]
    _denied_by_permission(templates, {"StringEquals": {"aws:ResourceTag/stage": "prod"}})
    assert prove(chain, templates).proven
    properties["Tags"] = [{"Key": "stage", "Value": {"Ref": "Stage"}}]
    errors = {each.rule for each in prove(chain, templates).findings if each.level is Level.ERROR}
    assert errors == {"RC00"}


def test_a_moment_hides_no_refusal(chain: Chain, templates: list[Template]) -> None:
    """A hop that depends on an address, and that another session name does not get, does not work."""
    _denied_by_trust(templates, {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    assert _found(chain, templates) == {("RC00", "warning")}
    _denied_by_trust(templates, {"StringNotEquals": {"sts:RoleSessionName": "rolechain"}})
    assert ("RC08", "error") in _found(chain, templates)


def test_another_region_is_a_matter_of_the_call(chain: Chain, templates: list[Template]) -> None:
    """A trust policy that asks for a region leaves the hop to the calls that are made there."""
    statement = templates[2].body["Resources"]["Role0"]["Properties"][TRUST]["Statement"][0]
    statement["Condition"]["StringEquals"] = {"aws:RequestedRegion": "eu-west-1"}
    assert _found(chain, templates) == {("RC00", "warning")}


@pytest.mark.parametrize(
    ("declared", "key", "number"),
    [
        ({"session_tags": {"team": "a*"}}, "aws:RequestTag/team", 1),
        ({"session_tags": {"team": "a*"}, "transitive_tag_keys": ["team"]}, "aws:PrincipalTag/team", 2),
        ({"source_identity": "a*"}, "sts:SourceIdentity", 1),
        ({"source_identity": "a*"}, "aws:SourceIdentity", 2),
    ],
)
def test_a_value_that_the_chain_leaves_open(
    templates_of: Callable[[Chain], list[Template]], declared: Json, key: str, number: int
) -> None:
    """A hop works with each value that the chain allows, those among them that policies name."""
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222", **declared)],
        targets=[ChainRole("333333333333")],
    )
    denial = {"Effect": "Deny", "Action": "sts:*", "Principal": "*"}
    for condition, works in (
        ({"StringEquals": {key: "bcd"}}, True),
        ({"StringEquals": {key: "abc"}}, False),
        ({"StringLike": {key: "*bc"}}, False),
        ({"StringNotLike": {key: "ab*"}}, False),
        ({"StringNotLike": {key: ["a*", "b*"]}}, True),
    ):
        templates = templates_of(chain)
        properties = templates[number].body["Resources"]["Role0"]["Properties"]
        properties[TRUST]["Statement"].append(denial | {"Condition": condition})
        assert prove(chain, templates).proven is works, condition
