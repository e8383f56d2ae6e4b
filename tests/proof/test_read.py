"""Templates read as roles: their names, accounts and policies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolechain import Chain
from rolechain.policy import Effect
from rolechain.proof import Level, RoleRecord, Template, audit, prove, role_graph_of

Json = dict[str, Any]
ROLE = "arn:aws:iam::222222222222:role/next"


def _document(action: str = "sts:AssumeRole", resource: Any = ROLE, effect: str = "Allow") -> Json:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": action, "Resource": resource}],
    }


def _role(**properties: Any) -> Json:
    return {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "role", **properties}}


def _read(**resources: Any) -> RoleRecord:
    (role,) = role_graph_of([Template("app", {"Resources": resources}, account="111111111111")]).roles
    return role


def _judged(role: RoleRecord) -> list[Effect]:
    return [record.policy.judge("sts:AssumeRole", ROLE, {}) for record in role.policies]


def test_policies_are_found_wherever_they_stand() -> None:
    """Inline, attached, managed by Ref, by list of roles and as a resource of its own: each policy counts once."""
    role = _read(
        Role=_role(
            Policies=[{"PolicyName": "inline", "PolicyDocument": _document()}],
            ManagedPolicyArns=[{"Ref": "Listed"}, "arn:aws:iam::111111111111:policy/team/named"],
        ),
        Listed={"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": _document()}},
        Named={
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "ManagedPolicyName": "named",
                "Path": "/team/",
                "PolicyDocument": _document(effect="Deny"),
                "Roles": ["role"],
            },
        },
        Attached={
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "attached",
                "PolicyDocument": _document(),
                "Roles": [{"Ref": "Role"}],
            },
        },
        Own={
            "Type": "AWS::IAM::RolePolicy",
            "Properties": {"PolicyName": "own", "RoleName": "role", "PolicyDocument": _document()},
        },
    )
    assert [(record.name, record.place.logical_id, record.inline) for record in role.policies] == [
        ("inline", "Role", True),
        ("arn:aws:iam::111111111111:policy/<app.Listed>", "Listed", False),
        ("arn:aws:iam::111111111111:policy/team/named", "Named", False),
        ("attached", "Attached", True),
        ("own", "Own", True),
    ]
    assert _judged(role) == [Effect.ALLOW, Effect.ALLOW, Effect.DENY, Effect.ALLOW, Effect.ALLOW]


def test_aws_managed_policies_are_known_by_name() -> None:
    """AdministratorAccess and PowerUserAccess allow AssumeRole, ReadOnlyAccess says nothing, the unknown is unknown."""
    arns = [
        f"arn:aws:iam::aws:policy/{name}"
        for name in ("AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "NoSuchPolicyOfAws")
    ]
    role = _read(Role=_role(ManagedPolicyArns=arns))
    assert _judged(role) == [Effect.ALLOW, Effect.ALLOW, Effect.SILENT, Effect.UNKNOWN]


def test_a_policy_that_is_not_at_hand_is_said() -> None:
    """A managed policy of somewhere else is unknown, and a warning of RC00, as it lets nobody in."""
    arn = "arn:aws:iam::111111111111:policy/elsewhere"
    body = {"Resources": {"Role": _role(ManagedPolicyArns=[arn])}}
    world = role_graph_of([Template("app", body, account="111111111111")])
    assert [(each.level, each.message) for each in world.unknown if "has the policy" in each.message] == [
        ("warning", f"Role has the policy {arn}, whose document is not at hand")
    ]
    assert world.roles[0].policies[0].policy.judge("sts:AssumeRole", ROLE, {}) is Effect.UNKNOWN


def test_a_boundary_that_is_not_at_hand_is_taken_for_granted() -> None:
    """A boundary can only take away: one of somewhere else opens nothing, and what it leaves is said to be assumed."""
    arn = "arn:aws:iam::111111111111:policy/elsewhere"
    body = {"Resources": {"Role": _role(PermissionsBoundary=arn)}}
    world = role_graph_of([Template("app", body, account="111111111111")])
    assert not any("has the policy" in each.message for each in world.unknown)
    assert f"assuming that the permissions boundary {arn} leaves what the chain needs" in world.assumptions
    boundary = world.roles[0].boundary
    assert boundary is not None
    assert boundary.policy.judge("sts:AssumeRole", ROLE, {}) is Effect.ALLOW


def test_only_statements_about_roles_matter() -> None:
    """An unresolved resource is reported where the statement may be about AssumeRole, and nowhere else."""
    unresolved = {"Fn::GetAtt": ["Bucket", "Arn"]}
    body = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket"},
            "Role": _role(
                AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": []},
                Policies=[
                    {"PolicyName": "s3", "PolicyDocument": _document("s3:*", unresolved)},
                    {"PolicyName": "sts", "PolicyDocument": _document("sts:*", unresolved)},
                ],
            ),
        }
    }
    world = role_graph_of([Template("app", body, account="111111111111")])
    (finding,) = world.unknown
    assert (finding.place and finding.place.part, finding.place and finding.place.statement) == (
        "Policies[1]",
        0,
    )


def test_a_template_without_account_finds_it_in_the_chain(chain: Chain, templates: list[Template]) -> None:
    """A template that holds a role which the chain declares once is taken for that role's account."""
    unplaced = [Template(f"file{number}", template.body) for number, template in enumerate(templates[:2])]
    roles = role_graph_of([*unplaced, *templates[2:]], chain).roles
    assert [role.arn for role in roles] == [role.arn for role in chain.roles]


