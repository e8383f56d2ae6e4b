"""Chains that are found say nothing that is not there, and hide nothing that is: policies that no chain writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from rolechain.graph.found_chains import Found, TooManyChainsError, found_chains
from rolechain.proof import Template, role_graph_of

Json = dict[str, Any]
A, B, C = "111111111111", "222222222222", "333333333333"
LAMBDA = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}


def arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def trust(caller: str, **condition: Any) -> Json:
    return {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"{caller.split(':role/')[0]}:root"},
        "Condition": {"ArnEquals": {"aws:PrincipalArn": caller}, **condition},
    }


def may(*resources: str, **more: Any) -> Json:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": list(resources), **more}


def role(name: str, trusts: Sequence[Any], permissions: Sequence[Any] = (), **properties: Any) -> Json:
    document = {"Version": "2012-10-17", "Statement": list(trusts)}
    own = {"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(permissions)}}
    policies = [own] if permissions else []
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "AssumeRolePolicyDocument": document,
            "Policies": policies,
            **properties,
        },
    }


def find(*roles: tuple[str, Json], **options: Any) -> Found:
    """The chains of roles, each with its account."""
    bodies: dict[str, Json] = {}
    for account, made in roles:
        bodies.setdefault(account, {})[f"R{len(bodies.get(account, {}))}"] = made
    templates = [Template(account, {"Resources": body}, account=account) for account, body in bodies.items()]
    return found_chains(role_graph_of(templates), **options)


def hop(trusts: Sequence[Any], permissions: Sequence[Any], *entering: Any) -> Found:
    """What is found of a source and its target."""
    return find((A, role("s", entering or [LAMBDA], permissions)), (B, role("t", trusts)))


S, T = arn(A, "s"), arn(B, "t")
DENY = {
    "Effect": "Deny",
    "Action": "sts:AssumeRole",
    "Principal": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
NO_CHAIN_HAS: dict[str, Any] = {
    "a Deny": DENY,
    "everybody": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}},
    "NotPrincipal": {"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": S}},
    "a session": {**LAMBDA, "Principal": {"AWS": f"arn:aws:sts::{C}:assumed-role/ci/run"}},
    "what is not known": {**LAMBDA, "Principal": {"AWS": {"Fn::ImportValue": "Caller"}}},
    "another account": {**LAMBDA, "Principal": {"AWS": C}},
    "any ARN": {**LAMBDA, "Principal": {"AWS": C}, "Condition": {"ArnLike": {"aws:PrincipalArn": "*"}}},
    "an ARN with a variable": {
        **LAMBDA,
        "Principal": {"AWS": C},
        "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/ci"}},
    },
    "a unique id": {
        **LAMBDA,
        "Principal": {"AWS": "AROAEXAMPLEEXAMPLE123"},
        "Condition": {"ArnEquals": {"aws:PrincipalArn": arn(C, "ci")}},
    },
    "no statement": {"Effect": "Allow"},
    "no principal": {**LAMBDA, "Principal": {"AWS": [None, 5]}},
    "no condition": {**LAMBDA, "Condition": {"StringEquals": "x"}},
}


@pytest.mark.parametrize("name", NO_CHAIN_HAS)
def test_a_statement_that_no_chain_has(name: str) -> None:
    """It is a note of the target with the statement, and the chain is as without it."""
    (found,) = hop([trust(S), NO_CHAIN_HAS[name]], [may(T)]).chains
    *unsure, note = found.notes
    assert [each.words[:7] for each in unsure] in ([], ["whether"])
    assert note.role == T
    assert note.statement
    assert [each.existing for each in found.chain.roles] == [False, False]


@pytest.mark.parametrize(
    "condition",
    [
        {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
        {"StringEquals": {"sts:ExternalId": ["one", "two"]}},
        {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
    ],
)
def test_a_hop_that_asks_for_more(condition: Json) -> None:
    """The target stays with its owner: what the chain would write asks for less."""
    (found,) = hop([trust(S, **condition)], [may(T)]).chains
    assert found.chain.targets[0].existing
    assert {note.role for note in found.notes} == {T}
    assert any(next(iter(condition)) in note.statement for note in found.notes)


def test_an_entrance_that_asks_for_more() -> None:
    """A chain would let in the whole account, or a caller without the condition: neither is an entrance."""
    tagged = {
        **LAMBDA,
        "Principal": {"AWS": C},
        "Condition": {"StringEquals": {"aws:PrincipalTag/Team": "blue"}},
    }
    like = {**LAMBDA, "Principal": {"AWS": C}, "Condition": {"ArnLike": {"aws:PrincipalArn": arn(C, "ci-*")}}}
    (found,) = hop([trust(S)], [may(T)], LAMBDA, tagged, like).chains
    assert [each.value for each in found.chain.source.entrances] == ["lambda.amazonaws.com"]
    assert [note.role for note in found.notes] == [S, S]


def test_an_entrance_that_a_chain_refuses() -> None:
    """Tokens without a subject: the role stays with its owner, as nobody would be left who may enter."""
    provider = f"arn:aws:iam::{A}:oidc-provider/ci.example.com"
    token = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider},
        "Condition": {"StringEquals": {"ci.example.com:aud": "sts"}},
    }
    (found,) = hop([trust(S)], [may(T)], token).chains
    assert found.chain.source.existing
    assert any(provider in note.statement for note in found.notes)


def test_a_permission_with_a_condition() -> None:
    """The caller stays with its owner: what the chain would write is allowed without it."""
    (found,) = hop([trust(S)], [may(T, Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})]).chains
    assert found.chain.source.existing
    first, *_ = found.notes
    assert (first.role, "aws:SourceIp" in first.statement) == (S, True)


def test_permissions_besides_the_hops() -> None:
    """What a chain can say is said, the rest is a note."""
    other = {"Effect": "Allow", "Action": "S3:GetObject", "Resource": "*"}
    asking = {**other, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    (found,) = hop([trust(S)], [may(T, arn(C, "else")), other, asking]).chains[-1:]
    assert [(each.actions, each.resources) for each in found.chain.source.permissions] == [
        (("s3:GetObject",), ("*",))
    ]
    assert "a permission that a chain cannot say" in {note.words for note in found.notes}


def test_an_action_that_no_hop_takes() -> None:
    """A permission to tag sessions that the chain does not tag is one of the role's own."""
    (found,) = hop([trust(S)], [{**may(T), "Action": ["sts:AssumeRole", "sts:TagSession"]}]).chains
    (own,) = found.chain.source.permissions
    assert (own.actions, own.resources) == (("sts:AssumeRole", "sts:TagSession"), (T,))


