"""The decision, the proof and the audit say the same of a condition, whatever it asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rolechain import Chain
from rolechain.proof import Level, Template, audit, prove
from tests.proof.soundness.condition_table import CHAIN, DECLARED, MIDDLE, NAMED, Json, admitted, systematic

TemplatesOf = Callable[[Chain], list[Template]]
SYSTEMATIC = dict(systematic())


@pytest.fixture(scope="module")
def said(templates_of: TemplatesOf) -> Callable[[list[Json]], tuple[bool, bool]]:
    """Whether the proof finds somebody undeclared, and the audit an entrance, with statements in the trust policy."""

    def ask(statements: list[Json]) -> tuple[bool, bool]:
        templates = templates_of(CHAIN)
        (template,) = (each for each in templates if each.account == MIDDLE)
        trust = template.body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"]
        trust["Statement"] += statements
        findings = prove(CHAIN, templates).findings
        errors = [each for each in findings if each.level is Level.ERROR and each.rule in ("RC05", "RC00")]
        entrances = [
            each
            for each in audit(templates).entrances
            if each.place.template == MIDDLE and (each.place.statement or 0) >= len(DECLARED)
        ]
        return bool(errors), bool(entrances)

    return ask


@pytest.mark.parametrize("name", NAMED)
def test_an_open_condition_is_called_open(name: str, said: Callable[[list[Json]], tuple[bool, bool]]) -> None:
    """Each of these lets somebody in: the decision, the proof and the audit say so."""
    assert admitted(NAMED[name])
    assert said(NAMED[name]) == (True, True)


def test_whatever_lets_somebody_in_is_called_open(said: Callable[[list[Json]], tuple[bool, bool]]) -> None:
    """Of every operator, set operator, IfExists and kind of key: where one request gets in, proof and audit say so."""
    wrong, is_open = {}, 0
    for name, statements in SYSTEMATIC.items():
        accused, named = said(statements)
        is_open += (request := admitted(statements)) is not None
        if (request and not (accused and named)) or (accused and not named):
            wrong[name] = (
                f"proof {accused}, audit {named}, let in {request and (request.caller, request.context)}"
            )
    print(f"{len(SYSTEMATIC)} conditions, {is_open} of them open, {len(wrong)} told wrong")
    assert wrong == {}
    assert len(SYSTEMATIC) > 200 < is_open


@pytest.mark.parametrize(
    "condition",
    [
        {
            "StringEquals": {"aws:PrincipalAccount": "444444444444"},
            "StringNotLike": {"aws:PrincipalAccount": "4*"},
        },
        {
            "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/a*"},
            "StringNotLike": {"aws:PrincipalArn": "*:role/a*"},
        },
        {"StringLike": {"aws:PrincipalOrgID": "o-*"}, "Null": {"aws:PrincipalOrgID": "true"}},
        {
            "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444444444444:*"},
            "StringEquals": {"aws:PrincipalAccount": "555555555555"},
        },
    ],
    ids=["account", "ARN", "organization", "account of an ARN"],
)
def test_a_contradiction_about_who_somebody_is_lets_nobody_in(
    condition: Json, said: Callable[[list[Json]], tuple[bool, bool]]
) -> None:
    """Who a caller is is decided exactly: where nobody meets a condition, neither proof nor audit names somebody."""
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "*"},
        "Condition": condition,
    }
    assert admitted([statement]) is None
    assert said([statement]) == (False, False)
