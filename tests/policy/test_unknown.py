"""What cannot be known, and when that matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain.policy import Decision, Effect, Policy, Side, Verdict

Assume = Callable[..., Decision]
Make = Callable[..., Policy]
SOURCE = "arn:aws:iam::111111111111:role/source"
ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}
TAGGED = ("sts:AssumeRole", "sts:TagSession")
NAMED = ("sts:AssumeRole", "sts:SetSourceIdentity")
GETATT = {"Fn::GetAtt": ["Role", "Arn"]}


def trusting(action: Any, **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": SOURCE}, "Action": action, "Condition": condition}


@pytest.mark.parametrize(
    ("key", "given"),
    [("sts:ExternalId", "ext-1"), ("sts:RoleSessionName", "hop"), ("sts:SourceIdentity", "diego")],
)
def test_conditions_that_tag_session_may_not_carry(assume: Assume, key: str, given: str) -> None:
    """A statement that grants sts:TagSession under such a key is unknown where the key's absence would matter."""
    context = {key: given}

    def verdict(actions: tuple[str, ...] = TAGGED, **condition: Any) -> Verdict:
        return assume(trusting(list(TAGGED), **condition), context=context, actions=actions).verdict

    assert verdict(StringEquals={key: given}) is Verdict.UNKNOWN
    assert verdict(StringEquals={key: "other"}) is Verdict.IMPLICIT_DENY
    assert verdict(StringEqualsIfExists={key: given}) is Verdict.ALLOW
    assert verdict(StringEqualsIfExists={key: "other"}) is Verdict.IMPLICIT_DENY
    assert verdict(Null={key: "true"}) is Verdict.IMPLICIT_DENY
    assert verdict(("sts:AssumeRole",), StringEquals={key: given}) is Verdict.ALLOW
    assert verdict(StringNotEquals={key: "other"}) is Verdict.ALLOW


def test_statement_of_its_own_settles_tag_session(assume: Assume) -> None:
    """The external id asked for with sts:AssumeRole alone leaves nothing open."""
    trust = [trusting("sts:AssumeRole", StringEquals={"sts:ExternalId": "ext-1"}), trusting("sts:TagSession")]
    assert assume(trust, context={"sts:ExternalId": "ext-1"}, actions=TAGGED).verdict is Verdict.ALLOW


def test_two_statements_that_cover_presence_and_absence_settle_it(assume: Assume) -> None:
    """Where one statement allows with the key and another without it, the answer is the same either way."""
    trust = [
        trusting("sts:AssumeRole"),
        trusting("sts:TagSession", StringEquals={"sts:ExternalId": "ext-1"}),
        trusting("sts:TagSession", Null={"sts:ExternalId": "true"}),
    ]
    assert assume(trust, context={"sts:ExternalId": "ext-1"}, actions=TAGGED).verdict is Verdict.ALLOW


def test_deny_that_hangs_on_such_a_key_is_unknown(assume: Assume) -> None:
    """A Deny of sts:TagSession without the right external id may fire for want of the key."""
    deny = {**trusting("sts:*", StringNotEquals={"sts:ExternalId": "ext-1"}), "Effect": "Deny"}
    trust = [trusting("sts:*"), deny]
    context = {"sts:ExternalId": "ext-1"}
    assert assume(trust, context=context).verdict is Verdict.ALLOW
    decision = assume(trust, context=context, actions=TAGGED)
    assert (decision.verdict, decision.action) == (Verdict.UNKNOWN, "sts:TagSession")
    assert decision.reason == (
        "AWS does not document whether sts:TagSession carries sts:ExternalId, and the answer depends on it: "
        "grant sts:TagSession in a statement of its own, without that condition"
    )


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("aws:RequestTag/team", "blue"),
        ("aws:TagKeys", ["blue"]),
        ("sts:TransitiveTagKeys", ["blue"]),
    ],
)
def test_tag_conditions_that_set_source_identity_may_not_carry(assume: Assume, key: str, given: Any) -> None:
    """A statement that grants sts:SetSourceIdentity under a tag key is unknown, on either side."""
    condition = {"ForAnyValue:StringEquals": {key: "blue"}}
    context = {key: given, "sts:SourceIdentity": "diego"}
    assert (
        assume(trusting(list(NAMED), **condition), context=context, actions=NAMED).verdict is Verdict.UNKNOWN
    )
    assert assume(trusting(list(NAMED)), context=context, actions=NAMED).verdict is Verdict.ALLOW
    identity = {**ALLOW, "Condition": condition}
    decision = assume(trusting(list(NAMED)), identity, context=context, actions=NAMED)
    assert (decision.verdict, decision.side) == (Verdict.UNKNOWN, Side.IDENTITY_POLICY)
    settled = [identity, {"Effect": "Allow", "Action": "sts:SetSourceIdentity", "Resource": "*"}]
    assert assume(trusting(list(NAMED)), settled, context=context, actions=NAMED).verdict is Verdict.ALLOW


