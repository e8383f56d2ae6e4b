"""What IAM refuses about a principal or an action of a trust policy, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain.policy import Policy
from rolechain.policy.trust_problems import Subject, trust_problems

Make = Callable[..., Policy]
A = "111111111111"
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": A}}


@pytest.mark.parametrize(
    ("kind", "value", "fault", "cure"),
    [
        ("AWS", "12345678", "has 8 digits", "write the 12 digits of an account's id, in quotes"),
        ("AWS", "12345678901", "has 11 digits", "write the 12 digits of an account's id, in quotes"),
        (
            "AWS",
            "deployer",
            "is neither an ARN nor an account's id",
            "write the ARN of a role or user, or its account's root",
        ),
        ("AWS", f"arn:aws:iam::{A}:Root", "does not write root as IAM does", f"write arn:aws:iam::{A}:root"),
        (
            "AWS",
            "arn:aws:iam::12345678901:role/a",
            "has the account '12345678901'",
            "write the 12 digits of the account's id",
        ),
        (
            "AWS",
            f"arn:aws:iam::{A}:group/devs",
            "is a group, which is not a principal",
            f"name its users, or arn:aws:iam::{A}:root with a condition on a tag of theirs",
        ),
        (
            "AWS",
            f"arn:aws:iam::{A}:policy/p",
            "is not a role, user, session or account",
            f"write arn:aws:iam::{A}:role/<path and name>",
        ),
        (
            "AWS",
            f"arn:aws:sts::{A}:assumed-role/app",
            "is not a role, user, session or account",
            f"write arn:aws:iam::{A}:role/<path and name>",
        ),
        (
            "AWS",
            f"arn:aws:iam::{A}:role/",
            "is not a role, user, session or account",
            f"write arn:aws:iam::{A}:role/<path and name>",
        ),
        ("AWS", "ec2.amazonaws.com", "is a service", 'write {"Service": "ec2.amazonaws.com"}'),
        (
            "AWS",
            f"arn:aws:iam::{A}:saml-provider/idp",
            "is an identity provider",
            f'write {{"Federated": "arn:aws:iam::{A}:saml-provider/idp"}}',
        ),
        (
            "AWS",
            "arn:aws:iam::${AWS::AccountId}:root",
            "holds ${, which nothing fills in here",
            "write the value out; in a template, with Fn::Sub",
        ),
        (
            "Service",
            "ec2.${AWS::URLSuffix}",
            "holds ${, which nothing fills in here",
            "write the value out; in a template, with Fn::Sub",
        ),
        ("Service", "cloudformation", "is not a service principal", "write cloudformation.amazonaws.com"),
        ("Service", "*", "holds a wildcard", "name each service, such as lambda.amazonaws.com"),
        (
            "Service",
            "lambda.amazonaws.co",
            "is not a service principal",
            "write one such as lambda.amazonaws.com",
        ),
        ("Service", A, "is not a service principal", f'write {{"AWS": "{A}"}}'),
        (
            "Federated",
            "github",
            "is not an identity provider",
            "write its ARN, arn:aws:iam::<account>:oidc-provider/<host> or …:saml-provider/<name>",
        ),
        (
            "Federated",
            f"arn:aws:iam::{A}:role/app",
            "is not an identity provider",
            "write its ARN, arn:aws:iam::<account>:oidc-provider/<host> or …:saml-provider/<name>",
        ),
    ],
)
def test_a_principal_that_iam_refuses(policy: Make, kind: str, value: str, fault: str, cure: str) -> None:
    """Each is told with what is wrong, what to write, and IAM's own text."""
    (problem,) = trust_problems(policy({**TRUST, "Principal": {kind: value}}).statements[0])
    assert (problem.subject, problem.message, problem.remediation, problem.refusal) == (
        Subject.PRINCIPAL,
        f"Principal {value} {fault}, which IAM refuses",
        cure,
        f'Invalid principal in policy: "{kind.upper()}":"{value}"',
    )


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": [A, f"arn:aws:iam::{A}:root", f"arn:aws-cn:iam::{A}:user/team/alice"]},
        {
            "AWS": f"arn:aws:iam::{A}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"
        },
        {"AWS": [f"arn:aws:sts::{A}:assumed-role/app/one", f"arn:aws:sts::{A}:federated-user/bob"]},
        {"AWS": ["AROAEXAMPLEEXAMPLE012", "arn:aws:iam::<stack>:role/<stack.Role>", "<stack>"]},
        {"AWS": {"Fn::GetAtt": ["Role", "Arn"]}},
        {"Service": [{"Fn::Sub": "ec2.${AWS::URLSuffix}"}, "export.rds.amazonaws.com"]},
        {"Service": ["ec2.amazonaws.com.cn", "states.eu-west-1.amazonaws.com", "ec2.c2s.ic.gov"]},
        {"Service": "alexa-appkit.amazon.com"},
        {"Federated": ["cognito-identity.amazonaws.com", f"arn:aws:iam::{A}:saml-provider/idp"]},
        {"Federated": f"arn:aws:iam::{A}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/0123"},
        {"CanonicalUser": "79a5"},
    ],
)
def test_a_principal_that_iam_takes(policy: Make, principal: Any) -> None:
    """What IAM takes, and what an intrinsic makes unknown, is not a problem."""
    assert policy({**TRUST, "Principal": principal}).trust_problems() == []


@pytest.mark.parametrize("principal", [{}, {"AWS": []}, {"AWS": [], "Service": []}])
def test_a_principal_that_names_nobody(policy: Make, principal: Any) -> None:
    """An element without a principal is as good as none."""
    (problem,) = trust_problems(policy({**TRUST, "Principal": principal}).statements[0])
    assert (problem.subject, problem.refusal) == (Subject.ELEMENT, "Missing required field Principal")


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize(
    "action",
    [
        "*",
        "sts:TagSessions",
        "sts:AssumeRoleWithWebIdendity",
        "s3:GetObject",
        "iam:PassRole",
        "sts:AsumeRole*",
        "*:AssumeRole",
    ],
)
def test_an_action_that_iam_refuses(policy: Make, action: str, effect: str) -> None:
    """An action that is none of STS's is refused, whatever the statement says about it."""
    statement = {**TRUST, "Effect": effect, "Action": ["sts:AssumeRole", action]}
    (problem,) = trust_problems(policy(statement).statements[0])
    assert (problem.subject, problem.message, problem.refusal) == (
        Subject.ELEMENT,
        f"names the action {action}, none of STS's, which IAM refuses there",
        "AssumeRole policy may only specify STS AssumeRole actions.",
    )


@pytest.mark.parametrize(
    "action",
    [
        "sts:*",
        "STS:assumerole",
        "sts:AssumeRole*",
        ["sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"],
        "sts:AssumeRoleWith????",
        {"Ref": "Action"},
        ["sts:AssumeRole", {"Fn::Sub": "${Service}:*"}],
    ],
)
def test_an_action_that_iam_takes(policy: Make, action: Any) -> None:
    """STS's actions in any case, wildcards that cover one, and what is not known are no problem."""
    assert policy({**TRUST, "Action": action}).trust_problems() == []


@pytest.mark.parametrize("document", [{"Statement": {"Fn::If": ["A", {}, {}]}}, {"Ref": "Policy"}])
def test_a_statement_of_which_nothing_is_known(document: Any) -> None:
    """An intrinsic in place of a statement or a whole policy is not a problem."""
    assert Policy.parse(document).trust_problems() == []
