"""Whom a source role names in ``assumed_by``, as the runtime tells it and as the trust policy decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product

import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request, decide
from rolechain.policy.request import parameter_keys
from rolechain.runtime import Hop
from rolechain.runtime.entry import closed_entrance, entered_by, lack_of_mfa, lets_in, way_in, ways_in
from rolechain.statements.builder import trust_statements

CI, USER = "arn:aws:iam::777777777777:role/team/ci", "arn:aws:iam::777777777777:user/ci"
SSO = "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Deploy_0123456789abcdef"
SSO_OF_ANOTHER = SSO.replace("Deploy", "Deploy_Admin")
OWN, SECURITY = "arn:aws:iam::111111111111:role/ci", "arn:aws:iam::888888888888:user/security/ann"
CALLERS = (CI, USER, SSO, SSO_OF_ANOTHER, OWN, SECURITY)
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
    passed = {"sts:ExternalId": entrance.external_id or "none"}
    assert lets_in(chain.source, _session(arn)) is _decided(chain, arn, passed, [ASSUME_ROLE])


def _decided(chain: Chain, arn: str, passed: Mapping[str, ContextValue], actions: Sequence[str]) -> bool:
    """Whether the source role's trust policy lets a caller in, whose own policies allow everything."""
    trust = Policy.parse({"Version": "2012-10-17", "Statement": trust_statements(chain, chain.source)})
    is_user, account = ":user/" in arn, arn.split(":")[4]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    context = {
        "aws:PrincipalArn": arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": "User" if is_user else "AssumedRole",
        **passed,
    }
    if is_user:
        context |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "1"}
    decision = decide(
        Request(
            Caller("user" if is_user else "role-session", _session(arn), account, None if is_user else arn),
            Callee(chain.source.arn, trust),
            context,
            actions=actions,
            identity_policies=[Policy.parse({"Version": "2012-10-17", "Statement": [everything]})],
        )
    )
    return decision.allowed


ASKING = (
    *ENTRANCES,
    Entrance.arn(CI, session_tags={"Team": "a"}, transitive_tag_keys=["Team"]),
    Entrance.arn(USER, source_identity="ann", external_id="ext-2"),
    Entrance.account("777777777777", session_tags={"Team": ["a", "b"]}),
    Entrance.account("777777777777", source_identity="team-*"),
    Entrance.permission_set("Deploy", session_tags={"Stage": "dev"}, source_identity="bob"),
)
PAIRS = [
    pair for pair in combinations(ASKING, 2) if pair[0].kind != pair[1].kind or pair[0].value != pair[1].value
]


@pytest.mark.parametrize("arn", CALLERS)
def test_the_way_in_is_a_call_that_the_trust_policy_takes(arn: str) -> None:
    """Of two entrances, the call that the runtime makes is let in if one of them names the session at all.

    What an entrance leaves open cannot be in that call; where it is asked for, the call is refused.
    """
    for entrances in [*((each,) for each in ASKING), *PAIRS]:
        try:
            source = ChainRole("111111111111", assumed_by=list(entrances))
            chain = Chain("deploy", source=source, targets=[ChainRole("333333333333")])
        except ChainError:  # two entrances that contradict each other
            continue
        call = way_in(chain.source, _session(arn))
        tags = call.tags or {}
        actions = [ASSUME_ROLE, *([TAG_SESSION] if tags else [])]
        actions += [SET_SOURCE_IDENTITY] if call.source_identity else []
        passed = parameter_keys(
            "me",
            external_id=call.external_id,
            source_identity=call.source_identity,
            tags=tags,
            transitive_tag_keys=call.transitive_tag_keys,
        )
        allowed = _decided(chain, arn, passed, actions)
        if allowed:
            assert lets_in(chain.source, _session(arn))
        elif lets_in(chain.source, _session(arn)):
            named = [each for each in entrances if lets_in(replace(source, assumed_by=[each]), _session(arn))]
            assert any(map(_leaves_open, named)), (entrances, call)


def _leaves_open(entrance: Entrance) -> bool:
    """Whether an entrance asks for a value that whoever enters chooses."""
    identity = entrance.identity
    return any(tag.fixed is None for tag in entrance.tags) or bool(identity and identity.fixed is None)


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


PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def test_a_closed_entrance_is_no_way_in() -> None:
    """What it asks for is not passed any more; an open one of the same session is taken."""
    closed = Entrance.arn(USER, mfa=True, until=PAST, external_id="ext-1", session_tags={"Team": "a"})
    alone = ChainRole("111111111111", "door", partition="aws", assumed_by=[closed])
    assert not lets_in(alone, USER)
    assert way_in(alone, USER) == Hop(alone.arn)
    assert ways_in(alone) == (Hop(alone.arn),)
    assert lack_of_mfa(alone, USER, temporary=False) is None
    opened = replace(alone, assumed_by=[closed, Entrance.account("777777777777", until=FUTURE)])
    assert lets_in(opened, USER)
    assert way_in(opened, USER) == Hop(opened.arn)


def test_of_several_sources_the_closed_one_is_entered() -> None:
    """Where no entrance is open to a session, it belongs where one was, so that the refusal says when it closed."""
    sources = [
        ChainRole("777777777777", "one", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        ChainRole("111111111111", "two", assumed_by=[Entrance.arn(USER, until=PAST)]),
    ]
    chain = Chain("deploy", source=sources, targets=[ChainRole("333333333333")])
    assert [role.role for role in entered_by(chain, USER)] == ["two"]


@pytest.mark.parametrize(
    ("entrances", "arn", "closed"),
    [
        ([Entrance.arn(USER, until=PAST)], USER, PAST),
        ([Entrance.arn(USER, until="2019-01-01T00:00Z"), Entrance.arn(USER, until=PAST)], USER, PAST),
        ([Entrance.arn(USER, until=FUTURE)], USER, None),
        ([Entrance.arn(USER, until=PAST), Entrance.account("777777777777")], USER, None),
        ([Entrance.arn(USER, until=PAST)], SECURITY, None),
        ([Entrance.arn(CI)], USER, None),
    ],
)
def test_what_is_said_of_a_closed_entrance(entrances: list[Entrance], arn: str, closed: str | None) -> None:
    """It is told of those whom it named and nothing else lets in, with the last time at which they got in."""
    source = ChainRole("111111111111", "door", partition="aws", assumed_by=entrances)
    said = closed_entrance(source, arn)
    words = f"the entrance of {arn} into {source.arn} closed at {closed}: declare a later until and deploy it"
    assert said == (closed and words)
