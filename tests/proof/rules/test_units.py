"""The proof of targets by organizational unit: for any account of the units, and attacks on it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance, StackSet
from rolechain.policy import Verdict
from rolechain.proof import Proof, prove
from rolechain.statements import permission_statements, trust_statements

UNIT = "r-ab12/ou-ab12-11111111"
MIDDLE, TARGET = "222222222222", "arn:aws:iam::*:role/rolechain/deploy-target"
RESOURCE = TARGET.replace("*", "?" * 12)
Templates = dict[str, dict[str, Any]]


def document(statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def declared(*targets: ChainRole, **more: Any) -> Chain:
    listed = targets or (ChainRole(organizational_units=[UNIT], exclude=["444444444444"]),)
    keys: dict[str, Any] = {
        "organization": "o-exampleorg1",
        "source": ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        "middle": ChainRole(MIDDLE),
        **more,
    }
    return Chain("deploy", targets=listed, **keys)


def role_of(chain: Chain, role: ChainRole) -> dict[str, Any]:
    permissions = permission_statements(chain, role)
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": role.role,
            "Path": role.path,
            "AssumeRolePolicyDocument": document(trust_statements(chain, role)),
            **(
                {"Policies": [{"PolicyName": "p", "PolicyDocument": document(permissions)}]}
                if permissions
                else {}
            ),
        },
    }


def templates_of(chain: Chain) -> Templates:
    made: Templates = {}
    for role in chain.roles:
        if role.by_unit:
            set_of = {
                "Type": "AWS::CloudFormation::StackSet",
                "Properties": {
                    "StackSetName": f"{chain.name}-{role.role}",
                    "PermissionModel": "SERVICE_MANAGED",
                    "CallAs": "DELEGATED_ADMIN",
                    "AutoDeployment": {"Enabled": True, "RetainStacksOnAccountRemoval": False},
                    "Capabilities": ["CAPABILITY_NAMED_IAM"],
                    "StackInstancesGroup": [
                        {
                            "Regions": ["us-east-1"],
                            "DeploymentTargets": {
                                "OrganizationalUnitIds": [
                                    unit.rstrip("/").rsplit("/", 1)[-1] for unit in role.organizational_units
                                ],
                                **(
                                    {"AccountFilterType": "DIFFERENCE", "Accounts": list(role.exclude)}
                                    if role.exclude
                                    else {}
                                ),
                            },
                        }
                    ],
                    "TemplateBody": {"Resources": {"Role": role_of(chain, role)}},
                },
            }
            account = chain.administrator_account(role)
            made.setdefault(account, {"Resources": {}})["Resources"][f"Set{role.role.replace('-', '')}"] = (
                set_of
            )
        else:
            resources = made.setdefault(role.account, {"Resources": {}})["Resources"]
            resources[role.role.replace("-", "").title()] = role_of(chain, role)
    return made


def proven(change: Callable[[Templates], None] | None = None, chain: Chain | None = None) -> Proof:
    chain = chain or declared()
    templates = copy.deepcopy(templates_of(chain))
    if change:
        change(templates)
    for resource in templates[MIDDLE]["Resources"].values():
        body = resource["Properties"].get("TemplateBody", {})
        if isinstance(body, dict) and "Resources" in body:
            resource["Properties"]["TemplateBody"] = json.dumps(body)
    return prove(chain, json.loads(json.dumps(templates)))


def said(proof: Proof) -> list[str]:
    return [f"{finding.rule} {finding.message}" for finding in proof.findings]


def the_set(templates: Templates) -> dict[str, Any]:
    found: dict[str, Any] = templates[MIDDLE]["Resources"]["Setdeploytarget"]["Properties"]
    return found


def the_role(templates: Templates) -> dict[str, Any]:
    found: dict[str, Any] = the_set(templates)["TemplateBody"]["Resources"]["Role"]["Properties"]
    return found


def permission(templates: Templates) -> list[dict[str, Any]]:
    role = templates[MIDDLE]["Resources"]["Deploymiddle"]["Properties"]
    found: list[dict[str, Any]] = role["Policies"][0]["PolicyDocument"]["Statement"]
    return found


def test_any_account_of_the_units() -> None:
    """The hop is proven for any account of the units, and the proof says so, in text and as JSON."""
    proof = proven()
    assert said(proof) == []
    assert proof.proven
    hop = proof.hops[-1]
    assert (hop.callee, hop.verdict) == (TARGET, Verdict.ALLOW)
    assert hop.accounts == f"any account of {UNIT} but 444444444444"
    assert proof.to_json()["hops"][-1]["accounts"] == hop.accounts
    assert len(proof.hops) == 2
    assert proof.assumptions[0] == (
        "assuming stack set Setdeploytarget (222222222222) reaches 111111111111, 222222222222, any account of "
        f"{UNIT} but 444444444444 by its organizational units"
    )


@pytest.mark.parametrize("unit", ["r-ab12", f"{UNIT}/ou-ab12-22222222", f"{UNIT}/"])
def test_other_units(unit: str) -> None:
    """A root, which is the whole organization, and a unit within another are proven likewise."""
    chain = declared(ChainRole(organizational_units=[unit, "r-ab12/ou-ab12-33333333"], external_id="ext-1"))
    proof = proven(chain=chain)
    assert said(proof) == []
    assert proof.hops[-1].accounts == f"any account of {unit}, r-ab12/ou-ab12-33333333"


def deny(condition: dict[str, Any] | None = None, resource: str = "*") -> Callable[[Templates], None]:
    def change(templates: Templates) -> None:
        statement = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": resource}
        permission(templates).append(statement | ({"Condition": condition} if condition else {}))

    return change


def without(key: str) -> Callable[[Templates], None]:
    def change(templates: Templates) -> None:
        for operator, keys in list(permission(templates)[0]["Condition"].items()):
            keys.pop(key, None)
            if not keys:
                del permission(templates)[0]["Condition"][operator]

    return change


def of_set(**changed: Any) -> Callable[[Templates], None]:
    return lambda templates: the_set(templates).update(changed)


def of_targets(**changed: Any) -> Callable[[Templates], None]:
    return lambda templates: the_set(templates)["StackInstancesGroup"][0]["DeploymentTargets"].update(changed)


def trusting(principal: Any, condition: dict[str, Any] | None = None) -> Callable[[Templates], None]:
    def change(templates: Templates) -> None:
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
        statement |= {"Condition": condition} if condition else {}
        the_role(templates)["AssumeRolePolicyDocument"]["Statement"].append(statement)

    return change


def another_role(templates: Templates) -> None:
    body = the_set(templates)["TemplateBody"]
    trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}})
    body["Resources"]["Open"] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}


def conditional(templates: Templates) -> None:
    body = the_set(templates)["TemplateBody"]
    body["Conditions"] = {"Here": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::AccountId"}, "777777777777"]}]}}
    body["Resources"]["Role"]["Condition"] = "Here"


def split(templates: Templates) -> None:
    body = the_set(templates)["TemplateBody"]
    first = {"Fn::Select": [0, {"Fn::Split": ["4", {"Ref": "AWS::AccountId"}]}]}
    body["Conditions"] = {"Here": {"Fn::Not": [{"Fn::Equals": [first, "1"]}]}}
    body["Resources"]["Role"]["Condition"] = "Here"


def overridden(templates: Templates) -> None:
    body = the_set(templates)["TemplateBody"]
    body["Parameters"] = {"Caller": {"Type": "String", "Default": MIDDLE}}
    statement = body["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    statement["Principal"] = {"AWS": {"Fn::Sub": "arn:aws:iam::${Caller}:root"}}
    the_set(templates)["StackInstancesGroup"][0]["ParameterOverrides"] = [
        {"ParameterKey": "Caller", "ParameterValue": "888888888888"}
    ]


def by_no_set(templates: Templates) -> None:
    body = templates[MIDDLE]["Resources"].pop("Setdeploytarget")["Properties"]["TemplateBody"]
    templates["Members"] = body


def pieces(templates: Templates) -> None:
    resource = {"Fn::Join": ["", ["arn:aws:iam::7777", "77777777:role/rolechain/*"]]}
    permission(templates).append({"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": resource})


def compared(*sides: Any) -> Callable[[Templates], None]:
    """The role is made only where two values differ."""

    def change(templates: Templates) -> None:
        body = the_set(templates)["TemplateBody"]
        body["Conditions"] = {"Here": {"Fn::Not": [{"Fn::Equals": list(sides)}]}}
        body["Resources"]["Role"]["Condition"] = "Here"

    return change


THIS_ACCOUNT = {"Ref": "AWS::AccountId"}
PATHS = "aws:ResourceOrgPaths"
ATTACKS: dict[str, tuple[Callable[[Templates], Any], str]] = {
    "a Deny for one account": (
        deny(resource="arn:aws:iam::777777777777:role/rolechain/deploy-target"),
        "RC08 hop 2 from arn:aws:iam::222222222222:role/rolechain/deploy-middle to "
        "arn:aws:iam::777777777777:role/rolechain/deploy-target does not work: ",
    ),
    "a Deny by the account's condition": (
        deny({"StringEquals": {"aws:ResourceAccount": "777777777777"}}),
        "to arn:aws:iam::777777777777:role/rolechain/deploy-target does not work: ",
    ),
    "a Deny for an account in pieces": (
        pieces,
        "to arn:aws:iam::777777777777:role/rolechain/deploy-target does not work: ",
    ),
    "a Deny for accounts that begin alike": (
        deny(resource="arn:aws:iam::7*:role/*"),
        "RC00 arn:aws:iam::7*:role/* tells accounts of organizational units apart",
    ),
    "a Deny by a part of the account's condition": (
        deny({"StringLike": {"aws:ResourceAccount": "7*"}}),
        "RC00 7* tells accounts of organizational units apart",
    ),
    "a Deny by the account as a number": (
        deny({"NumericGreaterThan": {"aws:ResourceAccount": "700000000000"}}),
        "RC00 700000000000 tells accounts of organizational units apart",
    ),
    "a Deny by the account as a variable": (
        deny({"StringLike": {"aws:PrincipalTag/team": "${aws:ResourceAccount}"}}),
        "RC00 ${aws:ResourceAccount} tells accounts of organizational units apart",
    ),
    "a Deny for a unit below": (
        deny({"ForAnyValue:StringLike": {PATHS: f"o-exampleorg1/{UNIT}/ou-ab12-22222222/*"}}),
        f"to {TARGET} does not work: ",
    ),
    "a Deny for every unit below": (
        deny({"ForAnyValue:StringLike": {PATHS: f"o-exampleorg1/{UNIT}/ou-*"}}),
        "tells accounts of organizational units apart",
    ),
    "a Deny for accounts of the unit itself": (
        deny({"ForAnyValue:StringEquals": {PATHS: f"o-exampleorg1/{UNIT}/"}}),
        f"to {TARGET} does not work: ",
    ),
    "a Deny for all but accounts of the unit itself": (
        deny({"ForAllValues:StringNotEquals": {PATHS: f"o-exampleorg1/{UNIT}/"}}),
        f"to {TARGET} does not work: ",
    ),
    "no condition on the organization": (
        without("aws:ResourceOrgID"),
        f"RC07 arn:aws:iam::222222222222:role/rolechain/deploy-middle may assume {RESOURCE}, which leads out of the "
        "organization",
    ),
    "no condition on the units": (
        without(PATHS),
        f"may assume {RESOURCE} in accounts of other organizational units than the chain declares",
    ),
    "no condition on an excluded account": (
        without("aws:ResourceAccount"),
        f"may assume {RESOURCE} in account 444444444444, which the chain excludes",
    ),
    "an account's role without conditions": (
        lambda templates: permission(templates).append(
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": "arn:aws:iam::777777777777:role/rolechain/deploy-target",
            }
        ),
        "may assume arn:aws:iam::777777777777:role/rolechain/deploy-target, which leads out of the organization",
    ),
    "fewer units": (
        of_targets(OrganizationalUnitIds=["ou-ab12-99999999"]),
        "does not go to ou-ab12-11111111",
    ),
    "more units": (
        of_targets(OrganizationalUnitIds=["ou-ab12-11111111", "ou-ab12-99999999"]),
        "RC41 the stack set of deploy-target goes to ou-ab12-99999999 too, which the chain does not declare",
    ),
    "no filter": (
        of_targets(AccountFilterType="NONE", Accounts=[]),
        "RC41 the stack set of deploy-target goes to 444444444444, which the chain excludes",
    ),
    "a filter of some accounts": (
        of_targets(AccountFilterType="INTERSECTION", Accounts=["777777777777"]),
        "RC41 the stack set of deploy-target goes to accounts by the filter INTERSECTION, not to all of its units",
    ),
    "a filter of more accounts": (
        of_targets(AccountFilterType="UNION"),
        "goes to accounts by the filter UNION, not to all of its units",
    ),
    "an account that is left out": (
        of_targets(Accounts=["444444444444", "777777777777"]),
        "RC08 the chain declares arn:aws:iam::777777777777:role/rolechain/deploy-target, and no template creates it",
    ),
    "no deployment to accounts that join": (
        of_set(AutoDeployment={"Enabled": False}),
        "RC41 the stack set of deploy-target leaves out accounts that join later",
    ),
    "no say of accounts that join": (
        lambda templates: the_set(templates).pop("AutoDeployment"),
        "leaves out accounts that join later",
    ),
    "roles that stay": (
        of_set(AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": True}),
        "RC41 the stack set of deploy-target leaves the role in accounts that leave",
    ),
    "called as the management account": (
        of_set(CallAs="SELF"),
        "RC41 the stack set of deploy-target is called as SELF, and the chain declares DELEGATED_ADMIN",
    ),
    "self-managed": (of_set(PermissionModel="SELF_MANAGED"), "is not service-managed"),
    "no instances": (
        lambda templates: the_set(templates).pop("StackInstancesGroup"),
        f"RC08 the chain declares {TARGET}, and no template creates it",
    ),
    "a body that is not known": (of_set(TemplateBody={"Ref": "Body"}), "RC08 the chain declares"),
    "a body elsewhere": (
        lambda templates: the_set(templates).update(TemplateURL="https://x", TemplateBody=None),
        "RC08 the chain declares",
    ),
    "another trust in the body": (
        trusting({"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}),
        f"RC05 {TARGET} lets in",
    ),
    "everybody in the body": (trusting({"AWS": "*"}), f"RC05 {TARGET} lets in everyone"),
    "a trust by parts of the caller's account": (
        trusting({"AWS": "*"}, {"StringLike": {"aws:PrincipalAccount": "7*"}}),
        f"RC05 {TARGET} lets in",
    ),
    "no role in one account": (
        conditional,
        "RC08 the chain declares arn:aws:iam::777777777777:role/rolechain/deploy-target, and no template creates it",
    ),
    "a role by a part of the account's id": (
        split,
        "RC41 the stack set of deploy-target may tell accounts apart by more than ids that are written out (Fn::Split, "
        "Fn::Equals)",
    ),
    "no role in an account whose id stands among other digits": (
        compared({"Fn::Sub": "1${AWS::AccountId}"}, "1777777777777"),
        "RC08 the chain declares arn:aws:iam::777777777777:role/rolechain/deploy-target, and no template creates it",
    ),
    "no role in an account whose id stands in pieces": (
        compared(THIS_ACCOUNT, {"Fn::Join": ["", ["7777", "77777777"]]}),
        "RC41 the stack set of deploy-target may tell accounts apart by more than ids that are written out (Fn::Split, "
        "Fn::Equals)",
    ),
    "units that are not known beside others": (
        of_targets(OrganizationalUnitIds=["ou-ab12-11111111", {"Ref": "Other"}]),
        "RC41 the stack set of deploy-target goes to units or accounts that are not written out",
    ),
    "excluded accounts that are not known beside others": (
        of_targets(Accounts=["444444444444", {"Ref": "Other"}]),
        "RC41 the stack set of deploy-target goes to units or accounts that are not written out",
    ),
    "a group that is not known beside another": (
        lambda templates: the_set(templates)["StackInstancesGroup"].append({"Ref": "Other"}),
        "RC41 the stack set of deploy-target goes to units or accounts that are not written out",
    ),
    "no capability": (
        of_set(Capabilities=["CAPABILITY_IAM"]),
        "RC41 the stack set of deploy-target may create no role with a name",
    ),
    "an override": (overridden, f"to {TARGET} does not work"),
    "no stack set": (by_no_set, f"RC08 the chain declares {TARGET}, and no template creates it"),
    "nothing at all": (
        lambda templates: templates[MIDDLE]["Resources"].pop("Setdeploytarget"),
        f"RC08 the chain declares {TARGET}, and no template creates it",
    ),
}


OF_SETS = [name for name, (_, words) in ATTACKS.items() if words.startswith("RC41")]


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(name: str) -> None:
    """Whatever keeps one account from being reached, or opens another, is an error."""
    change, words = ATTACKS[name]
    proof = proven(change)
    assert [line for line in said(proof) if words in line], "\n".join(said(proof))
    assert not proof.proven
    assert "314159265358" not in json.dumps(proof.to_json())


@pytest.mark.parametrize("name", OF_SETS)
def test_rc41_fires_on_another_stack_set(name: str) -> None:
    """It is one finding, at the stack set."""
    change, words = ATTACKS[name]
    (finding,) = [each for each in proven(change).findings if each.rule == "RC41"]
    assert words == f"RC41 {finding.message}"
    assert str(finding.place) == "222222222222 Setdeploytarget"


def test_rc41_silent_on_the_declared_stack_set() -> None:
    """The declared stack set, and one for each of several units, are as they should be."""
    assert "RC41" not in {finding.rule for finding in proven().findings}

    def in_two(templates: Templates) -> None:
        resources = templates[MIDDLE]["Resources"]
        resources["Other"] = copy.deepcopy(resources["Setdeploytarget"])
        other = resources["Other"]["Properties"]["StackInstancesGroup"][0]["DeploymentTargets"]
        other["OrganizationalUnitIds"] = ["ou-ab12-22222222"]
        of_targets(OrganizationalUnitIds=["ou-ab12-11111111"])(templates)

    chain = declared(ChainRole(organizational_units=[UNIT, "r-ab12/ou-ab12-22222222"]))
    assert "RC41" not in {finding.rule for finding in proven(in_two, chain).findings}


def with_parameter(name: str, parameter: dict[str, str]) -> Callable[[Templates], None]:
    """Has a template give the first of the units, or of the excluded accounts, by a parameter."""

    def change(templates: Templates) -> None:
        templates[MIDDLE]["Parameters"] = {"Given": {"Type": "String", **parameter}}
        the_set(templates)["StackInstancesGroup"][0]["DeploymentTargets"][name] = [{"Ref": "Given"}]

    return change


def test_a_parameter_of_a_stack_set() -> None:
    """A default counts as the value that is written there; a parameter without one is not known."""
    for name, value, other in (
        ("OrganizationalUnitIds", "ou-ab12-11111111", "ou-ab12-22222222"),
        ("Accounts", "444444444444", "555555555555"),
    ):
        same = proven(with_parameter(name, {"Default": value}))
        assert same.proven, "\n".join(said(same))
        for parameter in ({}, {"Default": other}):
            proof = proven(with_parameter(name, parameter))
            assert not proof.proven
            assert "RC41" in {finding.rule for finding in proof.findings}


@pytest.mark.parametrize(
    "role", [ChainRole("777777777777"), ChainRole("777777777777", path="/other/", role="Deploy-Target")]
)
def test_a_name_that_is_taken(role: ChainRole) -> None:
    """An account of the units may hold one role of a name: where it holds another already, the proof says so."""
    proof = proven(chain=declared(ChainRole(organizational_units=[UNIT]), role))
    assert [line for line in said(proof) if line.startswith("RC41")] == [
        "RC41 the stack set of deploy-target cannot create it in 777777777777, where the chain declares "
        f"arn:aws:iam::777777777777:role{role.path}{role.role or 'deploy-target'}, if that account lies in its units"
    ]
    excluded = ChainRole(organizational_units=[UNIT], exclude=["777777777777"])
    assert "RC41" not in {finding.rule for finding in proven(chain=declared(excluded, role)).findings}


def test_another_role_of_the_set() -> None:
    """A second role in the set that trusts everybody is found."""
    assert any(line.startswith("RC01") for line in said(proven(another_role)))


def test_a_part_of_an_app() -> None:
    """Where the stack set is in another app, the target is taken as declared, and the last line says so."""
    chain = declared()
    templates = templates_of(chain)
    del templates[MIDDLE]["Resources"]["Setdeploytarget"]
    parts = {role.arn for role in chain.roles if not role.by_unit}
    proof = prove(chain, templates, parts=parts)
    assert said(proof) == []
    assert proof.parts == ("deploy-source (111111111111)", "deploy-middle (222222222222)")
    assert proof.hops[-1].verdict is Verdict.ALLOW


def test_the_management_account_and_third_parties() -> None:
    """A stack set never goes to the management account, and a third party's account is none of the units'."""
    chain = declared(
        ChainRole(
            organizational_units=["r-ab12"], external_id="ext-1", stack_set=StackSet("777777777777", "SELF")
        ),
        ChainRole("777777777777", external_id="ext-1"),
    )

    def called(templates: Templates) -> None:
        properties = templates["777777777777"]["Resources"]["Setdeploytarget"]["Properties"]
        properties["CallAs"] = "SELF"
        properties["TemplateBody"] = json.dumps(properties["TemplateBody"])

    proof = proven(called, chain)
    assert said(proof) == []
    assert [hop.callee for hop in proof.hops[1:]] == [
        TARGET,
        "arn:aws:iam::777777777777:role/rolechain/deploy-target",
    ]
