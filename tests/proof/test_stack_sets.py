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


def _errors(proof: Proof) -> set[str]:
    return {finding.rule for finding in proof.findings if finding.level == "error"}


def _set_of(body: Any, *groups: Json) -> Template:
    properties = {"StackSetName": "s", "TemplateBody": json.dumps(body), "StackInstancesGroup": list(groups)}
    resources = {"Set": {"Type": "AWS::CloudFormation::StackSet", "Properties": properties}}
    parameters = {
        "Regions": {"Type": "CommaDelimitedList", "Default": "us-east-1,eu-west-1"},
        "Accounts": {"Type": "CommaDelimitedList"},
    }
    return Template("app", {"Parameters": parameters, "Resources": resources}, account="999999999999")


def _group(accounts: Any, regions: Any, **targets: Any) -> Json:
    return {"DeploymentTargets": {"Accounts": accounts, **targets}, "Regions": regions}


def test_each_account_has_the_regions_of_its_group(chain: Chain, templates: list[Template]) -> None:
    """Two accounts in a region each do not clash; one account in two regions does, however they are given."""
    one = _group(["333333333333"], ["us-east-1"])
    other = _group(["444444444444"], ["eu-west-1"])
    text = json.dumps(templates[2].body)
    more = _set_of(json.loads(text.replace("deploy-target", "other")), one, other)
    assert _errors(prove(chain, [*templates, more])) == set()
    for regions in (["us-east-1", "eu-west-1"], {"Ref": "Regions"}):
        body = json.loads(text)
        both = _set_of(body, _group(["333333333333"], regions))
        assert _errors(prove(chain, [*templates[:2], both, templates[3]])) == {"RC33"}


def test_a_condition_on_the_region_is_read_in_each(chain: Chain, templates: list[Template]) -> None:
    """A role that is made in one region only is one role, and a policy of another region is read."""
    body = json.loads(json.dumps(templates[2].body))
    body["Conditions"] = {"Home": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}}
    for resource in body["Resources"].values():
        resource["Condition"] = "Home"
    regions = ["eu-west-1", "us-east-1"]
    others = [*templates[:2], templates[3]]
    assert prove(chain, [*others, _set_of(body, _group(["333333333333"], regions))]).proven
    body["Conditions"]["Away"] = {"Fn::Not": [{"Condition": "Home"}]}
    body["Resources"]["On"] = _onward(Condition="Away")
    assert "RC30" in _errors(prove(chain, [*others, _set_of(body, _group(["333333333333"], regions))]))


def _onward(**more: Any) -> Json:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    name = {"Fn::Join": ["-", ["deploy", "target"]]}
    properties = {"RoleName": name, "PolicyName": "on", "PolicyDocument": document}
    return {"Type": "AWS::IAM::RolePolicy", "Properties": properties, **more}


def test_an_account_that_is_left_out_is_not_reached(chain: Chain, templates: list[Template]) -> None:
    """DIFFERENCE takes the named accounts out of the units."""
    units = {"OrganizationalUnitIds": ["ou-ab12-11111111"], "AccountFilterType": "DIFFERENCE"}
    others = [*templates[:2], templates[3]]
    for accounts, missing in ((["333333333333", "444444444444"], {"RC08"}), (["444444444444"], set())):
        group = _group(accounts, ["us-east-1"], **units)
        assert _errors(prove(chain, [*others, _set_of(templates[2].body, group)])) == missing


@pytest.mark.parametrize(
    "group",
    [
        _group([], ["us-east-1"], OrganizationalUnitIds=["ou-ab12-11111111"]),
        _group({"Ref": "Accounts"}, ["us-east-1"]),
        _group(["888888888888", {"Ref": "Accounts"}], ["us-east-1"]),
        _group(["888888888888"], ["us-east-1"], AccountsUrl="s3://accounts"),
        {"Ref": "Accounts"},
    ],
)
def test_a_policy_of_whatever_account(chain: Chain, templates: list[Template], group: Json) -> None:
    """A stack set that may reach any account may attach its policy to the chain's role there."""
    (found,) = [
        each
        for each in prove(chain, [*templates, _set_of({"Resources": {"On": _onward()}}, group)]).findings
        if each.level == "error"
    ]
    assert (found.rule, found.message) == (
        "RC00",
        "On is attached to the role deploy-target of whatever account",
    )


def test_a_set_that_cannot_be_read_and_names_a_role(chain: Chain, templates: list[Template]) -> None:
    """A template in YAML that names a role of the chain may change it, wherever the stack set stands."""
    properties = {"TemplateBody": "Resources: {P: {Properties: {RoleName: deploy-target}}}"}
    resources = {"Set": {"Type": "AWS::CloudFormation::StackSet", "Properties": properties}}
    proof = prove(chain, [*templates, Template("app", {"Resources": resources}, account="999999999999")])
    assert "RC00" in _errors(proof)
    properties["TemplateBody"] = "Resources: {P: {Properties: {RoleName: other}}}"
    assert prove(
        chain, [*templates, Template("app", {"Resources": resources}, account="999999999999")]
    ).proven
