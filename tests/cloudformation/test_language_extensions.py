"""Loops and functions of AWS::LanguageExtensions are read as CloudFormation expands them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolechain.proof import Proof, Template, audit

STAR = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
PARAMETERS = {
    "Names": {"Type": "CommaDelimitedList", "Default": "a, b-c"},
    "Open": {"Type": "CommaDelimitedList"},
}


def _audited(resources: dict[str, Any], *, transform: Any = "AWS::LanguageExtensions") -> Proof:
    body = {
        "Transform": transform,
        "Parameters": PARAMETERS,
        "Mappings": {"Teams": {"All": {"Names": ["x", "y"]}}},
        "Resources": resources,
    }
    return audit([Template("app", body, account="111111111111")])


def _role(name: Any, trust: Any = STAR) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": {"RoleName": name, "AssumeRolePolicyDocument": trust}}


def _loop(collection: Any, key: str = "Role&{Name}", name: Any = "deploy-${Name}") -> dict[str, Any]:
    return {"Fn::ForEach::Roles": ["Name", collection, {key: _role(name)}]}


def _open(report: Proof) -> list[str]:
    return [finding.message.split()[0] for finding in report.findings if finding.rule == "RC01"]


@pytest.mark.parametrize(
    ("collection", "names"),
    [
        (["a", "b-c"], ["a", "b-c"]),
        ({"Ref": "Names"}, ["a", "b-c"]),
        ({"Fn::FindInMap": ["Teams", "All", "Names"]}, ["x", "y"]),
        ([], []),
    ],
)
def test_every_role_of_a_loop_is_looked_at(collection: Any, names: list[str]) -> None:
    """The collection may be written out, a parameter or a mapping."""
    report = _audited(_loop(collection))
    assert _open(report) == [f"arn:aws:iam::111111111111:role/deploy-{name}" for name in names]
    assert [finding for finding in report.findings if finding.rule == "RC00"] == []


@pytest.mark.parametrize(
    "name", [{"Fn::Sub": "deploy-${Name}"}, {"Fn::Join": ["-", ["deploy", {"Ref": "Name"}]]}]
)
def test_an_identifier_within_functions(name: Any) -> None:
    """Fn::Sub and Ref take the identifier of a loop as well."""
    assert _open(_audited(_loop(["a"], name=name))) == ["arn:aws:iam::111111111111:role/deploy-a"]


def test_a_loop_within_a_loop() -> None:
    """Every combination is made."""
    inner = {"Fn::ForEach::Kinds": ["Kind", ["r", "w"], {"${Name}${Kind}": _role("${Name}-${Kind}")}]}
    report = _audited({"Fn::ForEach::Names": ["Name", ["a", "b"], inner]})
    assert _open(report) == [
        f"arn:aws:iam::111111111111:role/{name}" for name in ("a-r", "a-w", "b-r", "b-w")
    ]


def test_statements_that_a_loop_makes() -> None:
    """A loop among a resource's properties is expanded as well."""
    role = _role("one")
    role["Properties"] = {
        "Fn::ForEach::Documents": [
            "Key",
            ["AssumeRolePolicyDocument"],
            {"${Key}": STAR},
        ]
    }
    assert len(_open(_audited({"One": role}))) == 1


@pytest.mark.parametrize(
    "resources",
    [
        _loop({"Ref": "Open"}),
        _loop([{"Ref": "Open"}]),
        _loop(["a", "a"]),
        _loop(["a"], key="Fixed") | {"Fixed": {"Type": "AWS::SNS::Topic"}},
        {"Fn::ForEach::Roles": ["Name", ["a"]]},
        {"Fn::ForEach::Roles": {"Name": _role("a")}},
        {
            "Fn::ForEach::A": [
                "A",
                [str(n) for n in range(400)],
                {"Fn::ForEach::B": ["B", [str(n) for n in range(400)], {"R${A}x${B}": _role("a")}]},
            ]
        },
    ],
)
def test_a_loop_that_is_not_known_is_named(resources: dict[str, Any]) -> None:
    """An unknown collection, a key made twice, a loop that is none, and one that makes too much: all stay unknown."""
    report = _audited(resources)
    assert "RC00" in {finding.rule for finding in report.findings}
    assert not report.proven or not any("Role" in json.dumps(each) for each in resources.values())


def test_a_loop_without_the_transform_is_not_expanded() -> None:
    """CloudFormation reads loops only where the transform is named."""
    report = _audited(_loop(["a"]), transform=[])
    assert _open(report) == []
    assert not report.proven


@pytest.mark.parametrize("order", [["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"]])
def test_functions_that_a_loop_makes(order: list[str]) -> None:
    """SAM translates what the loops have made."""
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "a.b",
            "CodeUri": ".",
            "AssumeRolePolicyDocument": STAR,
        },
    }
    report = _audited({"Fn::ForEach::F": ["N", ["A", "B"], {"Fn${N}": function}]}, transform=order)
    places = [
        finding.place.logical_id for finding in report.findings if finding.rule == "RC01" and finding.place
    ]
    assert places == ["FnARole", "FnBRole"]


def test_a_policy_as_json_text_and_a_length() -> None:
    """Fn::ToJsonString and Fn::Length give what CloudFormation gives."""
    trust = {"Statement": [{**STAR["Statement"][0], "Principal": {"Service": "ec2.amazonaws.com"}}]}
    report = _audited(
        {
            "One": _role({"Fn::Sub": ["deploy-${N}", {"N": {"Fn::Length": {"Ref": "Names"}}}]}, trust),
            "Two": _role("two", {"Fn::ToJsonString": STAR}),
        }
    )
    assert next(entrance.role for entrance in report.entrances) == "arn:aws:iam::111111111111:role/deploy-2"
    assert _open(report) == ["arn:aws:iam::111111111111:role/two"]


SHUT = {
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    ]
}


@pytest.mark.parametrize(
    "made",
    [
        {"${Name}": _role("deploy"), "Shut": _role("deploy", SHUT)},
        {"${Name}": _role("deploy"), "&{Name}": _role("deploy", SHUT)},
        {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": "deploy",
                    "${Name}": STAR,
                    "Shut": SHUT,
                },
            }
        },
    ],
)
def test_a_key_that_hides_another(made: dict[str, Any]) -> None:
    """Of two keys of a loop that become one, neither is taken to hold: the loop is not known."""
    report = _audited({"Fn::ForEach::Roles": ["Name", ["Shut"], made]})
    assert [finding.rule for finding in report.findings if finding.level == "error"] == ["RC00"]
