"""What is not known before deployment is said by logical ids, and as its own account."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rolechain.proof import Template, audit

Json = dict[str, Any]
OWN_ROOT = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}
ROLE_ARN = {"Fn::GetAtt": ["Caller", "Arn"]}
ASSUMING = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}


def _role(statement: Json, **properties: Any) -> Json:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"} | statement],
    }
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **properties}}


CALLER = _role(
    {"Principal": {"Service": "states.amazonaws.com"}},
    Policies=[{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [ASSUMING]}}],
)


@pytest.mark.parametrize("name", ["t", "iam/a b/roles.yaml", "/estate/x.y/z.json", "a.b"])
@pytest.mark.parametrize(
    ("statement", "properties"),
    [
        ({"Principal": {"AWS": OWN_ROOT}}, {}),
        ({"Principal": {"AWS": {"Ref": "AWS::AccountId"}}}, {"RoleName": "named"}),
        ({"Principal": {"AWS": ROLE_ARN}}, {}),
        ({"Principal": {"AWS": OWN_ROOT}, "Condition": {"ArnEquals": {"aws:PrincipalArn": ROLE_ARN}}}, {}),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": ROLE_ARN}}}, {}),
        (
            {
                "Principal": {"Service": "firehose.amazonaws.com"},
                "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "AWS::AccountId"}}},
            },
            {},
        ),
        (
            {
                "Principal": {"Service": "logs.amazonaws.com"},
                "Condition": {
                    "ArnLike": {
                        "aws:SourceArn": {"Fn::Sub": "arn:aws:logs:${AWS::Region}:${AWS::AccountId}:*"}
                    }
                },
            },
            {"Path": "/app/"},
        ),
    ],
)
def test_no_stand_in_is_shown(name: str, statement: Json, properties: Json) -> None:
    """Findings, hops and who is let in, wherever a template lies; a remediation asks to write an ARN."""
    resources = {"Callee": _role(statement, **properties), "Caller": CALLER}
    proof = audit([Template(name, {"Resources": resources})])
    words = [each.words for each in proof.entrances] + [each.reason for each in proof.hops]
    words += [text for each in proof.findings for text in (each.message, each.remediation)]
    words += [proof.names.get(arn, arn) for each in proof.hops for arn in (each.caller, each.callee)]
    words += [proof.names[each.role] for each in proof.entrances]
    shown = re.findall("<[^<>]*>", json.dumps(words))
    assert {*shown} <= {"<account>", "<path and name>", "<name of Caller>", "<the role's account>"}
    assert {proof.names[each.role] for each in proof.entrances} == {"Callee", "Caller"}


def test_a_role_of_another_template_is_said_with_it() -> None:
    """Logical ids are of one template; the accounts of two may be two."""
    exported = {"Outputs": {"A": {"Value": ROLE_ARN, "Export": {"Name": "caller"}}}}
    first = Template("a.yaml", {"Resources": {"Caller": CALLER}} | exported)
    trust = _role({"Principal": {"AWS": {"Fn::ImportValue": "caller"}}})
    proof = audit([first, Template("b.yaml", {"Resources": {"Callee": trust}})])
    assert "the principal Caller of a.yaml" in [each.words for each in proof.entrances]
    assert set(proof.names.values()) == {"Caller of a.yaml", "Callee of b.yaml"}
