"""What a template makes without showing it is said, and fails a proof where it may be about the chain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolechain import Chain
from rolechain.proof import Template, audit, prove, role_graph_of

Json = dict[str, Any]
TRUST = "AssumeRolePolicyDocument"
MACRO = {"Name": "Own", "Parameters": {}}
INCLUDE = {"Name": "AWS::Include", "Parameters": {"Location": "s3://bucket/key"}}
DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}],
}


def _attached(role: Any, document: Any = DOCUMENT) -> Json:
    properties = {"RoleName": role, "PolicyName": "hop", "PolicyDocument": document}
    return {"Type": "AWS::IAM::RolePolicy", "Properties": properties}


def _said(chain: Chain, templates: list[Template]) -> list[tuple[str, str]]:
    return [
        (finding.level.value, finding.message)
        for finding in prove(chain, templates).findings
        if finding.rule == "RC00"
    ]


@pytest.mark.parametrize(
    ("section", "value", "macro"),
    [
        ("Transform", "Own", "Own"),
        ("Transform", ["AWS::LanguageExtensions", "Own"], "Own"),
        ("Transform", INCLUDE, "AWS::Include at its top"),
        ("Fn::Transform", MACRO, "Own"),
    ],
)
def test_a_macro_over_a_template_of_the_chain_fails_the_proof(
    chain: Chain, templates: list[Template], section: str, value: Any, macro: str
) -> None:
    """Whoever rewrites the whole template may rewrite who is trusted."""
    templates[2].body[section] = value  # type: ignore[index]
    assert _said(chain, templates) == [
        ("error", f"the macro {macro} may change every resource of 333333333333")
    ]


def test_a_macro_elsewhere_and_one_of_awss_own_do_not(chain: Chain, templates: list[Template]) -> None:
    """A template without a role of the chain is told of as a warning; AWS's transforms leave roles alone."""
    templates[2].body["Transform"] = ["AWS::LanguageExtensions", "AWS::SecretsManager-2024-09-16"]  # type: ignore[index]
    other = Template("app", {"Transform": "Own", "Resources": {}}, account="333333333333")
    assert _said(chain, [*templates, other]) == [
        ("warning", "the macro Own may change every resource of app")
    ]


@pytest.mark.parametrize("part", ["resource", "properties"])
def test_a_macro_within_a_role_fails_the_proof(chain: Chain, templates: list[Template], part: str) -> None:
    """Fn::Transform stands beside other keys, and may add to them or change them."""
    resource = templates[2].body["Resources"]["Role0"]
    (resource if part == "resource" else resource["Properties"])["Fn::Transform"] = INCLUDE
    assert _said(chain, templates) == [("error", "what Fn::Transform makes of Role0 is not known")]


def test_a_macro_that_may_make_another_resource_of_one(chain: Chain, templates: list[Template]) -> None:
    """A macro beside a resource's type may make a policy of a bucket; one among a bucket's properties may not."""
    resources = templates[2].body["Resources"]
    resources["Bucket"] = {"Type": "AWS::S3::Bucket", "Properties": {"Fn::Transform": INCLUDE}}
    assert _said(chain, templates) == []
    resources["Bucket"] = {"Type": "AWS::S3::Bucket", "Fn::Transform": INCLUDE}
    assert _said(chain, templates) == [("error", "what Fn::Transform makes of Bucket is not known")]
    resources["Bucket"] = {"Type": "Custom::Fix", "Properties": {"Fn::Transform": INCLUDE}}
    ((level, message),) = _said(chain, templates)
    assert (level, message.split(" of a role")[0]) == (
        "error",
        "Bucket, a Custom::Fix, is told by Properties",
    )


def test_a_macro_within_a_statement_makes_it_unknown(chain: Chain, templates: list[Template]) -> None:
    """What a macro makes of a statement may let anybody in."""
    statements = templates[2].body["Resources"]["Role0"]["Properties"][TRUST]["Statement"]
    number = len(statements)
    statements.append({"Effect": "Allow", "Fn::Transform": INCLUDE})
    message = (
        f"statement {number} of AssumeRolePolicyDocument of Role0 holds an unresolved Fn::Transform (what a macro "
        "makes of it is not known)"
    )
    assert ("error", message) in _said(chain, templates)


