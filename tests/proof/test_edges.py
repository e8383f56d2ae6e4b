"""Every AssumeRole among the roles of templates, found without trying all pairs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import Decision, Request, Verdict, decide
from rolechain.proof import SourceLocation, Template, audit, edges, hops, prove, role_graph_of

Json = dict[str, Any]
A = "111111111111"
ARN = f"arn:aws:iam::{A}:role/"


def _template(account: str = A, **roles: tuple[Json, Any]) -> Template:
    """Roles by name, each with its trust statement and the resources that it may assume."""
    resources: Json = {}
    for name, (statement, resource) in roles.items():
        allow = {"Effect": "Allow", "Action": "sts:AssumeRole"}
        own = {"Version": "2012-10-17", "Statement": [allow | {"Resource": resource}] if resource else []}
        resources[name] = {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": name,
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [allow | statement]},
                "Policies": [{"PolicyName": "own", "PolicyDocument": own}],
            },
        }
    return Template(account, {"Resources": resources}, account=account)


def _edges(*templates: Template) -> list[tuple[str, str, str]]:
    return [
        (edge.caller.arn.split("::")[1], edge.callee.arn.split("::")[1], edge.decision.verdict.value)
        for edge in edges(role_graph_of(templates))
        if edge.decision
    ]


LAMBDA = {"Principal": {"Service": "lambda.amazonaws.com"}}
ROOT = {"Principal": {"AWS": f"arn:aws:iam::{A}:root"}}


@pytest.mark.parametrize(
    "resource", [f"{ARN}b", f"{ARN}*", "*", [f"{ARN}x", f"{ARN}b"], "arn:aws:iam::*:role/?"]
)
def test_an_account_that_is_trusted_brings_those_who_may_call(resource: Any) -> None:
    """A root principal lets in the roles of the account whose own policies allow the call, and no others."""
    template = _template(a=(LAMBDA, resource), b=(ROOT, None), c=(LAMBDA, f"{ARN}other"))
    assert ("111111111111:role/a", "111111111111:role/b", "allow") in _edges(template)
    assert not any(caller.endswith("/c") for caller, _, _ in _edges(template))


def test_a_role_that_is_named_needs_no_permission_in_its_own_account() -> None:
    """In one account a role that the trust policy names gets in without a policy of its own; across, it needs one."""
    near = _template(a=(LAMBDA, None), b=({"Principal": {"AWS": f"{ARN}a"}}, None))
    far = _template("222222222222", b=({"Principal": {"AWS": f"{ARN}a"}}, None))
    assert _edges(near, far) == [("111111111111:role/a", "111111111111:role/b", "allow")]


@pytest.mark.parametrize("more", ["ec2.amazonaws.com", None], ids=["a service", "an account"])
@pytest.mark.parametrize("tagged", [False, True])
def test_a_hop_that_some_sessions_cannot_make_is_not_shown_as_allowed(
    more: str | None, *, tagged: bool
) -> None:
    """Where EKS makes sessions beside others, the audit allows a hop of theirs if both sides take their tags alone."""
    pods = {"Service": ["pods.eks.amazonaws.com", *([more] if more else [])]}
    both = ["sts:AssumeRole", "sts:TagSession"] if tagged else "sts:AssumeRole"
    template = _template(
        a=(
            {
                "Principal": pods if more else pods | ROOT["Principal"],
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            },
            f"{ARN}b",
        ),
        b=({**ROOT, "Action": both, "Condition": {"ArnEquals": {"aws:PrincipalArn": f"{ARN}a"}}}, None),
    )
    (own,) = template.body["Resources"]["a"]["Properties"]["Policies"]
    own["PolicyDocument"]["Statement"][0]["Action"] = both
    found = audit([template])
    (hop,) = (hop for hop in found.hops if hop.callee == f"{ARN}b")
    assert hop.verdict is (Verdict.ALLOW if tagged else Verdict.IMPLICIT_DENY)
    assert ("RC09" in {each.rule for each in found.findings}) is not tagged


def test_everyone_means_every_role_of_the_account_and_those_who_may_call() -> None:
    """A ``*`` principal lets in its own account without more, and from elsewhere whoever may call."""
    other = _template("222222222222", d=(LAMBDA, "*"), e=(LAMBDA, None))
    assert _edges(_template(a=(LAMBDA, None), b=({"Principal": "*"}, None)), other) == [
        ("111111111111:role/a", "111111111111:role/b", "allow"),
        ("111111111111:role/b", "111111111111:role/b", "allow"),
        ("222222222222:role/d", "111111111111:role/b", "allow"),
    ]


def test_a_session_that_is_named_is_taken_by_its_role() -> None:
    """A session's ARN lets its role in, which may choose that session name."""
    session = {"Principal": {"AWS": f"arn:aws:sts::{A}:assumed-role/a/pinned"}}
    assert _edges(_template(a=(LAMBDA, None), b=(session, None))) == [
        ("111111111111:role/a", "111111111111:role/b", "allow")
    ]


