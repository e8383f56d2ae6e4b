"""The values that an audit is given for parameters and the region."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain.proof import ParameterError, Proof, Template, audit, role_graph_of

Json = dict[str, Any]
GENERAL = "write a value that is known before deployment, or give the proof what it refers to"


def _template(principal: Any, name: str = "app", **sections: Any) -> Template:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": principal}}
    properties = {"RoleName": "role", "AssumeRolePolicyDocument": {"Statement": [statement]}}
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    return Template(name, {"Resources": {"Role": role}, **sections}, account="111111111111")


def _declaring(parameter: Json, principal: Any = None, **sections: Any) -> Template:
    return _template(principal or {"Ref": "Who"}, Parameters={"Who": parameter}, **sections)


def _cures(proof: Proof) -> list[str]:
    return [finding.remediation for finding in proof.findings if finding.rule == "RC00"]


def _let_in(proof: Proof) -> list[str]:
    return [entrance.words for entrance in proof.entrances]


@pytest.mark.parametrize(
    ("parameter", "value", "let_in"),
    [
        ({"Type": "String"}, "a.amazonaws.com", ["a.amazonaws.com"]),
        ({"Type": "String", "Default": "b.amazonaws.com"}, "a.amazonaws.com", ["a.amazonaws.com"]),
        (
            {"Type": "CommaDelimitedList"},
            "a.amazonaws.com, b.amazonaws.com",
            ["a.amazonaws.com", "b.amazonaws.com"],
        ),
        (
            {"Type": "List<String>", "AllowedValues": ["a.amazonaws.com", "b.amazonaws.com"]},
            ["b.amazonaws.com", "a.amazonaws.com"],
            ["a.amazonaws.com", "b.amazonaws.com"],
        ),
        ({"Type": "AWS::SSM::Parameter::Name"}, "a.amazonaws.com", ["a.amazonaws.com"]),
        (
            {"Type": "String", "AllowedPattern": r"\p{Lower}+\.amazonaws\.com"},
            "a.amazonaws.com",
            ["a.amazonaws.com"],
        ),
    ],
)
def test_a_value_takes_the_place_of_the_default(parameter: Json, value: Any, let_in: list[str]) -> None:
    """A parameter is read with the value that it is given, a list as its items, and nothing is taken for granted."""
    proof = audit([_declaring(parameter)], parameters={"Who": value}, region="eu-west-1")
    assert _let_in(proof) == [f"the service {each}" for each in let_in]
    assert (proof.findings, proof.assumptions) == ((), ())


@pytest.mark.parametrize(
    ("parameter", "value", "problem"),
    [
        (
            {"Type": "String", "AllowedValues": ["dev", "prod"]},
            "test",
            "parameter Who of app does not take 'test': give one of its AllowedValues dev, prod",
        ),
        (
            {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]},
            "a,c",
            "parameter Who of app does not take 'c': give one of its AllowedValues a, b",
        ),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+"},
            "a1",
            "parameter Who of app does not take 'a1': give one that its AllowedPattern [a-z]+ matches",
        ),
        ({"Type": "Number"}, "1_0", "parameter Who of app does not take '1_0': give a number"),
        ({"Type": "List<Number>"}, "1, x", "parameter Who of app does not take 'x': give a number"),
        (
            {"Type": "Number", "MaxValue": 3},
            4,
            "parameter Who of app does not take '4': give a number of at most 3",
        ),
        (
            {"Type": "String", "MinLength": "2"},
            "x",
            "parameter Who of app does not take 'x': give a text of at least 2 characters",
        ),
        (
            {"Type": "String", "MinLength": 2, "NoEcho": True},
            "x",
            "parameter Who of app does not take a value: give a text of at least 2 characters",
        ),
        ({"Type": "String"}, ["a"], "parameter Who of type String takes no list: give a text"),
        ({"Type": "String"}, {"a": 1}, "parameter Who of type String takes no dict: give a text"),
    ],
)
def test_a_value_that_a_parameter_does_not_take(parameter: Json, value: Any, problem: str) -> None:
    """What CloudFormation refuses is refused, in one line that keeps the value of NoEcho to itself."""
    with pytest.raises(ParameterError) as caught:
        audit([_declaring(parameter)], parameters={"Who": value})
    assert str(caught.value) == problem


def test_a_value_that_no_template_declares() -> None:
    """A name that is declared nowhere is refused, with the names that are; one of any template is enough."""
    templates = [_declaring({"Type": "String"}), _template("a.amazonaws.com", "other")]
    assert _let_in(audit(templates, parameters={"Who": "b.amazonaws.com"})) == [
        "the service b.amazonaws.com",
        "the service a.amazonaws.com",
    ]
    with pytest.raises(ParameterError, match=r"^no template declares the parameter Whom: give one of Who$"):
        audit(templates, parameters={"Whom": "x"})
    with pytest.raises(ParameterError, match=r"^no template declares the parameter Who: remove it$"):
        audit(templates[1:], parameters={"Who": "x"})


def test_a_stored_value() -> None:
    """A parameter of Systems Manager is given a name, as in CloudFormation, and the name its value."""
    stored = [_declaring({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/who"})]
    assert _cures(audit(stored)) == [
        "give --ssm /who=VALUE, or write a value that is known before deployment"
    ]
    assert _cures(audit(stored, parameters={"Who": "/whom"})) == [
        "give --ssm /whom=VALUE, or write a value that is known before deployment"
    ]
    given = audit(stored, parameters={"Who": "/whom", "/whom": "a.amazonaws.com"})
    assert (_let_in(given), given.findings) == (["the service a.amazonaws.com"], ())
    with pytest.raises(
        ParameterError, match=r"^no template declares the parameter /who: give one of Who, /whom$"
    ):
        audit(stored, parameters={"Who": "/whom", "/who": "a.amazonaws.com"})


def test_a_stored_list() -> None:
    """A stored value is a list where the parameter says so."""
    stored = _declaring({"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "who"})
    assert _let_in(audit([stored], parameters={"who": "a.amazonaws.com,b.amazonaws.com"})) == [
        "the service a.amazonaws.com",
        "the service b.amazonaws.com",
    ]


@pytest.mark.parametrize("region", ["us-east-1a", "us-east1", "US-EAST-1", ""])
def test_a_region_that_is_none(region: str) -> None:
    """A text that is no region is refused, an availability zone among them."""
    with pytest.raises(ParameterError, match=rf"^'{region}' is not a region: write one such as us-east-1$"):
        audit([_template("a.amazonaws.com")], region=region)


def test_a_region_settles_what_depends_on_it() -> None:
    """The region and its partition are those that are given; a template's own region stays."""
    here = _template({"Fn::Sub": "ec2.${AWS::Region}.${AWS::URLSuffix}"})
    table = {"Named": {"cn-north-1": {"who": "a.amazonaws.com"}}}
    looked_up = _template({"Fn::FindInMap": ["Named", {"Ref": "AWS::Region"}, "who"]}, Mappings=table)
    assert _cures(audit([looked_up])) == [
        "give --region REGION, or write a value that is known before deployment"
    ]
    assert _let_in(audit([here], region="cn-north-1")) == ["the service ec2.cn-north-1.amazonaws.com.cn"]
    own = Template(here.name, here.body, account=here.account, region="eu-west-1")
    assert _let_in(audit([own], region="cn-north-1")) == ["the service ec2.eu-west-1.amazonaws.com"]


