"""What is found where a condition is not as the parameters' defaults make it."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain.proof import Template, audit

Json = dict[str, Any]
SERVICE: Json = {"Service": "ec2.amazonaws.com"}


def _found(parameter: Json, resource: Any, principal: Any = SERVICE, **options: Any) -> list[tuple[str, str]]:
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}
    permission = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}
    document = {"Statement": [permission]}
    properties = {
        "AssumeRolePolicyDocument": trust,
        "Policies": [{"PolicyName": "p", "PolicyDocument": document}],
    }
    body = {
        "Parameters": {"Key": {"Type": "String", **parameter}},
        "Conditions": {"Has": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Key"}, ""]}]}},
        "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}},
    }
    return [(each.rule, each.message) for each in audit([Template("my-file.yaml", body)], **options).findings]


PATTERN = "^$|^arn:aws:s3:::[a-z]{3,}$"


@pytest.mark.parametrize("all_conditions", [False, True])
@pytest.mark.parametrize("parameter", [{"Default": ""}, {"Default": "", "AllowedPattern": PATTERN}])
def test_a_parameter_is_not_its_default_where_its_condition_is_not(
    parameter: Json, all_conditions: bool
) -> None:
    """What a parameter is where its own condition says that it is something is not its empty default."""
    resource = {"Fn::If": ["Has", {"Ref": "Key"}, "*"]}
    assert not _found(parameter, resource, all_conditions=all_conditions)


@pytest.mark.parametrize("parameter", [{"Default": ""}, {"Default": "", "AllowedPattern": PATTERN}])
def test_a_finding_of_another_branch_names_no_stand_in(parameter: Json) -> None:
    """A role is said by its logical id there as well."""
    resource = {"Fn::If": ["Has", "text", "*"]}
    assert _found(parameter, resource) == [
        (
            "RC03",
            "p of Role has the Resource 'text', which is not an ARN, and IAM refuses it, "
            "if condition Has (parameter Key) holds",
        )
    ]


def test_roles_that_exclude_each_other_keep_their_names() -> None:
    """A finding of one of two roles of one name is said of that one."""
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
    properties = {"RoleName": "same", "AssumeRolePolicyDocument": trust}
    body = {
        "Conditions": {
            "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]},
            "There": {"Fn::Not": [{"Condition": "Here"}]},
        },
        "Resources": {
            name: {"Type": "AWS::IAM::Role", "Condition": name.removeprefix("Of"), "Properties": properties}
            for name in ("OfHere", "OfThere")
        },
    }
    found = [each for each in audit([Template("t", body)]).findings if each.rule == "RC01"]
    assert [(each.place and each.place.logical_id, each.message.split()[0]) for each in found] == [
        ("OfHere", "OfHere"),
        ("OfThere", "OfThere"),
    ]


@pytest.mark.parametrize("default", ["", " "])
def test_an_empty_default_as_resource(default: str) -> None:
    """The empty default of a parameter is no answer to which resource is meant, and no refused one."""
    assert not _found({"Default": default}, {"Ref": "Key"})
    assert not _found({"Default": default}, [{"Ref": "Key"}])
