"""The execution policies of an account: what CloudFormation needs for the chain's stack, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack

from rolechain import Chain, ChainRole, Entrance
from rolechain.cdk import TargetStackSet
from rolechain.iam.limits import MANAGED_POLICY_CHARACTERS, length_of_document
from rolechain.model.role import Permission
from rolechain.model.stack_set import StackSet
from rolechain.policy import Effect, Policy
from rolechain.statements.execution_policy import ExecutionPolicyError, calls_of, execution_policies

ACCOUNT = "333333333333"
IAM = f"arn:aws:iam::{ACCOUNT}"
BOUNDARY = f"{IAM}:policy/team/boundary"
ROLE, BOUNDED = f"{IAM}:role/rolechain/deploy-target", f"{IAM}:role/rolechain/bounded"
OWN_POLICY = f"{IAM}:policy/rolechain/deploy-{ACCOUNT}-deploytargetPermissions0A1B2C3D-AbCdEfGhIjKl"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
VERSION = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/cdk-bootstrap/hnb659fds/version"
IN_BOUNDARY = {"iam:PermissionsBoundary": BOUNDARY}


def chain(*targets: ChainRole) -> Chain:
    source = ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")])
    return Chain("deploy", source=source, middle=[ChainRole("222222222222")], targets=targets)


CHAIN = chain(
    ChainRole(ACCOUNT, managed_policies=["ReadOnlyAccess"], permissions=[Permission("s3:List*", "*")]),
    ChainRole(ACCOUNT, role="bounded", permissions_boundary="team/boundary"),
    ChainRole(ACCOUNT, role="there", existing=True),
)


def judged(action: str, resource: str, context: dict[str, Any]) -> Effect:
    (document,) = execution_policies(CHAIN, ACCOUNT, stack=f"deploy-{ACCOUNT}")
    return Policy.parse(document).judge(action, resource, context)


@pytest.mark.parametrize(
    ("actions", "resource", "context"),
    [
        # The handlers of AWS::IAM::Role in the CloudFormation registry.
        ("CreateRole GetRole TagRole", ROLE, {}),
        ("ListAttachedRolePolicies ListRolePolicies GetRolePolicy", ROLE, {}),
        ("UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy UntagRole DeleteRole", ROLE, {}),
        ("CreateRole PutRolePermissionsBoundary", BOUNDED, IN_BOUNDARY),
        ("AttachRolePolicy DetachRolePolicy", ROLE, {"iam:PolicyARN": READ_ONLY}),
        # Those of AWS::IAM::ManagedPolicy.
        ("CreatePolicy GetPolicy GetPolicyVersion ListEntitiesForPolicy", OWN_POLICY, {}),
        ("ListPolicyVersions CreatePolicyVersion DeletePolicyVersion DeletePolicy", OWN_POLICY, {}),
        ("AttachRolePolicy DetachRolePolicy", ROLE, {"iam:PolicyARN": OWN_POLICY}),
        ("AttachRolePolicy DetachRolePolicy", BOUNDED, {"iam:PolicyARN": OWN_POLICY, **IN_BOUNDARY}),
    ],
)
def test_what_cloudformation_calls_is_allowed(actions: str, resource: str, context: dict[str, str]) -> None:
    """Every call that creates, reads, changes or deletes the chain's resources."""
    for action in actions.split():
        assert judged(f"iam:{action}", resource, context) is Effect.ALLOW
    assert judged("ssm:GetParameters", VERSION, {}) is Effect.ALLOW


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("iam:CreateUser", f"{IAM}:user/new", {}),
        ("iam:CreateAccessKey", f"{IAM}:user/new", {}),
        ("iam:PassRole", ROLE, {}),
        ("iam:PutRolePolicy", ROLE, {}),
        ("iam:PutRolePolicy", f"{IAM}:role/other", {}),
        ("iam:CreateRole", f"{IAM}:role/rolechain/other", {}),
        ("iam:CreateRole", f"{IAM}:role/rolechain/deploy-target2", {}),
        ("iam:CreateRole", "arn:aws:iam::444444444444:role/rolechain/deploy-target", {}),
        ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/rolechain/there", {}),
        ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-us-east-1", {}),
        ("iam:AttachRolePolicy", ROLE, {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ("iam:AttachRolePolicy", ROLE, {}),
        # What the other role declares.
        ("iam:AttachRolePolicy", BOUNDED, {"iam:PolicyARN": READ_ONLY, **IN_BOUNDARY}),
        # The boundary cannot be left out, changed or taken away.
        ("iam:CreateRole", BOUNDED, {}),
        ("iam:CreateRole", BOUNDED, {"iam:PermissionsBoundary": READ_ONLY}),
        ("iam:PutRolePermissionsBoundary", BOUNDED, {"iam:PermissionsBoundary": READ_ONLY}),
        ("iam:DeleteRolePermissionsBoundary", BOUNDED, IN_BOUNDARY),
        ("iam:AttachRolePolicy", BOUNDED, {"iam:PolicyARN": OWN_POLICY}),
        # Neither the boundary's document nor that of the execution policy itself, nor another chain's.
        ("iam:CreatePolicyVersion", BOUNDARY, {}),
        ("iam:CreatePolicyVersion", f"{IAM}:policy/execution-of-deploy-{ACCOUNT}", {}),
        ("iam:CreatePolicyVersion", f"{IAM}:policy/rolechain/other-{ACCOUNT}-Hops-1", {}),
        ("iam:SetDefaultPolicyVersion", OWN_POLICY, {}),
        ("sts:AssumeRole", ROLE, {}),
        ("sts:GetFederationToken", "*", {}),
        ("s3:CreateBucket", "*", {}),
        ("ssm:PutParameter", VERSION, {}),
        ("ssm:GetParameters", f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/secret", {}),
        ("cloudformation:CreateStack", "*", {}),
    ],
)
def test_everything_else_is_not(action: str, resource: str, context: dict[str, str]) -> None:
    """Neither other roles, policies and accounts nor what makes of the chain's roles what is not declared."""
    assert judged(action, resource, context) is Effect.SILENT


def test_a_policy_beyond_the_quota_is_several() -> None:
    """Each keeps to the quota of IAM, and every role is in one of them."""
    many = chain(*(ChainRole(ACCOUNT, role=f"target-of-the-team-{number}") for number in range(60)))
    documents = execution_policies(many, ACCOUNT, stack="deploy")
    assert len(documents) > 1
    assert all(length_of_document(each) <= MANAGED_POLICY_CHARACTERS for each in documents)
    created = {
        resource for each in documents for action, resource, _ in calls_of(each) if action == "iam:CreateRole"
    }
    assert created == {role.arn for role in many.targets}


def test_one_role_beyond_the_quota() -> None:
    """Too many attached policies are refused in words."""
    path = "long/" * 60
    attached = [f"{IAM}:policy/{path}{number}" for number in range(20)]
    role = ChainRole(ACCOUNT, managed_policies=attached)
    with pytest.raises(ExecutionPolicyError, match=r"deploy-target have [\d,]+ characters.* takes 6,144"):
        execution_policies(chain(role), ACCOUNT, stack="deploy")


def test_an_account_without_roles_to_create() -> None:
    """Nothing is deployed there, so no policy is needed."""
    assert execution_policies(CHAIN, "444444444444", stack="deploy") == []


def test_a_stack_s_name_that_cloudformation_shortens() -> None:
    """The pattern holds as much of a long name as the policies' names surely do."""
    stack = "a" * 64 + "-" + ACCOUNT
    (document,) = execution_policies(CHAIN, ACCOUNT, stack=stack)
    policy = Policy.parse(document)
    shortened = f"{IAM}:policy/rolechain/{'a' * 57}-deploytargetPermissions-AbCdEfGhIjKl"
    assert policy.judge("iam:CreatePolicy", shortened, {}) is Effect.ALLOW
    assert policy.judge("iam:CreatePolicy", f"{IAM}:policy/rolechain/{'a' * 40}-x", {}) is Effect.SILENT


def test_the_roles_of_the_chain_before() -> None:
    """A role that is renamed may be made by its new name, and deleted by its old one."""
    renamed = chain(ChainRole(ACCOUNT, role="renamed"))
    (document,) = execution_policies(renamed, ACCOUNT, stack=f"deploy-{ACCOUNT}", former=CHAIN)
    policy = Policy.parse(document)
    assert policy.judge("iam:CreateRole", f"{IAM}:role/rolechain/renamed", {}) is Effect.ALLOW
    assert policy.judge("iam:DeleteRole", ROLE, {}) is Effect.ALLOW
    assert policy.judge("iam:DetachRolePolicy", ROLE, {"iam:PolicyARN": OWN_POLICY}) is Effect.ALLOW


def test_a_boundary_that_the_stack_could_change() -> None:
    """A boundary whose name is one of the stack's own policies would bind nobody who deploys."""
    role = ChainRole(ACCOUNT, permissions_boundary=f"rolechain/deploy-{ACCOUNT}-limit")
    with pytest.raises(ExecutionPolicyError, match=rf"policy/rolechain/deploy-{ACCOUNT}-limit is named as"):
        execution_policies(chain(role), ACCOUNT, stack=f"deploy-{ACCOUNT}")


GATE = "222222222222"
UNIT, OTHER_UNIT = "ou-ab12-11111111", "ou-ab12-22222222"
EXCLUDED = "777777777777"
# A delegated administrator's stack sets are those of the management account.
OF_MANAGEMENT = "arn:aws:cloudformation:us-east-1:555555555555"
SET = f"{OF_MANAGEMENT}:stackset/deploy-all-of-it:1a-2b"
TARGET = f"{OF_MANAGEMENT}:stackset-target/deploy-all-of-it:1a-2b"
TYPE = "arn:aws:cloudformation:us-east-1::type/resource"
TEMPLATE = f"arn:aws:s3:::cdk-hnb659fds-assets-{GATE}-us-east-1/0a1b.json"
HERE, ELSEWHERE = ({"cloudformation:TargetRegion": [region]} for region in ("us-east-1", "eu-west-1"))


def in_units(*units: str, **more: Any) -> Chain:
    paths = [f"r-ab12/{unit}" for unit in units]
    target = ChainRole(
        role="all+of@it",
        organizational_units=paths,
        exclude=[EXCLUDED],
        permissions=[Permission("s3:List*", "*")],
        **more,
    )
    source = ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")])
    return Chain(
        "deploy", source=source, middle=[ChainRole(GATE)], targets=[target], organization="o-exampleorg1"
    )


def judged_in(chain: Chain, account: str, action: str, resource: str, context: dict[str, Any]) -> Effect:
    (document,) = execution_policies(chain, account, stack=f"deploy-{account}")
    return Policy.parse(document).judge(action, resource, context)


@pytest.mark.parametrize(
    ("actions", "resource", "context"),
    [
        # The handlers of AWS::CloudFormation::StackSet in the CloudFormation registry.
        ("CreateStackSet UpdateStackSet DeleteStackSet DescribeStackSet TagResource UntagResource", SET, {}),
        ("CreateStackInstances UpdateStackInstances DeleteStackInstances UpdateStackSet", SET, HERE),
        ("DescribeStackSetOperation ListStackSetOperationResults", SET, {}),
        ("ListStackInstances DescribeStackInstance", SET, {}),
        ("GetTemplateSummary", "*", {}),
        # What the calls that deploy name besides the stack set: where it goes, and what its template holds.
        (
            "CreateStackInstances UpdateStackInstances DeleteStackInstances UpdateStackSet",
            f"{TARGET}/{UNIT}",
            HERE,
        ),
        ("CreateStackInstances UpdateStackInstances DeleteStackInstances", f"{TARGET}/{EXCLUDED}", HERE),
        ("CreateStackSet UpdateStackSet", f"{TYPE}/AWS-IAM-Role", {}),
        ("CreateStackInstances UpdateStackInstances DeleteStackInstances", f"{TYPE}/AWS-IAM-Role", HERE),
        ("CreateStackInstances UpdateStackSet", f"{TYPE}/AWS-IAM-ManagedPolicy", HERE),
    ],
)
def test_what_a_stack_set_calls_is_allowed(actions: str, resource: str, context: dict[str, Any]) -> None:
    """Every call that creates, reads, changes or deletes the chain's stack sets."""
    for action in actions.split():
        assert judged_in(in_units(UNIT), GATE, f"cloudformation:{action}", resource, context) is Effect.ALLOW
    for action in ("organizations:ListDelegatedAdministrators", "organizations:DescribeOrganization"):
        assert judged_in(in_units(UNIT), GATE, action, "*", {}) is Effect.ALLOW
    assert judged_in(in_units(UNIT), GATE, "s3:GetObject", TEMPLATE, {}) is Effect.ALLOW


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        # Another stack set, another unit or account, another region.
        ("cloudformation:CreateStackSet", f"{OF_MANAGEMENT}:stackset/mine:1a-2b", {}),
        ("cloudformation:UpdateStackSet", f"{OF_MANAGEMENT}:stackset/deploy-all-of-it2:1a-2b", {}),
        ("cloudformation:DeleteStackSet", f"{OF_MANAGEMENT}:stackset/network:1a-2b", {}),
        ("cloudformation:UpdateStackSet", SET.replace("us-east-1", "eu-west-1"), {}),
        ("cloudformation:CreateStackInstances", f"{TARGET}/{OTHER_UNIT}", HERE),
        ("cloudformation:CreateStackInstances", f"{TARGET}/r-ab12", HERE),
        ("cloudformation:CreateStackInstances", f"{TARGET}/444444444444", HERE),
        ("cloudformation:CreateStackInstances", f"{OF_MANAGEMENT}:stackset-target/mine:1a-2b/{UNIT}", HERE),
        ("cloudformation:CreateStackInstances", f"{TARGET}/{UNIT}", ELSEWHERE),
        ("cloudformation:UpdateStackSet", f"{TYPE}/AWS-IAM-Role", ELSEWHERE),
        # What a target's template does not hold.
        ("cloudformation:CreateStackSet", f"{TYPE}/AWS-Lambda-Function", {}),
        ("cloudformation:CreateStackInstances", f"{TYPE}/AWS-IAM-User", HERE),
        ("cloudformation:UpdateStackSet", f"{TYPE}/AWS-CloudFormation-CustomResource", HERE),
        ("cloudformation:ImportStacksToStackSet", SET, {}),
        ("cloudformation:StopStackSetOperation", SET, {}),
        ("cloudformation:CreateStack", "*", {}),
        ("cloudformation:ActivateOrganizationsAccess", "*", {}),
        ("organizations:RegisterDelegatedAdministrator", "*", {}),
        ("organizations:MoveAccount", "*", {}),
        ("iam:PassRole", f"arn:aws:iam::{GATE}:role/AWSCloudFormationStackSetAdministrationRole", {}),
        ("iam:CreateRole", f"arn:aws:iam::{GATE}:role/stacksets-exec-0a1b", {}),
        ("sts:AssumeRole", "arn:aws:iam::444444444444:role/stacksets-exec-0a1b", {}),
        ("s3:GetObject", f"arn:aws:s3:::cdk-other-assets-{GATE}-us-east-1/0a1b.json", {}),
        ("s3:PutObject", TEMPLATE, {}),
    ],
)
def test_no_other_stack_set(action: str, resource: str, context: dict[str, Any]) -> None:
    """Neither another stack set or place, nor resources of other types in the units' accounts."""
    assert judged_in(in_units(UNIT), GATE, action, resource, context) is Effect.SILENT


