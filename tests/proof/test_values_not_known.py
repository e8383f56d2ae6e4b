"""What a template's values may become on deployment is never taken for what they seem to be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolechain import Chain, ChainRole
from rolechain.proof import Level, Template, prove

Json = dict[str, Any]
TRUST = "AssumeRolePolicyDocument"
SOURCE = "arn:aws:iam::111111111111:role/rolechain/deploy-source"
MIDDLE = "arn:aws:iam::222222222222:role/rolechain/deploy-middle"
MACRO = {"Name": "Own"}
ONWARD = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}


def _rules(chain: Chain, templates: list[Template]) -> set[str]:
    found = prove(chain, templates).findings
    return {finding.rule for finding in found if finding.level is Level.ERROR}


def _open_to(who: Any) -> Json:
    condition = {"StringEquals": {"aws:PrincipalArn": who}}
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}, "Condition": condition}


def _trust(template: Template) -> list[Any]:
    listed: list[Any] = template.body["Resources"]["Role0"]["Properties"][TRUST]["Statement"]
    return listed


def _attached(role: Any, **more: Any) -> Json:
    document = {"Version": "2012-10-17", "Statement": [ONWARD]}
    properties = {"RoleName": role, "PolicyName": "on", "PolicyDocument": document}
    return {"Type": "AWS::IAM::RolePolicy", "Properties": properties, **more}


def _nested(template: Template, child: Json, more: Json | None = None, **others: Json) -> Template:
    """A template that holds nothing but a nested stack, and others beside it."""
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {}, **(more or {})}
    stacks = {"Child": stack, **{key: {"Type": stack["Type"]} for key in others}}
    return Template(
        template.name,
        {"Resources": stacks, "Conditions": {"Unknown": {"Fn::Equals": [{"Ref": "AWS::StackId"}, "x"]}}},
        account=template.account,
        dependencies=template.dependencies,
        nested={"Child": child, **others},
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("AWS::SSM::Parameter::Value<String>", "/who"),
        ("CommaDelimitedList", "arn:aws:iam::999999999999:role/a,arn:aws:iam::999999999999:role/b"),
        ("CommaDelimitedList", ["arn:aws:iam::999999999999:role/a"]),
    ],
)
def test_what_is_given_has_the_parameters_type(
    chain: Chain, templates: list[Template], kind: str, value: Any
) -> None:
    """A nested stack is given the name of a stored value, or a list as one text, and trusts what comes of it."""
    child = json.loads(json.dumps(templates[2].body)) | {"Parameters": {"Who": {"Type": kind}}}
    child["Resources"]["Role0"]["Properties"][TRUST]["Statement"].append(_open_to({"Ref": "Who"}))
    parent = _nested(templates[2], child, {"Properties": {"Parameters": {"Who": value}}})
    assert _rules(chain, [*templates[:2], parent, *templates[3:]]) & {"RC00", "RC05"}


@pytest.mark.parametrize(
    "sections",
    [
        {"Mappings": {"Who": {"is": {"it": SOURCE}}, "Fn::Transform": MACRO}},
        {"Mappings": {"Who": {"is": {"it": SOURCE}, "Fn::Transform": MACRO}}},
        {"Mappings": {"Who": {"is": {"it": [{"Ref": "AWS::StackName"}]}}}},
    ],
)
def test_a_mapping_that_a_macro_may_change(chain: Chain, templates: list[Template], sections: Json) -> None:
    """A macro within a mapping may change what stands beside it."""
    templates[1].body.update(sections)  # type: ignore[attr-defined]
    _trust(templates[1]).append(_open_to({"Fn::FindInMap": ["Who", "is", "it"]}))
    assert "RC00" in _rules(chain, templates)


@pytest.mark.parametrize(
    "sections",
    [
        {"Conditions": {"Open": {"Fn::Equals": ["a", "b"]}, "Fn::Transform": MACRO}},
        {
            "Parameters": {"P": {"Type": "String", "Default": "b"}, "Fn::Transform": MACRO},
            "Conditions": {"Open": {"Fn::Equals": ["a", {"Ref": "P"}]}},
        },
        {
            "Parameters": {"P": {"Type": "String", "Default": "b", "Fn::Transform": MACRO}},
            "Conditions": {"Open": {"Fn::Equals": ["a", {"Ref": "P"}]}},
        },
        {"Conditions": {"Open": {"Fn::Equals": ["prod", {"Ref": "AWS::StackName"}]}}},
    ],
)
def test_a_condition_that_is_not_known(chain: Chain, templates: list[Template], sections: Json) -> None:
    """A macro within conditions or parameters, and a stack whose name is not known, settle no condition."""
    templates[1].body.update(sections)  # type: ignore[attr-defined]
    opened = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    _trust(templates[1]).append({"Fn::If": ["Open", opened, {"Ref": "AWS::NoValue"}]})
    assert "RC00" in _rules(chain, templates)


def test_a_nested_stack_that_may_not_be_made(chain: Chain, templates: list[Template]) -> None:
    """A role of a nested stack whose condition cannot be known may be missing."""
    parent = _nested(templates[2], dict(templates[2].body), {"Condition": "Unknown"})
    assert "RC00" in _rules(chain, [*templates[:2], parent, *templates[3:]])


def test_an_output_that_is_not_made_exports_nothing(chain: Chain, templates: list[Template]) -> None:
    """Of two outputs for one export, the one whose condition holds counts; one that fails gives no value."""
    made: Json = {"Value": SOURCE, "Export": {"Name": "who"}}
    other: Json = {"Value": MIDDLE, "Export": {"Name": "who"}, "Condition": "Never"}
    never: Json = {"Never": {"Fn::Equals": ["a", "b"]}}
    exporting = Template(
        "x", {"Conditions": never, "Outputs": {"A": made, "B": other}}, account="222222222222"
    )
    text = json.dumps(templates[1].body).replace(f'"{SOURCE}"', '{"Fn::ImportValue": "who"}')
    importing = Template("222222222222", json.loads(text), account="222222222222")
    assert _rules(chain, [templates[0], importing, *templates[2:], exporting]) == set()
    made["Condition"] = "Never"
    assert "RC00" in _rules(chain, [templates[0], importing, *templates[2:], exporting])


def test_values_are_found_whichever_stack_is_listed_first(chain: Chain, templates: list[Template]) -> None:
    """A nested stack is given what a later template exports, or what a later nested stack puts out."""
    text = json.dumps(templates[2].body).replace(f'"{MIDDLE}"', '{"Ref": "Who"}')
    child = json.loads(text) | {"Parameters": {"Who": {"Type": "String"}}}
    given: Json = {"Properties": {"Parameters": {"Who": {"Fn::GetAtt": ["Giver", "Outputs.Who"]}}}}
    parent = _nested(templates[2], child, given, Giver={"Outputs": {"Who": {"Value": MIDDLE}}})
    assert _rules(chain, [*templates[:2], parent, *templates[3:]]) == set()
    given = {"Properties": {"Parameters": {"Who": {"Fn::ImportValue": "who"}}}}
    exports: Json = {"Outputs": {"Who": {"Value": MIDDLE, "Export": {"Name": "who"}}}}
    exporting = Template("x", exports, account="333333333333")
    parent = _nested(templates[2], child, given)
    assert _rules(chain, [*templates[:2], parent, *templates[3:], exporting]) == set()


NAMED_BY_DEFAULT = {"Role": {"Type": "String", "Default": "deploy-target"}}


@pytest.mark.parametrize("role", ["deploy-target", "Deploy-Target", {"Ref": "Role"}])
@pytest.mark.parametrize("account", ["333333333333", None])
def test_a_policy_by_name(chain: Chain, templates: list[Template], role: Any, account: str | None) -> None:
    """A policy of another template is that of the role of its name, whatever its case and however it is named."""
    body = {"Parameters": NAMED_BY_DEFAULT, "Resources": {"On": _attached(role)}}
    assert _rules(chain, [*templates, Template("app", body, account=account)])


@pytest.mark.parametrize("role", ["deploy-target", {"Ref": "Role"}])
def test_a_policy_of_a_role_that_exists_already(chain: Chain, templates: list[Template], role: Any) -> None:
    """What a template attaches to an existing role of the chain is read as its own."""
    existing = Chain(
        "deploy",
        organization=chain.organization,
        source=chain.sources,
        middle=chain.middle,
        targets=[ChainRole("333333333333", existing=True), chain.targets[1]],
    )
    body = {"Parameters": NAMED_BY_DEFAULT, "Resources": {"On": _attached(role)}}
    others = [*templates[:2], templates[3]]
    assert _rules(existing, others) == set()
    assert "RC30" in _rules(existing, [*others, Template("app", body, account="333333333333")])