@pytest.mark.parametrize("name", ["ops", "rolechain"])
def test_a_caller_has_whatever_session_name_a_condition_asks_for(name: str) -> None:
    """A condition on the caller's own session name is met by a session of that name, and by no name above others."""
    condition = {"Condition": {"StringLike": {"aws:userid": f"*:{name}"}}}
    assert _edges(_template(a=(LAMBDA, f"{ARN}b"), b=(ROOT | condition, None))) == [
        ("111111111111:role/a", "111111111111:role/b", "allow")
    ]


@pytest.mark.parametrize(
    "resource", ["arn:${aws:PrincipalTag/p, 'aws'}:iam", "${aws:PrincipalTag/p, 'arn:aws:iam'}"]
)
def test_a_resource_of_a_variable_may_be_cut_short(resource: str) -> None:
    """AWS completes an ARN that lacks segments, also one that a variable stands in."""
    assert _edges(_template(a=(LAMBDA, resource), b=(ROOT, None))) == [
        ("111111111111:role/a", "111111111111:role/b", "allow")
    ]


def test_an_edge_names_both_statements() -> None:
    """An edge says where the trust and the permission stand."""
    (edge,) = edges(role_graph_of([_template(a=(LAMBDA, f"{ARN}b"), b=(ROOT, None))]))
    assert edge.trust == SourceLocation(A, "b", 0, "AssumeRolePolicyDocument")
    assert edge.permission == SourceLocation(A, "a", 0, "Policies[0]")


def test_what_a_caller_chooses_opens_an_edge() -> None:
    """External id, session name and source identity are chosen so that the call is allowed."""
    condition = {
        "StringEquals": {"sts:ExternalId": "x", "sts:SourceIdentity": "someone"},
        "StringLike": {"sts:RoleSessionName": "deploy-*"},
    }
    statement = ROOT | {"Condition": condition}
    named = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
    template = _template(a=(LAMBDA, "*"), b=(statement, None))
    assert _edges(template) == []
    resources = template.body["Resources"]
    resources["a"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"] = [named]
    trust = resources["b"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    trust.append(ROOT | {"Effect": "Allow", "Action": "sts:SetSourceIdentity"})
    assert _edges(template) == [("111111111111:role/a", "111111111111:role/b", "allow")]


@pytest.mark.parametrize("targets", [50, 200])
def test_the_work_grows_with_the_hops_alone(
    targets: int, templates_of: Callable[[Chain], list[Template]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain of many targets takes a few decisions for each hop: no pair of roles is tried for nothing."""
    decisions = 0

    def counted(request: Request) -> Decision:
        nonlocal decisions
        decisions += 1
        return decide(request)

    monkeypatch.setattr(sys.modules["rolechain.graph.edges"], "decide", counted)
    monkeypatch.setattr(hops, "decide", counted)
    chain = Chain(
        "deploy",
        source=ChainRole("900000000001", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("900000000002")],
        targets=[ChainRole(f"{number:012d}") for number in range(1, targets + 1)],
    )
    proof = prove(chain, templates_of(chain))
    assert all(hop.verdict == "allow" for hop in proof.hops)
    assert decisions <= 2 * len(proof.hops) + 4