def test_no_other_account_deploys_a_stack_set() -> None:
    """The account of the source has its roles alone."""
    assert (
        judged_in(in_units(UNIT), "111111111111", "cloudformation:CreateStackSet", SET, {}) is Effect.SILENT
    )


def test_a_target_s_template_holds_the_types_that_are_allowed() -> None:
    """CloudFormation asks for each type of a stack set's template."""
    chain = in_units(UNIT)
    stack = Stack(App(), "Stack", env=Environment(account=GATE, region=chain.region))
    template = TargetStackSet(stack, "Target", chain=chain, proof=False).template
    types = {each["Type"] for each in template["Resources"].values()}
    assert types == {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}
    for each in types:
        arn = f"{TYPE}/{each.replace('::', '-')}"
        assert judged_in(chain, GATE, "cloudformation:CreateStackSet", arn, {}) is Effect.ALLOW


def test_a_stack_set_of_the_management_account() -> None:
    """An account without roles of the chain gets a policy too, for stack sets of its own."""
    management = "555555555555"
    chain = in_units(UNIT, stack_set=StackSet(administrator_account=management, call_as="SELF"))
    assert judged_in(chain, management, "cloudformation:CreateStackSet", SET, {}) is Effect.ALLOW
    other = SET.replace(management, GATE)
    assert judged_in(chain, management, "cloudformation:CreateStackSet", other, {}) is Effect.SILENT
    assert judged_in(chain, GATE, "cloudformation:CreateStackSet", SET, {}) is Effect.SILENT


def test_a_stack_set_of_the_chain_before() -> None:
    """It may leave a unit that the chain names no more."""
    (document,) = execution_policies(in_units(OTHER_UNIT), GATE, stack="deploy", former=in_units(UNIT))
    for unit in (UNIT, OTHER_UNIT):
        judged = Policy.parse(document).judge("cloudformation:DeleteStackInstances", f"{TARGET}/{unit}", HERE)
        assert judged is Effect.ALLOW


def test_one_stack_set_beyond_the_quota() -> None:
    """Too many units are refused in words."""
    units = [f"ou-ab12-{number:08}" for number in range(80)]
    with pytest.raises(
        ExecutionPolicyError, match=r"rolechain/all.* takes 6,144: declare fewer units and excluded accounts"
    ):
        execution_policies(in_units(*units), GATE, stack="deploy")
