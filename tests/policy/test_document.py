"""Reading policy documents, and asking one document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rolechain.errors import RolechainError
from rolechain.policy import Effect, Policy, PolicyError

Make = Callable[..., Policy]
ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def test_reads_text_and_objects_alike() -> None:
    """A document is JSON text or the object that it stands for; a statement may stand alone."""
    element = {"Version": "2012-10-17", "Id": "mine", "Statement": {**ALLOW, "Sid": "All"}}
    for made in (Policy.parse(element), Policy.parse(json.dumps(element))):
        assert [(statement.index, statement.sid) for statement in made.statements] == [(0, "All")]
        assert made.judge("s3:ListBucket", "arn:aws:s3:::b", {}) is Effect.ALLOW


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "the policy is not JSON: line 1: Expecting property name enclosed in double quotes"),
        ("[]", "the policy is []: write an object"),
        ("{}", "Statement is missing: a policy holds one at least"),
        ({"Statements": []}, "the policy has no element 'Statements': known are Version, Id, Statement"),
        ({"Version": "2012-10-18", "Statement": []}, "Version is '2012-10-18': write \"2012-10-17\""),
        ({"Statement": "all"}, "statement 0: the statement is 'all': write an object"),
        (
            {"Statement": [ALLOW, {**ALLOW, "Effect": "allow"}]},
            "statement 1: Effect is 'allow': write Allow or Deny",
        ),
        (
            {"Statement": {"Action": "*", "Resource": "*"}},
            "statement 0: Effect is missing: write Allow or Deny",
        ),
        (
            {"Statement": {"Effect": "Allow", "Resource": "*"}},
            "statement 0: Action is missing: name what the statement is about",
        ),
        (
            {"Statement": {**ALLOW, "Action": ["sts:*", "AssumeRole"]}},
            "statement 0: Action 'assumerole' is not an action: write service:Name, such as sts:AssumeRole, or *",
        ),
        ({"Statement": {**ALLOW, "Action": 3}}, "statement 0: Action is 3: write a text or a list of texts"),
        (
            {"Statement": {**ALLOW, "Resource": [True]}},
            "statement 0: Resource is True: write a text or a list of texts",
        ),
        (
            {"Statement": {**ALLOW, "NotAction": "*"}},
            "statement 0: Action and NotAction exclude each other: remove one",
        ),
        (
            {"Statement": {**ALLOW, "NotResource": "*"}},
            "statement 0: Resource and NotResource exclude each other: remove one",
        ),
        (
            {"Statement": {**ALLOW, "Principal": "*", "NotPrincipal": "*"}},
            "statement 0: Principal and NotPrincipal exclude each other: remove one",
        ),
        (
            {"Statement": {**ALLOW, "Principal": "me"}},
            'statement 0: Principal is \'me\': write "*" or an object such as {"AWS": "…"}',
        ),
        (
            {"Statement": {**ALLOW, "Principal": {"Aws": "*"}}},
            "statement 0: Principal has no element 'Aws': known are AWS, Service, Federated, CanonicalUser",
        ),
        (
            {"Statement": {**ALLOW, "Principal": {"AWS": 111111111111}}},
            "statement 0: Principal AWS is 111111111111: write a text or a list of texts",
        ),
        ({"Statement": {**ALLOW, "Condition": []}}, "statement 0: Condition is []: write an object"),
        (
            {"Statement": {**ALLOW, "Condition": {"Bool": "true"}}},
            "statement 0: Condition Bool is 'true': write an object",
        ),
        ({"Statement": {**ALLOW, "Sid": 1}}, "statement 0: Sid is 1: write a text"),
        (
            '{"Statement": [], "Statement": []}',
            "the key 'Statement' occurs twice in one object: remove one",
        ),
    ],
)
def test_malformed_document_is_refused_in_one_line(document: Any, message: str) -> None:
    """A document that IAM's grammar does not know is an error that names the statement and the value."""
    with pytest.raises(PolicyError) as caught:
        Policy.parse(document)
    assert isinstance(caught.value, RolechainError)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_deeply_nested_text_is_refused() -> None:
    """Text that is nested without end is an error as any other."""
    with pytest.raises(PolicyError, match="nested too deeply"):
        Policy.parse("[" * 200_000)


