"""Values that only stand in for others, of a call that is tried or of an account that is not known, are no facts."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain
from rolechain.proof import Finding, Template, audit, prove

from .conftest import Kit

Json = dict[str, Any]
ACCOUNT = {"Ref": "AWS::AccountId"}
ROOT = {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}
ANCHOR = "arn:aws:rolesanywhere:us-east-1:111111111111:trust-anchor/"
VENDOR = "arn:aws:iam::999999999999:root"


def _unplaced(kit: Kit, *statements: Json) -> tuple[Finding, ...]:
    """What an audit finds in a role of a template whose account is not known."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    return audit([Template("roles.yaml", {"Resources": {"Role": role}})]).findings


@pytest.mark.parametrize(
    "anchor", ["00000000-0000-0000-0000-000000000000", "0000*", "1b3c0000-0000-0000-0000-00000000000a"]
)
def test_rc04_silent_with_any_anchor(kit: Kit, anchor: str) -> None:
    """A trust anchor that is named is not every one, whatever its id."""
    service = {"Service": "rolesanywhere.amazonaws.com"}
    trust = kit.trust(
        service, {"ArnLike": {"aws:SourceArn": ANCHOR + anchor}}, ["sts:AssumeRole", "sts:TagSession"]
    )
    assert kit.ask("RC04", kit.role(trust)) == []


@pytest.mark.parametrize("anchor", ["*", "????????-*"])
def test_rc04_fires_with_all_anchors(kit: Kit, anchor: str) -> None:
    """Wildcards alone name no trust anchor."""
    service = {"Service": "rolesanywhere.amazonaws.com"}
    trust = kit.trust(service, {"ArnLike": {"aws:SourceArn": ANCHOR + anchor}})
    assert [found.rule for found in kit.ask("RC04", kit.role(trust))] == ["RC04"]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": ["o-exampleorg1", "o-vendorsorg"]}},
        {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::999999999999:role/vendor-*"}},
        {"StringNotEquals": {"aws:PrincipalTag/vendor": "yes"}},
        {"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::999999999999:role/outsider"}},
        {"StringEquals": {"aws:PrincipalOrgID": "o-outsider00"}},
        {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
    ],
)
def test_rc31_silent_where_it_depends(kit: Kit, condition: Json) -> None:
    """A denial that depends on the vendor's organization, role, tags or address is not one of the whole account."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sts:AssumeRole",
        "Resource": "*",
        "Condition": condition,
    }
    properties = {
        "Name": "perimeter",
        "Type": "RESOURCE_CONTROL_POLICY",
        "Content": {"Version": "2012-10-17", "Statement": [statement]},
    }
    template = kit.template({"Perimeter": ("AWS::Organizations::Policy", properties)}, "org")
    role = kit.role(kit.trust(VENDOR, {"StringEquals": {"sts:ExternalId": "acme-1"}}))
    assert kit.ask("RC31", role, templates=[template]) == []


@pytest.mark.parametrize(
    ("condition", "rules"),
    [
        ({"StringEquals": {"sts:ExternalId": ACCOUNT}}, {"RC06"}),
        ({"StringEquals": {"sts:SourceIdentity": ACCOUNT}}, {"RC06", "RC11"}),
        ({"StringEquals": {"aws:RequestTag/account": ACCOUNT}}, {"RC06"}),
    ],
)
def test_an_account_that_is_not_known_is_a_legal_value(kit: Kit, condition: Json, rules: set[str]) -> None:
    """What stands for the id of an account is not taken for what the template writes."""
    findings = _unplaced(kit, kit.trust(ROOT, condition))
    assert {found.rule for found in findings} == rules


def test_an_account_that_is_not_known_is_said_so(kit: Kit) -> None:
    """A finding says whose account it is, and leaves its id to be written."""
    (found,) = _unplaced(kit, kit.trust(ROOT))
    assert found.rule == "RC06"
    assert "trusts its own account as a whole" in found.message
    assert (
        found.remediation
        == 'add {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::<account>:role/<path and name>"}}'
    )


def test_the_size_of_an_account_that_is_not_known(kit: Kit) -> None:
    """The id of an account has 12 characters in a trust policy, whatever the template is called."""
    statements = [
        kit.trust(
            ROOT,
            {
                "ArnEquals": {
                    "aws:PrincipalArn": {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:role/{number:044}"}
                }
            },
        )
        for number in range(9)
    ]
    body = {"Version": "2012-10-17", "Statement": statements}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": body}}
    names = ("t", "a-template-with-a-name-that-is-longer-than-that-of-an-account.yaml")
    found = [audit([Template(name, {"Resources": {"Role": role}})]).findings for name in names]
    known = audit([Template("t", {"Resources": {"Role": role}}, "111111111111")]).findings
    assert [[each.rule for each in findings] for findings in found] == [[each.rule for each in known]] * 2


def _opened(chain: Chain, kit: Kit, statement: Json) -> tuple[Finding, ...]:
    """What a proof finds where the middle role has one more statement."""
    resources = []
    for record in kit.of_chain(chain):
        document = {**(record.trust.document or {})}
        more = [statement] if record.name == "deploy-middle" else []
        document["Statement"] = [*document["Statement"], *more]
        properties = {
            "RoleName": record.name,
            "Path": record.path,
            "AssumeRolePolicyDocument": document,
            "Policies": [{"PolicyName": "p", "PolicyDocument": each.document} for each in record.policies],
        }
        body = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
        resources.append(Template(record.account, body, record.account, "us-east-1"))
    return prove(chain, resources).findings


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ({"Effect": "Allow", "Principal": "*"}, "RC05"),
        ({"Effect": "Allow", "Principal": {"AWS": VENDOR}}, "RC05"),
        (
            {
                "Effect": "Deny",
                "Principal": "*",
                "Condition": {"StringLike": {"sts:RoleSessionName": "rolechain-*"}},
            },
            "RC08",
        ),
    ],
)
def test_no_example_is_made_up(kit: Kit, chain: Chain, statement: Json, rule: str) -> None:
    """Who gets in, and which calls are denied, is said without a role, account or session that nobody wrote."""
    findings = _opened(chain, kit, {"Action": "sts:AssumeRole", **statement})
    (found,) = [each for each in findings if each.rule == rule]
    assert not [text for text in ("role/b", "<>", "q7zk", "2222222222220") if text in found.message]
