"""Nobody gets in unnamed: whom a trust policy is said to let in, compared with callers that try everything."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rolechain.graph.trusted_access import TrustedAccess, trusted_access
from rolechain.iam.glob import GlobPart, glob
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request, decide
from rolechain.proof import RoleRecord, Template, role_graph_of

Json = dict[str, Any]
IAM = "arn:aws:iam::"
ROLE = f"{IAM}444444444444:role/a"
CALLERS = [
    ROLE,
    f"{IAM}444444444444:role/ab",
    f"{IAM}444444444444:role/axb",
    f"{IAM}444444444444:user/u",
    f"{IAM}555555555555:role/a",
    f"{IAM}666666666666:role/k",
]
ADMIN = Policy.parse(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
VALUES = {
    "aws:PrincipalArn": [*CALLERS, f"{IAM}*:role/a*", f"{IAM}444444444444:*", f"{IAM}444444444444:role/*b"],
    "aws:PrincipalAccount": ["444444444444", "555555555555", "*4*"],
    "aws:PrincipalOrgID": ["o-a", "o-*", "*"],
    "sts:ExternalId": ["x", "x*", "${aws:PrincipalAccount}"],
    "sts:RoleSessionName": ["s", "?"],
    "aws:PrincipalType": ["User", "AssumedRole"],
}
OPERATORS = [
    "StringEquals",
    "StringLike",
    "StringNotEquals",
    "StringNotLike",
    "StringEqualsIfExists",
    "StringNotEqualsIfExists",
    "ForAllValues:StringEquals",
    "ForAnyValue:StringLike",
]


@st.composite
def _statements(draw: st.DrawFn) -> Json:
    condition: Json = {}
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(list(VALUES)))
        arn_operators = ["ArnLike", "ArnNotLike"] if key == "aws:PrincipalArn" else []
        operator = draw(st.sampled_from([*OPERATORS, *arn_operators]))
        listed = draw(st.lists(st.sampled_from(VALUES[key]), min_size=1, max_size=2, unique=True))
        condition.setdefault(operator, {})[key] = listed
    principal = draw(
        st.sampled_from(
            ["*", {"AWS": "444444444444"}, {"AWS": ROLE}, {"AWS": ["444444444444", "555555555555"]}]
        )
    )
    effect = draw(st.sampled_from(["Allow", "Allow", "Deny"]))
    statement = {"Effect": effect, "Action": "sts:AssumeRole", "Principal": principal}
    return statement | ({"Condition": condition} if condition else {})


def _admitted(role: RoleRecord, arn: str) -> bool:
    """Whether a caller gets in with any of many requests."""
    account, is_user = arn.split(":")[4], ":user/" in arn
    name = arn.rsplit("/", 1)[-1]
    session = f"arn:aws:sts::{account}:assumed-role/{name}/s"
    caller = Caller("user", arn, account) if is_user else Caller("role-session", session, account, arn)
    chosen = product((None, "o-a", "o-zz"), (None, "x", "xy", account, "444444444444"), ("s", "ss"))
    for organization, external_id, session_name in chosen:
        context: dict[str, ContextValue | None] = {
            "aws:PrincipalArn": arn,
            "aws:PrincipalAccount": account,
            "aws:PrincipalType": "User" if is_user else "AssumedRole",
            "aws:PrincipalOrgID": organization,
            "sts:ExternalId": external_id,
            "sts:RoleSessionName": session_name,
        }
        given_keys = {key: value for key, value in context.items() if value is not None}
        callee = Callee(role.arn, role.trust.policy)
        if decide(Request(caller, callee, given_keys, identity_policies=(ADMIN,))).allowed:
            return True
    return False


def _names(access: TrustedAccess, arn: str) -> bool:
    if access.kind == "account":
        return access.who == arn.split(":")[4]
    if access.kind == "pattern":
        return all(glob((GlobPart(pattern),))(arn) for pattern in access.who.split(" and "))
    return access.kind in ("everyone", "unknown") or access.who == arn


@settings(max_examples=150, deadline=None)
@given(statements=st.lists(_statements(), min_size=1, max_size=2))
def test_whoever_gets_in_is_named(statements: list[Json]) -> None:
    """Each caller that some request gets in for is named, whatever the conditions are."""
    document = {"Version": "2012-10-17", "Statement": statements}
    resource = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": document},
    }
    (role,) = role_graph_of(
        [Template("app", {"Resources": {"Role": resource}}, account="111111111111")]
    ).roles
    found = list(trusted_access(role))
    unnamed = [
        arn for arn in CALLERS if _admitted(role, arn) and not any(_names(access, arn) for access in found)
    ]
    assert unnamed == []
