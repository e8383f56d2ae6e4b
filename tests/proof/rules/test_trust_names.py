"""RC21, RC27 and RC28: how a trust policy names a role, a session or a user."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Finding, Level, SourceLocation
from rolechain.proof.rules import check

Kit = Any
TRUST = "AssumeRolePolicyDocument"
ROOT = "arn:aws:iam::444444444444:root"
CALLER = "arn:aws:iam::444444444444:role/ci/runner"
APP = "arn:aws:iam::111111111111:role/app"
IN_ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}


def test_rc21_fires_on_a_role_named_directly(kit: Kit) -> None:
    """A role's own ARN as principal breaks when that role is made again, and an id is what is left of one."""
    found = kit.ask("RC21", kit.role([kit.trust(CALLER), kit.trust("AROAEXAMPLEEXAMPLE012")]))
    assert found[0] == Finding(
        "RC21",
        Level.WARNING,
        SourceLocation("t", "Role", 0, TRUST),
        f"{APP} trusts {CALLER} itself: deleted and made again, that role is locked out",
        f'write "Principal": {{"AWS": "{ROOT}"}} with {{"ArnEquals": {{"aws:PrincipalArn": "{CALLER}"}}}}',
    )
    assert (found[1].level, found[1].place.statement) == (Level.WARNING, 1)
    assert len(found) == 2


def test_rc21_silent_on_a_root_with_condition(kit: Kit) -> None:
    """An account's root with a condition on the caller outlives the caller."""
    assert kit.ask("RC21", kit.role(kit.trust(ROOT, {"ArnEquals": {"aws:PrincipalArn": CALLER}}))) == []


def test_rc27_fires_on_one_session(kit: Kit) -> None:
    """A session's ARN as principal is a warning, and the cure names its role."""
    session = "arn:aws:sts::444444444444:assumed-role/runner/build"
    (found,) = kit.ask("RC27", kit.role(kit.trust(session)))
    assert found == Finding(
        "RC27",
        Level.WARNING,
        SourceLocation("t", "Role", 0, TRUST),
        f"{APP} trusts {session}: a session of that role by another name is refused",
        f'write "Principal": {{"AWS": "{ROOT}"}} with {{"ArnEquals": {{"aws:PrincipalArn": '
        '"arn:aws:iam::444444444444:role/runner"}}, path included',
    )


def test_rc27_silent_on_a_role(kit: Kit) -> None:
    """A role's ARN names all of its sessions."""
    assert kit.ask("RC27", kit.role(kit.trust(CALLER))) == []


@pytest.mark.parametrize(
    ("principal", "condition", "who"),
    [
        ("arn:aws:iam::444444444444:user/alice", None, "the IAM user arn:aws:iam::444444444444:user/alice"),
        (
            ROOT,
            {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::444444444444:user/bob"}},
            "the IAM user arn:aws:iam::444444444444:user/bob",
        ),
        (ROOT, None, "IAM users of account 444444444444"),
        (ROOT, {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444444444444:user/*"}}, None),
        ("*", IN_ORGANIZATION, "IAM users of any account that gets in"),
    ],
)
def test_rc28_fires_on_users_in_the_chain(
    kit: Kit, chain: Chain, principal: str, condition: dict[str, Any] | None, who: str | None
) -> None:
    """A chain's role that lets IAM users in is a warning."""
    roles = kit.of_chain(chain, deploy_middle={"trust": kit.trust(principal, condition)})
    found = kit.ask("RC28", *roles, chain=chain)
    assert {finding.level for finding in found} == {Level.WARNING}
    assert {finding.place for finding in found} == {
        SourceLocation("stack-222222222222", "deploy-middle", 0, TRUST)
    }
    if who:
        assert [finding.message for finding in found] == [
            f"{chain.middle[0].arn} lets in {who}, whose access keys last until they are deleted"
        ]


def test_rc28_silent_on_users_that_one_of_two_entrances_means(kit: Kit) -> None:
    """An account may let its users in with MFA, and its roles by another entrance."""
    both = [Entrance.account("777777777777", mfa=True), Entrance.account("777777777777", iam_users=False)]
    for entrances in (both, both[::-1]):
        chain = Chain(
            "deploy",
            source=ChainRole("111111111111", assumed_by=entrances),
            targets=[ChainRole("222222222222")],
        )
        assert kit.ask("RC28", *kit.of_chain(chain), chain=chain) == []


def test_rc28_silent_on_roles_and_in_an_audit(kit: Kit, chain: Chain) -> None:
    """A chain as it is derived lets no users in, nor is a role outside of a chain spoken of."""
    assert kit.ask("RC28", *kit.of_chain(chain), chain=chain) == []
    assert kit.ask("RC28", kit.role(kit.trust("arn:aws:iam::444444444444:user/alice"))) == []
    denied = [
        kit.trust("*", IN_ORGANIZATION),
        kit.trust("*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}, Effect="Deny"),
    ]
    assert kit.ask("RC28", *kit.of_chain(chain, deploy_middle={"trust": denied}), chain=chain) == []


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "arn:aws:iam::${vendor}:user/deploy"},
        {"AWS": "arn:aws:iam::12345678:root"},
        {"AWS": "arn:aws:iam::111111111111:group/admins"},
        {"AWS": "arn:aws:iam::111111111111:Root"},
        {"AWS": "deploy"},
        {"Service": "cloudformation"},
        {"Service": "*"},
    ],
)
@pytest.mark.parametrize("condition", [None, {"StringEquals": {"sts:SourceIdentity": "ann"}}])
def test_a_principal_that_iam_refuses_is_one_finding(
    kit: Kit, principal: dict[str, str], condition: dict[str, Any] | None
) -> None:
    """What such a statement asks of whom it names is no news beside it."""
    rules = [each.rule for each in check(kit.world(kit.role(kit.trust(principal, condition))), None)]
    assert (rules.count("RC02"), {"RC11", "RC40"} & {*rules}) == (1, set())
