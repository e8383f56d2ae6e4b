"""A decision is explained when somebody wants to know, and what it says then is what was decided."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from rolechain.policy import Callee, Caller, Decision, Policy, Request, Side, Verdict, decide
from rolechain.policy.decision import Explanation

Make = Callable[..., Policy]
MIDDLE, TARGET = "arn:aws:iam::222222222222:role/middle", "arn:aws:iam::333333333333:role/target"
SESSION = "arn:aws:sts::222222222222:assumed-role/middle/s1"
PERMISSION = {"Sid": "Hop", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": TARGET}
NOBODY = {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}
TRUST = {
    "Effect": "Allow",
    "Principal": {"AWS": MIDDLE},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"sts:ExternalId": ["right", "right too"]}},
}
TAGGED = {**TRUST, "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}}


@pytest.fixture
def request_with(policy: Make) -> Callable[..., Request]:
    """Makes the request of a hop whose target asks for an external id; its lists and context can be changed."""

    def make(external_id: str | None, **fields: Any) -> Request:
        return Request(
            caller=Caller("role-session", SESSION, "222222222222", MIDDLE),
            context={"aws:PrincipalArn": MIDDLE, **({"sts:ExternalId": external_id} if external_id else {})},
            **{
                "callee": Callee(TARGET, policy(TRUST)),
                "identity_policies": [policy(PERMISSION)],
                **fields,
            },
        )

    return make


def test_a_context_that_changes_later_changes_no_reason(request_with: Callable[..., Request]) -> None:
    """The reason is that of the call that was decided, though the caller reuses the context for the next one."""
    request = request_with("wrong")
    decision = decide(request)
    request.context["sts:ExternalId"] = "right"  # type: ignore[index]
    assert decision.reason == (
        f"no statement of the trust policy lets {SESSION} in: "
        "statement 0 would, but sts:ExternalId is wrong, not right or right too"
    )
    assert decide(request).allowed


def test_values_that_change_later_change_no_reason(
    request_with: Callable[..., Request], policy: Make
) -> None:
    """A key's list of values is that of the call that was decided."""
    request = request_with(None, callee=Callee(TARGET, policy(TAGGED)))
    keys = request.context["aws:TagKeys"] = ["cost"]  # type: ignore[index]
    decision = decide(request)
    keys.append("team")
    assert decision.reason.endswith("statement 0 would, but aws:TagKeys is cost, not team")
    assert decide(request).allowed


@pytest.mark.parametrize(
    ("field", "side", "nested"),
    [
        ("identity_policies", Side.IDENTITY_POLICY, False),
        ("session_policies", Side.SESSION_POLICY, False),
        ("scps", Side.SERVICE_CONTROL_POLICY, True),
    ],
)
def test_lists_of_policies_that_change_later_change_no_reason(
    request_with: Callable[..., Request], policy: Make, field: str, side: Side, nested: bool
) -> None:
    """Which policy comes nearest is told of those that were asked."""
    other = policy({**PERMISSION, "Sid": "Other", "Resource": MIDDLE})
    listed = [other]
    levels = [listed]
    decision = decide(request_with("right", **{field: levels if nested else listed}))
    listed.insert(0, policy(PERMISSION))
    levels.clear()
    assert (decision.verdict, decision.side) == (Verdict.IMPLICIT_DENY, side)
    assert (decision.policy, decision.statement, decision.sid) == (0, 0, "Other")


@pytest.mark.parametrize("external_id", ["right", "wrong", None])
@pytest.mark.parametrize("own", [PERMISSION, NOBODY, {**PERMISSION, "Effect": {"Ref": "Effect"}}])
def test_a_copy_is_the_same_decision(
    request_with: Callable[..., Request], policy: Make, own: dict[str, Any], external_id: str | None
) -> None:
    """Pickled, copied or made anew, a decision equals itself in all that it says, before and after it is asked."""
    request = request_with(external_id, identity_policies=[policy(own)])
    decision, again = decide(request), decide(request)
    copies = [pickle.loads(pickle.dumps(decision)), copy.copy(decision), copy.deepcopy(decision), again]  # noqa: S301
    for each in copies:
        assert each == decision
        assert hash(each) == hash(decision)
        assert repr(each) == repr(decision)
        assert (each.verdict, each.side, each.action) == (decision.verdict, decision.side, decision.action)
        assert (each.reason, each.policy, each.statement, each.sid) == tuple(decision.explanation)
        assert each.verdict is decision.verdict


def test_decisions_differ_by_their_reasons(request_with: Callable[..., Request]) -> None:
    """Two denials for different reasons are two decisions; a decision equals nothing else."""
    wrong, missing = decide(request_with("wrong")), decide(request_with(None))
    assert (wrong.verdict, wrong.side) == (missing.verdict, missing.side)
    assert wrong != missing
    assert len({wrong, missing, decide(request_with("wrong"))}) == 2
    assert wrong != "implicit_deny"


def test_a_decision_shows_what_it_says(request_with: Callable[..., Request]) -> None:
    """Its repr holds everything, the reason included."""
    assert repr(decide(request_with("right"))) == (
        "Decision(<Verdict.ALLOW: 'allow'>, <Side.TRUST_POLICY: 'trust_policy'>, 'sts:AssumeRole', "
        f"Explanation(reason='statement 0 of the trust policy lets {SESSION} in', "
        "policy=0, statement=0, sid=None))"
    )


def test_a_decision_cannot_be_changed(request_with: Callable[..., Request]) -> None:
    """Neither the verdict nor what explains it can be set."""
    decision = decide(request_with("wrong"))
    for name in ("verdict", "reason", "because"):
        with pytest.raises((FrozenInstanceError, AttributeError)):
            setattr(decision, name, Verdict.ALLOW)
    assert not decision.allowed


def test_a_decision_is_explained_once_and_on_request() -> None:
    """Nobody who only wants the verdict pays for the words, and they are made once."""
    asked = []

    def explain() -> Explanation:
        asked.append(True)
        return Explanation("two\nlines", policy=1, statement=2, sid="Two")

    decision = Decision(Verdict.EXPLICIT_DENY, Side.SESSION_POLICY, "sts:AssumeRole", explain)
    assert not decision.allowed
    assert asked == []
    assert (decision.reason, decision.policy, decision.statement, decision.sid) == (
        "two\\nlines",
        1,
        2,
        "Two",
    )
    assert asked == [True]
