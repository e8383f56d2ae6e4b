"""A chain whose roles stand in the local organization, made by IAM's own calls."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.live import Account, read_account
from rolechain.local import LocalOrganization
from rolechain.statements.builder import permission_statements, trust_statements

_numbers = itertools.count(710000000001)


@pytest.fixture(scope="session")
def organization() -> Iterator[LocalOrganization]:
    with LocalOrganization() as running:
        yield running


def document(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def chain(organization: LocalOrganization) -> Chain:
    """A chain of accounts that no other test uses, deployed as it is declared."""
    source, middle, target = (str(next(_numbers)) for _ in range(3))
    declared = Chain(
        "deploy",
        source=ChainRole(source, assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=ChainRole(middle, max_session_duration=7200),
        targets=ChainRole(target, external_id="ticket-7"),
    )
    for role in declared.roles:
        iam = organization.session(role.account).client("iam")
        iam.create_role(
            Path=role.path,
            RoleName=role.role,
            AssumeRolePolicyDocument=document(*trust_statements(declared, role)),
            MaxSessionDuration=role.max_session_duration or 3600,
        )
        if hops := permission_statements(declared, role):
            iam.put_role_policy(RoleName=role.role, PolicyName="hops", PolicyDocument=document(*hops))
    return declared


@pytest.fixture
def read(organization: LocalOrganization) -> Callable[[Chain], list[Account]]:
    """What the accounts of a chain hold now."""

    def accounts(chain: Chain) -> list[Account]:
        return [read_account(organization.session(account), account) for account in chain.accounts]

    return accounts
