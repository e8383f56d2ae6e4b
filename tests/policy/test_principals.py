"""Whom a trust policy names, and how strongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain.policy import Caller, Decision, Side, Verdict
from rolechain.policy.principals import Strength, parse

Assume = Callable[..., Decision]
SOURCE = "arn:aws:iam::111111111111:role/source"
SESSION = "arn:aws:sts::111111111111:assumed-role/source/s1"
AROA, AIDA = "AROASOURCE00000000000", "AIDAALICE000000000000"
ALICE = "arn:aws:iam::111111111111:user/alice"


@pytest.mark.parametrize(
    ("element", "of_session", "of_user"),
    [
        ("*", Strength.DIRECT, Strength.DIRECT),
        ({"AWS": "*"}, Strength.DIRECT, Strength.DIRECT),
        ({"AWS": SESSION}, Strength.DIRECT, None),
        ({"AWS": SOURCE}, Strength.ROLE, None),
        ({"AWS": AROA}, Strength.ROLE, None),
        ({"AWS": ALICE}, None, Strength.DIRECT),
        ({"AWS": AIDA}, None, Strength.DIRECT),
        ({"AWS": "arn:aws:iam::111111111111:root"}, Strength.ACCOUNT, Strength.ACCOUNT),
        ({"AWS": "111111111111"}, Strength.ACCOUNT, Strength.ACCOUNT),
        ({"AWS": ["111111111111", SOURCE, ALICE]}, Strength.ROLE, Strength.DIRECT),
        ({"AWS": ["111111111111", SOURCE, SESSION]}, Strength.DIRECT, Strength.ACCOUNT),
        ({"AWS": "222222222222"}, None, None),
        ({"AWS": "arn:aws:iam::222222222222:root"}, None, None),
        ({"AWS": "arn:aws-cn:iam::111111111111:root"}, None, None),
        ({"AWS": "arn:aws:iam::111111111111:role/*"}, None, None),
        ({"AWS": "arn:aws:iam::111111111111:*"}, None, None),
        ({"AWS": "arn:aws:iam::111111111111:role/Source"}, None, None),
        ({"AWS": "arn:aws:iam::111111111111:role/team/source"}, None, None),
        ({"AWS": "arn:aws:sts::111111111111:assumed-role/source/s2"}, None, None),
        ({"AWS": "arn:aws:sts::111111111111:assumed-role/source/*"}, None, None),
        ({"AWS": "AROASOURCERECREATED02"}, None, None),
        ({"AWS": AROA.lower()}, None, None),
        ({"AWS": ""}, None, None),
        ({"AWS": []}, None, None),
        ({"Service": "ec2.amazonaws.com"}, None, None),
        ({"Federated": "arn:aws:iam::111111111111:saml-provider/idp"}, None, None),
        ({"Service": "ec2.amazonaws.com", "AWS": SOURCE}, Strength.ROLE, None),
    ],
)
def test_strength_of_a_match(
    session_of: Callable[..., Caller],
    alice: Caller,
    element: Any,
    of_session: Strength | None,
    of_user: Strength | None,
) -> None:
    """The strongest way in which a principal names a session of a role, and an IAM user."""
    principals = parse(element)
    for caller, strength in ((session_of(), of_session), (alice, of_user)):
        assert principals.match(caller, "aws") == (() if strength is None else ((strength, True),))


@pytest.mark.parametrize(
    ("element", "named"),
    [
        ({"Service": "ec2.amazonaws.com"}, True),
        ({"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}, True),
        ("*", True),
        ({"Service": "lambda.amazonaws.com"}, False),
        ({"Service": "EC2.amazonaws.com"}, False),
        ({"AWS": "ec2.amazonaws.com"}, False),
        ({"Service": "*.amazonaws.com"}, False),
    ],
)
def test_service_is_named_exactly(element: Any, named: bool) -> None:
    """A service matches its own principal and everyone, nothing else."""
    found = parse(element).match(Caller("service", "ec2.amazonaws.com"), "aws")
    assert found == (((Strength.DIRECT, True),) if named else ())


def test_account_matches_in_its_own_partition_only(assume: Assume, session_of: Callable[..., Caller]) -> None:
    """An account's root ARN, or its digits, names no principal of another partition."""
    govern = "arn:aws-us-gov:iam::111111111111:role/source"
    callee = "arn:aws-us-gov:iam::222222222222:role/middle"
    caller = session_of(govern)

    def verdict(principal: str) -> Verdict:
        trust = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
        return assume(trust, caller=caller, callee=callee).verdict

    assert verdict("arn:aws-us-gov:iam::111111111111:root") is Verdict.ALLOW
    assert verdict("111111111111") is Verdict.ALLOW
    assert verdict("arn:aws:iam::111111111111:root") is Verdict.IMPLICIT_DENY


def test_no_call_leaves_its_partition(assume: Assume, session_of: Callable[..., Caller]) -> None:
    """A caller of another partition is refused even where everyone is trusted."""
    trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    decision = assume(trust, caller=session_of("arn:aws-cn:iam::111111111111:role/source"))
    assert (decision.verdict, decision.side) == (Verdict.IMPLICIT_DENY, Side.TRUST_POLICY)
    assert "no call leaves its partition, which is aws-cn" in decision.reason


@pytest.mark.parametrize(
    "principal", [SOURCE, SESSION, AROA, "111111111111", "arn:aws:iam::111111111111:root", "*"]
)
def test_deny_hits_whatever_the_strength(assume: Assume, principal: str) -> None:
    """A Deny of the trust policy that names the caller in any way wins."""
    trust = [
        {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"},
    ]
    assert assume(trust).verdict is Verdict.EXPLICIT_DENY
