"""StackSets: who may operate them, where they are deployed to, and what follows the accounts of the organization."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization

CALLER, DELEGATED = "222222222222", "999999999999"
STACK_SETS = "member.org.stacksets.cloudformation.amazonaws.com"
REGION = "us-east-1"
_names = (f"set-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def organization() -> Iterator[LocalOrganization]:
    with LocalOrganization(stack_sets=[MANAGEMENT_ACCOUNT, DELEGATED]) as running:
        yield running


def _role(name: str = "target", **more: Any) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": name, "AssumeRolePolicyDocument": document, **more},
    }


def _template(*resources: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Resources": {f"R{n}": one for n, one in enumerate(resources)}, **more})


SERVICE_MANAGED = {
    "PermissionModel": "SERVICE_MANAGED",
    "Capabilities": ["CAPABILITY_NAMED_IAM"],
    "AutoDeployment": {"Enabled": True, "RetainStacksOnAccountRemoval": False},
}


class Sets:
    """Short ways to make stack sets and to look at what they made."""

    def __init__(self, organization: LocalOrganization, account: str = MANAGEMENT_ACCOUNT) -> None:
        self.organization = organization
        self.client: Any = organization.session(account).client("cloudformation")

    def create(self, template: str, **more: Any) -> str:
        """Makes a stack set that deploys by itself, and gives its name."""
        name = next(_names)
        self.client.create_stack_set(StackSetName=name, TemplateBody=template, **SERVICE_MANAGED | more)
        return name

    def deploy(
        self, name: str, *units: str, regions: tuple[str, ...] = (REGION,), **more: Any
    ) -> dict[str, Any]:
        """Creates instances, and gives the operation when it has ended."""
        targets = {"OrganizationalUnitIds": list(units), **more.pop("targets", {})}
        call = {"StackSetName": name, "DeploymentTargets": targets, "Regions": list(regions), **more}
        return self.ended(name, self.client.create_stack_instances(**call)["OperationId"])

    def ended(self, name: str, operation_id: str) -> dict[str, Any]:
        """The operation when it has ended."""
        while True:
            call = self.client.describe_stack_set_operation(StackSetName=name, OperationId=operation_id)
            if call["StackSetOperation"]["Status"] not in ("RUNNING", "QUEUED", "STOPPING"):
                return dict(call["StackSetOperation"])
            time.sleep(0.02)

    def results(self, name: str, operation: dict[str, Any]) -> dict[tuple[str, str], tuple[str, str | None]]:
        """The status of each instance in an operation, with its reason."""
        listed = self.client.list_stack_set_operation_results(
            StackSetName=name, OperationId=operation["OperationId"]
        )
        return {
            (one["Account"], one["Region"]): (one["Status"], one.get("StatusReason"))
            for one in listed["Summaries"]
        }

    def instances(self, name: str) -> dict[str, str]:
        """The status of each account's instance."""
        listed = self.client.get_paginator("list_stack_instances").paginate(StackSetName=name)
        return {one["Account"]: one["Status"] for page in listed for one in page["Summaries"]}

    def reaches(self, account: str, role: str = "target") -> bool:
        """Whether the caller can assume a role."""
        sts: Any = self.organization.session(CALLER).client("sts")
        try:
            sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="hop")
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True


@pytest.fixture
def sets(organization: LocalOrganization) -> Sets:
    return Sets(organization)


@pytest.fixture
def unit(organization: LocalOrganization) -> str:
    return organization.create_unit(next(_names))


