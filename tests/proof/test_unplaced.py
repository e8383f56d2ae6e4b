"""Templates that are read without the account and region that they are deployed to."""

from __future__ import annotations

from typing import Any

from rolechain.proof import Proof, Template, audit

Json = dict[str, Any]
OWN = {"AWS": {"Ref": "AWS::AccountId"}}


def _role(name: Any, principal: Any, condition: Json | None = None, policy: Json | None = None) -> Json:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    trust = {
        "Version": "2012-10-17",
        "Statement": [statement | ({"Condition": condition} if condition else {})],
    }
    properties: Json = {"RoleName": name, "AssumeRolePolicyDocument": trust}
    if policy:
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"} | policy],
        }
        properties["Policies"] = [{"PolicyName": "p", "PolicyDocument": document}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _audit(**roles: Json) -> Proof:
    return audit([Template("app", {"Resources": roles})])


def test_an_account_that_is_not_known_is_still_its_own() -> None:
    """A role that trusts AWS::AccountId lets in a role of the same template that may assume it."""
    callee = _role("callee", OWN)
    caller = _role(
        "caller", {"Service": "ec2.amazonaws.com"}, policy={"Resource": {"Fn::GetAtt": ["Callee", "Arn"]}}
    )
    report = _audit(Callee=callee, Caller=caller)
    assert [(hop.caller, hop.callee, hop.verdict.value) for hop in report.hops] == [
        ("arn:aws:iam::<app>:role/caller", "arn:aws:iam::<app>:role/callee", "allow")
    ]
    assert "every principal of its own account that may call sts:AssumeRole" in [
        entrance.words for entrance in report.entrances
    ]


def test_a_name_that_holds_account_and_region_is_no_secret() -> None:
    """A role that is named after where it is deployed, as those of CDK's bootstrap, leaves nothing to be resolved."""
    name = {"Fn::Sub": "deploy-${AWS::AccountId}-${AWS::Region}"}
    assert _audit(Role=_role(name, {"Service": "ec2.amazonaws.com"})).findings == ()


def test_a_name_that_is_not_known_otherwise_is_reported() -> None:
    """A role's name that a parameter without default gives is unknown, and said so."""
    body = {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"Role": _role({"Ref": "Name"}, {"Service": "ec2.amazonaws.com"})},
    }
    (finding,) = audit([Template("app", body)]).findings
    assert (finding.rule, finding.level.value) == ("RC00", "warning")
    assert finding.message == "RoleName of Role is an unresolved Ref Name (parameter Name has no default)"


def test_whoever_belongs_to_no_organization_is_everyone() -> None:
    """An organization's id under IfExists lets everyone in, and the words say so."""
    words = [
        entrance.words
        for operator in ("StringEquals", "StringEqualsIfExists")
        for entrance in _audit(
            Role=_role("role", {"AWS": "*"}, {operator: {"aws:PrincipalOrgID": "o-exampleorg1"}})
        ).entrances
    ]
    assert words == [
        "everyone in organization o-exampleorg1 that its own account allows",
        "everyone that its own account allows",
    ]


def test_a_pattern_over_all_accounts_names_none_of_them() -> None:
    """A role's name in any account is said to be one of any account, once."""
    like = "arn:aws:iam::*:role/ci/runner"
    report = _audit(Role=_role("role", "*", {"ArnLike": {"aws:PrincipalArn": like}}))
    assert [entrance.words for entrance in report.entrances] == [
        f"every principal of any account whose ARN is like {like}"
    ]


def test_the_accounts_that_a_bootstrap_trusts() -> None:
    """CDK's bootstrap role trusts its own account silently; an account by --trust is a warning that names it."""
    role = _role("cdk-hnb659fds-deploy-role", {"AWS": [{"Ref": "AWS::AccountId"}, "222222222222"]})
    version = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "30"}}
    (finding,) = _audit(DeploymentActionRole=role, CdkBootstrapVersion=version).findings
    assert (finding.rule, finding.level.value) == ("RC06", "warning")
    assert "trusts account 222222222222 as a whole, as cdk bootstrap --trust set it" in finding.message
