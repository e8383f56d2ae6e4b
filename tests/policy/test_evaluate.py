"""Which policies have a say, in which order, in one account and across accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain.policy import Callee, Caller, Decision, Policy, Request, Side, Verdict, decide

Assume = Callable[..., Decision]
Make = Callable[..., Policy]
SAME = "arn:aws:iam::111111111111:role/same"
SOURCE = "arn:aws:iam::111111111111:role/source"
SESSION = "arn:aws:sts::111111111111:assumed-role/source/s1"
ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DENY = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}
OTHER = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
EVERYONE = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}


def trusting(principal: str, action: Any = "sts:AssumeRole", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, **elements}


@pytest.mark.parametrize(
    ("principal", "sides"),
    [
        ("*", set()),
        (SESSION, set()),
        (SOURCE, {Side.PERMISSIONS_BOUNDARY, Side.SESSION_POLICY}),
        ("AROASOURCE00000000000", {Side.PERMISSIONS_BOUNDARY, Side.SESSION_POLICY}),
        ("111111111111", {Side.PERMISSIONS_BOUNDARY, Side.SESSION_POLICY, Side.IDENTITY_POLICY}),
    ],
)
def test_same_account(assume: Assume, policy: Make, principal: str, sides: set[Side]) -> None:
    """In one account, the stronger the trust policy names the caller, the fewer of its own sides must allow."""
    silent: dict[Side, dict[str, Any]] = {
        Side.PERMISSIONS_BOUNDARY: {"permissions_boundary": policy(OTHER)},
        Side.SESSION_POLICY: {"session_policies": [policy(OTHER)]},
        Side.IDENTITY_POLICY: {"identity": OTHER},
    }
    for side, fields in silent.items():
        decision = assume(trusting(principal), callee=SAME, **fields)
        assert decision.verdict is (Verdict.IMPLICIT_DENY if side in sides else Verdict.ALLOW)
        assert decision.side is (side if side in sides else Side.TRUST_POLICY)


def test_a_principal_in_the_callers_own_policies(assume: Assume, policy: Make) -> None:
    """IAM refuses a Principal in a policy of the caller's, whatever it names, so that it allows nothing."""
    named = {**ALLOW, "Principal": "*"}
    for side, fields in (
        (Side.PERMISSIONS_BOUNDARY, {"permissions_boundary": policy(named)}),
        (Side.SESSION_POLICY, {"session_policies": [policy(named)]}),
        (Side.SERVICE_CONTROL_POLICY, {"scps": [[policy(named)]]}),
        (Side.IDENTITY_POLICY, {"identity": named}),
    ):
        decision = assume(trusting(SOURCE), **fields)
        assert (decision.verdict, decision.side) == (Verdict.IMPLICIT_DENY, side)
        assert "it names a Principal, which IAM refuses here" in decision.reason


@pytest.mark.parametrize("principal", ["*", SESSION, SOURCE, "111111111111"])
def test_across_accounts(assume: Assume, policy: Make, principal: str) -> None:
    """Across accounts every side of the caller's must allow, however the trust policy names it."""
    assert assume(trusting(principal)).verdict is Verdict.ALLOW
    for side, fields in (
        (Side.PERMISSIONS_BOUNDARY, {"permissions_boundary": policy(OTHER)}),
        (Side.SESSION_POLICY, {"session_policies": [policy(OTHER)]}),
        (Side.IDENTITY_POLICY, {"identity": None}),
    ):
        decision = assume(trusting(principal), **fields)
        assert (decision.verdict, decision.side) == (Verdict.IMPLICIT_DENY, side)


def test_user_named_directly_is_not_limited_by_what_its_boundary_leaves_out(
    assume: Assume, policy: Make, alice: Caller
) -> None:
    """In one account a trust policy that names a user by ARN needs nothing else."""
    decision = assume(
        trusting(alice.arn), identity=None, callee=SAME, caller=alice, permissions_boundary=policy(OTHER)
    )
    assert decision.verdict is Verdict.ALLOW


