"""What was changed of a role's resource holds, whenever the role is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from rolechain import Chain
from rolechain.cdk import MiddleRole, TargetRole

Json = dict[str, Any]
MakeStack = Callable[[str], cdk.Stack]
TemplateOf = Callable[[cdk.Stack], Json]


def _close(role: iam.CfnRole) -> None:
    role.add_property_override(
        "AssumeRolePolicyDocument.Statement.0.Condition.IpAddress", {"aws:SourceIp": "192.0.2.0/24"}
    )
    role.add_override("Properties.PermissionsBoundary", "arn:aws:iam::333333333333:policy/limit")
    role.add_property_deletion_override("MaxSessionDuration")


def _assign(role: iam.CfnRole) -> None:
    role.description = "mine"
    role.managed_policy_arns = ["arn:aws:iam::333333333333:policy/mine"]


def _keep(role: iam.CfnRole) -> None:
    role.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    role.add_metadata("owner", "team")
    role.cfn_options.condition = cdk.CfnCondition(role.stack, "If")


def _tag(role: iam.CfnRole) -> None:
    role.tags.set_tag("a", "by hand")
    role.tags.remove_tag("rolechain:role", 100)
    cdk.Tags.of(role).add("b", "by aspect")


def _order(role: iam.CfnRole) -> None:
    first, second = (s3.CfnBucket(role.stack, name) for name in ("First", "Second"))
    role.add_resource_dependency(first)
    role.node.add_dependency(second)


def _refer(role: iam.CfnRole) -> None:
    role.override_logical_id("Mine")
    bucket = s3.CfnBucket(role.stack, "Bucket", bucket_name=role.attr_role_id)
    bucket.add_resource_dependency(role)


CHANGES = [_close, _assign, _keep, _tag, _order, _refer]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_a_change_before_the_role_is_read(
    minimal: Chain, make_stack: MakeStack, change: Callable[[iam.CfnRole], None]
) -> None:
    """The template is the same whether the role is never read, or before the change, or after it."""

    def template(*steps: str) -> Json:
        app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
        stack = cdk.Stack(app, "Stack", env=cdk.Environment(account="333333333333", region="us-east-1"))
        target = TargetRole(stack, "Target", chain=minimal, proof=False)
        held = target.node.default_child
        for step in steps:
            if step == "read":
                assert target.role_arn
            else:
                change(cast(iam.CfnRole, held if step == "held" else target.node.default_child))
        return dict(cdk.assertions.Template.from_stack(stack).to_json())

    unchanged, changed = template(), template("changed")
    assert changed != unchanged
    assert template("changed", "read") == changed
    assert template("read", "changed") == changed
    assert template("read", "held") == changed


def test_what_a_role_must_not_lose(minimal: Chain, make_stack: MakeStack, template_of: TemplateOf) -> None:
    """A condition and a boundary that were put on a role stay when its ARN is read."""
    stack = make_stack("333333333333")
    target = TargetRole(stack, "Target", chain=minimal, proof=False)
    _close(cast(iam.CfnRole, target.node.default_child))
    assert target.role_arn
    (role,) = [each["Properties"] for each in template_of(stack)["Resources"].values()]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["IpAddress"] == {"aws:SourceIp": "192.0.2.0/24"}
    assert role["PermissionsBoundary"] == "arn:aws:iam::333333333333:policy/limit"


def test_references_follow_a_role_that_is_renamed(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """What referred to the role before it was read means the same one under its later logical id."""
    stack = make_stack("222222222222")
    middle = MiddleRole(stack, "Middle", chain=minimal, proof=False)
    before = cast(iam.CfnRole, middle.node.default_child)
    bucket = s3.CfnBucket(stack, "Bucket", bucket_name=before.ref)
    bucket.add_resource_dependency(before)
    cast(iam.CfnRole, middle.role.node.default_child).override_logical_id("Renamed")
    resources = template_of(stack)["Resources"]
    assert resources["Bucket"]["Properties"] == {"BucketName": {"Ref": "Renamed"}}
    assert resources["Bucket"]["DependsOn"] == ["Renamed"]
    (policy,) = [each for each in resources.values() if each["Type"] == "AWS::IAM::ManagedPolicy"]
    assert policy["Properties"]["Roles"] == [{"Ref": "Renamed"}]


@pytest.mark.parametrize("read", [False, True], ids=["never read", "read"])
def test_the_tags_of_an_app_go_before_those_of_the_package(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf, read: bool
) -> None:
    """Whether the role was read or not, a tag of the app's own choice stands."""
    stack = make_stack("333333333333")
    target = TargetRole(stack, "Target", chain=minimal, proof=False)
    cdk.Tags.of(stack).add("rolechain:chain", "mine")
    if read:
        assert target.role
    (role,) = template_of(stack)["Resources"].values()
    assert {tag["Key"]: tag["Value"] for tag in role["Properties"]["Tags"]}["rolechain:chain"] == "mine"


def test_what_was_said_of_a_role_stays(minimal: Chain, make_stack: MakeStack) -> None:
    """Warnings and acknowledgements stay with the role."""
    target = TargetRole(make_stack("333333333333"), "Target", chain=minimal, proof=False)
    before = target.node.default_child
    assert before is not None
    cdk.Annotations.of(before).add_warning("look here")
    cdk.Validations.of(before).acknowledge(cdk.Acknowledgment(id="Pack-Rule", reason="known"))
    resource = target.role.node.default_child
    assert resource is not None
    said = {entry.type: entry.data for entry in resource.node.metadata}
    assert said["aws:cdk:warning"] == "look here"
    assert said["aws:cdk:acknowledged-rules"] == {"Annotation::Pack-Rule": "known"}
    assert target.node.default_child is not None
    assert target.node.default_child.node.path == resource.node.path


@jsii.implements(cdk.IAspect)
class _Grants:
    """Reads the roles while CDK is synthesizing."""

    def visit(self, node: IConstruct) -> None:
        """Grants each target something."""
        if isinstance(node, TargetRole):
            node.role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))


def test_an_aspect_may_read_a_role(minimal: Chain, make_stack: MakeStack, template_of: TemplateOf) -> None:
    """A role that is first read during the synth has what other aspects gave it, too."""
    stack = make_stack("333333333333")
    target = TargetRole(stack, "Target", chain=minimal, proof=False)
    _close(cast(iam.CfnRole, target.node.default_child))
    cdk.Aspects.of(stack).add(_Grants())
    cdk.Tags.of(stack).add("team", "mine")
    resources = template_of(stack)["Resources"]
    (role,) = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::IAM::Role"]
    assert role["PermissionsBoundary"] == "arn:aws:iam::333333333333:policy/limit"
    assert {"Key": "team", "Value": "mine"} in role["Tags"]
    assert [each["Type"] for each in resources.values()].count("AWS::IAM::Policy") == 1