def test_judge_knows_four_effects(policy: Make) -> None:
    """A document denies, allows, is silent, or leaves open; a deny wins over an allow."""
    made = policy(
        {"Effect": "Allow", "Action": ["s3:*", "ec2:Describe*"], "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:Delete*", "NotResource": "arn:aws:s3:::scratch/*"},
        {
            "Effect": "Allow",
            "Action": "ssm:*",
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": "*"}},
        },
    )
    context = {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/source"}
    assert made.judge("S3:GetObject", "arn:aws:s3:::b/k", context) is Effect.ALLOW
    assert made.judge("s3:DeleteObject", "arn:aws:s3:::b/k", context) is Effect.DENY
    assert made.judge("s3:DeleteObject", "arn:aws:s3:::scratch/k", context) is Effect.ALLOW
    assert made.judge("ec2:DescribeVpcs", "*", context) is Effect.ALLOW
    assert made.judge("ec2:RunInstances", "*", context) is Effect.SILENT
    assert made.judge("ssm:GetParameter", "arn:aws:ssm:::parameter/a", context) is Effect.UNKNOWN


def test_judge_of_a_deny_that_may_apply_is_unknown(policy: Make) -> None:
    """A deny that is not known to apply leaves an allowed and an unmentioned action open."""
    condition = {"ArnLike": {"aws:PrincipalArn": "*"}}
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    context = {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/source"}
    for made in (policy(ALLOW, deny), policy(deny)):
        assert made.judge("s3:ListBucket", "*", context) is Effect.UNKNOWN
    assert policy({**deny, "Condition": {}}, deny).judge("s3:ListBucket", "*", context) is Effect.DENY


@pytest.mark.parametrize(
    ("elements", "allows", "denies"),
    [
        ({"Resource": "*", "Principal": "*"}, Effect.ALLOW, Effect.DENY),
        ({"Resource": "*", "Principal": {"AWS": "*"}}, Effect.ALLOW, Effect.DENY),
        ({"Resource": "*", "Principal": {"AWS": "111111111111"}}, Effect.SILENT, Effect.UNKNOWN),
        ({"Resource": "*", "NotPrincipal": {"AWS": "111111111111"}}, Effect.SILENT, Effect.UNKNOWN),
        ({}, Effect.SILENT, Effect.UNKNOWN),
    ],
)
def test_judge_of_a_statement_that_iam_refuses(
    policy: Make, elements: dict[str, Any], allows: Effect, denies: Effect
) -> None:
    """A statement without Resource, or with principals other than everyone, allows nothing and may deny."""
    assert policy({"Effect": "Allow", "Action": "s3:*", **elements}).judge("s3:ListBucket", "*", {}) is allows
    assert policy({"Effect": "Deny", "Action": "s3:*", **elements}).judge("s3:ListBucket", "*", {}) is denies


def test_trust_problems(policy: Make) -> None:
    """What IAM refuses in a trust policy is named with its statement."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    made = policy(
        {**trust, "Principal": {"AWS": "111111111111", "Service": "lambda.amazonaws.com"}},
        {**trust, "NotPrincipal": {"AWS": "111111111111"}},
        {**trust, "Principal": {"AWS": "*"}, "Resource": "*"},
        {
            **trust,
            "Principal": {"AWS": ["arn:aws:iam::111111111111:role/*", "111111111111"]},
            "NotResource": "*",
        },
        trust,
    )
    own_role = ": a trust policy is about its own role"
    assert made.trust_problems() == [
        "statement 1: holds NotPrincipal, which IAM refuses there: name whom it lets in with Principal, and keep "
        "others out by a condition on aws:PrincipalArn",
        f"statement 2: holds Resource, which IAM refuses there: remove Resource{own_role}",
        "statement 3: Principal arn:aws:iam::111111111111:role/* holds a wildcard, which IAM refuses: name one "
        "principal; for several, arn:aws:iam::111111111111:root with ArnLike aws:PrincipalArn "
        "arn:aws:iam::111111111111:role/*",
        f"statement 3: holds NotResource, which IAM refuses there: remove NotResource{own_role}",
        "statement 4: names no Principal, which IAM refuses there: name whom it lets in",
    ]
    assert policy({**trust, "Principal": "*"}).trust_problems() == []


def test_json_of_other_types_is_no_document() -> None:
    """A number or a list is not a policy document."""
    for text in ("3", "null", "[{}]"):
        with pytest.raises(PolicyError, match="write an object"):
            Policy.parse(text)