def test_no_trust_is_a_denial_whatever_the_caller_may_do(assume: Assume) -> None:
    """Full permissions do not open a role that does not trust the caller; a role does not trust itself."""
    for callee in (SAME, SOURCE, "arn:aws:iam::222222222222:role/middle"):
        decision = assume(trusting("arn:aws:iam::333333333333:root"), callee=callee)
        assert (decision.verdict, decision.side) == (Verdict.IMPLICIT_DENY, Side.TRUST_POLICY)


@pytest.mark.parametrize("principal", ["*", SOURCE, "111111111111"])
@pytest.mark.parametrize("callee", [SAME, "arn:aws:iam::222222222222:role/middle"])
def test_explicit_deny_of_any_side_wins(assume: Assume, policy: Make, principal: str, callee: str) -> None:
    """An explicit deny wins wherever it stands, and is reported on its side with its statement."""
    both = policy(ALLOW, {**DENY, "Sid": "No"})
    for side, fields, number in (
        (Side.IDENTITY_POLICY, {"identity_policies": [policy(ALLOW), both]}, 1),
        (Side.PERMISSIONS_BOUNDARY, {"permissions_boundary": both}, 0),
        (Side.SESSION_POLICY, {"session_policies": [policy(ALLOW), both]}, 1),
        (Side.SERVICE_CONTROL_POLICY, {"scps": [[policy(ALLOW)], [policy(ALLOW), both]]}, 2),
        (
            Side.RESOURCE_CONTROL_POLICY,
            {"rcps": [[policy(ALLOW)], [policy({**DENY, "Principal": "*", "Sid": "No"})]]},
            1,
        ),
    ):
        decision = assume(trusting(principal), callee=callee, **fields)
        assert (decision.verdict, decision.side) == (Verdict.EXPLICIT_DENY, side)
        assert (decision.policy, decision.sid) == (number, "No")
        assert decision.statement == (0 if side is Side.RESOURCE_CONTROL_POLICY else 1)


def test_every_level_of_service_control_policies_must_allow(assume: Assume, policy: Make) -> None:
    """Policies of one level allow together; a level that does not allow, or holds none, denies."""
    allow, other = policy(ALLOW), policy(OTHER)
    assert assume(scps=[[other, allow], [allow]]).verdict is Verdict.ALLOW
    assert assume(scps=[]).verdict is Verdict.ALLOW
    for levels in ([[allow], [other]], [[other], [allow]], [[allow], []]):
        decision = assume(scps=levels)
        assert (decision.verdict, decision.side) == (Verdict.IMPLICIT_DENY, Side.SERVICE_CONTROL_POLICY)
    assert assume(scps=[[allow, allow], [other]]).policy == 2


def test_service_control_policies_act_in_the_callers_account_too(assume: Assume, policy: Make) -> None:
    """A direct match in one account does not lift a service control policy."""
    assert assume(EVERYONE, callee=SAME, scps=[[policy(OTHER)]]).side is Side.SERVICE_CONTROL_POLICY


def test_management_account_is_exempt(
    assume: Assume, policy: Make, session_of: Callable[..., Caller]
) -> None:
    """Service control policies spare its principals, resource control policies its roles; not the other way."""
    denied = [[policy(ALLOW, DENY)]]
    caller = session_of(in_management_account=True)
    assert assume(caller=caller, scps=denied).verdict is Verdict.ALLOW
    assert assume(caller=caller, rcps=denied).verdict is Verdict.EXPLICIT_DENY
    assert assume(rcps=denied, callee_in_management_account=True).verdict is Verdict.ALLOW
    assert assume(scps=denied, callee_in_management_account=True).verdict is Verdict.EXPLICIT_DENY


def test_resource_control_policies_need_not_allow(assume: Assume, policy: Make) -> None:
    """AWS attaches full access everywhere: only a deny of a resource control policy counts."""
    assert assume(rcps=[[policy(OTHER)], []]).verdict is Verdict.ALLOW


def test_resource_control_policy_with_conditions(assume: Assume, policy: Make) -> None:
    """A resource control policy that keeps strangers out spares members of the organization."""
    perimeter = policy(
        {
            **DENY,
            "Principal": "*",
            "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}},
        }
    )
    assert (
        assume(rcps=[[perimeter]], context={"aws:PrincipalOrgID": "o-exampleorg1"}).verdict is Verdict.ALLOW
    )
    assert assume(rcps=[[perimeter]], context={"aws:PrincipalOrgID": "o-b"}).verdict is Verdict.EXPLICIT_DENY
    assert assume(rcps=[[perimeter]]).verdict is Verdict.EXPLICIT_DENY


