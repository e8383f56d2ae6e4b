"""Accounts and organizational units: made, listed, moved and shown as Organizations does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rolechain import Chain, ChainRole, Entrance
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization, LocalOrganizationError
from rolechain.local.chain_roles import make_roles, organization_of

CONDITION = "ForAnyValue:StringLike"


@pytest.fixture
def management(organization: LocalOrganization) -> Any:
    """The management account's Organizations client."""
    return organization.session(MANAGEMENT_ACCOUNT).client("organizations")


def test_what_is_below_a_parent(organization: LocalOrganization, management: Any, accounts: Any) -> None:
    """Units and accounts are listed below their parent, one level deep, and show where they are."""
    root = management.list_roots()["Roots"][0]["Id"]
    unit = organization.create_unit("listed")
    nested, account, below = organization.create_unit("nested", unit), accounts(), accounts()
    organization.move_account(account, unit)
    organization.move_account(below, nested)
    assert re.fullmatch(r"ou-local-[0-9a-f]{8}", nested)
    described = management.describe_organizational_unit(OrganizationalUnitId=nested)["OrganizationalUnit"]
    assert described["Path"] == f"o-exampleorg1/{root}/{unit}/{nested}/"
    units = management.list_organizational_units_for_parent(ParentId=unit)["OrganizationalUnits"]
    assert [(one["Id"], one["Name"], one["Path"]) for one in units] == [(nested, "nested", described["Path"])]
    listed = management.list_accounts_for_parent(ParentId=unit)["Accounts"]
    assert [(one["Id"], one["State"], one["Status"], one["Paths"]) for one in listed] == [
        (account, "ACTIVE", "ACTIVE", [f"o-exampleorg1/{root}/{unit}/{account}/"])
    ]
    shown = management.describe_account(AccountId=below)["Account"]
    assert shown["Paths"] == [f"{described['Path']}{below}/"]
    for kind, child in (("ACCOUNT", account), ("ORGANIZATIONAL_UNIT", nested)):
        children = management.list_children(ParentId=unit, ChildType=kind)["Children"]
        assert children == [{"Id": child, "Type": kind}]
        assert management.list_parents(ChildId=child)["Parents"] == [
            {"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}
        ]


def test_listings_come_in_pages(organization: LocalOrganization, management: Any, accounts: Any) -> None:
    """A listing gives 20 at most, or as many as are asked for, and a token for the rest."""
    unit = organization.create_unit("pages")
    members = [accounts() for _ in range(21)]
    for account in members:
        organization.move_account(account, unit)
    assert len(management.list_accounts_for_parent(ParentId=unit)["Accounts"]) == 20
    assert len(management.list_accounts_for_parent(ParentId=unit, MaxResults=2)["Accounts"]) == 2
    pages = management.get_paginator("list_accounts_for_parent").paginate(ParentId=unit)
    assert sorted(one["Id"] for page in pages for one in page["Accounts"]) == sorted(members)


def test_keys_follow_a_move(
    organization: LocalOrganization, make: Any, accounts: Any, refused: Any, document: Any, allowing: Any
) -> None:
    """The caller's and the callee's paths are those of the units they are in now, and gone with the membership."""
    near, far = accounts(), accounts()
    unit = organization.create_unit("keys")
    root = organization.session(MANAGEMENT_ACCOUNT).client("organizations").list_roots()["Roots"][0]["Id"]
    paths = [f"o-exampleorg1/{root}/{unit}/*"]
    trusting = make.role(far, "trusting", near, condition={CONDITION: {"aws:PrincipalOrgPaths": paths}})
    open_ = make.role(far, "open", near)
    resource = {
        CONDITION: {"aws:ResourceOrgPaths": paths},
        "StringEquals": {"aws:ResourceOrgID": "o-exampleorg1"},
    }
    user = make.user(near, "user", None)
    allowed = document(allowing("sts:AssumeRole", Condition=resource))
    make.iam(near).put_user_policy(UserName="user", PolicyName="own", PolicyDocument=allowed)

    def takes(role: str, by: Any) -> bool:
        try:
            make.assume(role, by=by)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True

    assert (takes(trusting, near), takes(open_, user)) == (False, False)
    organization.move_account(near, unit)
    assert (takes(trusting, near), takes(open_, user)) == (True, False)
    organization.move_account(far, unit)
    assert (takes(trusting, near), takes(open_, user)) == (True, True)
    organization.move_account(near)
    assert (takes(trusting, near), takes(open_, user)) == (False, True)
    management: Any = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
    management.remove_account_from_organization(AccountId=far)
    assert not takes(open_, user)
    assert refused(lambda: organization.session(far).client("organizations").describe_organization())[0] == (
        "AWSOrganizationsNotInUseException"
    )


@pytest.fixture(scope="module")
def taken(organization: LocalOrganization) -> str:
    """A unit that is not empty."""
    unit = organization.create_unit("taken")
    organization.move_account("777777777777", unit)
    return unit


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        (
            "create_organizational_unit",
            {"ParentId": "ou-local-00000000", "Name": "x"},
            "ParentNotFoundException",
        ),
        ("list_accounts_for_parent", {"ParentId": "ou-local-00000000"}, "ParentNotFoundException"),
        ("list_children", {"ParentId": "r-none", "ChildType": "ACCOUNT"}, "ParentNotFoundException"),
        (
            "create_organizational_unit",
            {"ParentId": "r-local", "Name": "taken"},
            "DuplicateOrganizationalUnitException",
        ),
        (
            "delete_organizational_unit",
            {"OrganizationalUnitId": "UNIT"},
            "OrganizationalUnitNotEmptyException",
        ),
        (
            "move_account",
            {"AccountId": "777777777777", "SourceParentId": "r-local", "DestinationParentId": "UNIT"},
            "SourceParentNotFoundException",
        ),
        (
            "remove_account_from_organization",
            {"AccountId": MANAGEMENT_ACCOUNT},
            "MasterCannotLeaveOrganizationException",
        ),
        ("list_accounts", {"NextToken": "x"}, "InvalidInputException"),
        (
            "register_delegated_administrator",
            {"AccountId": MANAGEMENT_ACCOUNT, "ServicePrincipal": "a.amazonaws.com"},
            "ConstraintViolationException",
        ),
        (
            "deregister_delegated_administrator",
            {"AccountId": "777777777777", "ServicePrincipal": "a.amazonaws.com"},
            "AccountNotRegisteredException",
        ),
        (
            "enable_aws_service_access",
            {"ServicePrincipal": "stacksets.cloudformation.amazonaws.com"},
            "InvalidInputException",
        ),
    ],
)
def test_what_organizations_refuses(
    management: Any,
    taken: str,
    refused: Any,
    operation: str,
    parameters: dict[str, str],
    code: str,
) -> None:
    """Calls that AWS refuses get its code, and a text."""
    given = {name: taken if value == "UNIT" else value for name, value in parameters.items()}
    found, message = refused(lambda: getattr(management, operation)(**given))
    assert found == code
    assert message


