"""Users, groups, permission sets and policies as callers in an audit."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rolechain.policy import Verdict
from rolechain.proof import Template, audit

Json = dict[str, Any]
A, B = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{A}:role/b"
CENTER = "aws-reserved/sso.amazonaws.com"


def _document(*statements: Json) -> Json:
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [allow | each for each in statements]}


def _may(*resources: str) -> list[Json]:
    return [{"PolicyName": "own", "PolicyDocument": _document({"Resource": list(resources)})}]


def _role(aws: Any, **more: Json) -> Json:
    trust = _document({"Principal": {"AWS": aws}, **more})
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "b", "AssumeRolePolicyDocument": trust},
    }


def _user(name: str = "ann", **properties: Any) -> Json:
    return {"Type": "AWS::IAM::User", "Properties": {"UserName": name, **properties}}


def _set(**properties: Any) -> Json:
    return {
        "Type": "AWS::SSO::PermissionSet",
        "Properties": {"Name": "ops", "InstanceArn": "arn:aws:sso:::instance/ssoins-1", **properties},
    }


def _assigned(account: str) -> Json:
    whose = {"Fn::GetAtt": ["S", "PermissionSetArn"]}
    return {
        "Type": "AWS::SSO::Assignment",
        "Properties": {"PermissionSetArn": whose, "TargetId": account, "TargetType": "AWS_ACCOUNT"},
    }


def _hops(**resources: Json) -> list[tuple[str, str, str]]:
    found = audit([Template("t", {"Resources": resources}, account=A)]).hops
    return [(hop.caller.split(":", 5)[-1], hop.callee.split(":", 5)[-1], hop.verdict.value) for hop in found]


@pytest.mark.parametrize("resource", [ROLE, "*", f"arn:aws:iam::{A}:role/*"])
def test_a_user_is_a_caller(resource: str) -> None:
    """A user whose own policies and whose account's trust meet is let in, as a role would be."""
    assert ("user/ann", "role/b", "allow") in _hops(
        B=_role(f"arn:aws:iam::{A}:root"), U=_user(Policies=_may(resource))
    )


def test_a_user_that_is_named_needs_no_permission_in_its_own_account() -> None:
    """In one account the trust policy alone lets a user in that it names; across accounts, it does not."""
    named = _role(f"arn:aws:iam::{A}:user/ann")
    assert _hops(B=named, U=_user()) == [("user/ann", "role/b", "allow")]
    other = [
        Template("one", {"Resources": {"U": _user()}}, account=A),
        Template("two", {"Resources": {"B": named}}, account=B),
    ]
    (hop,) = audit(other).hops
    assert (hop.verdict, hop.caller) == (Verdict.IMPLICIT_DENY, f"arn:aws:iam::{A}:user/ann")


@pytest.mark.parametrize(
    ("trust", "boundary", "side"),
    [
        (f"arn:aws:iam::{A}:user/eve", None, "trust policy"),
        (f"arn:aws:iam::{A}:root", "arn:aws:iam::aws:policy/ReadOnlyAccess", "boundary"),
    ],
)
def test_a_half_that_is_missing_is_said_of_users_too(trust: str, boundary: str | None, side: str) -> None:
    """Where one side names the other and the other side refuses, the side to change is named."""
    held = {"PermissionsBoundary": boundary} if boundary else {}
    user = _user(Policies=_may(ROLE), **held)
    (hop,) = audit([Template("t", {"Resources": {"B": _role(trust), "U": user}}, account=A)]).hops
    assert hop.verdict is Verdict.IMPLICIT_DENY
    assert side in hop.reason


def test_a_condition_on_a_user_keeps_others_out() -> None:
    """A trust policy that asks for a name, a tag or a kind of principal refuses a user without it."""
    root = f"arn:aws:iam::{A}:root"
    user = _user(Policies=_may(ROLE), Tags=[{"Key": "Team", "Value": "one"}])
    for key, wrong, right in [
        ("aws:username", "eve", "ann"),
        ("aws:PrincipalTag/Team", "two", "one"),
        ("aws:PrincipalType", "AssumedRole", "User"),
    ]:
        for value, verdict in ((wrong, "implicit_deny"), (right, "allow")):
            role = _role(root, Condition={"StringEquals": {key: value}})
            assert ("user/ann", "role/b", verdict) in _hops(B=role, U=user), key