def test_session_policies_allow_together(assume: Assume, policy: Make) -> None:
    """One of several session policies suffices, and none at all limits nothing."""
    assert assume(session_policies=[policy(OTHER), policy(ALLOW)]).verdict is Verdict.ALLOW
    assert assume(session_policies=[]).verdict is Verdict.ALLOW


def test_root_user_is_refused(assume: Assume) -> None:
    """STS refuses root user credentials, whoever is trusted."""
    root = Caller("root", "arn:aws:iam::111111111111:root", "111111111111")
    decision = assume(EVERYONE, caller=root)
    assert (decision.verdict, decision.side) == (Verdict.IMPLICIT_DENY, Side.ROOT_USER)


def test_service_gets_in_by_trust_alone(assume: Assume, policy: Make) -> None:
    """A service needs no permission; trust and denies of trust and resource control policies decide."""
    service = Caller("service", "lambda.amazonaws.com")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    assert assume(trust, identity=None, caller=service).verdict is Verdict.ALLOW
    assert assume(trust, identity=None, caller=service, scps=[[policy(DENY)]]).verdict is Verdict.ALLOW
    assert assume(EVERYONE, identity=DENY, caller=service).verdict is Verdict.ALLOW
    assert assume(trusting(SOURCE), caller=service).verdict is Verdict.IMPLICIT_DENY
    assert assume([trust, {**trust, "Effect": "Deny"}], caller=service).verdict is Verdict.EXPLICIT_DENY
    assert assume(trust, caller=service, rcps=[[policy(DENY)]]).verdict is Verdict.EXPLICIT_DENY
    assert assume(trust, caller=Caller("service", "ec2.amazonaws.com")).verdict is Verdict.IMPLICIT_DENY


@pytest.mark.parametrize("action", ["sts:TagSession", "sts:SetSourceIdentity"])
def test_every_action_must_pass_on_both_sides(assume: Assume, action: str) -> None:
    """An action that only one side allows is denied, and the decision names the action and the other side."""
    actions = ("sts:AssumeRole", action)
    both = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    one = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    assert assume(trusting(SOURCE, list(actions)), both, actions=actions).verdict is Verdict.ALLOW

    decision = assume(trusting(SOURCE, list(actions)), one, actions=actions)
    assert (decision.verdict, decision.side, decision.action) == (
        Verdict.IMPLICIT_DENY,
        Side.IDENTITY_POLICY,
        action,
    )

    decision = assume(trusting(SOURCE), both, actions=actions)
    assert (decision.verdict, decision.side, decision.action) == (
        Verdict.IMPLICIT_DENY,
        Side.TRUST_POLICY,
        action,
    )

    deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
    decision = assume(trusting(SOURCE, list(actions)), [both, deny], actions=actions)
    assert (decision.verdict, decision.action, decision.policy) == (Verdict.EXPLICIT_DENY, action, 1)


@pytest.mark.parametrize(
    ("element", "value", "allowed"),
    [
        ("Action", "sts:assumerole", True),
        ("Action", "STS:Assume*", True),
        ("Action", "sts:AssumeRol?", True),
        ("Action", "sts:AssumeRole?", False),
        ("Action", ["s3:*", "sts:*"], True),
        ("Action", "sts:AssumeRoleWithSAML", False),
        ("NotAction", "s3:*", True),
        ("NotAction", "sts:*", False),
        ("NotAction", ["s3:*", "sts:assumerole"], False),
    ],
)
def test_actions_on_both_sides(assume: Assume, element: str, value: Any, allowed: bool) -> None:
    """Action names ignore case and take wildcards; NotAction is the complement."""
    verdict = Verdict.ALLOW if allowed else Verdict.IMPLICIT_DENY
    assert assume(identity={"Effect": "Allow", element: value, "Resource": "*"}).verdict is verdict
    assert assume({"Effect": "Allow", "Principal": {"AWS": SOURCE}, element: value}).verdict is verdict


