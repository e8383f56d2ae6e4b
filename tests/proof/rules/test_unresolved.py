"""What is not resolved where it matters is RC00 alone: no rule says what may be false once the value is known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Finding, Level, Template, audit, prove
from rolechain.proof.rules import RULES
from rolechain.statements.builder import permission_statements, trust_statements

Json = dict[str, Any]
HERE = "VALUE"
FORMS: dict[str, Any] = {
    "a parameter without default": {"Ref": "Value"},
    "an import": {"Fn::ImportValue": "value"},
    "a dynamic reference": "{{resolve:ssm:/value}}",
    "a part of a text": {"Fn::Sub": "pre-${Value}"},
}
STRANGER, OWN = "arn:aws:iam::999999999999:root", "arn:aws:iam::111111111111:root"
CALLER = "arn:aws:iam::111111111111:role/caller"
PINNED: Json = {"ArnEquals": {"aws:PrincipalArn": CALLER}}
GITHUB = "token.actions.githubusercontent.com"
TOKENS = {"Federated": f"arn:aws:iam::111111111111:oidc-provider/{GITHUB}"}
SAML = {"Federated": "arn:aws:iam::111111111111:saml-provider/corp"}
STATES = {"Service": "states.amazonaws.com"}
WEB, BY_SAML = "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"
ASSUME, TAG = "sts:AssumeRole", "sts:TagSession"


def _trust(principal: Any, condition: Any = None, action: Any = ASSUME, **more: Any) -> Json:
    named = {"AWS": principal} if isinstance(principal, str) and principal.startswith("arn") else principal
    statement = {"Effect": "Allow", "Principal": named, "Action": action, **more}
    return statement if condition is None else statement | {"Condition": condition}


def _where(operator: str, key: str, value: Any = HERE) -> Json:
    return {operator: {key: value}}


def _filled(value: Any, form: Any) -> Any:
    if value == HERE:
        return form
    if isinstance(value, dict):
        return {key: _filled(each, form) for key, each in value.items()}
    return [_filled(each, form) for each in value] if isinstance(value, list) else value


def _role(*statements: Any, **properties: Any) -> Json:
    trusted = statements or (_trust(OWN, PINNED),)
    document = {"Version": "2012-10-17", "Statement": list(trusted)}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document, **properties}}


def _may(resource: Any, condition: Any = None, action: Any = ASSUME, **more: Any) -> Json:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    statement |= {} if condition is None else {"Condition": condition}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return _role(Policies=[{"PolicyName": "p", "PolicyDocument": document}])


def _findings(resources: Json, form: Any) -> tuple[Finding, ...]:
    parameters = {"Value": {"Type": "String"}}
    body = {"Parameters": parameters, "Resources": _filled(resources, form)}
    return audit([Template("t", body, "111111111111", "us-east-1")]).findings


TRUSTING = [
    # RC01, RC28: who a * leaves.
    (_trust("*", _where("StringEquals", "aws:PrincipalOrgID")), []),
    (_trust("*", _where("StringEquals", "aws:PrincipalAccount")), []),
    (_trust("*", _where("ArnEquals", "aws:PrincipalArn")), []),
    (_trust("*", _where("StringLike", "aws:userid")), []),
    (_trust("*", HERE), []),
    (_trust("*", {"StringEquals": HERE}), []),
    (
        _trust(
            "*", {"Fn::If": ["Unknown", _where("StringEquals", "aws:PrincipalOrgID", "o-exampleorg1"), {}]}
        ),
        [],
    ),
    (_trust("*", action=HERE), []),
    (_trust("*", Effect=HERE), []),
    (_trust("*", _where("StringEquals", "sts:ExternalId")), ["RC01"]),
    (_trust("*", _where("IpAddress", "aws:SourceIp")), ["RC01"]),
    (_trust("*", _where("StringNotEquals", "aws:PrincipalOrgID")), ["RC01"]),
    (_trust("*", _where("Bool", "aws:MultiFactorAuthPresent")), ["RC01"]),
    # RC02, RC03, RC36: the principal, the elements and the actions.
    (_trust(HERE), []),
    (_trust({"AWS": HERE}), []),
    (_trust({"AWS": [HERE, OWN]}, PINNED), []),
    (_trust({"Service": HERE}), []),
    (_trust({"Federated": HERE}, action=WEB), []),
    (_trust(CALLER, Resource=HERE), ["RC03", "RC21"]),
    (_trust(OWN, PINNED, action=[ASSUME, HERE]), []),
    (_trust(OWN, PINNED, action=["sts:Assume*", HERE]), ["RC36"]),
    (_trust(OWN, PINNED, Sid=HERE), None),
    # RC04: third parties, and services that act for anybody.
    (_trust(STRANGER, _where("StringEquals", "sts:ExternalId")), []),
    (_trust(STRANGER, _where("StringLike", "sts:ExternalId", ["a?", HERE])), []),
    (_trust(STRANGER, _where("StringEqualsIfExists", "sts:ExternalId")), ["RC04", "RC06"]),
    (_trust(STRANGER, _where("StringEquals", "aws:PrincipalOrgID")), ["RC06"]),
    (_trust(STRANGER, _where("StringEquals", "aws:RequestTag/team"), [ASSUME, TAG]), ["RC04", "RC06"]),
    (_trust(STATES, _where("StringEquals", "aws:SourceAccount")), []),
    (_trust(STATES, _where("ArnLike", "aws:SourceArn")), []),
    (_trust(STATES, _where("StringEquals", "aws:SourceOrgID")), []),
    (_trust(STATES, _where("StringEqualsIfExists", "aws:SourceAccount")), ["RC04"]),
    (_trust({"Service": HERE}, _where("StringEquals", "aws:SourceAccount", "111111111111")), []),
    # RC06: an account as a whole.
    (_trust(OWN, _where("ArnLike", "aws:PrincipalArn")), []),
    (_trust(OWN, _where("StringEquals", "aws:PrincipalAccount")), []),
    (_trust(OWN, HERE), []),
    (_trust(OWN, action=HERE), []),
    (_trust(OWN, _where("StringEquals", "sts:ExternalId")), ["RC06"]),
    (_trust(OWN, _where("StringEquals", "aws:PrincipalTag/team")), ["RC06"]),
    # RC09 to RC13: tags and the source identity.
    (_trust(OWN, PINNED | _where("StringEquals", "aws:RequestTag/team"), [ASSUME, TAG]), []),
    (_trust(OWN, PINNED | _where("ForAnyValue:StringEquals", "aws:TagKeys"), [ASSUME, TAG]), []),
    (_trust(OWN, PINNED | _where("ForAllValues:StringEquals", "sts:TransitiveTagKeys")), []),
    (_trust(OWN, PINNED | _where("StringLike", "sts:SourceIdentity")), ["RC11"]),
    # RC14, RC15: what a chained session cannot bring.
    (_trust(OWN, PINNED | _where("Bool", "aws:MultiFactorAuthPresent")), []),
    (
        _trust(
            OWN, _where("ArnEquals", "aws:PrincipalArn") | _where("Bool", "aws:MultiFactorAuthPresent", True)
        ),
        [],
    ),
    (_trust(OWN, PINNED | _where("NumericGreaterThan", "sts:DurationSeconds")), []),
    # RC20, RC21, RC23, RC27: roles, users and sessions by name.
    (_trust({"AWS": [CALLER, HERE]}), ["RC21"]),
    (_trust({"AWS": "AROAEXAMPLEEXAMPLE12"}, _where("StringEquals", "sts:ExternalId")), ["RC21"]),
    (_trust("arn:aws:sts::111111111111:assumed-role/a/me", _where("StringEquals", "aws:userid")), ["RC27"]),
    # RC24, RC25, RC26: conditions that look as if they close a statement.
    (_trust(OWN, PINNED | _where("ForAnyValue:StringLike", "aws:PrincipalOrgPaths")), []),
    (_trust(OWN, PINNED | _where("StringLike", "aws:PrincipalOrgPaths")), ["RC24"]),
    (_trust(OWN, PINNED | _where("StringEqualsIfExists", "aws:PrincipalOrgID")), ["RC25"]),
    (_trust(OWN, PINNED | _where("ForAllValues:StringEquals", "aws:PrincipalOrgID")), ["RC26"]),
    # RC37: audiences and subjects.
    (_trust(TOKENS, {"StringEquals": {f"{GITHUB}:aud": HERE, f"{GITHUB}:sub": "repo:o/r:ref:x"}}, WEB), []),
    (_trust(TOKENS, {"StringEquals": {f"{GITHUB}:aud": "a", f"{GITHUB}:sub": HERE}}, WEB), []),
    (_trust(TOKENS, {"StringLike": {f"{GITHUB}:aud": "a", f"{GITHUB}:sub": [HERE]}}, WEB), []),
    (
        _trust(TOKENS, {"StringLike": {f"{GITHUB}:aud": "a", f"{GITHUB}:sub": ["repo:*", HERE]}}, WEB),
        ["RC37"],
    ),
    (_trust(TOKENS, {"StringEquals": HERE}, WEB), []),
    (_trust(TOKENS, _where("StringEquals", f"{GITHUB}:sub"), WEB), ["RC37"]),
    (_trust(SAML, _where("StringEquals", "SAML:aud"), BY_SAML), []),
    # RC40: what is never met, whatever the value is.
    (_trust({"Service": "lambda.amazonaws.com"}, _where("StringEquals", "aws:PrincipalOrgID")), ["RC40"]),
    (_trust({"Federated": HERE}), []),
    (_trust({"AWS": HERE}, action=WEB), []),
    (_trust(OWN, _where("StringEquals", "aws:PrincipalArn")), []),
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("statement", "rules"), TRUSTING, ids=range(len(TRUSTING)))
def test_a_trust_policy(statement: Json, rules: list[str] | None, form: Any) -> None:
    """Beside RC00 stands what holds whatever the value is, and no value that only stands in for it."""
    findings = _findings({"Role": _role(statement)}, form)
    assert sorted({found.rule for found in findings}) == ([] if rules is None else ["RC00", *rules])
    _shows_no_stand_in(findings)


ROLES = [
    ({"MaxSessionDuration": HERE}, []),
    ({"RoleName": HERE}, ["RC00"]),
    ({"RoleName": "n" * 60, "Path": HERE}, ["RC00"]),
    ({"Path": HERE}, ["RC00"]),
    ({"Tags": HERE}, []),
    ({"Tags": [{"Key": HERE, "Value": HERE}]}, []),
    ({"ManagedPolicyArns": HERE}, ["RC00"]),
    ({"ManagedPolicyArns": [HERE] * 12}, ["RC00"]),
    ({"PermissionsBoundary": HERE}, []),
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("properties", "rules"), ROLES, ids=range(len(ROLES)))
def test_a_role(properties: Json, rules: list[str], form: Any) -> None:
    """A name, path, limit, tag or policy that is not known breaks no rule: RC13, RC15 to RC19, RC29, RC33."""
    findings = _findings({"Role": _role(**properties), "Other": _role(RoleName="other")}, form)
    assert sorted({found.rule for found in findings}) == rules


PERMISSIONS = [
    (_may(HERE), []),
    (_may([HERE, "arn:aws:iam::111111111111:role/b"]), []),
    (_may(["*", HERE]), ["RC07"]),
    (_may("*", action=HERE), []),
    (_may("*", _where("StringEquals", "aws:ResourceAccount")), []),
    (_may("*", _where("StringEquals", "aws:ResourceOrgID")), []),
    (_may("*", _where("StringEquals", "aws:ResourceTag/team")), []),
    (_may("*", HERE), []),
    (_may("*", _where("StringEquals", "sts:ExternalId")), ["RC07"]),
    (_may(CALLER, _where("Bool", "aws:MultiFactorAuthPresent")), []),
    (_may(CALLER, _where("ForAnyValue:StringLike", "aws:PrincipalOrgPaths")), []),
    (_may(CALLER, _where("StringEqualsIfExists", "aws:ResourceOrgID")), ["RC25"]),
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("role", "rules"), PERMISSIONS, ids=range(len(PERMISSIONS)))
def test_a_permission(role: Json, rules: list[str], form: Any) -> None:
    """A resource, action or condition of a permission: RC03, RC07, RC14, RC24, RC25."""
    findings = _findings({"Role": role}, form)
    assert sorted({found.rule for found in findings}) == ["RC00", *rules]
    _shows_no_stand_in(findings)


def _shows_no_stand_in(findings: tuple[Finding, ...]) -> None:
    texts = [f"{found.message} {found.remediation}" for found in findings if found.rule != "RC00"]
    assert not [text for text in texts if re.search("unresolved", text)]


@pytest.mark.parametrize("action", [HERE, [ASSUME, HERE]])
def test_two_roles(action: Any) -> None:
    """A side whose action is not known may allow what a hop carries, or the role itself: RC09, RC10, RC22, RC23."""
    itself = "arn:aws:iam::111111111111:role/itself"
    caller = _may("arn:aws:iam::111111111111:role/callee", action=[ASSUME, TAG, "sts:SetSourceIdentity"])
    caller["Properties"]["RoleName"] = "caller"
    resources = {
        "Caller": caller,
        "Callee": _role(_trust(OWN, PINNED), _trust(OWN, PINNED, action), RoleName="callee"),
        "Itself": _may(itself) | {},
    }
    resources["Itself"]["Properties"] |= {
        "RoleName": "itself",
        **_role(_trust(OWN, _where("ArnEquals", "aws:PrincipalArn", itself), action))["Properties"],
    }
    assert {found.rule for found in _findings(resources, {"Ref": "Value"})} == {"RC00"}


def test_other_resources() -> None:
    """A policy of an unknown role, a stack set and a control policy that are not known: RC31, RC32, RC34."""
    denying = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": HERE, "Resource": "*"}],
    }
    resources = {
        "Role": _role(_trust(STRANGER, _where("StringEquals", "sts:ExternalId", "abc"))),
        "Attached": {
            "Type": "AWS::IAM::Policy",
            "Properties": {"PolicyName": "p", "Roles": [HERE], "PolicyDocument": denying},
        },
        "Control": {
            "Type": "AWS::Organizations::Policy",
            "Properties": {"Name": HERE, "Type": "RESOURCE_CONTROL_POLICY", "Content": denying},
        },
        "Set": {
            "Type": "AWS::CloudFormation::StackSet",
            "Properties": {"StackSetName": "s", "PermissionModel": HERE, "TemplateBody": "{}"},
        },
    }
    rules = {found.rule for found in _findings(resources, {"Ref": "Value"})}
    assert rules <= {"RC00"}


Edit = Callable[[Json], object]


def _statement(properties: Json) -> Json:
    found: Json = properties["AssumeRolePolicyDocument"]["Statement"][0]
    return found


def _permission(properties: Json) -> Json:
    found: Json = properties["Policies"][0]["PolicyDocument"]["Statement"][0]
    return found


def _asked(operator: str, key: str) -> Edit:
    return lambda properties: _statement(properties)["Condition"].setdefault(operator, {}).update({key: HERE})


def _added(*, trust: bool = True, **statement: Any) -> Edit:
    def edit(properties: Json) -> None:
        if trust:
            properties["AssumeRolePolicyDocument"]["Statement"].append({"Effect": "Allow", **statement})
        else:
            document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
            properties.setdefault("Policies", []).append({"PolicyName": "more", "PolicyDocument": document})

    return edit


OF_THE_CHAIN: list[tuple[int, Edit, list[str]]] = [
    # RC35: what the chain declares of its callers, which a value may be.
    (1, _asked("StringEquals", "sts:ExternalId"), []),
    (1, _asked("StringEquals", "aws:PrincipalOrgID"), []),
    (1, _asked("ArnEquals", "aws:PrincipalArn"), []),
    (1, lambda properties: _statement(properties).update(Condition=HERE), []),
    (1, lambda properties: _statement(properties)["Condition"].update(StringEquals=HERE), []),
    # RC05, RC08: who gets in, and whether a hop works.
    (1, lambda properties: _statement(properties).update(Principal={"AWS": HERE}), []),
    (1, lambda properties: _statement(properties).update(Action=HERE), []),
    (0, lambda properties: _statement(properties).update(Principal={"Service": HERE}), []),
    (0, _added(Action=ASSUME, Principal={"AWS": HERE}), []),
    (2, _added(Action=ASSUME, Principal={"AWS": OWN}, Condition=_where("ArnEquals", "aws:PrincipalArn")), []),
    (1, lambda properties: properties.update(RoleName=HERE), []),
    (1, lambda properties: properties.update(Path=HERE), []),
    # RC07, RC30: what a role may assume besides.
    (1, lambda properties: _permission(properties).update(Resource=HERE), []),
    (1, lambda properties: _permission(properties).update(Action=HERE), []),
    (1, _added(trust=False, Action=ASSUME, Resource=HERE), []),
    (2, _added(trust=False, Action=ASSUME, Resource=HERE), []),
    (2, _added(trust=False, Action=ASSUME, Resource=["*", HERE]), ["RC30", "RC38"]),
    # RC38, RC39: who may change the chain or act as its roles.
    (1, _added(trust=False, Action=["iam:*", ASSUME], Resource=HERE), []),
    (1, _added(trust=False, Action=HERE, Resource="*"), []),
    (1, _added(trust=False, Action=["iam:PassRole", HERE], Resource=["arn:aws:iam::1:role/x", HERE]), []),
    (1, lambda properties: properties.update(ManagedPolicyArns=[HERE]), []),
    # RC41, of stack sets: tests/proof/rules/test_units.py.
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("number", "edit", "rules"), OF_THE_CHAIN, ids=range(len(OF_THE_CHAIN)))
def test_a_chain(chain: Chain, number: int, edit: Edit, rules: list[str], form: Any) -> None:
    """A proof says RC00 of what may be as the chain declares it, and never proves it."""
    templates = []
    for index, role in enumerate(chain.roles):
        properties = _role(*trust_statements(chain, role), RoleName=role.role, Path=role.path)["Properties"]
        if permitted := permission_statements(chain, role):
            document = {"Version": "2012-10-17", "Statement": list(permitted)}
            properties["Policies"] = [{"PolicyName": "hops", "PolicyDocument": document}]
        properties = json.loads(json.dumps(properties))
        if index == number:
            edit(properties)
        resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": _filled(properties, form)}}
        body = {"Parameters": {"Value": {"Type": "String"}}, "Resources": resources}
        templates.append(Template(role.account, body, role.account, "us-east-1"))
    proof = prove(chain, templates)
    assert sorted({found.rule for found in proof.findings}) == ["RC00", *rules]
    assert not proof.proven
    _shows_no_stand_in(proof.findings)


def test_every_rule_is_asked() -> None:
    """Each rule is named above, where what it depends on is not resolved."""
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    named = set(re.findall(r"RC\d\d", text))
    for first, last in re.findall(r"RC(\d\d) to RC(\d\d)", text):
        named |= {f"RC{number:02}" for number in range(int(first), int(last))}
    assert {rule.id for rule in RULES} <= named


def test_a_role_that_leads_to_a_chain() -> None:
    """A trust policy that is not known is an error too where its role may enter the chain, and a warning elsewhere."""
    build = "arn:aws:iam::111111111111:role/build"
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.arn(build)]),
        targets=[ChainRole("222222222222")],
    )
    open_to = _role(
        _trust("*", _where("StringEquals", "aws:PrincipalOrgID", {"Ref": "Value"})), RoleName="build"
    )
    leading = _may(chain.source.arn)["Properties"]["Policies"]
    for policies, level in ((leading, Level.ERROR), ([], Level.WARNING)):
        templates = []
        for role in chain.roles:
            properties: Json = {"RoleName": role.role, "Path": role.path}
            document = {"Version": "2012-10-17", "Statement": list(trust_statements(chain, role))}
            hops = {"Version": "2012-10-17", "Statement": list(permission_statements(chain, role))}
            properties["AssumeRolePolicyDocument"] = document
            if hops["Statement"]:
                properties["Policies"] = [{"PolicyName": "hops", "PolicyDocument": hops}]
            resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}
            if role in chain.sources:
                resources["Build"] = {
                    **open_to,
                    "Properties": {**open_to["Properties"], "Policies": policies},
                }
            body = {"Parameters": {"Value": {"Type": "String"}}, "Resources": resources}
            templates.append(Template(role.account, body, role.account, "us-east-1"))
        findings = [found for found in prove(chain, templates).findings if found.rule == "RC00"]
        assert [found.level for found in findings] == [level]