@pytest.mark.parametrize(
    ("resource", "level"),
    [
        (_attached("deploy-source"), "error"),
        ({"Type": "AWS::${Kind}", "Properties": {}}, "error"),
        ({"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}, "warning"),
    ],
)
def test_a_loop_over_what_may_be_of_iam_fails_the_proof(
    chain: Chain, templates: list[Template], resource: Json, level: str
) -> None:
    """A loop that makes policies may attach one to a role of the chain; one that makes buckets may not."""
    body = {"Resources": {"Fn::ForEach::Each": ["Kind", ["a"], {"Made${Kind}": resource}]}}
    message = "the resources that Fn::ForEach::Each makes are not known"
    assert _said(chain, [*templates, Template("app", body, account="111111111111")]) == [(level, message)]
    assert _said(chain, [*templates, Template("app", body)]) == [(level, message)]
    assert _said(chain, [*templates, Template("app", body, account="999999999999")]) == [("warning", message)]


@pytest.mark.parametrize(
    "role",
    [
        {"Ref": "Name"},
        {"Fn::ImportValue": "role"},
        "{{resolve:ssm:/role}}",
        {"Fn::Sub": "{{resolve:ssm:/x}}"},
    ],
)
def test_a_permission_for_a_role_that_is_not_known_fails_the_proof(
    chain: Chain, templates: list[Template], role: Any
) -> None:
    """In an account of the chain it may be for a role of the chain."""
    body = {"Parameters": {"Name": {"Type": "String"}}, "Resources": {"Hop": _attached(role)}}
    ((level, message),) = _said(chain, [*templates, Template("app", body, account="111111111111")])
    assert (level, message.split(":")[0]) == ("error", "Hop is attached to a role that is not known")
    ((level, _),) = _said(chain, [*templates, Template("app", body, account="999999999999")])
    assert level == "warning"


def test_stacks_whose_templates_are_elsewhere_are_said(chain: Chain, templates: list[Template]) -> None:
    """Nested stacks, stack sets and modules that are not at hand are warned of."""
    body = {
        "Resources": {
            "Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://x/y"}},
            "Set": {"Type": "AWS::CloudFormation::StackSet", "Properties": {"TemplateURL": "https://x/y"}},
            "Module": {"Type": "Own::Roles::All::MODULE", "Properties": {}},
        }
    }
    assert _said(chain, [*templates, Template("app", body, account="111111111111")]) == [
        ("warning", "the resources that the module Own::Roles::All::MODULE makes are not known"),
        (
            "warning",
            "Nested is a nested stack whose roles are not known: its template is not at hand: give its file to the "
            "proof",
        ),
        (
            "warning",
            "Set is a stack set whose roles are not known: it has no inline TemplateBody: write the template there, "
            "or give its file to the proof",
        ),
    ]


@pytest.mark.parametrize(
    "told",
    [
        {"Role": {"Ref": "Role0"}},
        {"Role": {"Fn::GetAtt": ["Role0", "Arn"]}},
        {
            "Update": json.dumps(
                {"action": "updateAssumeRolePolicy", "parameters": {"RoleName": "deploy-target"}}
            )
        },
    ],
)
def test_a_custom_resource_that_is_told_of_a_role_is_said(
    chain: Chain, templates: list[Template], told: Json
) -> None:
    """A custom resource may change a role whose name it is given; one that knows no role is passed by."""
    resources = templates[2].body["Resources"]
    resources["Other"] = {"Type": "Custom::Other", "Properties": {"Name": "deploy-target-bucket"}}
    resources["Fix"] = {"Type": "Custom::Fix", "Properties": told}
    target = chain.targets[0].arn
    assert _said(chain, templates) == [
        ("error", f"Fix, a Custom::Fix, is told of {target}, and what it does to it is not known")
    ]


