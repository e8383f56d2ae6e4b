"""Why a request was decided as it was, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain.policy import Caller, Decision, Policy

Assume = Callable[..., Decision]
Make = Callable[..., Policy]
SOURCE = "arn:aws:iam::111111111111:role/source"
SESSION = "arn:aws:sts::111111111111:assumed-role/source/s1"
MIDDLE = "arn:aws:iam::222222222222:role/middle"
NOBODY = f"no statement of the trust policy lets {SESSION} in: "


def trusting(principal: Any = SOURCE, **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", **elements}


@pytest.mark.parametrize(
    ("trust", "reason"),
    [
        ([], "it holds no Allow"),
        (
            trusting("arn:aws:iam::333333333333:role/y"),
            "statement 0 would, but its Principal is arn:aws:iam::333333333333:role/y",
        ),
        (
            trusting("arn:aws:iam::111111111111:role/team/source"),
            f"statement 0 would, but its Principal is arn:aws:iam::111111111111:role/team/source, "
            f"and the caller's role is {SOURCE}",
        ),
        (
            trusting("AROAOTHER000000000000"),
            "statement 0 would, but its Principal is AROAOTHER000000000000, the id of a principal that was "
            "deleted, or of another one",
        ),
        (
            trusting(Condition={"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/y"}}),
            f"statement 0 would, but aws:PrincipalArn is {SOURCE}, not arn:aws:iam::111111111111:role/y",
        ),
        (
            trusting(Condition={"StringEquals": {"sts:ExternalId": ["a", "b"]}}),
            "statement 0 would, but sts:ExternalId is missing, where StringEquals asks for a or b",
        ),
        (
            trusting(Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}),
            "statement 0 would, but aws:PrincipalOrgID is o-1, which StringNotEquals o-1 excludes",
        ),
        (
            trusting(Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}),
            "statement 0 would, but aws:MultiFactorAuthAge is 301, which is not NumericLessThan 300",
        ),
        (
            trusting(Condition={"Null": {"aws:PrincipalOrgID": "true"}}),
            "statement 0 would, but aws:PrincipalOrgID is o-1, where Null asks that it be absent",
        ),
        (
            trusting(Action="sts:AssumeRoleWithSAML"),
            "statement 0 would, but its Action is sts:AssumeRoleWithSAML",
        ),
        (
            trusting(Resource="*"),
            "statement 0 would, but it holds Resource, which IAM refuses in a trust policy",
        ),
        (
            [
                trusting("222222222222", Sid="Far", Action="sts:TagSession"),
                trusting("222222222222", Sid="Wide"),
                trusting(Sid="Near", Condition={"Bool": {"aws:A": "true"}, "StringLike": {"aws:B": "b*"}}),
            ],
            "statement 2 (Near) would, but aws:A is missing, where Bool asks for true and aws:B is missing, "
            "where StringLike asks for b*",
        ),
    ],
)
def test_trust_policy_that_does_not_let_in(assume: Assume, trust: Any, reason: str) -> None:
    """A denial names the statement that comes nearest, and what of it fails."""
    decision = assume(trust, context={"aws:PrincipalOrgID": "o-1", "aws:MultiFactorAuthAge": "301"})
    assert decision.reason == NOBODY + reason


def test_decision_points_at_the_nearest_statement(assume: Assume) -> None:
    """The place of the nearest statement stands in the decision as well."""
    decision = assume([trusting("222222222222"), trusting(Sid="Near", Condition={"Bool": {"aws:A": "true"}})])
    assert (decision.policy, decision.statement, decision.sid) == (0, 1, "Near")
    decision = assume([])
    assert (decision.policy, decision.statement, decision.sid) == (None, None, None)


def test_sides_of_the_caller(assume: Assume, policy: Make) -> None:
    """Each side that does not allow is named, with the nearest statement's place."""
    other = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    elsewhere = {"Effect": "Allow", "Action": "sts:*", "Resource": "arn:aws:iam::333333333333:role/x"}
    assert assume(identity=None).reason == (
        f"no identity policy of the caller allows sts:AssumeRole on {MIDDLE}: there is none"
    )
    assert assume(trusting("222222222222"), [other, elsewhere]).reason == (
        f"no identity policy of the caller allows sts:AssumeRole on {MIDDLE}: statement 0 of identity policy 1 "
        "would, but its Resource is arn:aws:iam::333333333333:role/x; nor does the trust policy let it in"
    )
    assert assume(permissions_boundary=policy(other)).reason == (
        f"the permissions boundary does not allow sts:AssumeRole on {MIDDLE}: statement 0 would, but its Action is s3:*"
    )
    assert assume(session_policies=[policy(other)]).reason == (
        f"no session policy of the caller allows sts:AssumeRole on {MIDDLE}: statement 0 of session policy 0 "
        "would, but its Action is s3:*"
    )
    everything = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    assert assume(scps=[[everything], [policy(other)]]).reason == (
        "no service control policy of level 1, counted from the root, allows sts:AssumeRole: statement 0 of "
        "service control policy 1 would, but its Action is s3:*"
    )