@pytest.mark.parametrize(
    "principal",
    [
        {"Fn::Sub": "states.${AWS::Region}.amazonaws.com"},
        {"Fn::Sub": "states.${AWS::Region}.${AWS::URLSuffix}"},
        {"Fn::Sub": ["states.${Where}.amazonaws.com", {"Where": {"Ref": "AWS::Region"}}]},
        {"Fn::Join": [".", ["states", {"Ref": "AWS::Region"}, "amazonaws.com"]]},
        [{"Fn::Sub": "states.${AWS::Region}.amazonaws.com"}],
    ],
)
def test_a_service_of_whatever_region(principal: Any) -> None:
    """A service whose region is not known is that service: it acts for any customer in each region."""
    (finding,) = (found := audit([_template(principal)])).findings
    assert (finding.rule, finding.message) == (
        "RC04",
        "arn:aws:iam::111111111111:role/role lets in states.${AWS::Region}.amazonaws.com on behalf of any account",
    )
    assert _let_in(found) == ["the service states.${AWS::Region}.amazonaws.com"]


@pytest.mark.parametrize(
    "principal",
    [
        {"Fn::Sub": "${AWS::Region}"},
        {"Fn::Sub": "${AWS::Region}.${Who}"},
        {"Fn::Sub": "arn:aws:iam::${AWS::Region}:root"},
        {"Fn::Sub": "${AWS::Region}-states.amazonaws.com"},
        {"Fn::Sub": "states.${AWS::Region}.amazonaws.com.${AWS::StackName}"},
    ],
)
def test_a_region_that_decides_who_it_is(principal: Any) -> None:
    """Where a region is more than a part of a service's name, it is not known who is let in."""
    assert _cures(audit([_declaring({"Type": "String"}, principal)]))


