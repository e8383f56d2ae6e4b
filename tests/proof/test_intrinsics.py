"""What the functions of a template stand for."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain.proof import Template, role_graph_of

Json = dict[str, Any]
ACCOUNT = "111111111111"


def _trust(principal: Any) -> Json:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _template(principal: Any, name: str = "app", **sections: Any) -> Template:
    other = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "other", "Path": "/x/"}}
    resources = {
        "Other": other,
        "Policy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"ManagedPolicyName": "p", "Path": "/x/"},
        },
        "User": {"Type": "AWS::IAM::User", "Properties": {"UserName": "bob"}},
        "GitHub": {"Type": "AWS::IAM::OIDCProvider", "Properties": {"Url": "https://token.example/id"}},
        "Okta": {"Type": "AWS::IAM::SAMLProvider", "Properties": {"Name": "okta"}},
        "Nameless": {"Type": "AWS::IAM::Role", "Properties": {}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "role", "AssumeRolePolicyDocument": _trust(principal)},
        },
    }
    return Template(name, {"Resources": resources, **sections}, account=ACCOUNT, region="cn-north-1")


def _principal_of(template: Template, *others: Template) -> Any:
    world = role_graph_of([template, *others])
    (role,) = (role for role in world.roles if role.name == "role" and role.place.template == template.name)
    assert role.trust.document is not None
    return role.trust.document["Statement"][0]["Principal"]["AWS"]


SECTIONS: Json = {
    "Parameters": {
        "Account": {"Type": "String", "Default": "222222222222"},
        "Accounts": {"Type": "CommaDelimitedList", "Default": "1, 2"},
        "Open": {"Type": "String"},
        "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/account"},
    },
    "Mappings": {"Stage": {"prod": {"Account": "333333333333"}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-cn"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Maybe": {"Fn::Equals": [{"Ref": "Open"}, "x"]},
        "Round": {"Fn::Not": [{"Condition": "Round"}]},
    },
}


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "AWS::AccountId"}, ACCOUNT),
        ({"Ref": "AWS::Region"}, "cn-north-1"),
        ({"Fn::Sub": "lambda.${AWS::URLSuffix}"}, "lambda.amazonaws.com.cn"),
        ({"Ref": "AWS::StackName"}, "app"),
        ({"Ref": "Other"}, "other"),
        ({"Ref": "Account"}, "222222222222"),
        ({"Ref": "Accounts"}, ["1", "2"]),
        ({"Fn::GetAtt": ["Other", "Arn"]}, "arn:aws-cn:iam::111111111111:role/x/other"),
        ({"Fn::GetAtt": "Other.Arn"}, "arn:aws-cn:iam::111111111111:role/x/other"),
        ({"Fn::GetAtt": ["Nameless", "Arn"]}, "arn:aws-cn:iam::111111111111:role/<app.Nameless>"),
        ({"Ref": "Policy"}, "arn:aws-cn:iam::111111111111:policy/x/p"),
        ({"Fn::GetAtt": ["Policy", "PolicyArn"]}, "arn:aws-cn:iam::111111111111:policy/x/p"),
        ({"Fn::GetAtt": ["User", "Arn"]}, "arn:aws-cn:iam::111111111111:user/bob"),
        ({"Ref": "GitHub"}, "arn:aws-cn:iam::111111111111:oidc-provider/token.example/id"),
        ({"Fn::GetAtt": ["Okta", "Arn"]}, "arn:aws-cn:iam::111111111111:saml-provider/okta"),
        ({"Fn::Sub": "${Other.Arn}-${!x}"}, "arn:aws-cn:iam::111111111111:role/x/other-${x}"),
        ({"Fn::Sub": ["${A}:${Account}", {"A": {"Ref": "AWS::Partition"}}]}, "aws-cn:222222222222"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Account"}, 3, True]]}, "a-222222222222-3-true"),
        ({"Fn::Join": [",", {"Ref": "Accounts"}]}, "1,2"),
        ({"Fn::Select": ["1", {"Fn::Split": [":", "a:b:c"]}]}, "b"),
        ({"Fn::FindInMap": ["Stage", "prod", "Account"]}, "333333333333"),
        ({"Fn::If": ["Yes", "a", "b"]}, "a"),
        ({"Fn::If": ["Both", "a", "b"]}, "b"),
        ({"Fn::If": ["Either", "a", "b"]}, "a"),
        ({"Fn::If": ["Maybe", "a", "a"]}, "a"),
        (["a", {"Fn::If": ["No", "b", {"Ref": "AWS::NoValue"}]}], ["a"]),
    ],
)
def test_functions_are_resolved(value: Any, resolved: Any) -> None:
    """What a template says without doubt is read as CloudFormation would deploy it."""
    assert _principal_of(_template(value, **SECTIONS)) == resolved


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"Ref": "Open"}, "an unresolved Ref Open (parameter Open has no default)"),
        (
            {"Fn::Sub": "arn:aws:iam::${Open}:root"},
            "an unresolved Ref Open (parameter Open has no default)",
        ),
        (
            {"Ref": "Stored"},
            "an unresolved Ref Stored (parameter Stored is read from Systems Manager on deployment)",
        ),
        ({"Ref": "Nobody"}, "an unresolved Ref (the template has no resource Nobody)"),
        (
            {"Fn::GetAtt": ["Other", "RoleId"]},
            "an unresolved Fn::GetAtt Other.RoleId (its value is known on deployment only)",
        ),
        ({"Fn::If": ["Maybe", "a", "b"]}, "an unresolved Fn::If (condition Maybe cannot be known)"),
        ({"Fn::If": ["Round", "a", "b"]}, "an unresolved Fn::If (condition Round cannot be known)"),
        (
            {"Fn::ImportValue": "nobody"},
            "an unresolved Fn::ImportValue (no template exports nobody, or several do)",
        ),
        ({"Fn::Cidr": ["a", 1]}, "an unresolved Fn::Cidr (its value is known on deployment only)"),
    ],
)
def test_what_is_not_known_is_said(value: Any, reason: str) -> None:
    """A principal that cannot be known before deployment is an error at its statement, never a guess."""
    world = role_graph_of([_template(value, **SECTIONS)])
    (finding,) = (
        finding for finding in world.unknown if finding.place and finding.place.logical_id == "Role"
    )
    assert (finding.rule, finding.level) == ("RC00", "error")
    assert finding.place is not None
    assert finding.place.statement == 0
    assert finding.message == f"statement 0 of AssumeRolePolicyDocument of Role holds {reason}"


def test_a_default_is_an_assumption() -> None:
    """A parameter is read with its default, and the report says so."""
    world = role_graph_of([_template({"Ref": "Account"}, **SECTIONS)])
    assert world.assumptions == ("assuming Account = 222222222222 (app)",)


def test_exports_are_found_in_other_templates() -> None:
    """An import is the export of another template of the account and region, and an output of another stack is too."""
    outputs = {
        "Role": {
            "Value": {"Fn::GetAtt": ["Other", "Arn"]},
            "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-role"}},
        }
    }
    base = _template("x", "base", Outputs=outputs)
    arn = "arn:aws-cn:iam::111111111111:role/x/other"
    assert _principal_of(_template({"Fn::ImportValue": "base-role"}), base) == arn
    output = {"Fn::GetStackOutput": {"StackName": "base", "OutputName": "Role"}}
    assert _principal_of(_template(output), base) == arn


def test_a_resource_whose_condition_is_false_is_absent() -> None:
    """A role is read if its Condition holds, left out if it does not, and in doubt if that is not known."""
    resources = {
        name: {
            "Type": "AWS::IAM::Role",
            "Condition": name,
            "Properties": {"AssumeRolePolicyDocument": _trust("*")},
        }
        for name in ("Yes", "No", "Maybe")
    }
    world = role_graph_of(
        [Template("app", {"Resources": resources, **SECTIONS}, account=ACCOUNT, region="cn-north-1")]
    )
    assert [role.place.logical_id for role in world.roles] == ["Yes", "Maybe"]
    assert [finding.message for finding in world.unknown] == [
        "whether Maybe is made is not known: its Condition cannot be resolved"
    ]


def test_references_that_go_round_in_a_circle_are_not_followed() -> None:
    """Names that refer to each other are unknown instead of endless."""
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": {"Ref": "B"}, "AssumeRolePolicyDocument": _trust("*")},
    }
    other = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": {"Ref": "A"}}}
    world = role_graph_of([Template("app", {"Resources": {"A": role, "B": other}}, account=ACCOUNT)])
    assert [role.name for role in world.roles] == ["", ""]
    assert world.unknown[0].message == "RoleName of A is made of <app.A>, known on deployment only"