@pytest.mark.parametrize("element", ["Action", "Resource"])
def test_a_dynamic_reference_in_a_permission_is_not_known(
    chain: Chain, templates: list[Template], element: str
) -> None:
    """What Systems Manager holds on deployment may be anything."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    document = {**DOCUMENT, "Statement": [{**statement, element: "{{resolve:ssm:/all}}"}]}
    body = {"Resources": {"Hop": _attached("deploy-source", document)}}
    said = _said(chain, [*templates, Template("app", body, account="111111111111")])
    assert (
        "error",
        "statement 0 of PolicyDocument of Hop holds an unresolved dynamic reference ({{resolve:ssm:/all}} is looked "
        "up on deployment)",
    ) in said


def test_two_policies_of_one_arn_are_not_known(chain: Chain, templates: list[Template]) -> None:
    """Of two templates for one managed policy, neither is taken for the one that a role has."""
    arn = "arn:aws:iam::111111111111:policy/shared"
    resources = templates[0].body["Resources"]
    resources["Role0"]["Properties"]["ManagedPolicyArns"] = [arn]
    harmless = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
    for name, document in (("Wide", DOCUMENT), ("Harmless", harmless)):
        properties = {"ManagedPolicyName": "shared", "PolicyDocument": document}
        resources[name] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
    message = (
        f"Role0 has the policy {arn}, which is made by 111111111111 Wide PolicyDocument and "
        "111111111111 Harmless PolicyDocument"
    )
    assert ("error", message) in _said(chain, templates)


def test_a_finding_is_one_line_whatever_a_template_holds() -> None:
    """A principal with control characters does not break the lines of a report, nor its encoding."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "a\nb\ud800\x1b[31m"}}
    properties = {"RoleName": "r\nx", TRUST: {"Version": "2012-10-17", "Statement": [statement]}}
    body = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    loose = {"Resources": {"Hop": _attached({"Ref": "No\nbody"})}}
    findings = audit([Template("app", body, account="111111111111"), Template("b", loose)]).findings
    assert findings
    assert all((finding.message + finding.remediation).isprintable() for finding in findings)


def test_types_may_be_nested_however_deep(chain: Chain, templates: list[Template]) -> None:
    """A type that is no text, however deep, is no reason to stop."""
    deep: Any = {}
    for _ in range(3000):
        deep = {"a": [deep]}
    resources = templates[0].body["Resources"]
    resources["Deep"] = {"Type": deep}
    resources["Fn::ForEach::Deep"] = ["x", deep, {"Type": deep}]
    resources["Custom"] = {"Type": "Custom::Deep", "Properties": {"Deep": deep}}
    assert ("error", "the resources that Fn::ForEach::Deep makes are not known") in _said(chain, templates)


def test_a_document_that_cannot_be_read_is_that_of_its_role(chain: Chain, templates: list[Template]) -> None:
    """Of two roles with the same unreadable policy, each is said to have its own, and a repeated key is unreadable."""
    resources = templates[0].body["Resources"]
    text = '{"Version": "2012-10-17", "Statement": [], "Statement": []}'
    for name in ("one", "two"):
        properties: Json = {
            "RoleName": name,
            TRUST: {},
            "Policies": [{"PolicyName": name, "PolicyDocument": text}],
        }
        resources[name] = {"Type": "AWS::IAM::Role", "Properties": properties}
    roles = [role for role in role_graph_of(templates).roles if role.name in ("one", "two")]
    assert [record.policy.missing for role in roles for record in role.policies] == ["one", "two"]


def test_properties_may_be_nested_however_deep(chain: Chain, templates: list[Template]) -> None:
    """What is nested deeper than CloudFormation takes is not known, and no reason to stop."""
    deep: Any = {}
    for _ in range(3000):
        deep = {"a": [deep]}
    resources = templates[0].body["Resources"]
    resources["Policy"] = {
        "Type": "AWS::IAM::RolePolicy",
        "Properties": {"RoleName": deep, "PolicyDocument": deep},
    }
    properties = {"RoleName": "r", TRUST: deep, "Policies": deep, "Tags": deep}
    resources["Role"] = {"Type": "AWS::IAM::Role", "Properties": properties}
    resources["Set"] = {"Type": "AWS::CloudFormation::StackSet", "Properties": {"TemplateBody": deep}}
    assert any(level == "error" for level, _ in _said(chain, templates))


def test_a_trust_policy_that_iam_refuses_for_its_length(chain: Chain, templates: list[Template]) -> None:
    """A trust policy that is longer than any account takes is not read."""
    statements = templates[2].body["Resources"]["Role0"]["Properties"][TRUST]["Statement"]
    accounts = [f"{number:012}" for number in range(600)]
    statements.append(statements[0] | {"Sid": "Deny", "Effect": "Deny", "Principal": {"AWS": accounts}})
    (finding,) = [
        each for each in prove(chain, templates).findings if each.message.startswith("IAM refuses ")
    ]
    assert (finding.rule, finding.level) == ("RC03", "error")
    assert finding.message.endswith("characters, and IAM takes 8,192 at most")
