"""A parameter's empty default is a form that is still to be filled in: no answer to whom a trust policy names."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain.proof import Finding, Level, Proof, Template, audit

Json = dict[str, Any]
TEXT = {"Type": "String", "Default": ""}
EMPTY: Json = {
    "Who": TEXT,
    "Account": TEXT,
    "List": {"Type": "CommaDelimitedList", "Default": ""},
    "Commas": {"Type": "CommaDelimitedList", "Default": " , "},
    "Prefix": TEXT,
}
OWN: Json = {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}


def _audit(
    principal: Json, condition: Json | None = None, action: str = "sts:AssumeRole", **values: str
) -> Proof:
    statement: Json = {"Effect": "Allow", "Principal": principal, "Action": action}
    statement |= {"Condition": condition} if condition else {}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    body = {
        "Parameters": EMPTY,
        "Conditions": {"HasWho": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Who"}, ""]}]}},
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
        },
    }
    return audit([Template("t", body, "111111111111", "us-east-1")], parameters=values)


@pytest.mark.parametrize(
    ("principal", "parameter"),
    [
        ({"AWS": {"Ref": "Who"}}, "Who"),
        ({"AWS": [{"Ref": "Who"}]}, "Who"),
        ({"AWS": {"Ref": "List"}}, "List"),
        ({"AWS": {"Ref": "Commas"}}, "Commas"),
        ({"AWS": {"Fn::Split": [",", {"Ref": "Who"}]}}, "Who"),
        ({"AWS": {"Fn::Select": [0, {"Ref": "List"}]}}, "List"),
        ({"AWS": {"Fn::Sub": "arn:aws:iam::${Account}:root"}}, "Account"),
        ({"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${Account}:role/deploy"}}, "Account"),
        ({"AWS": {"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "Account"}, ":root"]]}}, "Account"),
        ({"AWS": {"Fn::Sub": ["arn:aws:iam::111111111111:role/${R}", {"R": {"Ref": "Who"}}]}}, "Who"),
        ({"AWS": {"Fn::If": ["HasWho", "arn:aws:iam::111111111111:root", {"Ref": "List"}]}}, "List"),
        ({"Service": {"Fn::Sub": "${Who}.amazonaws.com"}}, "Who"),
        ({"Service": {"Ref": "Who"}}, "Who"),
    ],
)
def test_an_empty_default_is_no_principal(principal: Json, parameter: str) -> None:
    """RC00 alone, with the parameter and the option that gives it."""
    (finding,) = _audit(principal).findings
    assert (finding.rule, finding.level) == ("RC00", Level.ERROR)
    assert f"the default of parameter {parameter} is empty" in finding.message
    assert f"give --parameter {parameter}=VALUE" in finding.remediation


@pytest.mark.parametrize(
    ("condition", "parameter"),
    [
        ({"StringEquals": {"sts:ExternalId": {"Ref": "Who"}}}, "Who"),
        ({"StringEquals": {"aws:PrincipalOrgID": {"Ref": "Who"}}}, "Who"),
        ({"ArnEquals": {"aws:PrincipalArn": {"Fn::Sub": "arn:aws:iam::${Account}:role/a"}}}, "Account"),
        ({"ArnLike": {"aws:PrincipalArn": {"Ref": "List"}}}, "List"),
    ],
)
def test_an_empty_default_is_no_value_of_a_key(condition: Json, parameter: str) -> None:
    """Nor is it what a condition asks for."""
    found = _audit({"AWS": "arn:aws:iam::111111111111:role/a"}, condition).findings
    assert [each.rule for each in found] == ["RC00", "RC21"]
    assert f"give --parameter {parameter}=VALUE" in found[0].remediation


def test_a_federated_principal_is_no_empty_default() -> None:
    """A provider whose host is still to be filled in."""
    provider = {"Federated": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:oidc-provider/${Who}"}}
    found = _audit(provider, action="sts:AssumeRoleWithWebIdentity").findings
    assert [each.rule for each in found] == ["RC00"]


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": {"Fn::Sub": "arn:aws:iam::111111111111:role/${Prefix}deploy"}},
        {"Service": {"Fn::Sub": "ec2.amazonaws.com${Prefix}"}},
        {"Service": {"Fn::If": ["HasWho", {"Ref": "Who"}, "ec2.amazonaws.com"]}},
    ],
)
def test_a_part_of_a_name_may_be_empty(principal: Json) -> None:
    """A prefix, a suffix and a condition on the parameter keep the default."""
    assert "RC00" not in [each.rule for each in _audit(principal).findings]


def test_a_value_answers_it() -> None:
    """What is given takes the place of the default."""
    found: tuple[Finding, ...] = _audit({"Service": {"Ref": "Who"}}, Who="ec2.amazonaws.com").findings
    assert found == ()
