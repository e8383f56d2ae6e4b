"""The role of a construct, which is made of the plain resource when it is first read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from rolechain import Chain, ChainRole, Permission
from rolechain.cdk import MiddleRole, RoleChain, SourceRole, TargetRole

Json = dict[str, Any]
MakeStack = Callable[[str], cdk.Stack]
TemplateOf = Callable[[cdk.Stack], Json]
MERGING = {"@aws-cdk/aws-iam:minimizePolicies": True}


@pytest.fixture
def bounded(maximal: Chain) -> Chain:
    """The maximal chain with two more targets: one that is bounded, and one with permissions that are alike."""
    alike = [Permission(["ssm:GetParameter"], [arn]) for arn in ("arn:aws:ssm:*:*:a", "arn:aws:ssm:*:*:b")]
    more = [
        ChainRole("666666666666", permissions_boundary="team/limit", managed_policies=["ReadOnlyAccess"]),
        ChainRole("777777777777", session_tags={"Project": "apollo"}, permissions=alike),
    ]
    return Chain(
        "deploy",
        organization=maximal.organization,
        policy_documents=maximal.policy_documents,
        administrators=maximal.administrators,
        source=maximal.sources,
        middle=maximal.middle,
        targets=[*maximal.targets, *more],
    )


@pytest.mark.parametrize("context", [{}, MERGING], ids=["as written", "merging"])
def test_reading_a_role_changes_no_template(bounded: Chain, context: Json, template_of: TemplateOf) -> None:
    """The templates are the same whether any role was read or not, also where CDK merges statements."""

    def templates(read: bool) -> list[Json]:
        app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False, context=context)
        made = RoleChain(app, "deploy", chain=bounded)
        if read:
            assert all(isinstance(construct.role, iam.Role) for construct in made.roles.values())
        return [template_of(stack) for stack in made.stacks.values()]

    assert templates(read=True) == templates(read=False)


def test_a_grant_lands_in_a_policy_of_the_role(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """What CDK grants to a target is attached to the role that the template makes."""
    stack = make_stack("333333333333")
    target = TargetRole(stack, "Target", chain=minimal, proof=False)
    s3.Bucket(stack, "Bucket").grant_read(target.role)
    resources = template_of(stack)["Resources"]
    (name,) = [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]
    (policy,) = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::IAM::Policy"]
    assert policy["Roles"] == [{"Ref": name}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert sorted(statement["Action"]) == ["s3:GetBucket*", "s3:GetObject*", "s3:List*"]


def test_the_trust_policy_can_be_added_to(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """The role is the same each time that it is read, with all that a role of CDK has."""
    stack = make_stack("333333333333")
    target = TargetRole(stack, "Target", chain=minimal, proof=False)
    assert target.role is target.role
    assert target.role.assume_role_policy is not None
    target.role.assume_role_policy.add_statements(
        iam.PolicyStatement(
            actions=["sts:AssumeRole"], principals=[iam.ServicePrincipal("ec2.amazonaws.com")]
        )
    )
    (role,) = template_of(stack)["Resources"].values()
    statements = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in statements] == [
        {"AWS": "arn:aws:iam::222222222222:root"},
        {"Service": "ec2.amazonaws.com"},
    ]


def test_the_policies_follow_a_role_that_is_renamed(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """The policies of the hops are attached to the role that was read, whatever becomes of its logical id."""
    stack = make_stack("222222222222")
    resource = MiddleRole(stack, "Middle", chain=minimal).role.node.default_child
    assert isinstance(resource, iam.CfnRole)
    resource.override_logical_id("Renamed")
    resources = template_of(stack)["Resources"]
    (policy,) = [each for each in resources.values() if each["Type"] == "AWS::IAM::ManagedPolicy"]
    assert policy["Properties"]["Roles"] == [{"Ref": "Renamed"}]
    assert resources["Renamed"]["Type"] == "AWS::IAM::Role"


def test_the_arn_of_a_role(minimal: Chain, make_stack: MakeStack, template_of: TemplateOf) -> None:
    """In its own stack a role's ARN is that of the resource; in another account's it is written out."""
    target = TargetRole(make_stack("333333333333"), "Target", chain=minimal, proof=False)
    assert cdk.Stack.of(target).resolve(target.role_arn) == {"Fn::GetAtt": ["Target3191CF44", "Arn"]}
    other = make_stack("222222222222")
    cdk.CfnOutput(other, "Arn", value=target.role_arn)
    (output,) = template_of(other)["Outputs"].values()
    assert str(output["Value"]).count(":iam::333333333333:role/rolechain/deploy-target") == 1


def test_entrances_are_told_apart(maximal: Chain, make_stack: MakeStack, template_of: TemplateOf) -> None:
    """No two statements of a trust policy have one Sid, which IAM would refuse."""
    stack = make_stack("111111111111")
    SourceRole(stack, "Source", chain=maximal)
    (role,) = [
        each["Properties"]
        for each in template_of(stack)["Resources"].values()
        if each["Type"] == "AWS::IAM::Role"
    ]
    sids = [statement["Sid"] for statement in role["AssumeRolePolicyDocument"]["Statement"]]
    assert len(set(sids)) == len(sids) == len(maximal.source.assumed_by)


def test_a_target_asks_little_of_cdk(minimal: Chain, app: cdk.App, monkeypatch: pytest.MonkeyPatch) -> None:
    """One target more is four calls to the process that CDK runs in, on which the time of a large chain hangs."""
    calls: Counter[str] = Counter()
    provider = type(jsii.kernel.provider)
    for name in ("create", "get", "set", "invoke", "sget", "sinvoke"):
        call = getattr(provider, name)

        def counted(self: object, request: object, name: str = name, call: Any = call) -> object:
            calls[name] += 1
            return call(self, request)

        monkeypatch.setattr(provider, name, counted)

    def made(targets: int) -> Counter[str]:
        calls.clear()
        roles = [ChainRole(f"{300000000000 + number}") for number in range(targets)]
        chain = Chain("deploy", source=minimal.sources, middle=minimal.middle, targets=roles)
        RoleChain(app, f"deploy{targets}", chain=chain)
        return calls.copy()

    assert made(3) - made(2) == {"create": 3, "get": 1}
