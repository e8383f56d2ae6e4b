"""Policy variables in conditions and resources."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rolechain.policy import Effect, Policy, PolicyError

Holds = Callable[..., bool | None]
TEAM = "aws:PrincipalTag/team"


@pytest.mark.parametrize(
    ("operator", "value", "given", "context", "expected"),
    [
        ("StringEquals", "${aws:PrincipalTag/team}", "blue", {TEAM: "blue"}, True),
        ("StringEquals", "${AWS:principaltag/TEAM}", "blue", {TEAM: "blue"}, True),
        ("StringEquals", "x-${aws:PrincipalTag/team}-y", "x-blue-y", {TEAM: "blue"}, True),
        ("StringEquals", "${aws:PrincipalTag/team}", "red", {TEAM: "blue"}, False),
        ("StringEquals", "${aws:PrincipalTag/team}", "", {}, False),
        ("StringNotEquals", "${aws:PrincipalTag/team}", "blue", {}, True),
        ("StringEquals", "${aws:PrincipalTag/team, 'none'}", "none", {}, True),
        ("StringEquals", "${aws:PrincipalTag/team, 'none'}", "none", {TEAM: "blue"}, False),
        ("StringEquals", "${aws:PrincipalTag/team,''}", "", {}, True),
        (
            "StringEquals",
            "${ aws:PrincipalTag/cost center , 'x'}",
            "7",
            {"aws:PrincipalTag/cost center": "7"},
            True,
        ),
        ("StringEquals", "${ aws:PrincipalTag/cost center , 'x'}", "x", {}, True),
        ("StringEqualsIgnoreCase", "${aws:PrincipalTag/team}", "BLUE", {TEAM: "blue"}, True),
        ("StringLike", "${aws:PrincipalTag/team}-*", "blue-1", {TEAM: "blue"}, True),
        ("StringLike", "${aws:PrincipalTag/team}", "blue", {TEAM: "*"}, False),
        ("StringLike", "${aws:PrincipalTag/team}", "*", {TEAM: "*"}, True),
        ("StringLike", "${aws:PrincipalTag/team, '*'}", "blue", {}, False),
        ("StringLike", "a${*}c", "abc", {}, False),
        ("StringLike", "a${*}c", "a*c", {}, True),
        ("StringLike", "a${?}c", "abc", {}, False),
        ("StringLike", "a${?}c", "a?c", {}, True),
        ("StringEquals", "${$}{aws:username}", "${aws:username}", {}, True),
        ("StringNotLike", "${aws:PrincipalTag/team}", "blue", {}, True),
        (
            "ArnLike",
            "arn:aws:iam::${aws:Account}:role/*",
            "arn:aws:iam::1:role/a",
            {"aws:Account": "1"},
            True,
        ),
        (
            "ArnLike",
            "arn:aws:iam::${aws:Account}:role/*",
            "arn:aws:iam::1:role/a",
            {"aws:Account": "*"},
            False,
        ),
        (
            "ArnEquals",
            "${aws:PrincipalArn}",
            "arn:aws:iam::1:role/a",
            {"aws:PrincipalArn": "arn:aws:iam::1:role/a"},
            True,
        ),
        ("ArnNotEquals", "arn:aws:iam::1:role/${aws:username}", "arn:aws:iam::1:role/a", {}, True),
        ("StringEquals", "${aws:TagKeys}", "a", {"aws:TagKeys": ["a", "b"]}, None),
        ("StringEquals", "${aws:TagKeys}", "a", {"aws:TagKeys": ["a"]}, True),
    ],
)
def test_variable_in_a_condition(
    holds: Holds, operator: str, value: str, given: str, context: dict[str, object], expected: bool | None
) -> None:
    """A variable stands for its key's value as literal text; without a value it equals nothing."""
    assert holds({operator: {"aws:Key": value}}, {"aws:Key": given, **context}) is expected


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_first_version_knows_no_variables(holds: Holds, version: str | None) -> None:
    """Only version 2012-10-17 gives a variable a meaning; elsewhere it is literal text."""
    condition = {"StringEquals": {"aws:Key": "${aws:username}"}}
    assert holds(condition, {"aws:Key": "alice", "aws:username": "alice"}, version) is False
    assert holds(condition, {"aws:Key": "${aws:username}", "aws:username": "alice"}, version) is True
    assert holds({"StringLike": {"aws:Key": "a${*}"}}, {"aws:Key": "a${xyz}"}, version) is True


def test_variable_in_a_bool_is_unknown(holds: Holds) -> None:
    """What a Bool makes of a variable is not settled by AWS's documents."""
    assert holds({"Bool": {"aws:Key": "${aws:SecureTransport}"}}, {"aws:Key": "true"}) is None


@pytest.mark.parametrize(
    ("element", "resource", "context", "expected"),
    [
        ("Resource", "arn:aws:iam::1:role/blue", {TEAM: "blue"}, Effect.ALLOW),
        ("Resource", "arn:aws:iam::1:role/red", {TEAM: "blue"}, Effect.SILENT),
        ("Resource", "arn:aws:iam::1:role/red", {TEAM: "*"}, Effect.SILENT),
        ("Resource", "arn:aws:iam::1:role/red", {}, Effect.SILENT),
        ("NotResource", "arn:aws:iam::1:role/blue", {TEAM: "blue"}, Effect.SILENT),
        ("NotResource", "arn:aws:iam::1:role/red", {TEAM: "blue"}, Effect.ALLOW),
        ("NotResource", "arn:aws:iam::1:role/blue", {}, Effect.ALLOW),
    ],
)
def test_variable_in_a_resource(
    policy: Callable[..., Policy], element: str, resource: str, context: dict[str, str], expected: Effect
) -> None:
    """Without a value a Resource entry names nothing, and a NotResource entry excludes nothing."""
    statement = {"Effect": "Allow", "Action": "*", element: "arn:aws:iam::1:role/${aws:PrincipalTag/team}"}
    assert policy(statement).judge("sts:AssumeRole", resource, context) is expected


def test_variable_in_an_action_is_literal(policy: Callable[..., Policy]) -> None:
    """Actions take no variables."""
    made = policy({"Effect": "Allow", "Action": "sts:${aws:username}", "Resource": "*"})
    assert made.judge("sts:AssumeRole", "*", {"aws:username": "AssumeRole"}) is Effect.SILENT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${}", "'${}' is not a policy variable: write ${key} or ${key, 'default'}"),
        ("${username}", "'${username}' is not a policy variable: write ${key} or ${key, 'default'}"),
        (
            "${aws:username, none}",
            "'${aws:username, none}' is not a policy variable: write ${key} or ${key, 'default'}",
        ),
        (
            "a${aws:username",
            "'a${aws:username' opens a policy variable that is not well closed: write ${key}",
        ),
    ],
)
def test_variable_that_is_not_well_written_is_refused(
    policy: Callable[..., Policy], text: str, message: str
) -> None:
    """A variable that is not closed or names no key is an error of the document."""
    with pytest.raises(PolicyError) as caught:
        policy({"Effect": "Allow", "Action": "*", "Resource": f"arn:aws:s3:::{text}"})
    assert message.split(" ", 1)[1] in str(caught.value)
