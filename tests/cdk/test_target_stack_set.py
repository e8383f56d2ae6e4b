"""The stack set of a target by organizational unit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NagPack, NIST80053R5Checks, PCIDSS321Checks
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from rolechain import Chain, ChainRole, Entrance, Permission, StackSet
from rolechain.cdk import PlacementError, RoleChain, TargetRole, TargetStackSet
from rolechain.cdk.app import quick_app
from rolechain.proof import prove, templates_in

MakeStack = Callable[[str], cdk.Stack]
UNIT = "r-ab12/ou-ab12-11111111"


def declared(*targets: ChainRole, **more: Any) -> Chain:
    keys: dict[str, Any] = {
        "organization": "o-exampleorg1",
        "source": ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        "middle": ChainRole("222222222222"),
        **more,
    }
    return Chain("deploy", targets=targets or (ChainRole(organizational_units=[UNIT]),), **keys)


MAXIMAL = declared(
    ChainRole(
        organizational_units=[UNIT, "r-ab12/ou-ab12-22222222/ou-ab12-33333333/"],
        exclude=["444444444444", "555555555555"],
        external_id="ext-1",
        permissions_boundary="limit",
        permissions=[Permission("ssm:GetParameter", "arn:aws:ssm:*:*:parameter/x")],
        stack_set=StackSet(
            administrator_account="777777777777",
            call_as="SELF",
            failure_tolerance_percentage=10,
            max_concurrent_percentage=50,
            concurrency_mode="SOFT_FAILURE_TOLERANCE",
            depends_on="arn:aws:cloudformation:us-east-1:777777777777:stackset/network:1a-2b",
        ),
    ),
    ChainRole("777777777777", role="deploy-target", external_id="ext-1"),
)


def the_set(stack: cdk.Stack) -> dict[str, Any]:
    (found,) = Template.from_stack(stack).find_resources("AWS::CloudFormation::StackSet").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def test_a_stack_set(make_stack: MakeStack) -> None:
    """It goes to the units and whoever joins them, and its template is the role that trusts the middle role alone."""
    found = the_set(TargetStackSet(make_stack("222222222222"), "Set", chain=declared()).resource.stack)
    body = json.loads(found.pop("TemplateBody"))
    assert found == {
        "StackSetName": "deploy-deploy-target",
        "Description": "Role deploy-target of the chain deploy",
        "PermissionModel": "SERVICE_MANAGED",
        "CallAs": "DELEGATED_ADMIN",
        "AutoDeployment": {"Enabled": True, "RetainStacksOnAccountRemoval": False},
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "OperationPreferences": {"ConcurrencyMode": "STRICT_FAILURE_TOLERANCE"},
        "StackInstancesGroup": [
            {"DeploymentTargets": {"OrganizationalUnitIds": ["ou-ab12-11111111"]}, "Regions": ["us-east-1"]}
        ],
    }
    ((_, role),) = body["Resources"].items()
    assert role["Type"] == "AWS::IAM::Role"
    assert (role["Properties"]["RoleName"], role["Properties"]["Path"]) == ("deploy-target", "/rolechain/")
    assert role["Properties"]["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Sid": "AllowCaller",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
            "Condition": {
                "ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/rolechain/deploy-middle"},
                "StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"},
            },
        }
    ]
    assert "Parameters" not in body
    assert "Rules" not in body


def test_every_option(make_stack: MakeStack) -> None:
    """Units by their own ids, excluded accounts by DIFFERENCE, and the options as CloudFormation names them."""
    found = the_set(TargetStackSet(make_stack("777777777777"), "Set", chain=MAXIMAL).resource.stack)
    body = json.loads(found["TemplateBody"])
    assert found["CallAs"] == "SELF"
    assert found["AutoDeployment"]["DependsOn"] == list(MAXIMAL.targets[0].stack_set.depends_on)  # type: ignore[union-attr]
    assert found["OperationPreferences"] == {
        "FailureTolerancePercentage": 10,
        "MaxConcurrentPercentage": 50,
        "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
    }
    assert found["StackInstancesGroup"][0]["DeploymentTargets"] == {
        "OrganizationalUnitIds": ["ou-ab12-11111111", "ou-ab12-33333333"],
        "AccountFilterType": "DIFFERENCE",
        "Accounts": ["444444444444", "555555555555"],
    }
    boundary = {"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "AWS::AccountId"}, ":policy/limit"]]}
    role = next(each for each in body["Resources"].values() if each["Type"] == "AWS::IAM::Role")
    assert role["Properties"]["PermissionsBoundary"] == boundary


def test_the_template_is_that_of_a_target_role(make_stack: MakeStack) -> None:
    """What an account gets by the stack set is what it would get by a stack of its own."""
    chain = declared(ChainRole("333333333333"))
    stack = make_stack("333333333333")
    TargetRole(stack, "deploy-target", chain=chain, proof=None)
    one = TargetStackSet(make_stack("222222222222"), "Set", chain=declared(), proof=None)
    assert Template.from_stack(stack).to_json()["Resources"] == one.template["Resources"]
    again = TargetStackSet(one.node.scope, "Again", chain=declared(), proof=None)  # type: ignore[arg-type]
    assert again.resource.template_body == one.resource.template_body


def test_a_chain_makes_it(tmp_path: Path) -> None:
    """RoleChain makes the stack set in the stack of the administrator account, and the whole is proven."""
    app = quick_app(tmp_path / "cdk.out")
    made = RoleChain(app, "jump", chain=MAXIMAL)
    assert list(made.stacks) == ["111111111111", "222222222222", "777777777777"]
    assert [each.node.path for each in made.stack_sets.values()] == [
        "jump-777777777777/deploy-target-stack-set"
    ]
    assembly = app.synth()
    proof = prove(MAXIMAL, templates_in(assembly.directory))
    assert [str(finding) for finding in proof.findings if finding.level.value == "error"] == []
    assert proof.hops[1].accounts.startswith(f"any account of {UNIT}")


def test_by_the_caller_itself(tmp_path: Path) -> None:
    """Where the target trusts its caller's role itself, the stack set waits for that role."""
    chain = declared(ChainRole(organizational_units=[UNIT], trust="role_arn"))
    app = quick_app(tmp_path / "cdk.out")
    stack = RoleChain(app, "jump", chain=chain).stacks["222222222222"]
    template = Template.from_stack(stack)
    ((_, found),) = template.find_resources("AWS::CloudFormation::StackSet").items()
    assert set(found["DependsOn"]) <= set(template.find_resources("AWS::IAM::Role"))
    assert prove(chain, templates_in(app.synth().directory)).proven


