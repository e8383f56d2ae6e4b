"""Exactly what the constructs write into trust policies and permissions."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from rolechain import Chain
from rolechain.cdk import MiddleRole, SourceRole, TargetRole

Json = dict[str, Any]
MakeStack = Callable[[str], cdk.Stack]
TemplateOf = Callable[[cdk.Stack], Json]


def only(template: Json, kind: str) -> Json:
    """The properties of the one resource of a type."""
    (found,) = [item["Properties"] for item in template["Resources"].values() if item["Type"] == kind]
    return dict(found)


def trust(template: Json) -> list[Json]:
    document = only(template, "AWS::IAM::Role")["AssumeRolePolicyDocument"]
    assert document["Version"] == "2012-10-17"
    return list(document["Statement"])


def test_the_source_role_lets_its_entrance_in(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """The source role trusts who the chain says, and nobody else."""
    stack = make_stack("111111111111")
    SourceRole(stack, "Source", chain=minimal)
    assert trust(template_of(stack)) == [
        {
            "Sid": "AllowEntrance",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]


def test_the_source_role_may_assume_the_middle_role_only(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """The caller's half is a managed policy on the callee's exact ARN."""
    stack = make_stack("111111111111")
    SourceRole(stack, "Source", chain=minimal)
    policy = only(template_of(stack), "AWS::IAM::ManagedPolicy")
    assert policy["PolicyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AssumeCallees",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": "arn:aws:iam::222222222222:role/rolechain/deploy-middle",
            }
        ],
    }
    assert policy["Path"] == "/rolechain/"


def test_the_middle_role_trusts_the_source_role_only(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """The callee's half is the caller's account, closed on the caller's role."""
    stack = make_stack("222222222222")
    MiddleRole(stack, "Middle", chain=minimal)
    assert trust(template_of(stack)) == [
        {
            "Sid": "AllowCaller",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/rolechain/deploy-source"}
            },
        }
    ]


def test_a_target_may_assume_nothing(minimal: Chain, make_stack: MakeStack, template_of: TemplateOf) -> None:
    """The template of a target without permissions holds the role alone."""
    stack = make_stack("333333333333")
    TargetRole(stack, "Target", chain=minimal)
    template = template_of(stack)
    assert [item["Type"] for item in template["Resources"].values()] == ["AWS::IAM::Role"]
    assert "ManagedPolicyArns" not in only(template, "AWS::IAM::Role")


def test_the_maximal_entrances(maximal: Chain, make_stack: MakeStack, template_of: TemplateOf) -> None:
    """Each kind of entrance is one statement, closed as far as its kind allows."""
    stack = make_stack("111111111111")
    SourceRole(stack, "Source", chain=maximal)
    host = "token.actions.githubusercontent.com"
    assert trust(template_of(stack)) == [
        {
            "Sid": "AllowEntrance",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
        {
            "Sid": "AllowEntrance2",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::777777777777:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        },
        {
            "Sid": "AllowEntrance3",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::888888888888:root"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::888888888888:role/ci/runner"},
                "StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"},
            },
        },
        {
            "Sid": "AllowEntrance4",
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::111111111111:oidc-provider/{host}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{host}:aud": "sts.amazonaws.com"},
                "StringLike": {f"{host}:sub": "repo:acme/app:ref:refs/heads/main"},
            },
        },
        {
            "Sid": "AllowEntrance5",
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::111111111111:saml-provider/okta"},
            "Action": "sts:AssumeRoleWithSAML",
            "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
        },
        {
            "Sid": "AllowEntrance6",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "ArnLike": {
                    "aws:PrincipalArn": "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/*"
                    "AWSReservedSSO_DeployAccess_????????????????"
                },
                "StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"},
            },
        },
    ]


def test_the_external_id_stands_on_both_sides(
    maximal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """The callee asks for the external id and the organization; the caller may call with that id only."""
    source, middle = make_stack("111111111111"), make_stack("222222222222")
    SourceRole(source, "Source", chain=maximal)
    MiddleRole(middle, "Middle", chain=maximal)
    assert trust(template_of(middle)) == [
        {
            "Sid": "AllowCaller",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/jump/entry"},
                "StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1", "sts:ExternalId": "jump/1"},
            },
        }
    ]
    assert only(template_of(source), "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"] == [
        {
            "Sid": "AssumeCallees",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": "arn:aws:iam::222222222222:role/rolechain/deploy-middle-1",
            "Condition": {"StringEquals": {"sts:ExternalId": "jump/1"}},
        }
    ]


