"""``rolechain audit-role``: the role that reads an account holds the permissions for what is called, and no others."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from rolechain.cdk import AuditRole
from rolechain.live import read_account, read_organization
from rolechain.live.organization import management_account
from rolechain.local import LocalOrganization
from rolechain.local.organization import MANAGEMENT_ACCOUNT
from rolechain.statements.audit_role import ACCOUNT_ACTIONS, ORGANIZATION_ACTIONS, audit_properties

READER = "arn:aws:iam::111111111111:role/auditor"
_numbers = itertools.count(660000000001)


@pytest.fixture
def accounts() -> list[str]:
    return [str(next(_numbers)) for _ in range(3)]


def test_its_permissions_are_what_is_called(organization: LocalOrganization, accounts: list[str]) -> None:
    """Each action is called, the one of the boundary of AWS's included, and none besides that needs a permission."""
    account = accounts[0]
    called: set[str] = set()

    def session(of: str) -> Any:
        found = organization.session(of)
        found.events.register(
            "before-call",
            lambda model, **_: called.add(f"{model.service_model.signing_name}:{model.name}"),
        )
        return found

    iam = organization.session(account).client("iam")
    iam.create_user(UserName="ann", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    read_account(session(account), account)
    management_account(session(account))
    assert called - {"sts:GetCallerIdentity"} == set(ACCOUNT_ACTIONS)
    called.clear()
    read_organization(session(MANAGEMENT_ACCOUNT), [account])
    assert called == {*ORGANIZATION_ACTIONS, "organizations:DescribeOrganization"}


def test_a_chain_is_proven_by_it(
    deploy: Any, shell_of: Callable[[Any], Any], organization: LocalOrganization, accounts: list[str]
) -> None:
    """Its template, deployed in each account, is enough for ``prove --live`` to read everything."""
    source, middle, target = accounts
    mine = deploy(
        {
            "name": "audited",
            "source": {"account": source, "assumed_by": {"service": "lambda.amazonaws.com"}},
            "middle": {"account": middle},
            "targets": {"account": target},
        }
    )
    shell = shell_of(mine)
    for account in (middle, target, MANAGEMENT_ACCOUNT):
        words = ["--organization"] if account == MANAGEMENT_ACCOUNT else []
        template = shell("audit-role", source, "--name", "reads-audited", *words).out
        organization.session(account).client("cloudformation", region_name="us-east-1").create_stack(
            StackName="audit-role", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
    said = shell("prove", "--live", "--assume", "reads-audited")
    assert (said.code, said.err) == (0, "")
    assert "chain audited is proven from 3 accounts: 2 hops can be taken" in said.out
    assert "could not be read" not in said.out


def test_the_construct_makes_the_same_role() -> None:
    """The construct and the command declare one role."""
    stack = cdk.Stack(cdk.App(), "audit")
    made = AuditRole(stack, "AuditRole", reader=READER, role_name="reads", organization=True)
    assert stack.resolve(made.role_arn)
    (resource,) = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
    assert resource["Properties"] == audit_properties(READER, name="reads", organization=True)


def test_who_reads_is_an_arn_or_an_account(capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is a usage error."""
    from rolechain.cli import main

    assert main(["audit-role", READER]) == 0
    shown = json.loads(capsys.readouterr().out)["Resources"]["AuditRole"]["Properties"]
    assert shown == audit_properties(READER)
    assert main(["audit-role", "somebody"]) == 2
    assert "neither an ARN nor an account's id" in capsys.readouterr().err