def test_trusted_access_and_delegation(refused: Any, accounts: Any) -> None:
    """Nobody operates stack sets before trusted access is enabled; then the management account and its delegates do."""
    member = accounts()
    with LocalOrganization() as organization:
        management, other = Sets(organization), Sets(organization, member)
        organizations: Any = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
        delegation = {"AccountId": member, "ServicePrincipal": STACK_SETS}
        as_administrator = {"CallAs": "DELEGATED_ADMIN"}
        not_enabled = "You must enable organizations access to operate a service managed stack set"
        assert refused(lambda: management.create(_template(_role()))) == ("ValidationError", not_enabled)
        assert management.client.describe_organizations_access()["Status"] == "DISABLED"
        code, message = refused(lambda: organizations.register_delegated_administrator(**delegation))
        assert (code, message.split(".")[0]) == (
            "ConstraintViolationException",
            "You attempted to register a delegated administrator before you enabled service access",
        )
        assert refused(lambda: other.client.activate_organizations_access())[0] == "InvalidOperationException"
        for caller in ({}, as_administrator):
            refusal = refused(lambda caller=caller: other.client.describe_organizations_access(**caller))
            assert refusal[0] == "InvalidOperationException"
        organizations.enable_aws_service_access(ServicePrincipal=STACK_SETS)
        assert refused(lambda: management.create(_template(_role())))[1] == not_enabled
        management.client.activate_organizations_access()
        assert management.client.describe_organizations_access()["Status"] == "ENABLED"
        management.create(_template(_role()))
        none = ("ValidationError", "Account used is not a delegated administrator")
        assert refused(lambda: other.create(_template(_role()), **as_administrator)) == none
        assert refused(lambda: management.create(_template(_role()), **as_administrator)) == none
        organizations.register_delegated_administrator(**delegation)
        assert other.client.describe_organizations_access(**as_administrator)["Status"] == "ENABLED"
        assert refused(lambda: other.create(_template(_role()))) == (
            "ValidationError",
            "You must be the management account or delegated admin account of an organization before operating a "
            "SERVICE_MANAGED stack set",
        )
        made = other.create(_template(_role()), **as_administrator)
        assert (
            refused(lambda: other.client.describe_stack_set(StackSetName=made))[0]
            == "StackSetNotFoundException"
        )
        assert other.client.list_stack_sets()["Summaries"] == []
        described = management.client.describe_stack_set(StackSetName=made)["StackSet"]
        arn = f"arn:aws:cloudformation:{REGION}:{MANAGEMENT_ACCOUNT}:stackset/{made}:"
        assert described["StackSetARN"].startswith(arn)
        organizations.deregister_delegated_administrator(**delegation)
        assert refused(lambda: other.create(_template(_role()), **as_administrator)) == none


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            {"Capabilities": []},
            "InsufficientCapabilitiesException",
            "Requires capabilities : [CAPABILITY_NAMED_IAM]",
        ),
        (
            {
                "TemplateBody": _template(
                    {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "u"}}
                )
            },
            "ValidationError",
            "Stack resource is not supported in SERVICE_MANAGED permission model",
        ),
        (
            {"TemplateBody": _template(_role(), Transform="AWS::LanguageExtensions")},
            "ValidationError",
            "Transform is not supported in SERVICE_MANAGED permission model",
        ),
        (
            {"TemplateBody": _template(_role(), Parameters={"P": {"Type": "String"}})},
            "ValidationError",
            None,
        ),
        (
            {"PermissionModel": "SELF_MANAGED"},
            "ValidationError",
            "the local organization runs service-managed stack sets: set PermissionModel to SERVICE_MANAGED",
        ),
        (
            {"CallAs": "ANYBODY"},
            "ValidationError",
            "1 validation error detected: Value 'ANYBODY' at 'callAs' failed to satisfy constraint: Member must "
            "satisfy enum value set: [SELF, DELEGATED_ADMIN]",
        ),
        ({"TemplateBody": "{"}, "ValidationError", None),
        ({"TemplateBody": "Resources: ["}, "ValidationError", None),
        (
            {"TemplateBody": "{}"},
            "ValidationError",
            "Template format error: At least one Resources member must be defined.",
        ),
        (
            {"TemplateBody": _template({})},
            "ValidationError",
            "Template format error: [/Resources/R0] Every Resources object must contain a Type member.",
        ),
        ({"StackSetName": "a_b"}, "ValidationError", None),
    ],
)
def test_stack_sets_that_cannot_be_made(
    sets: Sets, refused: Any, call: dict[str, Any], code: str, message: str | None
) -> None:
    """A stack set needs capabilities, parameters, its permission model, and neither nested stacks nor macros."""
    given = {"StackSetName": "none", "TemplateBody": _template(_role()), **SERVICE_MANAGED, **call}
    found = refused(lambda: sets.client.create_stack_set(**given))
    assert found[0] == code
    assert message is None or found[1] == message
    assert "none" not in [one["StackSetName"] for one in sets.client.list_stack_sets()["Summaries"]]


