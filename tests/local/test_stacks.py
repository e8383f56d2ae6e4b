"""Roles made by CloudFormation: nothing of them is lost, and a wrong one rolls back."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture
def deploy(organization: Any) -> Any:
    """Creates or updates a stack, and gives the status that it ends in with the reasons of failed resources."""

    def run(account: str, resources: dict[str, Any], *, update: bool = False) -> tuple[str, list[str]]:
        client: Any = organization.session(account).client("cloudformation")
        call = client.update_stack if update else client.create_stack
        call(
            StackName="roles",
            TemplateBody=json.dumps({"Resources": resources}),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        waiter = client.get_waiter("stack_update_complete" if update else "stack_create_complete")
        try:
            waiter.wait(StackName="roles", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
        except Exception as error:
            if "terminal failure" not in str(error):
                raise
        status = client.describe_stacks(StackName="roles")["Stacks"][0]["StackStatus"]
        events = client.describe_stack_events(StackName="roles")["StackEvents"]
        return status, [
            event.get("ResourceStatusReason", "")
            for event in events
            if event["ResourceStatus"].endswith("FAILED") and event["ResourceType"] == "AWS::IAM::Role"
        ]

    return run


def _role(trusted: str, **properties: Any) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document, **properties}}


def test_a_role_keeps_what_its_template_says(
    make: Any, deploy: Any, accounts: Any, document: Any, allowing: Any
) -> None:
    """Path, tags, longest session and boundary of a stack's role are those of the template, after updates too."""
    account = accounts()
    iam = make.iam(account)
    first, second = (
        iam.create_policy(PolicyName=name, PolicyDocument=document(allowing("s3:*")))["Policy"]["Arn"]
        for name in ("first", "second")
    )
    settings = {
        "RoleName": "made",
        "Path": "/app/",
        "MaxSessionDuration": 7200,
        "PermissionsBoundary": first,
        "Tags": [{"Key": "team", "Value": "blue"}],
    }
    assert deploy(account, {"Made": _role(account, **settings)})[0] == "CREATE_COMPLETE"
    role = iam.get_role(RoleName="made")["Role"]
    assert role["Arn"] == f"arn:aws:iam::{account}:role/app/made"
    assert role["MaxSessionDuration"] == 7200
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == first
    assert {"Key": "team", "Value": "blue"} in role["Tags"]
    changed = {**settings, "PermissionsBoundary": second, "MaxSessionDuration": 3600}
    assert deploy(account, {"Made": _role(account, **changed)}, update=True)[0] == "UPDATE_COMPLETE"
    role = iam.get_role(RoleName="made")["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == second
    assert role["MaxSessionDuration"] == 3600
    del changed["PermissionsBoundary"]
    assert deploy(account, {"Made": _role(account, **changed)}, update=True)[0] == "UPDATE_COMPLETE"
    assert "PermissionsBoundary" not in iam.get_role(RoleName="made")["Role"]


def test_an_invalid_principal_rolls_the_stack_back(
    make: Any, deploy: Any, accounts: Any, refused: Any
) -> None:
    """A stack that trusts a role which does not exist fails as on AWS and leaves nothing behind."""
    account = accounts()
    missing = f"arn:aws:iam::{account}:role/missing"
    status, reasons = deploy(
        account,
        {
            "Good": _role(account, RoleName="good"),
            "Bad": {**_role(missing, RoleName="bad"), "DependsOn": "Good"},
        },
    )
    assert status == "ROLLBACK_COMPLETE"
    assert any(f'Invalid principal in policy: "AWS":"{missing}"' in reason for reason in reasons)
    for name in ("good", "bad"):
        assert refused(lambda name=name: make.iam(account).get_role(RoleName=name))[0] == "NoSuchEntity"


def test_a_missing_boundary_and_a_wrong_name_fail(make: Any, deploy: Any, accounts: Any) -> None:
    """A stack cannot name a boundary that does not exist, take over a role that another made, nor exceed a name."""
    account, other = accounts(), accounts()
    status, reasons = deploy(accounts(), {"Made": _role(account, RoleName="x" * 65)})
    assert status == "ROLLBACK_COMPLETE"
    assert any("Member must have length less than or equal to 64" in reason for reason in reasons)
    status, reasons = deploy(
        account, {"Made": _role(account, PermissionsBoundary=f"arn:aws:iam::{account}:policy/no")}
    )
    assert status == "ROLLBACK_COMPLETE"
    assert any("does not exist or is not attachable" in reason for reason in reasons)
    make.role(other, "taken", other)
    status, reasons = deploy(other, {"Made": _role(other, RoleName="taken")})
    assert status == "ROLLBACK_COMPLETE"
    assert any("Role with name taken already exists." in reason for reason in reasons)
    assert make.iam(other).get_role(RoleName="taken")["Role"]["Arn"] == f"arn:aws:iam::{other}:role/taken"


def test_a_stack_attaches_no_eleventh_policy(deploy: Any, accounts: Any, allowing: Any) -> None:
    """What a stack attaches counts at each moment: a policy that is made before another goes needs room of its own."""
    account = accounts()

    def policies(*numbers: int) -> dict[str, Any]:
        document = {"Version": "2012-10-17", "Statement": [allowing("s3:ListAllMyBuckets")]}
        return {
            f"Policy{number}": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": document, "Roles": [{"Ref": "Made"}]},
            }
            for number in numbers
        }

    made = {"Made": _role(account, RoleName="made")}
    assert deploy(account, {**made, **policies(*range(10))})[0] == "CREATE_COMPLETE"
    assert deploy(account, {**made, **policies(*range(1, 11))}, update=True)[0] == "UPDATE_ROLLBACK_COMPLETE"
    assert deploy(account, {**made, **policies(*range(1, 10))}, update=True)[0] == "UPDATE_COMPLETE"


def test_an_update_that_leaves_the_trust_alone_keeps_the_orphan(
    make: Any, deploy: Any, accounts: Any
) -> None:
    """A caller that was made again stays locked out until the stack writes the trust policy anew."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near)
    caller_id = make.iam(near).get_role(RoleName="caller")["Role"]["RoleId"]
    assert deploy(far, {"Callee": _role(caller, RoleName="callee")})[0] == "CREATE_COMPLETE"
    make.iam(near).delete_role(RoleName="caller")
    make.role(near, "caller", near)
    tagged = _role(caller, RoleName="callee", Description="changed")
    assert deploy(far, {"Callee": tagged}, update=True)[0] == "UPDATE_COMPLETE"
    assert _trusted(make, far) == caller_id
    tagged["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Sid"] = "Anew"
    assert deploy(far, {"Callee": tagged}, update=True)[0] == "UPDATE_COMPLETE"
    assert _trusted(make, far) == caller


def _trusted(make: Any, account: str) -> Any:
    role = make.iam(account).get_role(RoleName="callee")["Role"]
    return role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]