def test_keys_of_its_own_action_are_known(assume: Assume) -> None:
    """sts:TagSession carries tag keys, sts:SetSourceIdentity the source identity."""
    tags = {"aws:RequestTag/team": "blue"}
    trust = trusting(list(TAGGED), StringEquals=tags)
    assert assume(trust, context=tags, actions=TAGGED).verdict is Verdict.ALLOW
    identity = {"sts:SourceIdentity": "diego"}
    trust = trusting(list(NAMED), StringEquals=identity)
    assert assume(trust, context=identity, actions=NAMED).verdict is Verdict.ALLOW


def test_judge_doubts_the_same_keys(policy: Make) -> None:
    """A document judged about sts:TagSession alone leaves the same question open."""
    made = policy({**ALLOW, "Condition": {"StringEquals": {"sts:ExternalId": "x"}}})
    assert made.judge("sts:TagSession", "*", {"sts:ExternalId": "x"}) is Effect.UNKNOWN
    assert made.judge("sts:TagSession", "*", {"sts:ExternalId": "y"}) is Effect.SILENT
    assert made.judge("sts:AssumeRole", "*", {"sts:ExternalId": "x"}) is Effect.ALLOW


def test_policy_whose_document_is_not_at_hand(assume: Assume, policy: Make) -> None:
    """An unknown policy may allow and may deny: it leaves open whatever is not denied for certain."""
    unknown = Policy.unknown("arn:aws:iam::111111111111:policy/mine")
    assert unknown.judge("s3:ListBucket", "*", {}) is Effect.UNKNOWN
    for side, fields in (
        (Side.IDENTITY_POLICY, {"identity_policies": [unknown]}),
        (Side.IDENTITY_POLICY, {"identity_policies": [policy(ALLOW), unknown]}),
        (Side.PERMISSIONS_BOUNDARY, {"permissions_boundary": unknown}),
        (Side.SESSION_POLICY, {"session_policies": [unknown]}),
        (Side.SERVICE_CONTROL_POLICY, {"scps": [[unknown]]}),
        (Side.RESOURCE_CONTROL_POLICY, {"rcps": [[unknown]]}),
    ):
        decision = assume(**fields)
        assert (decision.verdict, decision.side) == (Verdict.UNKNOWN, side)
        assert "arn:aws:iam::111111111111:policy/mine" in decision.reason
        assert assume(trusting("s3:*"), **fields).verdict is Verdict.IMPLICIT_DENY
        if fields.keys() != {"identity_policies"}:
            assert assume(identity=DENY, **fields).verdict is Verdict.EXPLICIT_DENY
    assert assume(Policy.unknown("trust")).verdict is Verdict.UNKNOWN


def test_unknown_allow_beside_a_certain_one_is_an_allow(assume: Assume) -> None:
    """A statement of which it is not known whether it allows does not matter beside one that does."""
    open_allow = trusting("sts:AssumeRole", ArnLike={"aws:PrincipalArn": "*"})
    assert assume(open_allow).verdict is Verdict.UNKNOWN
    decision = assume([open_allow, trusting("sts:AssumeRole")])
    assert (decision.verdict, decision.statement) == (Verdict.ALLOW, 1)


def test_unknown_deny_is_unknown_unless_something_else_denies(assume: Assume) -> None:
    """A statement that may deny leaves the answer open, but no denial of another statement or side."""
    open_deny = {**DENY, "Condition": {"ArnLike": {"aws:PrincipalArn": "*"}}}
    decision = assume(identity=[ALLOW, open_deny])
    assert (decision.verdict, decision.side, decision.policy) == (Verdict.UNKNOWN, Side.IDENTITY_POLICY, 1)
    assert assume(identity=[ALLOW, open_deny, DENY]).verdict is Verdict.EXPLICIT_DENY
    assert assume(trusting("s3:*"), identity=[ALLOW, open_deny]).verdict is Verdict.IMPLICIT_DENY