def test_instances_are_stacks_of_the_accounts_below_a_unit(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any
) -> None:
    """Accounts of a unit and of the units in it get the stack; other accounts and the management account do not."""
    nested = organization.create_unit("nested", unit)
    direct, below, elsewhere = accounts(), accounts(), accounts()
    organization.move_account(direct, unit)
    organization.move_account(below, nested)
    organization.move_account(elsewhere, organization.create_unit(next(_names)))
    organization.move_account(MANAGEMENT_ACCOUNT, unit)
    name = sets.create(_template(_role()))
    assert sets.deploy(name, unit)["Status"] == "SUCCEEDED"
    assert sets.instances(name) == {direct: "CURRENT", below: "CURRENT"}
    assert [sets.reaches(account) for account in (direct, below, elsewhere, MANAGEMENT_ACCOUNT)] == [
        True,
        True,
        False,
        False,
    ]
    described = sets.client.describe_stack_instance(
        StackSetName=name, StackInstanceAccount=below, StackInstanceRegion=REGION
    )["StackInstance"]
    assert (described["OrganizationalUnitId"], described["StackInstanceStatus"]) == (
        unit,
        {"DetailedStatus": "SUCCEEDED"},
    )
    stacks: Any = organization.session(below).client("cloudformation")
    stack = stacks.describe_stacks(StackName=described["StackId"])["Stacks"][0]
    assert (stack["StackStatus"], stack["StackName"].startswith(f"StackSet-{name}-")) == (
        "CREATE_COMPLETE",
        True,
    )
    described = sets.client.describe_stack_set(StackSetName=name)["StackSet"]
    assert (described["OrganizationalUnitIds"], described["Regions"]) == ([unit], [REGION])
    organization.move_account(MANAGEMENT_ACCOUNT)
    organization.move_account(MANAGEMENT_ACCOUNT, unit)
    assert not sets.reaches(MANAGEMENT_ACCOUNT)
    organization.move_account(MANAGEMENT_ACCOUNT)


def test_account_filters(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any, refused: Any
) -> None:
    """Targets are the accounts of the units that are named, or those that are not; others are refused or no targets."""
    inside = [accounts() for _ in range(3)]
    for account in inside:
        organization.move_account(account, unit)
    filtered = {"Accounts": [inside[0], accounts()], "AccountFilterType": "INTERSECTION"}
    first, second = sets.create(_template(_role("one"))), sets.create(_template(_role("two")))
    sets.deploy(first, unit, targets=filtered)
    assert list(sets.instances(first)) == inside[:1]
    sets.deploy(second, unit, targets={**filtered, "AccountFilterType": "DIFFERENCE"})
    assert list(sets.instances(second)) == inside[1:]
    joined = accounts()
    organization.move_account(joined, unit)
    assert joined in sets.instances(first)
    union = {**filtered, "AccountFilterType": "UNION"}
    assert refused(lambda: sets.deploy(first, unit, targets=union)) == (
        "ValidationError",
        "AccountFilterType UNION is not supported for create operations",
    )
    assert refused(lambda: sets.deploy(first, unit, targets={"Accounts": inside}))[1] == (
        "AccountFilterType should be specified when both OrganizationalUnitIds and Accounts are provided"
    )
    only = "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as target"
    call: dict[str, Any] = {"StackSetName": first, "Accounts": inside, "Regions": [REGION]}
    assert refused(lambda: sets.client.create_stack_instances(**call))[1] == only
    call = {"StackSetName": first, "DeploymentTargets": {"Accounts": inside}, "Regions": [REGION]}
    assert (
        refused(lambda: sets.client.create_stack_instances(**call))[1] == "OrganizationalUnitIds are required"
    )
    assert "not found" in refused(lambda: sets.deploy(first, "ou-local-00000000"))[1]
    deleting: dict[str, Any] = {
        "Accounts": [inside[1]],
        "AccountFilterType": "INTERSECTION",
        "OrganizationalUnitIds": [unit],
    }
    operation = sets.client.delete_stack_instances(
        StackSetName=second, DeploymentTargets=deleting, Regions=[REGION], RetainStacks=False
    )
    sets.ended(second, operation["OperationId"])
    assert inside[1] not in sets.instances(second)
    assert not sets.reaches(inside[1], "two")


