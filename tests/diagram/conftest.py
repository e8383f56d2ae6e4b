"""Chains and the templates that they would be deployed by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.diagram import Diagram, diagram_of_chain
from rolechain.proof import prove
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]
Edit = Callable[[ChainRole, Json], None]


def document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def role_of(name: str, trust: list[Json], policies: list[Json] | None = None, path: str = "/") -> Json:
    """A role as a resource of a template."""
    properties: Json = {"RoleName": name, "Path": path, "AssumeRolePolicyDocument": document(trust)}
    if policies:
        properties["Policies"] = [{"PolicyName": "hops", "PolicyDocument": document(policies)}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def templates(chain: Chain, edit: Edit | None = None) -> dict[str, Json]:
    """A template for each account of a chain, by the account, with its roles."""
    found: dict[str, Json] = {}
    for role in chain.roles:
        resource = role_of(
            role.role, trust_statements(chain, role), permission_statements(chain, role), role.path
        )
        if edit:
            edit(role, resource["Properties"])
        resources = found.setdefault(role.account, {"Resources": {}})["Resources"]
        resources["Role" + "".join(filter(str.isalnum, role.role))] = resource
    return found


def drawn(chain: Chain, edit: Edit | None = None) -> Diagram:
    """The picture of a chain, from its templates."""
    return diagram_of_chain(chain, prove(chain, templates(chain, edit)))


def chain_of(targets: int) -> Chain:
    """A chain of one source, one middle role and some targets, each with an external id of its own."""
    return Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222")],
        targets=[
            ChainRole(str(333333333000 + number), external_id=f"ext-{number:04d}")
            for number in range(targets)
        ],
    )


@pytest.fixture
def deploy() -> Chain:
    """A chain of three roles."""
    return chain_of(1)
