"""``AWS::CloudFormation::StackSet`` in a stack: made, changed, failed and deleted; and by the CDK CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rolechain.cli.toolchain import find
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization

CALLER, DELEGATED = "222222222222", "999999999999"
REGION = "us-east-1"


@pytest.fixture(scope="module")
def organization() -> Iterator[LocalOrganization]:
    with LocalOrganization(stack_sets=[DELEGATED], units=["r-ab12/ou-ab12-11111111"]) as running:
        yield running


@pytest.fixture
def unit(organization: LocalOrganization, request: pytest.FixtureRequest) -> str:
    return organization.create_unit(request.node.name)


@pytest.fixture
def reaches(organization: LocalOrganization) -> Callable[..., bool]:
    """Whether the caller can assume a role of an account."""

    def check(account: str, role: str = "target") -> bool:
        sts: Any = organization.session(CALLER).client("sts")
        try:
            sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="hop")
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True

    return check


def _stack_set(unit: str, *, role: str = "target", **properties: Any) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    made = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": role, "AssumeRolePolicyDocument": document},
    }
    return {
        "Type": "AWS::CloudFormation::StackSet",
        "Properties": {
            "StackSetName": f"of-{unit}",
            "PermissionModel": "SERVICE_MANAGED",
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "AutoDeployment": {"Enabled": True, "RetainStacksOnAccountRemoval": "false"},
            "StackInstancesGroup": [
                {"DeploymentTargets": {"OrganizationalUnitIds": [unit]}, "Regions": [REGION]}
            ],
            "TemplateBody": json.dumps({"Resources": {"Role": made}}),
            **properties,
        },
    }


class Stack:
    """A stack with one stack set."""

    def __init__(self, organization: LocalOrganization, name: str, account: str) -> None:
        self.client: Any = organization.session(account).client("cloudformation")
        self.name = name

    def _ended(self, done: str) -> str:
        waiter = self.client.get_waiter(done)
        try:
            waiter.wait(StackName=self.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
        except Exception as error:
            if "terminal failure" not in str(error):
                raise
        stacks = self.client.describe_stacks()["Stacks"]
        return next(
            (one["StackStatus"] for one in stacks if one["StackName"] == self.name), "DELETE_COMPLETE"
        )

    def create(self, resource: dict[str, Any]) -> str:
        """Creates the stack, and gives the status that it ends in."""
        body = {"Resources": {"Set": resource}, "Outputs": {"Ref": {"Value": {"Ref": "Set"}}}}
        self.client.create_stack(StackName=self.name, TemplateBody=json.dumps(body))
        return self._ended("stack_create_complete")

    def update(self, resource: dict[str, Any]) -> str:
        """Updates it, likewise."""
        body = {"Resources": {"Set": resource}}
        self.client.update_stack(StackName=self.name, TemplateBody=json.dumps(body))
        return self._ended("stack_update_complete")

    def delete(self) -> str:
        """Deletes it, likewise."""
        self.client.delete_stack(StackName=self.name)
        return self._ended("stack_delete_complete")

    def reasons(self) -> list[str]:
        """Why resources failed."""
        events = self.client.describe_stack_events(StackName=self.name)["StackEvents"]
        return [
            one.get("ResourceStatusReason", "") for one in events if one["ResourceStatus"].endswith("FAILED")
        ]


@pytest.fixture
def stack(organization: LocalOrganization, unit: str) -> Stack:
    return Stack(organization, f"stack-{unit}", MANAGEMENT_ACCOUNT)


def test_from_the_stack_to_its_end(
    organization: LocalOrganization, stack: Stack, unit: str, accounts: Any, reaches: Callable[..., bool]
) -> None:
    """The stack's end is the instances' end: made, changed with template and units, deleted with the stack."""
    other, account, later = organization.create_unit(f"other-{unit}"), accounts(), accounts()
    organization.move_account(account, unit)
    assert stack.create(_stack_set(unit)) == "CREATE_COMPLETE"
    output = stack.client.describe_stacks(StackName=stack.name)["Stacks"][0]["Outputs"][0]["OutputValue"]
    described = stack.client.describe_stack_set(StackSetName=output)["StackSet"]
    assert described["StackSetId"] == output
    assert reaches(account)
    organization.move_account(later, unit)
    assert reaches(later)
    assert stack.update(_stack_set(unit, role="renamed")) == "UPDATE_COMPLETE"
    assert (reaches(account), reaches(account, "renamed"), reaches(later, "renamed")) == (False, True, True)
    excluding = {"OrganizationalUnitIds": [unit], "Accounts": [later], "AccountFilterType": "DIFFERENCE"}
    group = [{"DeploymentTargets": excluding, "Regions": [REGION]}]
    assert stack.update(_stack_set(unit, role="renamed", StackInstancesGroup=group)) == "UPDATE_COMPLETE"
    assert (reaches(account, "renamed"), reaches(later, "renamed")) == (True, False)
    organization.move_account(later, other)
    moved = _stack_set(other, role="renamed", StackSetName=f"of-{unit}")
    assert stack.update(moved) == "UPDATE_COMPLETE"
    assert (reaches(account, "renamed"), reaches(later, "renamed")) == (False, True)
    assert stack.delete() == "DELETE_COMPLETE"
    assert not reaches(later, "renamed")
    assert output not in [
        one["StackSetId"] for one in stack.client.list_stack_sets(Status="ACTIVE")["Summaries"]
    ]


def test_a_failure_rolls_the_stack_back(
    organization: LocalOrganization,
    stack: Stack,
    unit: str,
    accounts: Any,
    reaches: Callable[..., bool],
) -> None:
    """Beyond the tolerance the stack fails, and neither the stack set nor its other instances are left behind."""
    first, second = accounts(), accounts()
    for account in (first, second):
        organization.move_account(account, unit)
    make_role(organization, second, "target")
    assert stack.create(_stack_set(unit)) == "ROLLBACK_COMPLETE"
    assert any(
        "was unexpectedly stopped or failed. status reason(s): [ResourceLogicalId:Role, ResourceType:AWS::IAM::Role, "
        "ResourceStatusReason:Role with name target already exists" in reason
        for reason in stack.reasons()
    )
    assert not reaches(first)
    assert f"of-{unit}" not in [one["StackSetName"] for one in stack.client.list_stack_sets()["Summaries"]]
    assert stack.delete() == "DELETE_COMPLETE"
    tolerant = _stack_set(unit, OperationPreferences={"FailureTolerancePercentage": 50})
    assert stack.create(tolerant) == "CREATE_COMPLETE"
    assert reaches(first)


def test_a_failed_update_is_rolled_back(
    organization: LocalOrganization, stack: Stack, unit: str, accounts: Any, reaches: Callable[..., bool]
) -> None:
    """A stack set whose change fails is what it was before, and goes on to deploy by itself."""
    account, later = accounts(), accounts()
    organization.move_account(account, unit)
    assert stack.create(_stack_set(unit)) == "CREATE_COMPLETE"
    make_role(organization, account, "taken")
    assert stack.update(_stack_set(unit, role="taken")) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Role with name taken already exists" in reason for reason in stack.reasons())
    assert reaches(account)
    organization.move_account(later, unit)
    assert reaches(later)


def make_role(organization: LocalOrganization, account: str, name: str) -> None:
    """A role that nobody but its own account may assume."""
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    organization.session(account).client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)


def test_a_changed_name_makes_another_stack_set(
    organization: LocalOrganization, stack: Stack, unit: str, accounts: Any, reaches: Callable[..., bool]
) -> None:
    """Another name is another stack set, which takes the place of the first."""
    account = accounts()
    organization.move_account(account, unit)
    assert stack.create(_stack_set(unit, role="one")) == "CREATE_COMPLETE"
    assert stack.update(_stack_set(unit, role="two", StackSetName=f"new-{unit}")) == "UPDATE_COMPLETE"
    assert (reaches(account, "one"), reaches(account, "two")) == (False, True)
    names = [one["StackSetName"] for one in stack.client.list_stack_sets()["Summaries"]]
    assert (f"of-{unit}" in names, f"new-{unit}" in names) == (False, True)


@pytest.mark.parametrize(
    ("account", "call_as", "reason"),
    [
        (DELEGATED, "DELEGATED_ADMIN", None),
        (
            DELEGATED,
            "SELF",
            "You must be the management account or delegated admin account of an organization",
        ),
        ("888888888888", "DELEGATED_ADMIN", "Account used is not a delegated administrator"),
    ],
)
def test_who_deploys(
    organization: LocalOrganization, unit: str, account: str, call_as: str, reason: str | None
) -> None:
    """A delegated administrator's stack calls as one; another account's fails."""
    stack = Stack(organization, f"stack-{unit}", account)
    status = stack.create(_stack_set(unit, CallAs=call_as))
    assert status == ("ROLLBACK_COMPLETE" if reason else "CREATE_COMPLETE")
    assert any(reason in one for one in stack.reasons()) if reason else not stack.reasons()


APP = """
import json, sys
from aws_cdk import App, CfnStackSet, Environment, Stack