def test_accounts_that_join_move_and_leave(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any
) -> None:
    """An account that joins a unit gets the stack, and loses it when it is moved out or leaves the organization."""
    nested, other = organization.create_unit("nested", unit), organization.create_unit(next(_names))
    name = sets.create(_template(_role()))
    assert sets.deploy(name, unit)["Status"] == "SUCCEEDED"
    created = organization.create_account(unit)
    assert sets.reaches(created)
    operations = len(sets.client.list_stack_set_operations(StackSetName=name)["Summaries"])
    organization.move_account(created, nested)
    assert sets.reaches(created)
    assert len(sets.client.list_stack_set_operations(StackSetName=name)["Summaries"]) == operations
    organization.move_account(created, other)
    assert not sets.reaches(created)
    assert sets.instances(name) == {}
    organization.move_account(created, unit)
    assert sets.reaches(created)
    organizations: Any = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
    organizations.remove_account_from_organization(AccountId=created)
    assert not sets.reaches(created)
    assert sets.instances(name) == {}


def test_moves_between_two_stack_sets(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any
) -> None:
    """What leaves is deleted before what joins is made, even where both make a role of the same name."""
    other, account = organization.create_unit(next(_names)), accounts()
    first, second = sets.create(_template(_role())), sets.create(_template(_role(Path="/second/")))
    sets.deploy(first, unit)
    sets.deploy(second, other)
    organization.move_account(account, unit)
    assert sets.reaches(account)
    organization.move_account(account, other)
    assert sets.reaches(account, "second/target")
    assert (sets.instances(first), sets.instances(second)) == ({}, {account: "CURRENT"})


def test_stacks_that_stay(organization: LocalOrganization, sets: Sets, unit: str, accounts: Any) -> None:
    """A stack stays where the stack set retains it, or deploys nothing by itself; RetainStacks keeps it too."""
    account, later = accounts(), accounts()
    organization.move_account(account, unit)
    retained = sets.create(
        _template(_role("retained")),
        AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": True},
    )
    manual = sets.create(_template(_role("manual")), AutoDeployment={"Enabled": False})
    for name in (retained, manual):
        sets.deploy(name, unit)
    organization.move_account(later, unit)
    assert (sets.reaches(later, "retained"), sets.reaches(later, "manual")) == (True, False)
    organization.move_account(account)
    assert (sets.instances(retained), sets.instances(manual)) == ({later: "CURRENT"}, {account: "CURRENT"})
    assert sets.reaches(account, "retained")
    assert sets.reaches(account, "manual")
    targets = {"OrganizationalUnitIds": [unit]}
    operation = sets.client.delete_stack_instances(
        StackSetName=retained, DeploymentTargets=targets, Regions=[REGION], RetainStacks=True
    )
    sets.ended(retained, operation["OperationId"])
    assert sets.reaches(later, "retained")
    assert sets.instances(retained) == {}