def test_two_roles_of_one_name_leave_the_account_open(chain: Chain, templates: list[Template]) -> None:
    """Where several accounts hold the declared role, a template without account stays unplaced."""
    (role,) = role_graph_of([Template("target", templates[2].body)], chain).roles
    assert (role.account, role.arn) == ("", "arn:aws:iam::<target>:role/rolechain/deploy-target")


def test_a_stack_set_makes_its_roles_in_every_account() -> None:
    """The roles of an inline template stand in each account that the stack set names."""
    body = {
        "Resources": {"Role": _role(RoleName={"Ref": "Name"})},
        "Parameters": {"Name": {"Type": "String"}},
    }
    stack_set = {
        "Type": "AWS::CloudFormation::StackSet",
        "Properties": {
            "TemplateBody": json.dumps(body),
            "Parameters": [{"ParameterKey": "Name", "ParameterValue": "target"}],
            "StackInstancesGroup": [
                {
                    "DeploymentTargets": {"Accounts": ["333333333333", "444444444444"]},
                    "Regions": ["us-east-1"],
                }
            ],
        },
    }
    world = role_graph_of([Template("app", {"Resources": {"Set": stack_set}}, account="111111111111")])
    assert [role.arn for role in world.roles] == [
        "arn:aws:iam::333333333333:role/target",
        "arn:aws:iam::444444444444:role/target",
    ]
    assert [role.place.template for role in world.roles] == ["app/Set/333333333333", "app/Set/444444444444"]


def test_a_stack_set_by_organizational_unit_reaches_the_declared_accounts(
    chain: Chain, templates: list[Template]
) -> None:
    """Where only units are named, the role stands in the accounts in which the chain declares it, as an assumption."""
    stack_set = {
        "Type": "AWS::CloudFormation::StackSet",
        "Properties": {
            "TemplateBody": templates[2].body,
            "StackInstancesGroup": [{"DeploymentTargets": {"OrganizationalUnitIds": ["ou-1"]}}],
        },
    }
    body = {"Resources": {"Set": stack_set}}
    world = role_graph_of([Template("hub", body, account="222222222222", region="us-east-1")], chain)
    assert {role.account for role in world.roles} == {"333333333333", "444444444444"}
    assert world.assumptions == (
        "assuming stack set Set (hub) reaches 333333333333, 444444444444 by its organizational units",
    )


def test_resources_that_are_made_in_a_loop_are_said() -> None:
    """Resources of an Fn::ForEach are not read, and the world says so."""
    loop = ["Name", ["a", "b"], {"Role${Name}": _role()}]
    world = role_graph_of(
        [Template("app", {"Resources": {"Fn::ForEach::Roles": loop}}, account="111111111111")]
    )
    assert [(finding.level, finding.message) for finding in world.unknown] == [
        ("error", "the resources that Fn::ForEach::Roles makes are not known")
    ]


