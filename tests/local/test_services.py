"""AWS services as callers, and the workloads that they run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.local import LocalOrganization
from rolechain.local.chain_roles import make_roles, workload

Accounts = Callable[[], str]
Refused = Callable[[Callable[[], Any]], tuple[str, str]]
LAMBDA = "lambda.amazonaws.com"


@pytest.fixture
def role(make: Any, accounts: Accounts) -> str:
    """A role that Lambda gives to functions, and that may assume anything."""
    trust = {"Effect": "Allow", "Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"}
    arn: str = make.role(accounts(), "function", (trust,), "sts:*", MaxSessionDuration=7200)
    return arn


def test_a_workload_gets_the_role_that_trusts_its_service(organization: LocalOrganization, role: str) -> None:
    """A role that trusts a service is given to the workload that the service runs."""
    identity = organization.workload(role, LAMBDA).client("sts").get_caller_identity()
    account = role.split(":")[4]
    assert identity["Arn"] == f"arn:aws:sts::{account}:assumed-role/function/workload"


def test_another_service_is_refused(organization: LocalOrganization, role: str, refused: Refused) -> None:
    """A service that the role does not trust gets nothing, and the trust policy is named."""
    code, message = refused(lambda: organization.workload(role, "ec2.amazonaws.com"))
    assert code == "AccessDenied"
    assert message == (
        f"User: ec2.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: {role} "
        "because no role trust policy allows the sts:AssumeRole action"
    )


def test_the_first_hop_of_a_workload_is_not_chained(
    organization: LocalOrganization, make: Any, accounts: Accounts, role: str, refused: Refused
) -> None:
    """A workload's own role may ask for more than an hour; the session that it gets may not."""
    second = make.role(accounts(), "second", role, "sts:*", MaxSessionDuration=7200)
    third = make.role(accounts(), "third", second, MaxSessionDuration=7200)
    middle = make.into(second, by=organization.workload(role, LAMBDA), DurationSeconds=7200)
    code, message = refused(lambda: make.assume(third, by=middle, DurationSeconds=7200))
    assert code == "ValidationError"
    assert message.startswith("The requested DurationSeconds exceeds the 1 hour session limit")


def test_a_service_calls_nothing_else(organization: LocalOrganization, refused: Refused) -> None:
    """Being a service is good for AssumeRole only."""
    session = organization.session_with(LAMBDA, organization.secret_access_key)
    assert refused(lambda: session.client("iam").list_roles())[0] == "InvalidClientTokenId"
    assert refused(lambda: session.client("sts").get_caller_identity())[0] == "InvalidClientTokenId"
    assert refused(lambda: session.client("ssm").describe_parameters())[0] == "UnrecognizedClientException"


def test_a_service_is_in_no_organization(
    organization: LocalOrganization, make: Any, accounts: Accounts, refused: Refused
) -> None:
    """A condition on the organization keeps a service out, one on being a service lets it in."""
    trust = {"Effect": "Allow", "Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"}
    in_organization = {"StringEquals": {"aws:PrincipalOrgID": organization.organization_id}}
    closed = make.role(accounts(), "closed", ({**trust, "Condition": in_organization},))
    by_service = {"Bool": {"aws:PrincipalIsAWSService": "true"}}
    opened = make.role(accounts(), "opened", ({**trust, "Condition": by_service},))
    assert refused(lambda: organization.workload(closed, LAMBDA))[0] == "AccessDenied"
    assert organization.workload(opened, LAMBDA).get_credentials() is not None


ON_BEHALF: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "account": ({"aws:SourceAccount": "111111111111"}, {"source_account": "111111111111"}),
    "resource": (
        {"aws:SourceArn": "arn:aws:ecs:us-east-1:*:task/a"},
        {"source_arn": "arn:aws:ecs:us-east-1:111111111111:task/a"},
    ),
}


@pytest.mark.parametrize(("condition", "named"), ON_BEHALF.values(), ids=ON_BEHALF)
def test_a_service_says_on_whose_behalf_it_calls(
    organization: LocalOrganization,
    make: Any,
    accounts: Accounts,
    refused: Refused,
    condition: dict[str, str],
    named: dict[str, str],
) -> None:
    """A role that asks for an account or a resource is given to its workload, and to no other."""
    trust = {"Effect": "Allow", "Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"}
    role = make.role(accounts(), "held", ({**trust, "Condition": {"StringLike": condition}},))
    assert organization.workload(role, LAMBDA, **named).get_credentials() is not None
    for other in ({}, {key: value.replace("1", "2") for key, value in named.items()}):
        assert refused(partial(organization.workload, role, LAMBDA, **other))[0] == "AccessDenied"


def test_nobody_but_a_service_calls_on_behalf_of_another(
    organization: LocalOrganization, make: Any, accounts: Accounts, refused: Refused
) -> None:
    """The headers by which a service names an account do nothing for a user."""
    account = accounts()
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    condition = {"StringEquals": {"aws:SourceAccount": account}}
    role = make.role(accounts(), "held", ({**trust, "Condition": condition},))
    sts = organization.session(account).client("sts")
    headers = {"x-amz-source-account": account}
    sts.meta.events.register("before-call", lambda params, **_: params["headers"].update(headers))
    assert refused(lambda: sts.assume_role(RoleArn=role, RoleSessionName="user"))[0] == "AccessDenied"


def test_a_chain_that_is_held_to_a_resource_is_entered(
    organization: LocalOrganization, accounts: Accounts
) -> None:
    """The workload of a chain brings the account and a resource that its entrance asks for."""
    account = accounts()
    task = f"arn:aws:ecs:us-east-1:{account}:*"
    entrance = Entrance.service("ecs-tasks.amazonaws.com", source_account=account, source_arn=task)
    chain = Chain("tasks", source=ChainRole(account, assumed_by=[entrance]), targets=[ChainRole(accounts())])
    make_roles(organization, chain)
    identity = workload(organization, chain, chain.source).client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{account}:assumed-role/tasks-source/workload"
