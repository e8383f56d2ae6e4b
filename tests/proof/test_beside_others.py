"""What is found in a template depends on neither the templates beside it nor the order of its statements."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rolechain.cli.template_files import read
from rolechain.proof import Finding, Template, audit

Json = dict[str, Any]
EXAMPLES = Path(__file__).parents[2] / "examples" / "audit"


def _role(*statements: Json, **properties: Any) -> Json:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document, **properties}}


def _let_in(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> Json:
    return {"Effect": "Allow", "Principal": principal, "Action": action, **more}


ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole"}
WITH: Json = {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "p", "Roles": ["elsewhere"]}}
WHO: Json = {"Parameters": {"Who": {"Type": "String"}}}
OTHER: Json = {"Parameters": {"Open": {"Type": "String", "Default": "no"}}}
OTHER |= {"Conditions": {"IsOpen": {"Fn::Equals": [{"Ref": "Open"}, "yes"]}}}
FILES: dict[str, Json] = {
    "everyone": {"Resources": {"R": _role(_let_in("*"))}},
    "refused": {"Resources": {"R": _role(_let_in({"Service": "ec2"}))}},
    "resource": {"Resources": {"R": _role(_let_in("*", Resource="*"))}},
    "third": {"Resources": {"R": _role(_let_in({"AWS": "999999999999"}))}},
    "service": {"Resources": {"R": _role(_let_in({"Service": "states.amazonaws.com"}))}},
    "unknown": {**WHO, "Resources": {"R": _role(_let_in({"AWS": {"Ref": "Who"}}))}},
    "broken": {"Resources": {"R": _role(AssumeRolePolicyDocument={})}},
    "attached": {"Resources": {"P": WITH | {"Properties": WITH["Properties"] | {"PolicyDocument": {}}}}},
    "macro": {"Transform": "Mine", "Resources": {"R": _role(_let_in({"Service": "ec2.amazonaws.com"}))}},
    "long": {"Resources": {"R": _role(_let_in({"Service": "ec2.amazonaws.com"}), RoleName="x" * 70)}},
    "never": {"Resources": {"R": _role(_let_in({"Federated": "accounts.google.com"}))}},
    "star": {
        "Resources": {
            "R": _role(
                _let_in({"Service": "ec2.amazonaws.com"}),
                Policies=[
                    {"PolicyName": "p", "PolicyDocument": {"Statement": [{**ASSUME, "Resource": "*"}]}}
                ],
            )
        }
    },
    "branch": {
        **OTHER,
        "Resources": {
            "R": _role(_let_in({"Fn::If": ["IsOpen", "*", {"AWS": {"Ref": "AWS::AccountId"}}]}))
            | {"Condition": "IsOpen"}
        },
    },
    "circle": {
        "Resources": {
            name: _role(
                _let_in({"AWS": {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:role/{other}"}}), RoleName=name
            )
            for name, other in (("One", "Two"), ("Two", "One"))
        }
    },
}


def _templates() -> list[Template]:
    examples = [file.template for file in read([str(EXAMPLES)], {}).values()]
    return [*examples, *(Template(name, body) for name, body in FILES.items())]


def _of(template: Template, findings: tuple[Finding, ...]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (each.rule, each.level, each.place, each.message, each.remediation)
        for each in findings
        if each.place and each.place.template == template.name
    )


@pytest.fixture(scope="module")
def together() -> tuple[Finding, ...]:
    """What is found where all templates, and another of the same content for most of them, are read at once."""
    others = [Template(f"other-{each.name}", each.body) for each in _templates()[:-2]]
    assert len(others) > 20
    return audit([*_templates(), *others]).findings


@pytest.mark.parametrize("template", _templates(), ids=lambda each: each.name)
def test_an_unrelated_file_hides_nothing(template: Template, together: tuple[Finding, ...]) -> None:
    """The findings of a file alone are its findings beside others: each with its place, its words and its cure."""
    assert _of(template, audit([template]).findings) == _of(template, together)


_CONDITIONS = st.sampled_from(
    [
        {},
        {"StringEquals": {"sts:ExternalId": "id-1"}},
        {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/app-*"}},
        {"StringNotEquals": {"aws:PrincipalAccount": "222222222222"}},
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"StringEquals": {"aws:SourceAccount": "111111111111"}},
        {"StringEquals": {"sts:ExternalId": {"Ref": "Who"}}},
    ]
)
_PRINCIPALS = st.sampled_from(
    [
        "*",
        {"AWS": "222222222222"},
        {"AWS": "arn:aws:iam::111111111111:root"},
        {"AWS": "arn:aws:iam::222222222222:role/app-1"},
        {"AWS": {"Ref": "Who"}},
        {"Service": ["states.amazonaws.com", "ec2.amazonaws.com"]},
        {"Federated": "accounts.google.com"},
    ]
)
_ACTIONS = st.sampled_from(
    ["sts:AssumeRole", ["sts:AssumeRole", "sts:TagSession"], "sts:*", "sts:AssumeRoleWithWebIdentity"]
)
_EFFECTS = st.sampled_from(["Allow", "Allow", "Deny"])


def _statement(effect: str, principal: Any, action: Any, condition: Json) -> Json:
    statement = {"Effect": effect, "Principal": principal, "Action": action}
    return statement | ({"Condition": condition} if condition else {})


_STATEMENTS = st.lists(
    st.builds(_statement, _EFFECTS, _PRINCIPALS, _ACTIONS, _CONDITIONS), min_size=2, max_size=4
)


def _said(statements: list[Json]) -> Counter[tuple[str, ...]]:
    """What is said of a role, without the number of a statement."""
    permissions = [
        {key: each[key] for key in each if key != "Principal"} | {"Resource": "*"} for each in statements
    ]
    policies = [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": permissions}}]
    body = {**WHO, "Resources": {"R": _role(*statements, Policies=policies)}}
    found = audit([Template("t", body, "111111111111", "us-east-1")]).findings
    return Counter(
        (each.rule, each.level, re.sub(r"statement \d+", "statement", each.message), each.remediation)
        for each in found
    )


ONCE = {
    "Effect": "Allow",
    "Principal": {"AWS": "222222222222"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}
ANY = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
OWN = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "sts:AssumeRole"}


@settings(max_examples=150, deadline=None, derandomize=True)
@example(([ONCE, ANY, OWN], [ONCE, OWN, ANY]))
@given(_STATEMENTS.flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))))
def test_the_order_of_statements_changes_no_finding(orders: tuple[list[Json], list[Json]]) -> None:
    """A document means the same whatever stands first in it."""
    one, other = orders
    assert _said(one) == _said(other), json.dumps([one, other])
