"""Short ways to ask a policy, and to ask for the decision of an AssumeRole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain.policy import Callee, Caller, Decision, Effect, Policy, Request, decide

SOURCE, MIDDLE = "arn:aws:iam::111111111111:role/source", "arn:aws:iam::222222222222:role/middle"
SESSION = "arn:aws:sts::111111111111:assumed-role/source/s1"
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TRUST_SOURCE = {"Effect": "Allow", "Principal": {"AWS": SOURCE}, "Action": "sts:AssumeRole"}
ANSWERS = {Effect.ALLOW: True, Effect.SILENT: False, Effect.UNKNOWN: None}


def document(*statements: dict[str, Any], version: str | None = "2012-10-17") -> Policy:
    """A policy of these statements."""
    element: dict[str, Any] = {"Statement": list(statements)}
    return Policy.parse(element if version is None else {"Version": version, **element})


@pytest.fixture
def policy() -> Callable[..., Policy]:
    """Makes a policy of statements."""
    return document


@pytest.fixture
def holds() -> Callable[..., bool | None]:
    """Says whether a Condition holds in a context: true, false, or None for unknown."""

    def ask(
        condition: dict[str, Any], context: dict[str, Any], version: str | None = "2012-10-17"
    ) -> bool | None:
        made = document({**ALLOW_ALL, "Condition": condition}, version=version)
        return ANSWERS[made.judge("s3:ListBucket", "arn:aws:s3:::bucket", context)]

    return ask


@pytest.fixture
def assume() -> Callable[..., Decision]:
    """Decides an AssumeRole: by default the source role's session, allowed all, calls a middle role that trusts it."""

    def ask(
        trust: dict[str, Any] | list[dict[str, Any]] | Policy = TRUST_SOURCE,
        identity: dict[str, Any] | list[dict[str, Any]] | None = ALLOW_ALL,
        context: dict[str, Any] | None = None,
        callee: str = MIDDLE,
        caller: Caller | None = None,
        rcps: Any = None,
        callee_in_management_account: bool = False,
        **fields: Any,
    ) -> Decision:
        if not isinstance(trust, Policy):
            trust = document(*(trust if isinstance(trust, list) else [trust]))
        identities = identity if isinstance(identity, list) else [identity] if identity else []
        made = Request(
            caller=caller or session(),
            callee=Callee(callee, trust, rcps, callee_in_management_account),
            context={"aws:PrincipalArn": SOURCE, **(context or {})},
            identity_policies=fields.pop("identity_policies", [document(one) for one in identities]),
            **fields,
        )
        return decide(made)

    return ask


def session(role_arn: str = SOURCE, unique_id: str = "AROASOURCE00000000000", **fields: Any) -> Caller:
    """A session named s1 of a role."""
    partition, account = role_arn.split(":")[1], role_arn.split(":")[4]
    arn = f"arn:{partition}:sts::{account}:assumed-role/{role_arn.rsplit('/', 1)[-1]}/s1"
    return Caller("role-session", arn, account, role_arn, unique_id, **fields)


@pytest.fixture
def session_of() -> Callable[..., Caller]:
    """Makes a caller that is a role's session."""
    return session


@pytest.fixture
def alice() -> Caller:
    """An IAM user of the source account."""
    return Caller(
        "user", "arn:aws:iam::111111111111:user/alice", "111111111111", None, "AIDAALICE000000000000"
    )