def test_a_path_that_reads_as_the_other_kind_changes_nothing() -> None:
    """A path may hold ``:role/`` or ``:user/``: what a caller is stands at the beginning of its ARN's resource."""
    root, may = f"arn:aws:iam::{A}:root", _may(ROLE)
    user = _user(Path="/a:role/", Policies=may)
    by_name = _role(root, Condition={"StringEquals": {"aws:username": "ann"}})
    assert ("user/a:role/ann", "role/b", "allow") in _hops(B=by_name, U=user)
    role = _role("*")
    role["Properties"] |= {"RoleName": "ann", "Path": "/a:user/", "Policies": may}
    of_type = _role(root, Condition={"StringEquals": {"aws:PrincipalType": "AssumedRole"}})
    assert ("role/a:user/ann", "role/b", "allow") in _hops(B=of_type, U=role)


def test_members_have_what_their_groups_allow() -> None:
    """The members of a group are the callers; what it allows outside of the templates stands at the group alone."""
    found = _hops(
        B=_role(f"arn:aws:iam::{A}:root"),
        G={"Type": "AWS::IAM::Group", "Properties": {"GroupName": "g", "Policies": _may(ROLE, "*")}},
        U=_user(Groups=["g"]),
        V=_user("bob", Groups=[{"Ref": "G"}]),
    )
    assert found == [
        ("user/ann", "role/b", "allow"),
        ("user/bob", "role/b", "allow"),
        ("group/g", "role/b", "unknown"),
        ("group/g", "*", "unknown"),
    ]


def test_a_group_that_no_template_holds_is_named() -> None:
    """What a group allows that is not in the templates may let its members assume anything, and is said."""
    assert _hops(U=_user(Groups=["elsewhere"])) == [("user/ann", "*", "unknown")]


@pytest.mark.parametrize(
    "principal",
    [
        f"arn:aws:iam::{A}:role/{CENTER}/AWSReservedSSO_ops_*",
        f"arn:aws:iam::{A}:role/{CENTER}/eu-west-1/AWSReservedSSO_ops_0123456789abcdef",
        f"arn:aws:iam::{A}:role/{CENTER}/*/AWSReservedSSO_ops_*",
    ],
)
def test_a_permission_set_is_a_role_of_each_account_that_it_is_assigned_to(principal: str) -> None:
    """Its role's name ends in what IAM Identity Center makes up: a pattern lets it in, or may."""
    like = {"ArnLike": {"aws:PrincipalArn": principal}}
    role = _role(f"arn:aws:iam::{A}:root", Condition=like)
    for name, verdicts in (("ops", {"allow", "unknown"}), ("other", {"implicit_deny"})):
        found = _hops(B=role, S=_set(Name=name, InlinePolicy=_document({"Resource": ROLE})), T=_assigned(A))
        ((caller, callee, verdict),) = found
        assert (caller, callee) == (f"role/{CENTER}/AWSReservedSSO_{name}_<t.S>", "role/b")
        assert verdict in verdicts


def test_a_permission_set_that_is_not_assigned_is_a_role_of_an_account_that_is_not_known() -> None:
    """It is shown with what it may assume, and no account."""
    found = audit([Template("t", {"Resources": {"S": _set(InlinePolicy=_document({"Resource": "*"}))}})]).hops
    assert [(hop.caller, hop.callee) for hop in found] == [
        (f"arn:aws:iam::<t.S>:role/{CENTER}/AWSReservedSSO_ops_<t.S>", "*")
    ]


