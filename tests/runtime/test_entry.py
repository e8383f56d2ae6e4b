"""Whom a source role names in ``assumed_by``, as the runtime tells it and as the trust policy decides it."""

from __future__ import annotations

from itertools import product

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import Callee, Caller, Policy, Request, decide
from rolechain.runtime.entry import lack_of_mfa, lets_in
from rolechain.statements.builder import trust_statements

CI, USER = "arn:aws:iam::777777777777:role/team/ci", "arn:aws:iam::777777777777:user/ci"
SSO = "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Deploy_0123456789abcdef"
OWN, SECURITY = "arn:aws:iam::111111111111:role/ci", "arn:aws:iam::888888888888:user/security/ann"
CALLERS = (CI, USER, SSO, OWN, SECURITY)
ENTRANCES = (
    Entrance.arn(CI),
    Entrance.arn(USER),
    Entrance.arn(USER, mfa=True),
    Entrance.arn([CI, SECURITY]),
    Entrance.account("777777777777"),
    Entrance.account(["777777777777", "888888888888"], iam_users=False),
    Entrance.account("777777777777", mfa=True),
    Entrance.account("888888888888", external_id="ext-1", third_party=True),
    Entrance.permission_set("Deploy"),
    Entrance.permission_set("Dep"),
    Entrance.service("lambda.amazonaws.com"),
)


def _session(arn: str) -> str:
    """The ARN that GetCallerIdentity gives a caller."""
    account, resource = arn.split(":")[4:6]
    return arn if ":user/" in arn else f"arn:aws:sts::{account}:assumed-role/{resource.rsplit('/', 1)[1]}/me"


@pytest.mark.parametrize(
    ("entrance", "arn"), [*product(ENTRANCES, CALLERS)], ids=lambda each: str(getattr(each, "value", each))
)
def test_the_runtime_lets_in_whom_the_trust_policy_does(entrance: Entrance, arn: str) -> None:
    """A session is of an entrance if the trust policy lets it in, with all that the call can bring."""
    chain = Chain(
        "deploy", source=ChainRole("111111111111", assumed_by=[entrance]), targets=[ChainRole("333333333333")]
    )
    trust = Policy.parse({"Version": "2012-10-17", "Statement": trust_statements(chain, chain.source)})
    is_user, account = ":user/" in arn, arn.split(":")[4]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    context = {
        "aws:PrincipalArn": arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": "User" if is_user else "AssumedRole",
        "sts:ExternalId": entrance.external_id or "none",
    }
    if is_user:
        context |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "1"}
    decision = decide(
        Request(
            Caller("user" if is_user else "role-session", _session(arn), account, None if is_user else arn),
            Callee(chain.source.arn, trust),
            context,
            identity_policies=[Policy.parse({"Version": "2012-10-17", "Statement": [everything]})],
        )
    )
    assert lets_in(chain.source, _session(arn)) is decision.allowed


@pytest.mark.parametrize(
    ("entrances", "arn", "temporary", "expected"),
    [
        ([Entrance.arn(USER, mfa=True)], USER, False, "no MFA was brought, and "),
        ([Entrance.arn(USER, mfa=True)], USER, True, "it may be that no MFA was brought, and "),
        (
            [Entrance.account("777777777777", mfa=True, mfa_max_age=900)],
            USER,
            True,
            "it may be that no MFA was brought, or none of the last 900 seconds, and ",
        ),
        ([Entrance.arn(USER, mfa=True), Entrance.account("777777777777")], USER, False, None),
        ([Entrance.arn(USER, mfa=True)], SECURITY, False, None),
        ([Entrance.arn(USER)], USER, False, None),
        ([Entrance.service("lambda.amazonaws.com")], USER, False, None),
    ],
)
def test_what_is_said_of_mfa(
    entrances: list[Entrance], arn: str, temporary: bool, expected: str | None
) -> None:
    """A lack of MFA is told of those whom every entrance asks for it, and surely where the keys are long-term."""
    source = ChainRole("111111111111", "door", partition="aws", assumed_by=entrances)
    said = lack_of_mfa(source, arn, temporary=temporary)
    rest = (
        f"{source.arn} asks for it: start with a session that was made with a code, as aws sts get-session-token "
        "makes it"
    )
    assert said == (None if expected is None else expected + rest)
