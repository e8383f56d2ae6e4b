"""How bad it is in an audit that something is not known: an error where it decides who is let in."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain.proof import Level, Template, audit

Json = dict[str, Any]
SERVICE = {"Service": "ec2.amazonaws.com"}
UNKNOWN = {"Ref": "Value"}


def _statement(**more: Any) -> Json:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", **more}


def _document(*statements: Any) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _role(principal: Any = None, **properties: Any) -> Json:
    trust = _document(_statement(Principal=principal or SERVICE))
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **properties}}


def _inline(*statements: Any) -> list[Json]:
    return [{"PolicyName": "p", "PolicyDocument": _document(*statements)}]


def _levels(resources: Json, **sections: Any) -> set[tuple[str, Level]]:
    body = {"Parameters": {"Value": {"Type": "String"}}, "Resources": resources, **sections}
    found = audit([Template("t", body, "111111111111", "us-east-1")]).findings
    return {(each.rule, each.level) for each in found}


MADE = {"Conditions": {"Unknown": {"Fn::Equals": [UNKNOWN, "x"]}}}
POLICY = {"PolicyName": "p", "PolicyDocument": _document(_statement(Resource="*"))}


@pytest.mark.parametrize(
    ("resources", "sections"),
    [
        ({"R": _role(Policies=_inline(_statement(Resource=UNKNOWN)))}, {}),
        ({"R": _role(Policies=_inline({"Fn::If": ["None", _statement(Resource="*"), UNKNOWN]}))}, {}),
        ({"R": _role(ManagedPolicyArns=[UNKNOWN])}, {}),
        ({"R": _role(ManagedPolicyArns=["arn:aws:iam::111111111111:policy/elsewhere"])}, {}),
        ({"R": _role(RoleName=UNKNOWN)}, {}),
        ({"R": _role() | {"Condition": "Unknown"}}, MADE),
        ({"P": {"Type": "AWS::IAM::Policy", "Properties": POLICY | {"Roles": [UNKNOWN]}}}, {}),
        ({"S": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://x"}}}, {}),
        ({"B": {"Type": "AWS::S3::Bucket"}}, {"Transform": "Mine"}),
    ],
)
def test_what_decides_nothing_about_who_is_let_in(resources: Json, sections: Json) -> None:
    """Permissions, names, whether a role is made, nested stacks, and macros where no resource is IAM's: a warning."""
    assert _levels(resources, **sections) - {("RC07", Level.WARNING)} == {("RC00", Level.WARNING)}


@pytest.mark.parametrize(
    ("resources", "sections"),
    [
        ({"R": _role({"AWS": UNKNOWN})}, {}),
        ({"R": _role(UNKNOWN)}, {}),
        ({"R": _role(AssumeRolePolicyDocument=UNKNOWN)}, {}),
        ({"R": _role(AssumeRolePolicyDocument=_document(UNKNOWN))}, {}),
        ({"R": _role() | {"Fn::Transform": {"Name": "Mine"}}}, {}),
        ({"R": _role()}, {"Transform": "Mine"}),
        ({"Fn": {"Type": "AWS::Serverless::Function"}}, {"Transform": "Mine"}),
    ],
)
def test_what_decides_who_is_let_in(resources: Json, sections: Json) -> None:
    """A trust policy that is not known, and a macro that may change one: an error, and never closed."""
    assert ("RC00", Level.ERROR) in _levels(resources, **sections)


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        ({"Handler": "a.b"}, Level.WARNING),
        ({"Handler": "a.b", "AssumeRolePolicyDocument": _document(_statement(Principal="*"))}, Level.ERROR),
        ({"Handler": "a.b", "Fn::Transform": {"Name": "AWS::Include"}}, Level.ERROR),
    ],
)
def test_what_sam_refuses(properties: Json, level: Level) -> None:
    """A function's role trusts Lambda, unless it is given a trust policy."""
    resources = {"Fn": {"Type": "AWS::Serverless::Function", "Properties": properties}}
    assert _levels(resources, Transform="AWS::Serverless-2016-10-31") == {("RC00", level)}


MACRO = "aws cloudformation get-template"


