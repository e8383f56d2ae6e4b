"""RC14, RC15 and RC16: MFA between roles, and how long sessions last."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain
from rolechain.proof import Finding, Level, SourceLocation

Kit = Any
APP = "arn:aws:iam::111111111111:role/app"
CALLER = "arn:aws:iam::444444444444:role/runner"
PLACE = SourceLocation("t", "Role", 0, "AssumeRolePolicyDocument")
CURE = "leave the condition on {} out, and ask for MFA where users enter the source role, or at their identity provider"
MFA = [
    ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, "Allow", "aws:multifactorauthpresent"),
    ({"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}, "Allow", "aws:multifactorauthage"),
    ({"Null": {"aws:MultiFactorAuthAge": "false"}}, "Allow", "aws:multifactorauthage"),
]


@pytest.mark.parametrize(("condition", "effect", "key"), MFA)
def test_rc14_fires_between_roles(kit: Kit, condition: dict[str, Any], effect: str, key: str) -> None:
    """A condition on MFA where a role calls can never be met."""
    assert kit.ask("RC14", kit.role(kit.trust(CALLER, condition, Effect=effect))) == [
        Finding(
            "RC14",
            Level.ERROR,
            PLACE,
            f"{APP} asks its caller for MFA, and the caller is a role",
            CURE.format(key),
        )
    ]


@pytest.mark.parametrize(("condition", "effect", "key"), MFA)
def test_rc14_fires_in_a_chain(
    kit: Kit, chain: Chain, condition: dict[str, Any], effect: str, key: str
) -> None:
    """In a chain that holds for a root principal as well, for a denial, and for the caller's permission."""
    deny = kit.trust("*", {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, Effect="Deny")
    trust = [kit.trust(chain.source.account_root, condition, Effect=effect), deny]
    policy = kit.policy(kit.allow(chain.middle[0].arn, condition))
    roles = kit.of_chain(chain, deploy_middle={"trust": trust}, deploy_source={"policies": [policy]})
    found = kit.ask("RC14", *roles, chain=chain)
    assert [finding.place.statement for finding in found] == [0, 1, 0]
    assert found[2].place == SourceLocation("t", "Policy", 0, "PolicyDocument")
    assert (
        found[2].message
        == f"{chain.source.arn} may assume roles with MFA only, which its sessions never carry"
    )


def test_rc14_silent_where_users_enter(kit: Kit, chain: Chain) -> None:
    """Users may be asked for MFA where they enter the source role, and a key that may be absent asks nobody."""
    of_users = kit.trust(chain.source.account_root, MFA[0][0])
    roles = kit.of_chain(chain, deploy_source={"trust": of_users})
    assert kit.ask("RC14", *roles, chain=chain) == []
    optional = {
        "BoolIfExists": {"aws:MultiFactorAuthAge": "true", "aws:MultiFactorAuthPresent": ["true", "false"]}
    }
    statements = [
        kit.trust("444444444444", MFA[0][0]),
        kit.trust("arn:aws:iam::444444444444:user/alice", MFA[0][0]),
        kit.trust(CALLER, {"BoolIfExists": optional["BoolIfExists"]}),
        kit.trust(CALLER),
    ]
    assert kit.ask("RC14", kit.role(statements)) == []


def test_rc15_fires_on_more_than_an_hour(kit: Kit) -> None:
    """A trust policy that asks roles for more than an hour is an error."""
    condition = {"NumericGreaterThan": {"sts:DurationSeconds": "3600"}}
    assert kit.ask("RC15", kit.role(kit.trust(CALLER, condition))) == [
        Finding(
            "RC15",
            Level.ERROR,
            PLACE,
            f"{APP} asks its callers for sessions of more than 3600 seconds, and STS refuses that to a role's session",
            "leave the condition on sts:DurationSeconds out, or allow 3600",
        )
    ]


def test_rc15_fires_as_warning_on_a_limit_that_misleads(kit: Kit, chain: Chain) -> None:
    """A chained role that seems to allow more than an hour is a warning, in a chain and in an audit."""
    roles = kit.of_chain(chain, deploy_target={"max_session_duration": 7200})
    (found,) = kit.ask("RC15", *roles, chain=chain)
    target = chain.targets[0].arn
    assert found == Finding(
        "RC15",
        Level.WARNING,
        SourceLocation("stack-333333333333", "deploy-target"),
        f"{target} has a MaxSessionDuration of 7200, and roles that assume it get 3600 seconds at most",
        "write MaxSessionDuration: 3600",
    )
    assert [found.level for found in kit.ask("RC15", *roles)] == [Level.WARNING]


def test_rc15_silent_where_no_role_chains(kit: Kit, chain: Chain) -> None:
    """The source role, a service's role and a role that users assume may allow longer sessions."""
    roles = kit.of_chain(chain, deploy_source={"max_session_duration": 43200})
    assert kit.ask("RC15", *roles, chain=chain) == []
    long = {"max_session_duration": 43200}
    assert kit.ask("RC15", kit.role(**long), kit.role(kit.trust("444444444444"), name="b", **long)) == []
    shorter = {"NumericLessThanEquals": {"sts:DurationSeconds": "3600"}}
    assert kit.ask("RC15", kit.role(kit.trust(CALLER, shorter))) == []


@pytest.mark.parametrize("seconds", [0, 3599, 43201])
def test_rc16_fires_outside_the_limits(kit: Kit, seconds: int) -> None:
    """IAM takes 3,600 to 43,200 seconds."""
    assert kit.ask("RC16", kit.role(max_session_duration=seconds)) == [
        Finding(
            "RC16",
            Level.ERROR,
            SourceLocation("t", "Role"),
            f"{APP} has a MaxSessionDuration of {seconds}, which IAM refuses",
            "write 3600 to 43200, in seconds",
        )
    ]


@pytest.mark.parametrize("seconds", [3600, 43200])
def test_rc16_silent_within_the_limits(kit: Kit, seconds: int) -> None:
    """The limits themselves are legal."""
    assert kit.ask("RC16", kit.role(max_session_duration=seconds)) == []