@pytest.mark.parametrize(
    ("effect", "expected"), [("Allow", Verdict.IMPLICIT_DENY), ("Deny", Verdict.UNKNOWN)]
)
@pytest.mark.parametrize(
    "elements",
    [
        {"NotPrincipal": {"AWS": "arn:aws:iam::333333333333:role/x"}},
        {"NotPrincipal": {"AWS": SOURCE}},
        {"Principal": {"AWS": SOURCE}, "Resource": "*"},
        {"Principal": {"AWS": SOURCE}, "NotResource": "arn:aws:s3:::x"},
        {},
    ],
)
def test_statement_that_iam_refuses_in_a_trust_policy(
    assume: Assume, elements: dict[str, Any], effect: str, expected: Verdict
) -> None:
    """NotPrincipal, Resource or no Principal lets nobody in, and may deny."""
    invalid = {"Effect": effect, "Action": "sts:AssumeRole", **elements}
    allow = [trusting("sts:AssumeRole")] if effect == "Deny" else []
    assert assume([*allow, invalid]).verdict is expected
    # A statement about another action, or whose condition fails, says nothing here.
    for silent in (
        {**invalid, "Action": "sts:TagSession"},
        {**invalid, "Condition": {"Null": {"aws:X": "false"}}},
    ):
        assert assume([trusting("sts:AssumeRole"), silent]).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("trust", "identity"),
    [
        ({"Principal": {"AWS": GETATT}}, {}),
        ({"Principal": GETATT}, {}),
        ({"Action": {"Ref": "Action"}}, {}),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "Org"}}}}, {}),
        ({"Condition": {"StringEquals": {"Fn::If": []}}}, {}),
        ({"Condition": {"Fn::If": []}}, {}),
        ({"Effect": {"Ref": "Effect"}}, {}),
        ({}, {"Resource": {"Fn::Sub": "x"}}),
        ({}, {"Resource": ["arn:aws:s3:::x", GETATT]}),
        ({}, {"Action": ["s3:*", GETATT]}),
        ({}, {"Resource": "*", "Effect": {"Ref": "Effect"}}),
    ],
)
def test_unresolved_intrinsic_is_unknown(
    assume: Assume, trust: dict[str, Any], identity: dict[str, Any]
) -> None:
    """A CloudFormation intrinsic in any element leaves open what depends on it."""
    decision = assume(
        {**trusting("sts:AssumeRole"), **trust},
        {**ALLOW, **identity},
        context={"aws:PrincipalOrgID": "o-exampleorg1"},
    )
    assert decision.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("element", [{"Fn::If": []}, {"Ref": "Policy"}])
def test_whole_statement_or_document_may_be_an_intrinsic(policy: Make, element: dict[str, Any]) -> None:
    """An intrinsic in place of a statement, a version or a document may allow or deny anything."""
    for made in (
        policy(element),
        Policy.parse(element),
        Policy.parse({"Version": element, "Statement": [ALLOW]}),
        Policy.parse({"Statement": element}),
    ):
        assert made.judge("s3:ListBucket", "*", {}) is Effect.UNKNOWN


def test_intrinsic_beside_a_certain_value_does_not_matter(assume: Assume) -> None:
    """A list that names the caller, or the role, for certain is not open."""
    trust = {**trusting("sts:AssumeRole"), "Principal": {"AWS": [GETATT, SOURCE]}}
    identity = {**ALLOW, "Resource": [GETATT, "arn:aws:iam::222222222222:role/middle"]}
    assert assume(trust, identity).verdict is Verdict.ALLOW
    deny = {**DENY, "Resource": GETATT, "Action": "s3:*"}
    assert assume(trust, [identity, deny]).verdict is Verdict.ALLOW


def test_unknown_principal_in_the_callers_account(assume: Assume) -> None:
    """A principal that may name the caller directly leaves open what its known, weaker name does not allow."""
    trust = {**trusting("sts:AssumeRole"), "Principal": {"AWS": [GETATT, "111111111111"]}}
    same = "arn:aws:iam::111111111111:role/same"
    assert assume(trust, identity=None, callee=same).verdict is Verdict.UNKNOWN
    assert assume(trust, callee=same).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    "condition",
    [
        {"StringLike": {"sts:RoleSessionName": "hop", "STS:rolesessionname": "*"}},
        {"StringLike": {"sts:RoleSessionName": "*"}, "stringlike": {"sts:RoleSessionName": "hop"}},
    ],
)
def test_a_condition_that_names_a_key_twice(assume: Assume, condition: dict[str, Any]) -> None:
    """AWS does not say whether both hold, either or the last: nobody is shown to be kept out."""
    trust = trusting("sts:AssumeRole", **condition)
    for name in ("hop", "other"):
        assert assume(trust, context={"sts:RoleSessionName": name}).verdict is Verdict.UNKNOWN