def test_a_long_template_is_an_asset(tmp_path: Path) -> None:
    """What does not fit inline is an asset, and is proven as well."""
    permissions = [
        Permission("ssm:GetParameter", f"arn:aws:ssm:*:*:parameter/{n}/{'x' * 900}") for n in range(54)
    ]
    chain = declared(ChainRole(organizational_units=[UNIT], permissions=permissions))
    app = quick_app(tmp_path / "cdk.out")
    stack = RoleChain(app, "jump", chain=chain).stacks["222222222222"]
    assembly = app.synth()
    found = the_set(stack)
    assert "TemplateBody" not in found
    assert "TemplateURL" in found
    proof = prove(chain, templates_in(assembly.directory))
    assert [finding.message for finding in proof.findings if finding.level.value == "error"] == []


@pytest.mark.parametrize(
    "pack", [AwsSolutionsChecks, NIST80053R5Checks, HIPAASecurityChecks, PCIDSS321Checks]
)
def test_what_the_packs_report(pack: type[NagPack], app: cdk.App) -> None:
    """They find nothing, neither in a stack set nor in the policy of its caller."""
    RoleChain(app, "jump", chain=declared())
    assert [violation.rule_name for violation in pack(app).validate_scope(app).violations] == []


def test_what_the_validator_of_cdk_reports(tmp_path: Path) -> None:
    """It finds nothing in the policy of the caller either, where its findings are errors."""
    strict = {"@aws-cdk/core:validateAgainstDefaultRules": True}
    app = cdk.App(analytics_reporting=False, context=strict, outdir=str(tmp_path))
    RoleChain(app, "jump", chain=declared())
    app.synth()


@pytest.mark.parametrize(
    ("chain", "account", "target", "message"),
    [
        (
            declared(),
            "333333333333",
            None,
            "the stack set of deploy-target belongs into account 222222222222, and stack Stack333333333333 is of "
            "333333333333: give it env=Environment(account=…), or declare stack_set: {administrator_account: …}",
        ),
        (
            declared(ChainRole("333333333333")),
            "222222222222",
            None,
            "chain deploy declares no target by organizational unit: it has none",
        ),
        (
            declared(),
            "222222222222",
            "other",
            "chain deploy declares no target by organizational unit named other: it has 'deploy-target'",
        ),
        (
            declared(
                ChainRole(organizational_units=[UNIT], role="a"),
                ChainRole(organizational_units=[UNIT], role="b"),
            ),
            "222222222222",
            None,
            "chain deploy declares several targets by organizational unit: single one out with target='a' or 'b'",
        ),
    ],
)
def test_another_place(
    chain: Chain, account: str, target: str | None, message: str, make_stack: MakeStack
) -> None:
    """A stack set stands in the account that the chain declares for it, and one target is meant."""
    with pytest.raises(PlacementError) as error:
        TargetStackSet(make_stack(account), "Set", chain=chain, target=target)
    assert str(error.value) == message


@pytest.mark.parametrize(("chain", "account"), [(declared(), "222222222222"), (MAXIMAL, "777777777777")])
def test_snapshot(chain: Chain, account: str, make_stack: MakeStack, snapshot: SnapshotAssertion) -> None:
    """The template of a stack set."""
    stack = make_stack(account)
    TargetStackSet(stack, "Set", chain=chain)
    assert Template.from_stack(stack).to_json() == snapshot.with_defaults(
        extension_class=JSONSnapshotExtension
    )
