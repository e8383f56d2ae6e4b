"""``AWS::Organizations::Policy`` in a stack: made, enforced, changed, refused and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from rolechain.iam.limits import CONTROL_POLICY_CHARACTERS
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization

Json = dict[str, Any]
SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
ATTACHED = "You attempted to exceed the number of policies of a certain type that can be attached"
LARGE = "You attempted to create a policy that is larger than the maximum size"


def denying(action: str, **more: Any) -> Json:
    """A policy document that denies an action."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"} | more],
    }


@pytest.fixture
def organizations(organization: LocalOrganization) -> Any:
    """The management account's client."""
    return organization.session(MANAGEMENT_ACCOUNT).client("organizations")


@pytest.fixture
def names(organizations: Any) -> Callable[[str, str], list[str]]:
    """The names of the policies of a type that a target has besides that of AWS."""

    def listed(target: str, kind: str = SCP) -> list[str]:
        policies = organizations.list_policies_for_target(TargetId=target, Filter=kind)["Policies"]
        return [each["Name"] for each in policies if not each["AwsManaged"]]

    return listed


class Stack:
    """A stack with control policies."""

    def __init__(self, organization: LocalOrganization, account: str) -> None:
        self.client: Any = organization.session(account).client("cloudformation")

    def deploy(self, action: str, *policies: Json) -> list[str]:
        """Creates or updates it; why it failed."""
        made = {
            f"P{number}": {"Type": "AWS::Organizations::Policy", "Properties": {"Type": SCP} | each}
            for number, each in enumerate(policies)
        }
        outputs = {"Arn": {"Value": {"Fn::GetAtt": ["P0", "Arn"]}}}
        body = json.dumps({"Resources": made, "Outputs": outputs})
        getattr(self.client, f"{action}_stack")(StackName="policies", TemplateBody=body)
        waiter = self.client.get_waiter(f"stack_{action}_complete")
        try:
            waiter.wait(StackName="policies", WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
        except WaiterError:
            events = self.client.describe_stack_events(StackName="policies")["StackEvents"]
            return [
                each["ResourceStatusReason"] for each in events if each["ResourceStatus"].endswith("FAILED")
            ]
        return []

    def delete(self) -> None:
        """Deletes it."""
        self.client.delete_stack(StackName="policies")
        self.client.get_waiter("stack_delete_complete").wait(
            StackName="policies", WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
        )


@pytest.fixture
def stack(organization: LocalOrganization) -> Iterator[Stack]:
    made = Stack(organization, MANAGEMENT_ACCOUNT)
    yield made
    made.delete()


def test_a_policy_binds_changes_and_goes(
    organization: Any, stack: Stack, accounts: Any, refused: Any, names: Any, make: Any
) -> None:
    """It is enforced in its targets, follows each update of content, name and targets, and ends with the stack."""
    one, other = accounts(), accounts()
    listing = {each: organization.session(each).client("s3").list_buckets for each in (one, other)}
    policy = {"Name": "no-s3", "Content": denying("s3:*"), "TargetIds": [one]}
    assert stack.deploy("create", policy) == []
    (output,) = stack.client.describe_stacks(StackName="policies")["Stacks"][0]["Outputs"]
    assert output["OutputValue"].startswith("arn:aws:organizations::000000000000:policy/o-exampleorg1/")
    assert refused(listing[one])[0] == "AccessDenied"
    assert listing[other]()["Buckets"] == []
    assert stack.deploy("update", policy | {"Name": "none", "TargetIds": [other]}) == []
    assert (names(one), names(other)) == ([], ["none"])
    assert refused(listing[other])[0] == "AccessDenied"
    assert (
        stack.deploy("update", policy | {"Content": json.dumps(denying("sqs:*")), "TargetIds": [one]}) == []
    )
    assert listing[one]()["Buckets"] == []
    stack.delete()
    assert names(one) == []


def test_another_type_is_another_policy(organizations: Any, stack: Stack, accounts: Any, names: Any) -> None:
    """The type of a policy cannot change: another takes its place, where that type is enabled."""
    (found,) = organizations.list_roots()["Roots"]
    account, root = accounts(), found["Id"]
    # The organization is that of other tests too, which may have enabled the type.
    enabled = RCP in [each["Type"] for each in found["PolicyTypes"]]
    if enabled:
        organizations.disable_policy_type(RootId=root, PolicyType=RCP)
    policy = {"Name": "typed", "Content": denying("s3:*"), "TargetIds": [account]}
    of_resources = policy | {"Type": RCP, "Content": denying("s3:*", Principal="*")}
    assert stack.deploy("create", policy) == []
    assert "RESOURCE_CONTROL_POLICY is not enabled" in stack.deploy("update", of_resources)[0]
    assert names(account) == ["typed"]
    organizations.enable_policy_type(RootId=root, PolicyType=RCP)
    assert stack.deploy("update", of_resources) == []
    assert (names(account), names(account, RCP)) == ([], ["typed"])
    stack.delete()
    if not enabled:
        organizations.disable_policy_type(RootId=root, PolicyType=RCP)


def test_quotas(organizations: Any, stack: Stack, accounts: Any, names: Any, refused: Any) -> None:
    """A target takes five policies of a type, one of which is AWS's, and a document 5,120 characters."""
    account = accounts()
    policies = [
        {"Name": f"p{number}", "Content": denying("s3:*"), "TargetIds": [account]} for number in range(5)
    ]
    assert ATTACHED in stack.deploy("create", *policies)[0]
    assert names(account) == []
    listed = organizations.list_policies(Filter=SCP)["Policies"]
    assert not {"p0", "p4"} & {each["Name"] for each in listed}
    stack.delete()
    assert stack.deploy("create", *policies[:4]) == []
    room = CONTROL_POLICY_CHARACTERS - len(json.dumps(denying(""), separators=(",", ":")))
    assert stack.deploy("update", policies[0] | {"Content": denying("s3:" + "x" * (room - 3))}) == []
    assert LARGE in stack.deploy("update", policies[0] | {"Content": denying("s3:" + "x" * (room - 2))})[0]


def test_a_member_has_no_policies(organization: LocalOrganization, accounts: Any) -> None:
    """A stack of a member's may make none."""
    stack = Stack(organization, accounts())
    policy = {"Name": "own", "Content": denying("s3:*"), "TargetIds": [accounts()]}
    assert "You don't have permissions to access this resource." in stack.deploy("create", policy)[0]
