"""Chains and their templates, made without a synthesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Template
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def _body(chain: Chain, account: str) -> Json:
    resources: Json = {}
    for number, role in enumerate(
        role for role in chain.roles if role.account == account and not role.existing
    ):
        resources[f"Role{number}"] = {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": role.role,
                "Path": role.path,
                "AssumeRolePolicyDocument": _document(trust_statements(chain, role)),
            },
        }
        if statements := permission_statements(chain, role):
            resources[f"Hops{number}"] = {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": _document(statements), "Roles": [{"Ref": f"Role{number}"}]},
            }
    return {"Resources": resources}


@pytest.fixture(scope="session")
def templates_of() -> Callable[[Chain], list[Template]]:
    """The templates of a chain, one for each account, deployed in the order of the hops."""

    def make(chain: Chain) -> list[Template]:
        accounts = chain.deployed_accounts
        return [
            Template(account, _body(chain, account), account=account, dependencies=accounts[:number])
            for number, account in enumerate(accounts)
        ]

    return make


@pytest.fixture(scope="session")
def chain() -> Chain:
    """A chain of two hops into two targets, with an organization and an external id."""
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222", external_id="jump/1")],
        targets=[ChainRole("333333333333"), ChainRole("444444444444", external_id="ext-1")],
    )


@pytest.fixture
def templates(chain: Chain, templates_of: Callable[[Chain], list[Template]]) -> list[Template]:
    """The templates of that chain, made anew for each test."""
    return templates_of(chain)
