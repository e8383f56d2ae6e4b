"""AWS services as callers, and the workloads that they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain.local import LocalOrganization

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