def test_explicit_deny(assume: Assume) -> None:
    """An explicit deny names its statement, and what of the request made it apply."""
    deny = trusting(
        Effect="Deny", Sid="Org", Condition={"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}
    )
    assert assume([trusting(), deny]).reason == (
        f"statement 1 (Org) of the trust policy denies sts:AssumeRole to {SESSION}, as aws:PrincipalOrgID is missing"
    )


def test_allow(assume: Assume) -> None:
    """An allowed request names the statement that let it in."""
    assert (
        assume(trusting(Sid="AllowCaller")).reason
        == f"statement 0 (AllowCaller) of the trust policy lets {SESSION} in"
    )


@pytest.mark.parametrize(
    ("trust", "reason"),
    [
        (
            trusting(Condition={"ArnLike": {"aws:PrincipalArn": "*"}}),
            f"statement 0 of the trust policy allows sts:AssumeRole: aws:PrincipalArn is {SOURCE}, "
            "where ArnLike asks for *",
        ),
        (
            trusting({"Fn::GetAtt": ["Role", "Arn"]}),
            "statement 0 of the trust policy allows sts:AssumeRole: its Principal is an unresolved Fn::GetAtt",
        ),
        (
            [trusting(), {"Effect": "Deny", "NotPrincipal": {"AWS": SOURCE}, "Action": "sts:AssumeRole"}],
            "statement 1 of the trust policy denies sts:AssumeRole: it holds NotPrincipal, which IAM refuses in a "
            "trust policy",
        ),
        (
            trusting(Effect={"Ref": "Effect"}),
            "statement 0 of the trust policy allows or denies sts:AssumeRole: its Effect is not known",
        ),
    ],
)
def test_unknown(assume: Assume, trust: Any, reason: str) -> None:
    """An open answer names the statement that leaves it open, and why."""
    assert assume(trust).reason == f"it is not known whether {reason}"


def test_a_deny_that_iam_refuses_is_what_is_not_known(assume: Assume) -> None:
    """A Deny without Resource, or with a Principal, may deny: the answer names that, and not its Effect."""
    deny = {"Effect": "Deny", "Action": "sts:*"}
    place = "it is not known whether statement 0 of identity policy 1 denies sts:AssumeRole: "
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert assume(identity=[allow, deny]).reason == place + "it names no Resource, which IAM refuses"
    named = {**deny, "Resource": "*", "Principal": {"AWS": SOURCE}}
    assert assume(identity=[allow, named]).reason == place + "it names a Principal, which IAM refuses here"


def test_a_principal_that_may_name_the_caller_more_strongly_is_what_is_not_known(assume: Assume) -> None:
    """Where the account is named, and only an unresolved principal may spare the caller's own policies, it is named."""
    trust = trusting(["111111111111", {"Ref": "Role"}])
    decision = assume(trust, identity=None, callee="arn:aws:iam::111111111111:role/same")
    assert decision.reason == (
        "it is not known whether statement 0 of the trust policy allows sts:AssumeRole: "
        "its Principal is 111111111111 or an unresolved Ref"
    )


def test_policy_that_is_not_at_hand_is_named(assume: Assume) -> None:
    """A policy without a document is named as it was given."""
    unknown = Policy.unknown("arn:aws:iam::aws:policy/New")
    assert assume(Policy.unknown("the trust policy of middle")).reason == (
        "it is not known whether the trust policy allows or denies sts:AssumeRole: the document of the trust policy of "
        "middle is not at hand"
    )
    assert assume(permissions_boundary=unknown).reason == (
        "it is not known whether the permissions boundary allows or denies sts:AssumeRole: the document of "
        "arn:aws:iam::aws:policy/New is not at hand"
    )


def test_reason_is_one_line(assume: Assume, alice: Caller) -> None:
    """Whatever stands in a policy, a reason stays one line."""
    trust = trusting(Condition={"StringEquals": {"sts:ExternalId": "a\nb"}})
    assert "\n" not in assume(trust, caller=alice, context={"sts:ExternalId": "c\nd"}).reason
