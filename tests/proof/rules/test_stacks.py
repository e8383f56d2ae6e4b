"""RC32 and RC34: roles from elsewhere, and roles that come by stack sets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolechain import Chain, ChainRole
from rolechain.proof import Finding, Level, SourceLocation, Template

Kit = Any
BUCKET = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [BUCKET]}
PLACE = SourceLocation("t", "Set")


def _role(kit: Kit, name: str = "app") -> tuple[str, dict[str, Any]]:
    trust = {"Version": "2012-10-17", "Statement": [kit.trust({"Service": "ec2.amazonaws.com"})]}
    return "AWS::IAM::Role", {"RoleName": name, "AssumeRolePolicyDocument": trust}


@pytest.mark.parametrize(
    "policy",
    [
        ("AWS::IAM::Policy", {"PolicyName": "p", "PolicyDocument": DOCUMENT, "Roles": ["existing"]}),
        ("AWS::IAM::ManagedPolicy", {"PolicyDocument": DOCUMENT, "Roles": [{"Ref": "Role"}, "existing"]}),
        ("AWS::IAM::RolePolicy", {"PolicyName": "p", "PolicyDocument": DOCUMENT, "RoleName": "existing"}),
    ],
)
def test_rc32_fires_on_an_attached_policy(kit: Kit, policy: tuple[str, dict[str, Any]]) -> None:
    """A policy that is attached by name to a role of nobody's template is an error."""
    assert kit.read("RC32", kit.template({"Role": _role(kit), "Policy": policy})) == [
        Finding(
            "RC32",
            Level.ERROR,
            SourceLocation("t", "Policy"),
            "Policy is attached to the role existing, which no template creates",
            "give the template that creates the role too, or grant there what it needs; in CDK, import the role with "
            "mutable=False",
        )
    ]


def test_rc32_fires_on_an_imported_role_with_policies(kit: Kit) -> None:
    """A role that is known to be imported and has policies of the templates is an error."""
    (found,) = kit.ask("RC32", kit.role((), kit.policy(BUCKET, name="p"), imported=True))
    assert found.place == SourceLocation("t", "Policy", part="PolicyDocument")
    assert found.message == "p is attached to the role app, which no template creates"


def test_rc32_silent_on_created_roles(kit: Kit) -> None:
    """A policy of a role of the same template, or by name of one of the same account, is attached to a created role."""
    policies = {
        "One": (
            "AWS::IAM::Policy",
            {"PolicyName": "p", "PolicyDocument": DOCUMENT, "Roles": [{"Ref": "Role"}]},
        ),
        "Two": (
            "AWS::IAM::Policy",
            {"PolicyName": "q", "PolicyDocument": DOCUMENT, "Roles": ["app", "other"]},
        ),
    }
    first = kit.template({"Role": _role(kit), **policies})
    second = kit.template({"Role": _role(kit, "other")}, "u")
    assert kit.read("RC32", first, second) == []
    assert kit.ask("RC32", kit.role(imported=True)) == []


def _stack_set(
    kit: Kit, body: Any = None, accounts: Any = ("222222222222",), model: str = "SERVICE_MANAGED", **more: Any
) -> Template:
    body = (
        {"Resources": {"Role": dict(zip(("Type", "Properties"), _role(kit), strict=True))}}
        if body is None
        else body
    )
    targets = {"OrganizationalUnitIds": ["ou-ab12-11111111"], "AccountFilterType": "INTERSECTION"}
    groups = [{"Regions": ["us-east-1"], "DeploymentTargets": {**targets, "Accounts": list(accounts)}}]
    properties = {"PermissionModel": model, "TemplateBody": body, "StackInstancesGroup": groups, **more}
    return kit.template({"Set": ("AWS::CloudFormation::StackSet", properties)})  # type: ignore[no-any-return]


def test_rc34_fires_on_the_management_account(kit: Kit) -> None:
    """A service-managed stack set never goes to the account that it is made from."""
    assert kit.read("RC34", _stack_set(kit, accounts=["222222222222", "111111111111"])) == [
        Finding(
            "RC34",
            Level.ERROR,
            PLACE,
            "the stack set is to be deployed to 111111111111, the management account, where it never goes",
            "take 111111111111 out of Accounts, and deploy its role by a stack of its own",
        )
    ]


def test_rc34_fires_on_a_target_in_the_management_account(kit: Kit) -> None:
    """A target of the chain that the stack set alone would create there never appears."""
    chain = Chain(
        "deploy",
        source=ChainRole("222222222222"),
        middle=[ChainRole("333333333333")],
        targets=[ChainRole("111111111111", "app", "/")],
    )
    (found,) = kit.read("RC34", _stack_set(kit), chain=chain)
    assert found.message == (
        "arn:aws:iam::111111111111:role/app lies in the management account, where a service-managed stack set never "
        "goes"
    )
    assert found.remediation == "deploy it by a stack of its own in 111111111111"
    own = kit.template({"Role": _role(kit)}, "own")
    assert kit.read("RC34", _stack_set(kit), own, chain=chain) == []


@pytest.mark.parametrize("as_text", [True, False])
def test_rc34_fires_on_nested_stacks_and_macros(kit: Kit, as_text: bool) -> None:
    """Nested stacks and macros are refused, wherever in the template a macro stands."""
    nested = {
        "Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://example.com"}}
    }
    macro = {"Include": {"Type": "AWS::IAM::Role", "Properties": {"Fn::Transform": {"Name": "AWS::Include"}}}}
    bodies = [
        {"Resources": nested},
        {"Resources": macro},
        {"Transform": "AWS::Serverless-2016-10-31", "Resources": {}},
    ]
    messages = []
    for body in bodies:
        (found,) = kit.read("RC34", _stack_set(kit, json.dumps(body) if as_text else body))
        assert (found.level, found.place) == (Level.ERROR, SourceLocation("t", "Set", part="TemplateBody"))
        messages.append(found.message)
    assert messages == [
        "the stack set's template holds the nested stack Inner, which is refused",
        "the stack set's template holds a macro (Transform), which is refused",
        "the stack set's template holds a macro (Transform), which is refused",
    ]


def test_rc34_silent_on_a_custom_execution_role(kit: Kit) -> None:
    """A set with its own execution role may hold nested stacks and macros; the management account stays spared."""
    execution: dict[str, Any] = {"ExecutionRoleTemplateBody": {"Resources": {}}}
    body = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {}}
    assert kit.read("RC34", _stack_set(kit, body, **execution)) == []
    (found,) = kit.read("RC34", _stack_set(kit, body, ("111111111111",), **execution))
    assert "the management account" in found.message


def test_rc34_silent_elsewhere(kit: Kit) -> None:
    """Other accounts, a delegated administrator, and a self-managed stack set have no such limits."""
    assert kit.read("RC34", _stack_set(kit)) == []
    assert kit.read("RC34", _stack_set(kit, accounts=["111111111111"], CallAs="DELEGATED_ADMIN")) == []
    assert kit.read("RC34", _stack_set(kit, accounts=["111111111111"], model="SELF_MANAGED")) == []
    assert kit.read("RC34", _stack_set(kit, "Resources: {}", TemplateURL="https://example.com")) == []
