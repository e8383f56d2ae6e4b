"""Properties that hold for any policies."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rolechain.policy import Callee, Caller, Effect, Policy, PolicyError, Request, Verdict, decide

SOURCE, MIDDLE = "arn:aws:iam::111111111111:role/source", "arn:aws:iam::222222222222:role/middle"
CALLER = Caller(
    "role-session", "arn:aws:sts::111111111111:assumed-role/source/s1", "111111111111", SOURCE, "AROASOURCE"
)
SAME = "arn:aws:iam::111111111111:role/same"

values = st.sampled_from(["*", "blue", "arn:aws:iam::*:role/*", SOURCE, "${aws:username}"])
keys = st.sampled_from(["aws:PrincipalArn", "sts:ExternalId", "aws:RequestTag/team", "aws:TagKeys"])
operators = st.sampled_from(
    [
        "StringEquals",
        "StringNotLike",
        "ArnLike",
        "StringEqualsIfExists",
        "ForAnyValue:StringLikeIfExists",
        "ForAllValues:StringEquals",
    ]
)
conditions = st.dictionaries(operators, st.dictionaries(keys, values, min_size=1, max_size=1), max_size=2)
actions = st.sampled_from(["*", "sts:*", "sts:AssumeRole", "sts:TagSession", "s3:*"])
resources = st.sampled_from(["*", MIDDLE, "arn:aws:iam::*:role/mid*", "arn:aws:iam", "*middle"])
principals = st.sampled_from(["*", SOURCE, "111111111111", "222222222222", CALLER.arn, {"Ref": "Role"}])
effects = st.sampled_from(["Allow", "Allow", "Deny"])
allowing = st.fixed_dictionaries(
    {"Effect": effects, "Action": actions, "Resource": resources, "Condition": conditions}
)
trusting = st.fixed_dictionaries(
    {
        "Effect": effects,
        "Action": actions,
        "Principal": principals.map(lambda value: {"AWS": value}),
        "Condition": conditions,
    }
)
denying = allowing.map(lambda statement: {**statement, "Effect": "Deny"})
contexts = st.dictionaries(keys, st.sampled_from(["blue", SOURCE, ["blue", "red"], [""]]), max_size=3)
used = st.sampled_from([("sts:AssumeRole",), ("sts:AssumeRole", "sts:TagSession")])
statements = st.lists(allowing, max_size=3)


scraps = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["Allow", "*", "sts:AssumeRole", "${", "${a:b}", "1e9", "2026-11-22", "::/0", "\n"])
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["AWS", "StringEquals", "NumericLessThan", "DateEquals", "IpAddress", "Null", "Ref", "aws:A"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
elements = st.fixed_dictionaries(
    {"Effect": st.just("Allow") | scraps, "Action": st.just("*") | scraps},
    optional={
        "Resource": scraps,
        "Principal": scraps,
        "Condition": scraps,
        "Sid": scraps,
        "NotPrincipal": scraps,
    },
)
EVERYTHING = Policy.parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


@given(element=elements, value=st.text(max_size=10))
@settings(max_examples=300, deadline=None)
def test_any_json_is_read_or_refused(element: Any, value: str) -> None:
    """Whatever stands in a document, reading it gives a policy that can be asked, or a PolicyError."""
    try:
        made = Policy.parse({"Version": "2012-10-17", "Statement": element})
    except PolicyError as error:
        made, refusal = EVERYTHING, str(error)
    else:
        refusal = ""
    assert refusal.isprintable()
    context = {"aws:A": value}
    assert made.judge("sts:AssumeRole", MIDDLE, context) in Effect
    decision = decide(Request(CALLER, Callee(MIDDLE, made), context, identity_policies=[EVERYTHING]))
    assert decision.verdict in Verdict
    assert decision.reason.isprintable()


def decided(trust: Any, identity: Any, boundary: Any, context: Any, actions: Any, callee: str) -> Verdict:
    def made(listed: Any) -> Policy:
        return Policy.parse({"Version": "2012-10-17", "Statement": listed})

    return decide(
        Request(
            CALLER,
            Callee(callee, made(trust)),
            context,
            actions,
            [made(identity)],
            None if boundary is None else made(boundary),
        )
    ).verdict


@given(
    trust=st.lists(trusting, max_size=3),
    identity=statements,
    boundary=st.none() | statements,
    deny=denying,
    context=contexts,
    used=used,
    callee=st.sampled_from([MIDDLE, SAME]),
)
@settings(max_examples=200, deadline=None)
def test_another_deny_opens_nothing(
    trust: Any, identity: Any, boundary: Any, deny: Any, context: Any, used: Any, callee: str
) -> None:
    """A further Deny statement never turns an answer that is not an allow into an allow, nor a denial into less."""
    before = decided(trust, identity, boundary, context, used, callee)
    after = decided(trust, [*identity, deny], boundary, context, used, callee)
    if before is not Verdict.ALLOW:
        assert after is not Verdict.ALLOW
    if before in (Verdict.IMPLICIT_DENY, Verdict.EXPLICIT_DENY):
        assert after in (Verdict.IMPLICIT_DENY, Verdict.EXPLICIT_DENY)


@given(
    trust=st.lists(trusting, max_size=3),
    identity=statements,
    more=allowing.map(lambda statement: {**statement, "Effect": "Allow"}),
    context=contexts,
    used=used,
    callee=st.sampled_from([MIDDLE, SAME]),
)
@settings(max_examples=200, deadline=None)
def test_another_allow_closes_nothing(
    trust: Any, identity: Any, more: Any, context: Any, used: Any, callee: str
) -> None:
    """A further Allow statement never turns an allow into anything else."""
    if decided(trust, identity, None, context, used, callee) is Verdict.ALLOW:
        assert decided(trust, [*identity, more], None, context, used, callee) is Verdict.ALLOW