def test_a_parameter_that_is_missing(organization: LocalOrganization, refused: Any) -> None:
    """A call without what it requires is refused, also where the caller's SDK does not look for it."""
    session = organization.session(MANAGEMENT_ACCOUNT)
    unchecked: Any = session.client("organizations", config=Config(parameter_validation=False))
    code, message = refused(lambda: unchecked.list_children(ChildType="ACCOUNT"))
    assert (code, message) == (
        "InvalidInputException",
        "You must include a value for all required parameters.",
    )


def test_delegated_administrators(
    organization: LocalOrganization, management: Any, accounts: Any, refused: Any
) -> None:
    """A delegated administrator reads the organization, and cannot leave it."""
    account, service = accounts(), "access-analyzer.amazonaws.com"
    member: Any = organization.session(account).client("organizations")
    assert refused(lambda: member.list_accounts())[0] == "AccessDeniedException"
    management.enable_aws_service_access(ServicePrincipal=service)
    enabled = management.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    assert service in [one["ServicePrincipal"] for one in enabled]
    call = {"AccountId": account, "ServicePrincipal": service}
    management.register_delegated_administrator(**call)
    assert refused(lambda: management.register_delegated_administrator(**call))[0] == (
        "AccountAlreadyRegisteredException"
    )
    listed = management.list_delegated_administrators(ServicePrincipal=service)["DelegatedAdministrators"]
    assert [one["Id"] for one in listed] == [account]
    assert member.list_roots()["Roots"]
    leaving = {"AccountId": account}
    assert refused(lambda: management.remove_account_from_organization(**leaving))[0] == (
        "ConstraintViolationException"
    )
    assert refused(lambda: member.create_organizational_unit(ParentId="r-local", Name="no"))[0] == (
        "AccessDeniedException"
    )
    management.deregister_delegated_administrator(**call)
    assert refused(lambda: member.list_accounts())[0] == "AccessDeniedException"


def test_units_to_begin_with(accounts: Any) -> None:
    """An organization begins with the units that are named, below a root of their own id."""
    units = [
        "r-ab12/ou-ab12-11111111",
        "r-ab12/ou-ab12-11111111/ou-ab12-22222222",
        "r-ab12/ou-ab12-33333333/",
    ]
    with LocalOrganization(units=units) as organization:
        management: Any = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
        listed = management.list_organizational_units_for_parent(ParentId="r-ab12")["OrganizationalUnits"]
        assert [one["Id"] for one in listed] == ["ou-ab12-11111111", "ou-ab12-33333333"]
        organization.move_account(accounts(), "ou-ab12-22222222")
        made = organization.create_unit("more", "ou-ab12-33333333")
        assert made.startswith("ou-ab12-")
        policies = management.list_policies_for_target(
            TargetId="ou-ab12-11111111", Filter="SERVICE_CONTROL_POLICY"
        )
        assert [one["Name"] for one in policies["Policies"]] == ["FullAWSAccess"]


@pytest.mark.parametrize(
    "units", [["ou-ab12-11111111"], ["r-ab12/ou-ab12-11111111", "r-cd34/ou-cd34-11111111"]]
)
def test_units_that_are_none(units: list[str]) -> None:
    """A unit without its root, or below another root, is refused before the server starts."""
    with pytest.raises(LocalOrganizationError, match="is not a unit below the organization's root"):
        LocalOrganization(units=units)


def test_an_operator_outside() -> None:
    """An account outside of the organization cannot operate stack sets."""
    with pytest.raises(LocalOrganizationError, match="stands outside of the organization"):
        LocalOrganization(outside=["888888888888"], stack_sets=["888888888888"])


def test_of_a_chain() -> None:
    """A chain's organization has its units, and its stack set's administrator operates StackSets; members are left."""
    chain = Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("650000000001", assumed_by=[Entrance.account("650000000001")]),
        middle=ChainRole("650000000002"),
        targets=ChainRole(organizational_units=["r-ab12/ou-ab12-11111111/"]),
    )
    with organization_of(chain) as organization:
        make_roles(organization, chain)
        client = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
        (unit,) = client.list_organizational_units_for_parent(ParentId="r-ab12")["OrganizationalUnits"]
        assert unit["Id"] == "ou-ab12-11111111"
        (administrator,) = client.list_delegated_administrators()["DelegatedAdministrators"]
        assert administrator["Id"] == "650000000002"
