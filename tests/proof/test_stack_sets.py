"""The values that stack sets and nested stacks give to the parameters of their templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain
from rolechain.proof import Proof, Template, prove

Json = dict[str, Any]
MIDDLE = "arn:aws:iam::222222222222:role/rolechain/deploy-middle"
WIDE = "arn:aws:iam::222222222222:role/*"


@pytest.fixture
def proven(chain: Chain, templates: list[Template]) -> Callable[..., Proof]:
    """The proof of a chain whose first target a stack set makes, its caller being a parameter with a default."""

    def make(group: Json | None = None, **properties: Any) -> Proof:
        text = json.dumps(templates[2].body).replace(f'"{MIDDLE}"', '{"Ref": "Caller"}')
        body = json.loads(text) | {"Parameters": {"Caller": {"Type": "String", "Default": MIDDLE}}}
        accounts = {"DeploymentTargets": {"Accounts": ["333333333333"]}, "Regions": ["us-east-1"]}
        templates[0].body["Resources"]["Set"] = {
            "Type": "AWS::CloudFormation::StackSet",
            "Properties": {
                "StackSetName": "targets",
                "TemplateBody": json.dumps(body),
                "StackInstancesGroup": [accounts | (group or {})],
                **properties,
            },
        }
        return prove(chain, [each for each in templates if each.name != "333333333333"])

    return make


def _given(value: Any) -> list[Json]:
    return [{"ParameterKey": "Caller", "ParameterValue": value}]


def test_a_parameters_default_is_taken_where_nothing_is_given(proven: Callable[..., Proof]) -> None:
    """The role of the stack set trusts its caller alone."""
    assert proven().proven


@pytest.mark.parametrize("where", ["Parameters", "ParameterOverrides"])
def test_what_a_stack_set_gives_goes_before_the_default(proven: Callable[..., Proof], where: str) -> None:
    """A pattern given to the whole set, or to a group of its accounts alone, opens the role and is found."""
    wide = _given(WIDE)
    proof = proven(Parameters=wide) if where == "Parameters" else proven({"ParameterOverrides": wide})
    assert "RC05" in {finding.rule for finding in proof.findings if finding.level == "error"}


def test_an_override_of_one_group_goes_before_the_value_of_the_set(proven: Callable[..., Proof]) -> None:
    """What a group gives stands for its accounts, whatever the set gives."""
    assert proven({"ParameterOverrides": _given(MIDDLE)}, Parameters=_given(WIDE)).proven


def test_every_set_of_values_of_an_account_is_read(proven: Callable[..., Proof]) -> None:
    """Of two groups for one account, the open one is found behind the closed one."""
    accounts = {"DeploymentTargets": {"Accounts": ["333333333333"]}, "Regions": ["us-east-1"]}
    groups = [accounts, accounts | {"ParameterOverrides": _given(WIDE)}]
    proof = proven(StackInstancesGroup=groups)
    assert "RC05" in {finding.rule for finding in proof.findings if finding.level == "error"}


def test_values_that_are_not_known_are_not_the_defaults(proven: Callable[..., Proof]) -> None:
    """Where the list of values cannot be resolved, the role's trust is unknown."""
    proof = proven(Parameters={"Ref": "Nothing"})
    assert "RC00" in {finding.rule for finding in proof.findings if finding.level == "error"}


def test_values_of_a_nested_stack_that_are_not_known_are_not_the_defaults(
    chain: Chain, templates: list[Template]
) -> None:
    """A nested stack whose parameters come from a macro does not have its defaults."""
    text = json.dumps(templates[2].body).replace(f'"{MIDDLE}"', '{"Ref": "Caller"}')
    child = json.loads(text) | {"Parameters": {"Caller": {"Type": "String", "Default": MIDDLE}}}

    def prove_with(parameters: Json) -> Proof:
        nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"Parameters": parameters}}
        parent = Template(
            "333333333333",
            {"Resources": {"Child": nested}},
            account="333333333333",
            nested={"Child": child},
            dependencies=templates[2].dependencies,
        )
        return prove(chain, [*templates[:2], parent, *templates[3:]])

    assert prove_with({}).proven
    assert not prove_with({"Fn::Transform": {"Name": "Own"}}).proven