@pytest.mark.parametrize(
    ("element", "value", "expected"),
    [
        ("Resource", "*", Verdict.ALLOW),
        ("Resource", "arn:aws:iam::222222222222:role/middle", Verdict.ALLOW),
        ("Resource", "arn:aws:iam::222222222222:role/Middle", Verdict.IMPLICIT_DENY),
        ("Resource", "arn:aws:iam::222222222222:role/mid*", Verdict.ALLOW),
        ("Resource", "arn:aws:iam::222222222222:role/middl?", Verdict.ALLOW),
        ("Resource", "arn:aws:iam::222222222222:role/middle?", Verdict.IMPLICIT_DENY),
        ("Resource", "arn:aws:iam::*:role/middle", Verdict.ALLOW),
        ("Resource", "arn:*:*:*:*:role/middle", Verdict.ALLOW),
        ("Resource", "arn:*", Verdict.ALLOW),
        ("Resource", "arn:*:role/middle", Verdict.ALLOW),
        ("Resource", "arn:aws:iam:*:role/mid*", Verdict.ALLOW),
        ("Resource", "arn:aws:iam:*:role/m*e", Verdict.UNKNOWN),
        ("Resource", "arn:aws:iam:*:role/middl?", Verdict.UNKNOWN),
        ("Resource", "arn:aws:iam:*2:role/middle", Verdict.UNKNOWN),
        ("Resource", "arn:aws:*middle", Verdict.UNKNOWN),
        ("Resource", "arn:aws:iam:*:role/other", Verdict.IMPLICIT_DENY),
        ("Resource", "arn:aws:iam", Verdict.ALLOW),
        ("Resource", "arn:aws:s3", Verdict.IMPLICIT_DENY),
        ("Resource", "arn:aws:iam::333333333333", Verdict.IMPLICIT_DENY),
        ("Resource", ["arn:aws:iam::1:role/a", "arn:aws:iam::222222222222:role/middle"], Verdict.ALLOW),
        ("Resource", "*middle", Verdict.UNKNOWN),
        ("Resource", "*target", Verdict.IMPLICIT_DENY),
        ("NotResource", "arn:aws:iam::333333333333:role/target", Verdict.ALLOW),
        ("NotResource", "arn:aws:iam::222222222222:*", Verdict.IMPLICIT_DENY),
        (
            "NotResource",
            ["arn:aws:iam::1:role/a", "arn:aws:iam::222222222222:role/middle"],
            Verdict.IMPLICIT_DENY,
        ),
    ],
)
def test_resources_of_an_identity_policy(assume: Assume, element: str, value: Any, expected: Verdict) -> None:
    """Resource patterns run over the whole ARN; NotResource is the complement.

    A pattern cut short is completed, and a * that ends a segment reaches over colons.
    """
    assert assume(identity={"Effect": "Allow", "Action": "*", element: value}).verdict is expected


def test_allowed_decision_names_the_statement_that_let_the_caller_in(assume: Assume) -> None:
    """For an allowed request the decision holds the trust policy's statement, its place and Sid."""
    decision = assume([trusting("arn:aws:iam::333333333333:root"), trusting(SOURCE, Sid="AllowCaller")])
    assert decision.allowed
    assert (decision.side, decision.policy, decision.statement, decision.sid) == (
        Side.TRUST_POLICY,
        0,
        1,
        "AllowCaller",
    )


def test_context_is_the_callers_to_give(assume: Assume) -> None:
    """aws:PrincipalArn comes from the request's context, and is compared there as the role's ARN."""
    closed = trusting("111111111111", Condition={"ArnEquals": {"aws:PrincipalArn": SOURCE}})
    assert assume(closed).verdict is Verdict.ALLOW
    assert assume(closed, context={"aws:PrincipalArn": f"{SOURCE}2"}).verdict is Verdict.IMPLICIT_DENY


def test_request_without_an_action_is_a_mistake(policy: Make, session_of: Callable[..., Caller]) -> None:
    """A request must use one action at least, or nothing would be decided."""
    request = Request(session_of(), Callee(SAME, policy(EVERYONE)), {}, actions=())
    with pytest.raises(ValueError, match="uses no action"):
        decide(request)