def test_a_permission_set_has_a_policy_of_the_account_by_its_name() -> None:
    """A customer managed policy is found by path and name where the permission set is assigned."""
    policy: Json = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "ManagedPolicyName": "hop",
            "Path": "/p/",
            "PolicyDocument": _document({"Resource": ROLE}),
        },
    }
    held = _set(CustomerManagedPolicyReferences=[{"Name": "hop", "Path": "/p/"}])
    resources = {"B": _role(f"arn:aws:iam::{A}:root"), "P": policy, "S": held, "T": _assigned(A)}
    assert [verdict for _, _, verdict in _hops(**resources)] == ["allow"]


def test_principals_outside_of_the_templates_are_callers() -> None:
    """A policy that is attached to a role or user of elsewhere is read as theirs, whose path is not known."""
    policy: Json = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": "hop",
            "PolicyDocument": _document({"Resource": ROLE}),
            "Roles": ["ci"],
            "Users": ["eve"],
        },
    }
    root = f"arn:aws:iam::{A}:root"
    assert _hops(B=_role(root), P=policy) == [
        ("role/ci", "role/b", "allow"),
        ("user/eve", "role/b", "allow"),
    ]
    assert _hops(B=_role(f"arn:aws:iam::{A}:role/path/ci"), P=policy) == [
        ("role/ci", "role/b", "unknown"),
        ("user/eve", "role/b", "implicit_deny"),
    ]


def test_a_managed_policy_that_nobody_has_is_named() -> None:
    """Whoever it is attached to by hand may assume what it allows; one that is attached is not named again."""
    policy: Json = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"ManagedPolicyName": "hop", "PolicyDocument": _document({"Resource": ROLE})},
    }
    assert _hops(P=policy) == [("policy/hop", "role/b", "unknown")]
    attached = copy.deepcopy(policy)
    attached["Properties"]["Users"] = ["eve"]
    assert _hops(P=attached) == [("user/eve", "role/b", "unknown")]
    assert _hops(P=policy, U=_user(ManagedPolicyArns=[{"Ref": "P"}])) == [("user/ann", "role/b", "unknown")]


def test_many_users_are_not_tried_for_nothing() -> None:
    """Of many roles and users there are as many hops as pairs of them of which one may assume the other."""
    root = f"arn:aws:iam::{A}:root"
    resources: Json = {}
    for number in range(100):
        resources[f"R{number}"] = _role(root)
        resources[f"R{number}"]["Properties"]["RoleName"] = f"r{number}"
    for number in range(50):
        own = _may(f"arn:aws:iam::{A}:role/r{number}")
        resources[f"U{number}"] = _user(f"u{number}", Policies=own)
    assert len(_hops(**resources)) == 50


def test_users_that_are_alike_are_each_named() -> None:
    """Users of the same permissions are decided alike, and the reason names each."""
    users = {name: _user(name, Policies=_may("*")) for name in ("ann", "annabel", "bob")}
    resources = {"B": _role(f"arn:aws:iam::{A}:root"), **users}
    hops = audit([Template("t", {"Resources": resources}, account=A)]).hops[:3]
    assert [hop.caller.split("/")[-1] for hop in hops] == ["ann", "annabel", "bob"]
    assert all(f"lets {hop.caller} in" in hop.reason for hop in hops)


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::EKS::PodIdentityAssociation", {"RoleArn": ROLE, "TargetRoleArn": f"arn:aws:iam::{B}:role/t"}),
        ("AWS::RolesAnywhere::Profile", {"RoleArns": [ROLE]}),
        ("AWS::Cognito::IdentityPoolRoleAttachment", {"Roles": {"authenticated": ROLE}}),
    ],
)
def test_a_service_that_is_given_roles(kind: str, properties: Json) -> None:
    """Resources that have a service assume roles are named as not read, a few of many."""
    resources = {f"Given{number}": {"Type": kind, "Properties": properties} for number in range(5)}
    found = audit([Template("t", {"Resources": resources}, account=A)])
    listed = "Given0 (t), Given1 (t), Given2 (t), 2 more"
    words = f"assuming that the policies of the roles say who enters by {kind}, which is not read: {listed}"
    assert words in found.assumptions
