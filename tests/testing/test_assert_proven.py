"""What ``assert_proven`` takes and how it fails."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain, ChainRole
from rolechain.proof import AssemblyError
from rolechain.statements.builder import permission_statements, trust_statements
from rolechain.testing import assert_proven

Json = dict[str, Any]


@pytest.fixture
def chain(minimal: Chain) -> Chain:
    """The smallest chain."""
    return minimal


def _template(chain: Chain, role: ChainRole) -> Json:
    properties: Json = {
        "RoleName": role.role,
        "Path": role.path,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust_statements(chain, role)},
    }
    if statements := permission_statements(chain, role):
        document = {"Version": "2012-10-17", "Statement": statements}
        properties["Policies"] = [{"PolicyName": "hops", "PolicyDocument": document}]
    return {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}


@pytest.fixture
def templates(chain: Chain) -> dict[str, Json]:
    """Its templates by account."""
    return {role.account: _template(chain, role) for role in chain.roles}


def _properties(templates: dict[str, Json], account: str) -> Json:
    properties: Json = templates[account]["Resources"]["Role"]["Properties"]
    return properties


def test_a_closed_chain_passes(chain: Chain, templates: dict[str, Json]) -> None:
    """Templates of a closed chain are proven, and nothing is raised."""
    assert_proven(templates, chain)


def test_an_open_chain_fails_with_every_finding(chain: Chain, templates: dict[str, Json]) -> None:
    """The error names rule, place, what is wrong and the cure, each on its own line."""
    (statement,) = _properties(templates, "222222222222")["AssumeRolePolicyDocument"]["Statement"]
    del statement["Condition"]
    with pytest.raises(AssertionError) as caught:
        assert_proven(templates, chain)
    lines = str(caught.value).splitlines()
    assert lines[0] == "chain deploy is not proven:"
    assert "  error RC05 222222222222 Role AssumeRolePolicyDocument statement 0" in lines
    cure = '{"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/rolechain/deploy-source"}}'
    assert f"    fix: add {cure}" in lines


def test_warnings_fail_only_where_they_are_to(chain: Chain, templates: dict[str, Json]) -> None:
    """A warning passes, and fails with ``strict``."""
    _properties(templates, "333333333333")["MaxSessionDuration"] = 7200
    assert_proven(templates, chain)
    with pytest.raises(AssertionError, match="warning RC15"):
        assert_proven(templates, chain, strict=True)


def test_a_folder_that_is_none(chain: Chain) -> None:
    """A folder that cdk synth did not write is an error, and no failed assertion."""
    with pytest.raises(AssemblyError, match="holds no manifest"):
        assert_proven("nowhere", chain)