def test_a_region_that_is_compared() -> None:
    """A condition on a text with an unknown region is not known, and no value of one is taken for another."""
    service = {"Fn::Sub": "states.${AWS::Region}.amazonaws.com"}
    conditions = {"Here": {"Fn::Equals": [service, "states.eu-west-1.amazonaws.com"]}}
    assert _cures(
        audit([_template({"Fn::If": ["Here", "a.amazonaws.com", "b.amazonaws.com"]}, Conditions=conditions)])
    )


@pytest.mark.parametrize(
    ("principal", "options"),
    [
        ({"Fn::Sub": "${Who}.${AWS::Region}.amazonaws.com"}, "--parameter Who=VALUE"),
        ([{"Ref": "Who"}, {"Ref": "AWS::Region"}], "--parameter Who=VALUE --region REGION"),
        ({"Fn::If": ["Open", "a", "b"]}, "--parameter Who=VALUE"),
        ({"Fn::If": ["Far", "a", "b"]}, "--region REGION --parameter Who=VALUE"),
        ({"Fn::ImportValue": {"Fn::Sub": "${Who}-role"}}, "--parameter Who=VALUE"),
        ({"Fn::ImportValue": "shared:caller"}, "--import shared:caller=VALUE"),
        ({"Fn::FindInMap": ["Regions", {"Ref": "AWS::Region"}, "who"]}, "--region REGION"),
    ],
)
def test_the_cure_names_the_options_that_answer_it(principal: Any, options: str) -> None:
    """Wherever a missing value leads to, the cure is to give it; where none is missing, no option is named."""
    conditions = {
        "Open": {"Fn::Equals": [{"Ref": "Who"}, "x"]},
        "Far": {"Fn::And": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "x"]}, {"Condition": "Open"}]},
    }
    template = _declaring({"Type": "String"}, principal, Conditions=conditions)
    assert _cures(audit([template])) == [f"give {options}, or write a value that is known before deployment"]
    assert _cures(audit([_template({"Ref": "AWS::StackId"})])) == [GENERAL]


def test_the_cure_of_a_role_that_may_not_be_made() -> None:
    """A role whose condition depends on a parameter is cured by its value."""
    template = _declaring(
        {"Type": "String"}, "a.amazonaws.com", Conditions={"Open": {"Fn::Equals": [{"Ref": "Who"}, "x"]}}
    )
    template.body["Resources"]["Role"]["Condition"] = "Open"
    assert _cures(audit([template])) == [
        "give --parameter Who=VALUE, or write a value that is known before deployment"
    ]
    assert _let_in(audit([template], parameters={"Who": "y"})) == []
    assert _let_in(audit([template], parameters={"Who": "x"})) == ["the service a.amazonaws.com"]


def test_a_nested_stack_is_given_values_by_its_parent() -> None:
    """A value is given to a template that is deployed by itself; a nested stack has what its parent passes on."""
    child = dict(_declaring({"Type": "String"}).body)
    stack: Json = {"Type": "AWS::CloudFormation::Stack", "Properties": {}}
    body = {"Parameters": {"Outer": {"Type": "String"}}, "Resources": {"Child": stack}}
    parent = Template("parent", body, account="111111111111", nested={"Child": child})
    assert _cures(audit([parent], parameters={"Outer": "x"})) == [GENERAL]
    stack["Properties"]["Parameters"] = {"Who": {"Ref": "Outer"}}
    assert _cures(audit([parent])) == [
        "give --parameter Outer=VALUE, or write a value that is known before deployment"
    ]
    assert _let_in(audit([parent], parameters={"Outer": "a.amazonaws.com"})) == [
        "the service a.amazonaws.com"
    ]


def test_a_given_value_that_is_looked_up_is_not_known() -> None:
    """A dynamic reference that is given, alone or in a list, is unknown as one that is written."""
    secret = "{{resolve:ssm:/who}}"
    for kind in ("String", "CommaDelimitedList"):
        proof = audit([_declaring({"Type": kind})], parameters={"Who": secret})
        assert [finding.rule for finding in proof.findings] == ["RC00"]


def test_a_macro_that_may_change_a_parameter() -> None:
    """Where a macro may change a parameter, its value settles nothing, and no option is named."""
    parameter = {"Type": "String", "Fn::Transform": {"Name": "Own"}}
    template = _declaring(parameter)
    assert GENERAL in _cures(audit([template], parameters={"Who": "a.amazonaws.com"}))


def test_a_template_carries_its_values() -> None:
    """A template that is given with values is read with them by a proof as well."""
    template = _declaring({"Type": "String"})
    given = Template(
        template.name, template.body, account=template.account, parameters={"Who": "a.amazonaws.com"}
    )
    assert role_graph_of([given]).unknown == ()