def test_roles_that_were_not_read() -> None:
    """A target of an account that was not read exists; of one that was read it is none, as nobody is there."""
    (found,) = find((A, role("s", [LAMBDA], [may(T)]))).chains
    assert [(each.role, each.existing) for each in found.chain.targets] == [("t", True)]
    assert [note.words for note in found.notes] == [
        "was not read: whom else it trusts, and what it may do, is not known"
    ]
    assert find((A, role("s", [LAMBDA], [may(T)])), whole=[A, B]).chains == ()


UNREAD = arn("444444444444", "unread")
MAY_NOT: dict[str, tuple[list[Any], Json]] = {
    "a Deny": ([may(UNREAD), {**may("*"), "Effect": "Deny"}], {}),
    "a condition that is never met": ([may(UNREAD, Condition={"ArnEquals": {"aws:PrincipalArn": T}})], {}),
    "a boundary": ([may(UNREAD)], {"PermissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
    "another partition": ([may(UNREAD.replace("aws:", "aws-cn:", 1))], {}),
}


@pytest.mark.parametrize("name", MAY_NOT)
def test_a_role_that_was_not_read_and_that_nobody_may_assume(name: str) -> None:
    """No hop is made up where the caller may not take it."""
    permissions, properties = MAY_NOT[name]
    assert find((A, role("s", [LAMBDA], permissions, **properties))).chains == ()


def test_a_caller_that_was_not_read_and_is_kept_out() -> None:
    """The statement of a chain makes no hop where a Deny takes the caller away."""
    of_chain = {**trust(UNREAD), "Sid": "AllowCaller"}
    denied = {**DENY, "Condition": {"ArnEquals": {"aws:PrincipalArn": UNREAD}}}
    assert len(find((B, role("t", [of_chain]))).chains) == 1
    assert find((B, role("t", [of_chain, denied]))).chains == ()


def test_a_permission_that_names_no_role() -> None:
    """Where the caller stays with its owner, the note has the statement, however that names the callee."""
    wide = {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}
    (found,) = hop([trust(S)], [wide]).chains
    assert found.chain.source.existing
    assert found.notes[0].statement == json.dumps(wide)


def test_a_policy_of_roles_that_are_not_known() -> None:
    """It may be attached to any role of a chain: that is said besides."""
    policy = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": "x",
            "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]},
            "Roles": [{"Fn::ImportValue": "Role"}],
        },
    }
    found = find((A, role("s", [LAMBDA], [may(T)])), (B, role("t", [trust(S)])), (B, policy))
    assert found.unsaid == (
        f"policies that are attached to roles that are not known: 1, the first is {B} R1 PolicyDocument",
    )


