"""The conditions of a template: their other branches, and which of them exclude each other."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from rolechain.cloudformation.conditions import branches, exclude, requirements
from rolechain.proof import Level, Template, audit

Json = dict[str, Any]
OPEN: Json = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "RoleName": "r",
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}],
        },
    },
}
MODE = {"Mode": {"Type": "String", "Default": "closed"}}


def _equals(value: str, parameter: str = "Mode") -> Json:
    return {"Fn::Equals": [{"Ref": parameter}, value]}


def _template(
    conditions: Json, role: Json | None = None, parameters: Json | None = None, **given: str
) -> Template:
    body = {
        "Parameters": parameters or MODE,
        "Conditions": conditions,
        "Resources": {"R": role or OPEN | {"Condition": "Open"}},
    }
    return Template("t", body, parameters=given)


NOT_CLOSED = {"Fn::Not": [_equals("closed")]}
TWO = {**MODE, "Other": {"Type": "String", "Default": "no"}}


@pytest.mark.parametrize(
    ("conditions", "parameters"),
    [
        ({"Open": _equals("open")}, MODE),
        ({"Open": NOT_CLOSED}, MODE),
        ({"Open": {"Condition": "Wide"}, "Wide": _equals("wide")}, MODE),
        ({"Open": {"Fn::Or": [_equals("a"), _equals("b")]}}, MODE),
        ({"Open": {"Fn::And": [_equals("open"), _equals("yes", "Other")]}}, TWO),
        ({"Open": NOT_CLOSED}, {"Mode": {**MODE["Mode"], "AllowedValues": ["closed", "x"]}}),
        ({"Open": {"Fn::Equals": ["true", {"Ref": "Mode"}]}}, {"Mode": {"Type": "String", "Default": ""}}),
        ({"Open": {"Fn::Equals": [{"Fn::Sub": "${Mode}-x"}, "open-x"]}}, MODE),
    ],
)
def test_a_role_that_a_default_leaves_out_is_said(conditions: Json, parameters: Json) -> None:
    """What is open in the other branch is a warning that names condition and parameter, and counts where asked for."""
    names = "parameters Mode, Other" if "Other" in parameters else "parameter Mode"
    for counts, level in ((False, Level.WARNING), (True, Level.ERROR)):
        found = audit([_template(conditions, parameters=parameters)], all_conditions=counts).findings
        ((finding),) = [each for each in found if each.rule == "RC01"]
        assert finding.level is level
        assert finding.message.endswith(f", if condition Open ({names}) holds")


def test_a_principal_that_a_condition_chooses_is_tried_as_well() -> None:
    """A branch of Fn::If within a document is found as a resource is that is not made."""
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Fn::If": ["Shut", {"Service": "lambda.amazonaws.com"}, "*"]},
                    }
                ],
            }
        },
    }
    (finding,) = audit([_template({"Shut": _equals("closed")}, role)]).findings
    assert finding.message.endswith(", if condition Shut (parameter Mode) does not hold")


def test_what_the_user_gives_is_not_tried_otherwise() -> None:
    """A value that is given decides; only a default may be another."""
    assert not audit([_template({"Open": _equals("open")}, Mode="closed")], all_conditions=True).findings


def test_what_holds_either_way_is_said_once() -> None:
    """A finding of the template as it is does not come again in each branch."""
    found = audit([_template({"Open": _equals("open"), "Closed": _equals("closed")}, OPEN)]).findings
    assert [each.rule for each in found] == ["RC01"]


def test_conditions_change_together_with_their_parameter() -> None:
    """A branch is a value of a parameter, so that two conditions on it never hold at once that exclude each other."""
    template = _template(
        {"Open": _equals("open"), "Closed": _equals("closed")}, OPEN | {"Condition": "Closed"}
    )
    template.body["Resources"]["S"] = OPEN | {"Condition": "Open"}
    found = audit([template], all_conditions=True).findings
    assert "RC17" not in {each.rule for each in found}
    one, other = (branch.template.parameters["Mode"] for branch in branches(template))
    assert one == "open"
    assert other != "closed"


def test_a_parameter_without_a_default_is_tried_both_ways_where_asked_for() -> None:
    """RC00 says that it is not known; with all conditions, each branch says what it would be."""
    template = _template({"Open": _equals("open")}, parameters={"Mode": {"Type": "String"}})
    assert "RC01" in {each.rule for each in audit([template], all_conditions=True).findings}


CONDITIONS: Json = {
    "Prod": _equals("prod"),
    "Dev": _equals("dev"),
    "NotProd": {"Fn::Not": [{"Condition": "Prod"}]},
    "Other": {"Fn::Not": [{"Fn::Or": [{"Condition": "Prod"}, {"Condition": "Dev"}]}]},
    "ProdHere": {"Fn::And": [{"Condition": "Prod"}, _equals("yes", "Here")]},
    "NotHere": {"Fn::Equals": ["no", {"Ref": "Here"}]},
    "Either": {"Fn::Or": [{"Condition": "Prod"}, {"Condition": "Dev"}]},
}
EXCLUDING = {
    ("Prod", "Dev"),
    ("Prod", "NotProd"),
    ("Prod", "Other"),
    ("Dev", "Other"),
    ("Dev", "ProdHere"),
    ("NotProd", "ProdHere"),
    ("Other", "ProdHere"),
    ("ProdHere", "NotHere"),
}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(CONDITIONS, 2)))
def test_conditions_that_exclude_each_other(one: str, other: str) -> None:
    """One parameter has one value, and no condition holds beside its contrary: such roles share a name without harm."""
    required = [requirements(each, CONDITIONS) for each in (one, other)]
    expected = (one, other) in EXCLUDING
    assert exclude(required[0], required[1]) is expected
    body = {
        "Parameters": {"Mode": {"Type": "String"}, "Here": {"Type": "String"}},
        "Conditions": CONDITIONS,
        "Resources": {"A": OPEN | {"Condition": one}, "B": OPEN | {"Condition": other}},
    }
    rules = {each.rule for each in audit([Template("t", body)]).findings}
    assert ("RC17" in rules) is not expected


@pytest.mark.parametrize("kind", ["String", "CommaDelimitedList"])
def test_a_value_that_only_serves_to_decide_is_no_fact(kind: str) -> None:
    """Where any value makes a condition hold, what a policy makes of the value is not known, and no finding."""
    role: Json = {
        "Type": "AWS::IAM::Role",
        "Condition": "Open",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": {"Ref": "Mode"}}}
                ],
            }
        },
    }
    listed = {"Fn::Join": ["", {"Ref": "Mode"}]}
    value = {"Ref": "Mode"} if kind == "String" else listed
    open_if_given = {"Open": {"Fn::Not": [{"Fn::Equals": [value, ""]}]}}
    template = _template(open_if_given, role, {"Mode": {"Type": kind, "Default": ""}})
    assert [each.rule for each in audit([template], all_conditions=True).findings] == []