def test_a_malformed_policy_is_said() -> None:
    """A trust policy that IAM would refuse is unknown, with the reason, and lets nobody in unnoticed."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Maybe", "Action": "sts:AssumeRole"}]}
    world = role_graph_of(
        [Template("app", {"Resources": {"Role": _role(AssumeRolePolicyDocument=document)}})]
    )
    assert [(finding.rule, finding.message) for finding in world.unknown] == [
        (
            "RC03",
            "IAM refuses AssumeRolePolicyDocument of Role: statement 0: Effect is 'Maybe': write Allow or Deny",
        )
    ]


_WORDS = st.sampled_from(
    [
        "Resources", "Type", "Properties", "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::CloudFormation::StackSet",
        "AssumeRolePolicyDocument", "PolicyDocument", "Policies", "ManagedPolicyArns", "Roles", "RoleName", "Ref",
        "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::If", "Fn::Select", "Fn::Split", "Fn::FindInMap", "Fn::ImportValue",
        "Statement", "Principal", "AWS", "Federated", "Service", "Action", "sts:AssumeRole", "*", "Effect", "Allow",
        "Condition", "StringEquals", "aws:PrincipalArn", "A", "B", "${A}", "${A.Arn}", "Arn", "TemplateBody",
        "StackInstancesGroup", "DeploymentTargets", "Accounts", "Parameters", "Default", "AWS::AccountId", "",
        "arn:aws:iam::111111111111:root", "Tags", "MaxSessionDuration", "PermissionsBoundary", "Export", "Name",
    ]
)  # fmt: skip
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=24,
)


def _resource(kind: str) -> st.SearchStrategy[Json]:
    keys = st.sampled_from(
        [
            "AssumeRolePolicyDocument", "PolicyDocument", "Policies", "ManagedPolicyArns", "Roles", "RoleName",
            "Path", "PermissionsBoundary", "Tags", "TemplateBody", "StackInstancesGroup", "Parameters",
        ]
    )  # fmt: skip
    return st.fixed_dictionaries({"Type": st.just(kind), "Properties": st.dictionaries(keys, _json) | _json})


_kinds = st.sampled_from(
    [
        "AWS::IAM::Role",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::RolePolicy",
        "AWS::CloudFormation::StackSet",
        "AWS::CloudFormation::Stack",
    ]
)
_bodies = st.dictionaries(_WORDS, _json, max_size=4) | st.fixed_dictionaries(
    {"Resources": st.dictionaries(st.sampled_from("ABCD"), _kinds.flatmap(_resource) | _json, max_size=4)},
    optional={"Outputs": _json, "Conditions": _json, "Parameters": _json, "Mappings": _json},
)


@settings(max_examples=300, deadline=None)
@given(bodies=st.lists(_bodies, min_size=1, max_size=2), account=st.sampled_from(["111111111111", None]))
def test_no_template_is_too_odd_to_be_read(chain: Chain, bodies: list[Json], account: str | None) -> None:
    """Whatever JSON a template holds, it is read, audited and proven without an exception."""
    templates = [Template(f"t{number}", body, account=account) for number, body in enumerate(bodies)]
    audit(templates).to_json()
    assert not prove(chain, templates).proven


def test_values_nested_beyond_measure_are_unknown() -> None:
    """A value that is nested a hundred times deep is not known instead of fatal."""
    deep: Any = "x"
    for _ in range(100):
        deep = {"Fn::Join": ["", [deep]]}
    world = role_graph_of(
        [Template("app", {"Resources": {"Role": _role(RoleName=deep)}}, account="111111111111")]
    )
    assert "nested too deeply" in world.unknown[0].message


def test_stacks_of_one_name_are_kept_apart(chain: Chain, templates: list[Template]) -> None:
    """A stack of one name in several accounts is one in each, and what is found is told of the right one."""
    named = [replace(template, name="roles", dependencies=()) for template in templates]
    elsewhere = Template("roles", {"Resources": {}}, account="999999999999")
    assert prove(chain, [*named, elsewhere]).proven
    told = {"Type": "Custom::Fix", "Properties": {"Role": "deploy-middle"}}
    named[1].body["Resources"]["Fix"] = told
    errors = [each for each in prove(chain, [*named, elsewhere]).findings if each.level is Level.ERROR]
    assert [str(each.place) for each in errors] == ["roles (222222222222) Fix"]
    world = role_graph_of([*named, elsewhere])
    assert list(world.templates)[2:] == [
        f"roles ({account})" for account in ("333333333333", "444444444444", "999999999999")
    ]
    again = role_graph_of([elsewhere, elsewhere, elsewhere])
    assert list(again.templates) == ["roles", "roles (999999999999)", "roles (2)"]


@pytest.mark.parametrize(
    "resource", ["arn:aws:iam::111111111111:role/${x", "arn:aws:iam::111111111111:role/${x}"]
)
def test_dollars_are_text_in_a_policy_of_the_first_version(resource: str) -> None:
    """A Resource of a policy without variables may hold what would be none, and the audit reads on."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    own = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resource}
    properties = {
        "RoleName": "a",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "own", "PolicyDocument": {"Version": "2008-10-17", "Statement": [own]}}],
    }
    body = {"Resources": {"A": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    assert [hop.callee for hop in audit([Template("a", body, account="111111111111")]).hops] == [resource]
