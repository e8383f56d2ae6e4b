"""Accounts that do not belong to the organization: third parties."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, ChainRole, Entrance
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization, LocalOrganizationError
from rolechain.statements.builder import permission_statements, trust_statements

VENDOR, OWN = "888888888888", "111111111111"


@pytest.fixture(scope="module")
def organization() -> Iterator[LocalOrganization]:
    """An organization besides which there is a third party."""
    with LocalOrganization(outside=[VENDOR]) as running:
        yield running


@pytest.fixture(scope="module")
def make(organization: LocalOrganization) -> Any:
    """Makes the roles of a chain, those that exist already included."""

    def policy(statements: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    def make(chain: Chain) -> Chain:
        for role in chain.roles:
            iam = organization.session(role.account).client("iam")
            trust = trust_statements(chain, role) or [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                }
            ]
            iam.create_role(Path=role.path, RoleName=role.role, AssumeRolePolicyDocument=policy(trust))
            if own := permission_statements(chain, role):
                iam.put_role_policy(RoleName=role.role, PolicyName="own", PolicyDocument=policy(own))
        return chain

    return make


def assume(session: boto3.Session, role: ChainRole, **parameters: str) -> str:
    """What a session becomes by an AssumeRole, or the code of the error."""
    try:
        sts: Any = session.client("sts")
        answer = sts.assume_role(RoleArn=role.arn, RoleSessionName="here", **parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return str(answer["AssumedRoleUser"]["Arn"])


def test_a_third_partys_role_calls(organization: LocalOrganization, make: Any) -> None:
    """It passes the external id and gets in, though it is outside; a member is asked for the organization besides."""
    vendor = ChainRole(VENDOR, "vendor", path="/", existing=True, third_party=True)
    own = ChainRole(OWN, assumed_by=[Entrance.service("lambda.amazonaws.com")])
    chain = make(
        Chain(
            "party",
            organization="o-exampleorg1",
            source=[own, vendor],
            middle=[ChainRole("222222222222", external_id="vendor-7")],
            targets=[ChainRole("333333333333")],
        )
    )
    (middle,) = chain.middle
    for source in chain.sources:
        session = organization.workload(source.arn, "lambda.amazonaws.com")
        assert ":assumed-role/party-middle/" in assume(session, middle, ExternalId="vendor-7")
        assert assume(session, middle) == "AccessDenied"
        assert assume(session, middle, ExternalId="vendor-8") == "AccessDenied"


def test_a_caller_of_another_organization_is_kept_out(organization: LocalOrganization, make: Any) -> None:
    """The same caller that is no third party by the chain fails the condition on the organization."""
    source = ChainRole(VENDOR, assumed_by=[Entrance.service("lambda.amazonaws.com")])
    chain = make(
        Chain(
            "foreign",
            organization="o-exampleorg1",
            source=[source],
            middle=[ChainRole("222222222222", external_id="vendor-7")],
            targets=[ChainRole("333333333333")],
        )
    )
    session = organization.workload(chain.source.arn, "lambda.amazonaws.com")
    assert assume(session, chain.middle[0], ExternalId="vendor-7") == "AccessDenied"


def test_a_third_party_enters(organization: LocalOrganization, make: Any) -> None:
    """An entrance for a third party asks for its external id, and one for an account for the organization."""
    entrances = [
        Entrance.account(VENDOR, third_party=True, external_id="vendor-7"),
        Entrance.account("444444444444"),
    ]
    chain = make(
        Chain(
            "door",
            organization="o-exampleorg1",
            source=ChainRole(OWN, assumed_by=entrances),
            middle=[ChainRole("222222222222")],
            targets=[ChainRole("333333333333")],
        )
    )
    vendor, member = (organization.session(account) for account in (VENDOR, "444444444444"))
    assert ":assumed-role/door-source/" in assume(vendor, chain.source, ExternalId="vendor-7")
    assert assume(vendor, chain.source) == "AccessDenied"
    assert ":assumed-role/door-source/" in assume(member, chain.source)


def test_a_condition_on_the_organization_keeps_it_out(organization: LocalOrganization) -> None:
    """A trust policy that is closed by the organization alone lets a member in, and nobody outside."""
    trust = {
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "*"},
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        }
    }
    iam = organization.session(OWN).client("iam")
    iam.create_role(RoleName="members", AssumeRolePolicyDocument=json.dumps(trust))
    role = ChainRole(OWN, "members", path="/", partition="aws")
    assert ":assumed-role/members/" in assume(organization.session("444444444444"), role)
    assert assume(organization.session(VENDOR), role) == "AccessDenied"


def test_control_policies_do_not_bind_it(organization: LocalOrganization) -> None:
    """What the organization denies to its members it cannot deny to others."""
    management = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
    content = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}
    )
    policy = management.create_policy(
        Content=content, Description="", Name="no-iam", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]["Id"]
    root = management.list_roots()["Roots"][0]["Id"]
    management.attach_policy(PolicyId=policy, TargetId=root)
    try:
        with pytest.raises(ClientError, match="explicit deny in a service control policy"):
            organization.session("555555555555").client("iam").list_roles()
        assert organization.session(VENDOR).client("iam").list_roles()["Roles"] is not None
    finally:
        management.detach_policy(PolicyId=policy, TargetId=root)


def test_it_is_in_no_organization(organization: LocalOrganization) -> None:
    """Organizations tells it so, does not list it, and attaches nothing to it."""
    client = organization.session(VENDOR).client("organizations")
    with pytest.raises(client.exceptions.AWSOrganizationsNotInUseException):
        client.describe_organization()
    management = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
    assert VENDOR not in [each["Id"] for each in management.list_accounts()["Accounts"]]
    with pytest.raises(ClientError, match=r"AccountNotFound|TargetNotFound"):
        management.attach_policy(PolicyId="p-FullAWSAccess", TargetId=VENDOR)


@pytest.mark.parametrize(
    ("account", "message"),
    [
        ("8", "'8' is not an account id: write 12 digits"),
        (
            MANAGEMENT_ACCOUNT,
            "000000000000 is the organization's management account: name another to stand outside",
        ),
    ],
)
def test_an_account_that_cannot_stand_outside(account: str, message: str) -> None:
    """What is no account, and the management account, are refused before anything starts."""
    with pytest.raises(LocalOrganizationError) as caught:
        LocalOrganization(outside=[account])
    assert str(caught.value) == message