@pytest.mark.parametrize(
    ("resources", "sections", "remediation"),
    [
        (
            {"S": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://x"}}},
            {},
            "its template too",
        ),
        (
            {"S": {"Type": "AWS::CloudFormation::StackSet", "Properties": {"TemplateURL": "https://x"}}},
            {},
            "its template too",
        ),
        ({"B": {"Type": "AWS::S3::Bucket"}}, {"Transform": "Mine"}, MACRO),
        (
            {"Fn": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b"}}},
            {"Transform": "AWS::Serverless-2016-10-31"},
            "write the template as SAM takes it",
        ),
    ],
)
def test_what_helps_where_no_value_is_missing(resources: Json, sections: Json, remediation: str) -> None:
    """A template, a document or a resource is asked for where that is what is not known."""
    (finding,) = audit([Template("t", {"Resources": resources, **sections}, "111111111111")]).findings
    assert (finding.rule, remediation in finding.remediation) == ("RC00", True)


def _refused(**properties: Any) -> list[tuple[str, Level, str]]:
    found = audit([Template("t", {"Resources": {"R": _role(**properties)}}, "111111111111")]).findings
    return [(each.rule, each.level, each.message) for each in found]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "it is missing: write a policy document"),
        ([], "it is []: write a policy document"),
        ("x", "the policy is not JSON: line 1: Expecting value"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "the key 'Version' occurs twice"),
        ({}, "Statement is missing"),
        ({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Path": "/"}}, "no element 'Path'"),
        ({"Statement": [], "Version": "2012"}, "Version is '2012'"),
    ],
)
def test_a_document_that_iam_refuses(document: Any, reason: str) -> None:
    """A trust policy or permission that makes the deployment fail is an error of its own, with the reason."""
    ((rule, level, message),) = _refused(AssumeRolePolicyDocument=document)
    assert (rule, level) == ("RC03", Level.ERROR)
    assert message.startswith("IAM refuses AssumeRolePolicyDocument of R: ")
    assert reason in message
    ((rule, level, message),) = _refused(Policies=[{"PolicyName": "p", "PolicyDocument": document}])
    assert (rule, level) == ("RC03", Level.ERROR)
    assert message.startswith("IAM refuses Policies[0] of R: ")


@pytest.mark.parametrize(
    ("resources", "sections"),
    [
        ({"R": _role(AssumeRolePolicyDocument={})}, {"Transform": "Mine"}),
        ({"R": _role(AssumeRolePolicyDocument={}) | {"Fn::Transform": {"Name": "Mine"}}}, {}),
        ({"R": _role(**{"AssumeRolePolicyDocument": {}, "Fn::Transform": {"Name": "Mine"}})}, {}),
    ],
)
def test_a_document_that_a_macro_may_make(resources: Json, sections: Json) -> None:
    """What a macro may still complete is not known, and nothing is said of what IAM does with it."""
    assert _levels(resources, **sections) == {("RC00", Level.ERROR)}


def test_a_variable_that_is_none() -> None:
    """Whether IAM refuses a policy variable of a name that it has none of is not documented."""
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${bucket}"}
    document = {"Version": "2012-10-17", "Statement": statement}
    ((rule, _, message),) = _refused(Policies=[{"PolicyName": "p", "PolicyDocument": document}])
    assert (rule, "'${bucket}' is not a policy variable" in message) == ("RC00", True)


@pytest.mark.parametrize("sid", [1, 20120101, "Text", True])
def test_a_number_as_sid(sid: Any) -> None:
    """CloudFormation writes a number as a text."""
    assert not _refused(AssumeRolePolicyDocument=_document(_statement(Sid=sid, Principal=SERVICE)))


@pytest.mark.parametrize(
    "arn", ["ReadOnly", "arn:{AWS::Partition}:iam::aws:policy/ReadOnlyAccess", "", "arn:aws:iam::aws:role/x"]
)
def test_a_managed_policy_that_is_no_arn(arn: str) -> None:
    """IAM refuses to attach what is not the ARN of a policy."""
    assert _refused(ManagedPolicyArns=[arn]) == [
        ("RC03", Level.ERROR, f"R has the policy {arn!r}, which is not the ARN of a policy: IAM refuses it")
    ]


def test_a_managed_policy_of_another_template() -> None:
    """A policy whose document is not at hand is asked for."""
    (finding,) = audit(
        [
            Template(
                "t",
                {"Resources": {"R": _role(ManagedPolicyArns=["arn:aws:iam::111111111111:policy/p"])}},
                "111111111111",
            )
        ]
    ).findings
    assert (finding.rule, finding.remediation) == ("RC00", "give the template that makes it too")