def test_automatic_deployments_that_depend_on_each_other(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any, refused: Any
) -> None:
    """A stack set that depends on another is deployed behind it; none may depend on itself."""
    on = {"Enabled": True, "RetainStacksOnAccountRemoval": False}
    account = accounts()
    second = sets.create(_template(_role("second")))
    first = sets.create(_template(_role("first")))
    arns = [
        sets.client.describe_stack_set(StackSetName=one)["StackSet"]["StackSetARN"] for one in (first, second)
    ]
    trusting = _role("second")
    trust = trusting["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    trust["Principal"]["AWS"] = [CALLER, f"arn:aws:iam::{account}:role/first"]
    sets.client.update_stack_set(
        StackSetName=second,
        TemplateBody=_template(trusting),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        AutoDeployment={**on, "DependsOn": [arns[0]]},
    )
    for name in (first, second):
        sets.deploy(name, unit)
    organization.move_account(account, unit)
    assert sets.reaches(account, "second")
    circular = {**on, "DependsOn": [arns[1]]}
    update = {
        "UsePreviousTemplate": True,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "AutoDeployment": circular,
    }
    code, message = refused(lambda: sets.client.update_stack_set(StackSetName=first, **update))
    assert (code, "circular" in message) == ("ValidationError", True)


@pytest.mark.parametrize(
    ("preferences", "status", "last"),
    [
        ({"FailureToleranceCount": 1}, "SUCCEEDED", ("SUCCEEDED", None)),
        ({"FailureTolerancePercentage": 40}, "SUCCEEDED", ("SUCCEEDED", None)),
        (
            {"FailureTolerancePercentage": 30},
            "FAILED",
            ("CANCELLED", "Cancelled since failure tolerance has exceeded"),
        ),
        ({}, "FAILED", ("CANCELLED", "Cancelled since failure tolerance has exceeded")),
    ],
)
def test_a_failed_account(
    organization: LocalOrganization,
    sets: Sets,
    unit: str,
    accounts: Any,
    make: Any,
    preferences: dict[str, int],
    status: str,
    last: tuple[str, str | None],
) -> None:
    """An account that has the role already fails; beyond the tolerance the operation fails and cancels the rest."""
    members = [accounts() for _ in range(3)]
    for account in members:
        organization.move_account(account, unit)
    make.role(members[1], "target", members[1])
    name = sets.create(_template(_role()))
    operation = sets.deploy(name, unit, OperationPreferences=preferences)
    assert operation["Status"] == status
    results = sets.results(name, operation)
    assert results == {
        (members[0], REGION): ("SUCCEEDED", None),
        (members[1], REGION): (
            "FAILED",
            "ResourceLogicalId:R0, ResourceType:AWS::IAM::Role, ResourceStatusReason:Role with name target already "
            "exists..",
        ),
        (members[2], REGION): last,
    }
    assert sets.instances(name)[members[1]] == "OUTDATED"
    make.iam(members[1]).delete_role(RoleName="target")
    assert sets.deploy(name, unit)["Status"] == "SUCCEEDED"
    assert set(sets.instances(name).values()) == {"CURRENT"}


def test_regions(organization: LocalOrganization, sets: Sets, unit: str, accounts: Any) -> None:
    """Regions go in the order that is asked for; one that fails cancels those behind it, unless they are parallel."""
    account = accounts()
    organization.move_account(account, unit)
    regions = ("us-east-1", "eu-west-1")
    name = sets.create(_template(_role()))
    first = {"RegionOrder": ["eu-west-1", "us-east-1"]}
    operation = sets.deploy(name, unit, regions=regions, OperationPreferences=first)
    assert operation["Status"] == "FAILED"
    assert {key: status for key, (status, _) in sets.results(name, operation).items()} == {
        (account, "eu-west-1"): "SUCCEEDED",
        (account, "us-east-1"): "FAILED",
    }
    plain = sets.create(
        _template(_role("${AWS::Region}"), {"Type": "AWS::S3::Bucket"}).replace(
            '"${AWS::Region}"', '{"Ref": "AWS::Region"}'
        )
    )
    assert sets.deploy(plain, unit, regions=regions)["Status"] == "SUCCEEDED"
    assert sets.reaches(account, "eu-west-1")
    broken = sets.create(_template(_role()))
    cancelled = sets.deploy(broken, unit, regions=regions)
    assert [status for status, _ in sets.results(broken, cancelled).values()] == ["FAILED", "CANCELLED"]
    parallel = {"RegionConcurrencyType": "PARALLEL"}
    both = sets.deploy(broken, unit, regions=regions, OperationPreferences=parallel)
    assert [status for status, _ in sets.results(broken, both).values()] == ["FAILED", "FAILED"]


def test_updates(organization: LocalOrganization, sets: Sets, unit: str, accounts: Any, make: Any) -> None:
    """An update changes the stacks, of some accounts if it names them; parameters may be overridden for instances."""
    one, two = accounts(), accounts()
    for account in (one, two):
        organization.move_account(account, unit)
    parameters = {"Hours": {"Type": "Number", "Default": 3600}, "Team": {"Type": "String"}}
    role = _role(MaxSessionDuration={"Ref": "Hours"}, Tags=[{"Key": "team", "Value": {"Ref": "Team"}}])

    def team(value: str) -> list[dict[str, Any]]:
        return [{"ParameterKey": "Team", "ParameterValue": value}]

    name = sets.create(_template(role, Parameters=parameters), Parameters=team("blue"))
    overridden = {"ParameterKey": "Hours", "ParameterValue": "7200"}
    sets.deploy(name, unit, ParameterOverrides=[overridden])

    def seen(account: str) -> tuple[int, str]:
        found = make_client(account).get_role(RoleName="target")["Role"]
        return found["MaxSessionDuration"], next(
            tag["Value"] for tag in found["Tags"] if tag["Key"] == "team"
        )

    def make_client(account: str) -> Any:
        return organization.session(account).client("iam")

    assert seen(one) == (7200, "blue")
    update = {"StackSetName": name, "UsePreviousTemplate": True, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    some = {"Accounts": [one], "AccountFilterType": "INTERSECTION", "OrganizationalUnitIds": [unit]}
    operation = sets.client.update_stack_set(
        **update, Parameters=team("red"), DeploymentTargets=some, Regions=[REGION]
    )
    assert sets.ended(name, operation["OperationId"])["Status"] == "SUCCEEDED"
    assert (seen(one), seen(two)) == ((7200, "red"), (7200, "blue"))
    assert sets.instances(name) == {one: "CURRENT", two: "OUTDATED"}
    previous = [{"ParameterKey": "Team", "UsePreviousValue": True}]
    sets.ended(name, sets.client.update_stack_set(**update, Parameters=previous)["OperationId"])
    assert (seen(one), seen(two)) == ((7200, "red"), (7200, "red"))
    operation = sets.client.update_stack_instances(
        StackSetName=name, DeploymentTargets={"Accounts": [two]}, Regions=[REGION], ParameterOverrides=[]
    )
    sets.ended(name, operation["OperationId"])
    assert (seen(one), seen(two)) == ((7200, "red"), (3600, "red"))


def test_a_large_template_from_s3(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any, refused: Any
) -> None:
    """A template of more than 51,200 bytes comes by URL, and is deployed as it was then."""
    account = accounts()
    organization.move_account(account, unit)
    large = _template(_role(), Description="x", Metadata={"filling": "x" * 60_000})
    assert refused(lambda: sets.create(large))[0] == "ValidationError"
    s3: Any = organization.session(MANAGEMENT_ACCOUNT).client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="large.json", Body=large.encode())
    name = next(_names)
    url = f"https://s3.{REGION}.amazonaws.com/templates/large.json"
    sets.client.create_stack_set(StackSetName=name, TemplateURL=url, **SERVICE_MANAGED)
    s3.delete_object(Bucket="templates", Key="large.json")
    assert sets.deploy(name, unit)["Status"] == "SUCCEEDED"
    assert sets.reaches(account)


def test_operations_one_at_a_time(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any, refused: Any
) -> None:
    """A second operation is refused while one runs, or waits if the stack set queues; a stopped one leaves the rest."""
    for _ in range(2):
        organization.move_account(accounts(), unit)
    # A stack that waits a second for a signal that nobody sends.
    wait = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "R0"}, "Timeout": "1", "Count": 1},
    }
    slow = _template({"Type": "AWS::CloudFormation::WaitConditionHandle"}, wait)
    for managed in (False, True):
        name = sets.create(slow, ManagedExecution={"Active": managed})
        call = {
            "StackSetName": name,
            "DeploymentTargets": {"OrganizationalUnitIds": [unit]},
            "Regions": [REGION],
        }
        begun = sets.client.create_stack_instances(**call, OperationId="first")["OperationId"]
        operation = {"StackSetName": name, "OperationId": begun}
        shown = sets.client.describe_stack_set_operation(**operation)["StackSetOperation"]
        assert (shown["Status"], shown["Action"]) == ("RUNNING", "CREATE")
        if managed:
            second = sets.client.create_stack_instances(**call)["OperationId"]
            queued = sets.client.describe_stack_set_operation(StackSetName=name, OperationId=second)
            assert queued["StackSetOperation"]["Status"] == "QUEUED"
            sets.client.stop_stack_set_operation(StackSetName=name, OperationId=second)
        else:
            code, message = refused(lambda call=call: sets.client.create_stack_instances(**call))
            assert (code, message.endswith(" is in progress: first")) == (
                "OperationInProgressException",
                True,
            )
        sets.client.stop_stack_set_operation(**operation)
        assert sets.ended(name, begun)["Status"] == "STOPPED"
        statuses = [status for status, _ in sets.results(name, shown).values()]
        assert statuses == ["FAILED", "CANCELLED"]
        assert refused(lambda operation=operation: sets.client.stop_stack_set_operation(**operation))[0] == (
            "InvalidOperationException"
        )
        assert refused(lambda call=call: sets.client.create_stack_instances(**call, OperationId="first"))[
            0
        ] in ("OperationIdAlreadyExistsException")