def test_a_circle() -> None:
    """No chain has one: each of its hops is a chain, whose source stays with its owner."""
    found = find((A, role("s", [trust(T)], [may(T)])), (B, role("t", [trust(S)], [may(S)])))
    assert [(each.chain.source.arn, each.chain.targets[0].arn) for each in found.chains] == [(S, T), (T, S)]
    assert all(each.chain.source.existing for each in found.chains)


def test_one_account_is_no_chain() -> None:
    """A role that only its own account uses, and that leads nowhere, is left out; what it leads on from is noted."""
    local = role("local", [{**LAMBDA, "Principal": {"AWS": A}}])
    assert find((A, role("s", [LAMBDA], [may(arn(A, "local"))])), (A, local)).chains == ()
    (found,) = find(
        (A, role("s", [LAMBDA], [may(T, arn(A, "local"))])), (A, local), (B, role("t", [trust(S)]))
    ).chains
    assert f"may also assume {arn(A, 'local')}" in [note.words for note in found.notes]


def test_a_path_and_a_name_that_a_chain_refuses() -> None:
    """Such a role stays with its owner."""
    name = "n" * 64
    (found,) = find(
        (A, role(name, [LAMBDA], [may(T)], Path="/team/")), (B, role("t", [trust(arn(A, f"team/{name}"))]))
    ).chains
    assert found.chain.source.existing


def test_more_than_can_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error that says what to do."""
    monkeypatch.setattr("rolechain.graph.found_chains.MOST", 1)
    roles = [(A, role(f"s{number}", [LAMBDA], [may(arn(B, f"t{number}"))])) for number in (1, 2)]
    roles += [(B, role(f"t{number}", [trust(arn(A, f"s{number}"))])) for number in (1, 2)]
    with pytest.raises(
        TooManyChainsError, match="there are more than 1 chains: name a role of one with --role"
    ):
        find(*roles)
    assert len(find(*roles, roles=["s1"]).chains) == 1


def test_what_is_not_known_of_the_templates() -> None:
    """Who is let in by a value that no template tells is said besides, with its place."""
    unknown = {**LAMBDA, "Principal": {"AWS": {"Fn::ImportValue": "Caller"}}}
    found = hop([trust(S), unknown], [may(T)])
    (said,) = found.unsaid
    assert said.startswith(f"places of which it is not known whom they let in: 1, the first is {B} R0")


def test_a_role_of_several_templates() -> None:
    """It is noted: which of them is deployed is not known."""
    other = Template("other", {"Resources": {"Again": role("t", [trust(S), trust(arn(C, "x"))])}}, account=B)
    bodies = {A: role("s", [LAMBDA], [may(T)]), B: role("t", [trust(S)])}
    templates = [Template(each, {"Resources": {"R": body}}, account=each) for each, body in bodies.items()]
    (found,) = found_chains(role_graph_of([*templates, other])).chains
    assert "is made by 2 templates, of which the last is said" in {note.words for note in found.notes}


def test_a_policy_whose_document_is_not_at_hand() -> None:
    """Such a policy may allow anything: what it may allow is said as a number, and makes no chain."""
    policy = "arn:aws:iam::111111111111:policy/other"
    source = role("s", [LAMBDA], ManagedPolicyArns=[policy])
    everybody = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{A}:root"},
    }
    found = find((A, source), (B, role("t", [everybody])))
    assert found.chains == ()
    assert found.unsaid == ("pairs of roles of which it is not known whether one may assume the other: 1",)
    (one,) = find((A, source), (B, role("t", [trust(S)]))).chains
    assert one.chain.source.existing
    assert any(note.words.startswith(f"whether {S} may assume it is not known") for note in one.notes)