def test_trust_by_role_arn(maximal: Chain, make_stack: MakeStack, template_of: TemplateOf) -> None:
    """Trust by role_arn names the caller's role itself."""
    stack = make_stack("444444444444")
    MiddleRole(stack, "Middle", chain=maximal)
    assert trust(template_of(stack)) == [
        {
            "Sid": "AllowCaller",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::222222222222:role/rolechain/deploy-middle-1"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        }
    ]


def test_the_last_middle_role_reaches_every_target(
    maximal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """Targets that share an external id share a statement; one without has its own."""
    stack = make_stack("444444444444")
    MiddleRole(stack, "Middle", chain=maximal)
    assert only(template_of(stack), "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"] == [
        {
            "Sid": "AssumeCallees",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": [
                "arn:aws:iam::333333333333:role/rolechain/deploy-target",
                "arn:aws:iam::333333333333:role/rolechain/other",
            ],
            "Condition": {"StringEquals": {"sts:ExternalId": "ext-1"}},
        },
        {
            "Sid": "AssumeCallees2",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": "arn:aws:iam::555555555555:role/rolechain/third",
        },
    ]


def test_a_target_s_own_permissions(maximal: Chain, make_stack: MakeStack, template_of: TemplateOf) -> None:
    """What a role declares it may do is a managed policy of its own; policies by ARN are attached."""
    stack = make_stack("333333333333")
    TargetRole(stack, "Target", chain=maximal, role="deploy-target")
    template = template_of(stack)
    assert only(template, "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameter",
            "Resource": "arn:aws:ssm:eu-central-1:333333333333:parameter/app",
        }
    ]
    assert only(template, "AWS::IAM::Role")["ManagedPolicyArns"] == [
        "arn:aws:iam::333333333333:policy/team/reading"
    ]


def test_an_aws_managed_policy_by_name(
    minimal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """The name of an AWS managed policy becomes its ARN in the chain's partition."""
    from dataclasses import replace

    (target,) = minimal.targets
    chain = replace(minimal, targets=[replace(target, managed_policies=["job-function/ViewOnlyAccess"])])
    stack = make_stack("333333333333")
    TargetRole(stack, "Target", chain=chain)
    assert only(template_of(stack), "AWS::IAM::Role")["ManagedPolicyArns"] == [
        "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
    ]


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (iam.ServicePrincipal("ecs-tasks.amazonaws.com"), {"Service": "ecs-tasks.amazonaws.com"}),
        (iam.ArnPrincipal("arn:aws:iam::999999999999:user/x"), {"AWS": "arn:aws:iam::999999999999:user/x"}),
    ],
)
def test_any_cdk_principal_may_enter(
    principal: iam.IPrincipal,
    expected: Json,
    minimal: Chain,
    make_stack: MakeStack,
    template_of: TemplateOf,
) -> None:
    """A principal of CDK's own is let in besides those of the chain."""
    stack = make_stack("111111111111")
    SourceRole(stack, "Source", chain=minimal, assumed_by=principal, proof=False)
    assert trust(template_of(stack)) == [
        {
            "Sid": "AllowEntrance",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
        {"Effect": "Allow", "Principal": expected, "Action": "sts:AssumeRole"},
    ]


def test_names_paths_tags_and_session_length(
    maximal: Chain, make_stack: MakeStack, template_of: TemplateOf
) -> None:
    """The role is named as declared, so that another account can name it before it exists."""
    stack = make_stack("111111111111")
    SourceRole(stack, "Source", chain=maximal)
    template = template_of(stack)
    role = only(template, "AWS::IAM::Role")
    assert (role["RoleName"], role["Path"], role["MaxSessionDuration"]) == ("entry", "/jump/", 7200)
    assert role["Description"] == "where the chain begins"
    assert role["Tags"] == [
        {"Key": "rolechain:chain", "Value": "deploy"},
        {"Key": "rolechain:role", "Value": "source"},
    ]


def test_another_partition(make_stack: MakeStack, template_of: TemplateOf, minimal: Chain) -> None:
    """No ARN of a chain in another partition begins with arn:aws:."""
    import json
    from dataclasses import replace

    roles = [replace(role, partition="") for role in minimal.roles]
    chain = replace(
        minimal,
        sources=[roles[0]],
        middle=[roles[1]],
        targets=[replace(roles[2], managed_policies=["ReadOnlyAccess"])],
        partition="aws-cn",
        region="cn-north-1",
    )
    stacks = [make_stack(account) for account in chain.accounts]
    SourceRole(stacks[0], "Source", chain=chain, proof=False)
    MiddleRole(stacks[1], "Middle", chain=chain, proof=False)
    TargetRole(stacks[2], "Target", chain=chain, proof=False)
    text = json.dumps([template_of(stack) for stack in stacks])
    assert "arn:aws-cn:iam::" in text
    assert "arn:aws:" not in text