def test_an_operation_on_instances_that_are_gone(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any
) -> None:
    """What waits behind a deletion finds nothing to do."""
    organization.move_account(accounts(), unit)
    name = sets.create(_template(_role()), ManagedExecution={"Active": True})
    sets.deploy(name, unit)
    call = {"StackSetName": name, "DeploymentTargets": {"OrganizationalUnitIds": [unit]}, "Regions": [REGION]}
    begun = [sets.client.delete_stack_instances(**call, RetainStacks=False) for _ in range(2)]
    for operation in begun:
        assert sets.ended(name, operation["OperationId"])["Status"] == "SUCCEEDED"
    assert sets.instances(name) == {}


def test_who_may_call(
    organization: LocalOrganization, sets: Sets, unit: str, make: Any, refused: Any
) -> None:
    """A caller without permission is refused, as for every call of CloudFormation."""
    user: Any = make.user(MANAGEMENT_ACCOUNT, "nobody", "cloudformation:DescribeStackSet").client(
        "cloudformation"
    )
    name = sets.create(_template(_role()))
    assert user.describe_stack_set(StackSetName=name)["StackSet"]["StackSetName"] == name
    call = {"StackSetName": name, "DeploymentTargets": {"OrganizationalUnitIds": [unit]}, "Regions": [REGION]}
    assert refused(lambda: user.create_stack_instances(**call))[0] == "AccessDenied"


