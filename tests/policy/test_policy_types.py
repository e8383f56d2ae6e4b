"""Whom the control policies of an organization do not bind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain.policy import Caller, Decision, Policy, Verdict

Assume = Callable[..., Decision]
Make = Callable[..., Policy]
LINKED = "arn:aws:iam::111111111111:role/aws-service-role/sso.amazonaws.com/AWSServiceRoleForSSO"
LOOKALIKE = "arn:aws:iam::111111111111:role/team/aws-service-role/sso.amazonaws.com/AWSServiceRoleForSSO"
TRUST = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
    "Action": "sts:AssumeRole",
}
DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize("side", ["scps", "rcps"])
def test_service_linked_caller_is_exempt(
    assume: Assume, policy: Make, session_of: Callable[..., Caller], side: str
) -> None:
    """No control policy limits what a service-linked role may do; a path that only resembles one's is bound."""
    levels: dict[str, Any] = {side: [[policy(DENY)]]}
    assert assume(TRUST, caller=session_of(LINKED), **levels).verdict is Verdict.ALLOW
    assert assume(TRUST, caller=session_of(LOOKALIKE), **levels).verdict is Verdict.EXPLICIT_DENY


def test_trust_policy_of_a_service_linked_role_is_exempt(assume: Assume, policy: Make) -> None:
    """Resource control policies do not reach a service-linked role's trust policy; its caller's SCPs still count."""
    service = Caller("service", "sso.amazonaws.com")
    trust = {"Effect": "Allow", "Principal": {"Service": "sso.amazonaws.com"}, "Action": "sts:AssumeRole"}
    levels = [[policy(DENY)]]
    assert assume(trust, caller=service, callee=LINKED, rcps=levels).verdict is Verdict.ALLOW
    assert assume(trust, caller=service, callee=LOOKALIKE, rcps=levels).verdict is Verdict.EXPLICIT_DENY
    assert assume(TRUST, callee=LINKED, scps=levels).verdict is Verdict.EXPLICIT_DENY