app = App(analytics_reporting=False)
stack = Stack(app, "Targets", env=Environment(account=sys.argv[1], region="us-east-1"))
trust = {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "sts:AssumeRole"}
properties = {
    "RoleName": "by-cdk",
    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
}
CfnStackSet(
    stack,
    "Set",
    stack_set_name="by-cdk",
    permission_model="SERVICE_MANAGED",
    call_as="DELEGATED_ADMIN",
    capabilities=["CAPABILITY_NAMED_IAM"],
    auto_deployment=CfnStackSet.AutoDeploymentProperty(enabled=True, retain_stacks_on_account_removal=False),
    managed_execution={"Active": True},
    operation_preferences=CfnStackSet.OperationPreferencesProperty(failure_tolerance_percentage=10),
    stack_instances_group=[
        CfnStackSet.StackInstancesProperty(
            deployment_targets=CfnStackSet.DeploymentTargetsProperty(organizational_unit_ids=["ou-ab12-11111111"]),
            regions=["us-east-1"],
        )
    ],
    template_body=json.dumps({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}),
)
app.synth()
"""


@pytest.mark.xdist_group("cdk")
def test_by_the_cdk_cli(
    organization: LocalOrganization, accounts: Any, reaches: Callable[..., bool], tmp_path: Path
) -> None:
    """What the CDK CLI deploys reaches an account that is there and one that joins, and none that was moved out."""
    there, joining = accounts(), accounts()
    organization.move_account(there, "ou-ab12-11111111")
    app = tmp_path / "app.py"
    app.write_text(textwrap.dedent(APP))
    toolchain = find(Path(__file__).parents[2])

    def cdk(*words: str) -> None:
        run = subprocess.run(
            [str(toolchain.cdk), *words, "--no-notices", "--app", f"{sys.executable} {app} {DELEGATED}"],
            cwd=tmp_path,
            env={**os.environ, **organization.environment(DELEGATED), **toolchain.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout

    cdk("bootstrap")
    cdk("deploy", "--require-approval", "never")
    assert reaches(there, "by-cdk")
    organization.move_account(joining, "ou-ab12-11111111")
    assert reaches(joining, "by-cdk")
    organization.move_account(joining)
    assert not reaches(joining, "by-cdk")
    cdk("destroy", "--force")
    assert not reaches(there, "by-cdk")