def test_deleting_a_stack_set(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any, refused: Any
) -> None:
    """A stack set with instances is not deleted; without, its name is free, and unknown ones are not found."""
    account = accounts()
    organization.move_account(account, unit)
    name = sets.create(_template(_role()))
    sets.deploy(name, unit)
    call = {"StackSetName": name}
    assert refused(lambda: sets.client.delete_stack_set(**call)) == (
        "StackSetNotEmptyException",
        "StackSet is not empty",
    )
    again = {"StackSetName": name, "TemplateBody": _template(_role()), **SERVICE_MANAGED}
    assert refused(lambda: sets.client.create_stack_set(**again))[0] == "NameAlreadyExistsException"
    targets = {"OrganizationalUnitIds": [unit]}
    operation = sets.client.delete_stack_instances(
        **call, DeploymentTargets=targets, Regions=[REGION], RetainStacks=False
    )
    sets.ended(name, operation["OperationId"])
    assert not sets.reaches(account)
    instance = {"StackInstanceAccount": account, "StackInstanceRegion": REGION}
    assert refused(lambda: sets.client.describe_stack_instance(**call, **instance))[0] == (
        "StackInstanceNotFoundException"
    )
    organization.move_account(accounts(), unit)
    assert sets.instances(name) == {}
    sets.client.delete_stack_set(**call)
    assert refused(lambda: sets.client.describe_stack_set(**call))[0] == "StackSetNotFoundException"
    sets.client.create_stack_set(**again)


def test_a_closed_account(organization: LocalOrganization, sets: Sets, unit: str, accounts: Any) -> None:
    """A closed account is skipped, which is no failure."""
    closed = accounts()
    organization.move_account(closed, unit)
    organizations: Any = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
    organizations.close_account(AccountId=closed)
    name = sets.create(_template(_role()))
    assert sets.deploy(name, unit)["Status"] == "SUCCEEDED"
    filters = [{"Name": "DETAILED_STATUS", "Values": "SKIPPED_SUSPENDED_ACCOUNT"}]
    call = {"StackSetName": name, "Filters": filters}
    assert [one["Account"] for one in sets.client.list_stack_instances(**call)["Summaries"]] == [closed]
    assert not sets.reaches(closed)


def test_listings_come_in_pages(
    organization: LocalOrganization, sets: Sets, unit: str, accounts: Any
) -> None:
    """Listings have the size that is asked for, and a token for the next page."""
    members = [accounts() for _ in range(3)]
    for account in members:
        organization.move_account(account, unit)
    name = sets.create(_template(_role()))
    sets.deploy(name, unit)
    pages = sets.client.get_paginator("list_stack_instances").paginate(
        StackSetName=name, PaginationConfig={"PageSize": 2}
    )
    assert [[one["Account"] for one in page["Summaries"]] for page in pages] == [members[:2], members[2:]]
