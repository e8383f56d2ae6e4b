"""RC09 to RC13: session tags and the source identity."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Finding, Level, SourceLocation

Kit = Any
A, B, C = (f"arn:aws:iam::{digit * 12}:role/app" for digit in "123")
TRUST = "AssumeRolePolicyDocument"
TEAM = {"StringEquals": {"aws:RequestTag/team": "red"}}
TRANSITIVE = {
    "ForAllValues:StringEquals": {"sts:TransitiveTagKeys": "team"},
    "Null": {"sts:TransitiveTagKeys": "false"},
}
IDENTITY = {"StringLike": {"sts:SourceIdentity": "*"}}


def _line(kit: Kit, *hops: dict[str, Any]) -> list[Any]:
    """Roles in a line; a hop says the ``condition`` of its trust, and more actions of its ``caller`` and ``callee``."""
    arns = [A, B, C]
    roles = []
    for number, arn in enumerate(arns[: len(hops) + 1]):
        into = hops[number - 1] if number else {}
        onward = hops[number] if number < len(hops) else None
        statements = [kit.trust(arns[number - 1], into.get("condition"))] if number else []
        statements += [kit.trust(arns[number - 1], action=action) for action in into.get("callee", ())]
        actions = ["sts:AssumeRole", *onward.get("caller", ())] if onward is not None else []
        policies = [kit.policy(kit.allow(arns[number + 1], action=actions))] if actions else []
        account = arn.split(":")[4]
        roles.append(kit.role(statements, *policies, account=account, template=account))
    return roles


def test_rc09_fires_on_both_sides(kit: Kit) -> None:
    """A trust policy that asks for a tag needs sts:TagSession on both sides."""
    assert kit.ask("RC09", *_line(kit, {"condition": TEAM})) == [
        Finding(
            "RC09",
            Level.ERROR,
            SourceLocation("t", "Policy", 0, "PolicyDocument"),
            f"the hop from {A} to {B} carries session tags, and no policy of the caller allows sts:TagSession",
            f'add to the caller: {{"Effect": "Allow", "Action": "sts:TagSession", "Resource": "{B}"}}',
        ),
        Finding(
            "RC09",
            Level.ERROR,
            SourceLocation("222222222222", "Role", None, TRUST),
            f"the hop from {A} to {B} carries session tags, and the trust policy of the callee does not allow "
            "sts:TagSession",
            'add to the trust policy: {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, '
            f'"Action": "sts:TagSession", "Condition": {{"ArnEquals": {{"aws:PrincipalArn": "{A}"}}}}}}',
        ),
    ]


def test_rc09_fires_on_the_side_that_is_missing(kit: Kit, chain: Chain) -> None:
    """A caller that is granted sts:TagSession by name passes tags; in a chain the callee's trust says so as well."""
    tag = ["sts:TagSession"]
    (found,) = kit.ask("RC09", *_line(kit, {"caller": tag}))
    assert found.place == SourceLocation("222222222222", "Role", None, TRUST)
    (found,) = kit.ask("RC09", *_line(kit, {"condition": TEAM, "callee": tag}))
    assert found.place == SourceLocation("t", "Policy", 0, "PolicyDocument")
    trust = kit.trust(chain.source.arn, action=["sts:AssumeRole", "sts:TagSession"])
    roles = kit.of_chain(chain, deploy_middle={"trust": trust})
    (found,) = kit.ask("RC09", *roles, chain=chain)
    assert found.place == SourceLocation("t", "deploy-sourceHops", 0, "PolicyDocument")


def test_rc09_fires_on_inherited_tags(kit: Kit) -> None:
    """Transitive tags go along every later hop."""
    tag = ["sts:TagSession"]
    found = kit.ask(
        "RC09", *_line(kit, {"condition": {**TEAM, **TRANSITIVE}, "caller": tag, "callee": tag}, {})
    )
    assert [finding.message for finding in found] == [
        f"the hop from {B} to {C} carries session tags, and no policy of the caller allows sts:TagSession",
        f"the hop from {B} to {C} carries session tags, and the trust policy of the callee does not allow "
        "sts:TagSession",
    ]


def test_rc09_silent_where_both_sides_allow(kit: Kit, chain: Chain) -> None:
    """A hop whose sides both allow tags, one without tags, and a wildcard that allows them by the way are right."""
    tag = ["sts:TagSession"]
    assert kit.ask("RC09", *_line(kit, {"condition": TEAM, "caller": tag, "callee": tag}, {})) == []
    assert kit.ask("RC09", *_line(kit, {}, {})) == []
    assert kit.ask("RC09", *_line(kit, {"caller": ["*"]})) == []
    assert kit.ask("RC09", *_line(kit, {"callee": tag})) == []
    optional = {"StringEqualsIfExists": {"aws:RequestTag/team": "red"}}
    assert kit.ask("RC09", *_line(kit, {"condition": optional})) == []
    assert kit.ask("RC09", *kit.of_chain(chain), chain=chain) == []


def test_rc10_fires_from_where_the_identity_is_set(kit: Kit) -> None:
    """The source identity goes along every later hop, and each needs sts:SetSourceIdentity on both sides."""
    both = ["sts:SetSourceIdentity"]
    found = kit.ask("RC10", *_line(kit, {"condition": IDENTITY, "caller": both, "callee": both}, {}))
    assert [(finding.level, finding.place) for finding in found] == [
        (Level.ERROR, SourceLocation("t", "Policy", 0, "PolicyDocument")),
        (Level.ERROR, SourceLocation("333333333333", "Role", None, TRUST)),
    ]
    assert found[0].message == (
        f"the hop from {B} to {C} carries a source identity, and no policy of the caller allows sts:SetSourceIdentity"
    )
    assert found[0].remediation == (
        f'add to the caller: {{"Effect": "Allow", "Action": "sts:SetSourceIdentity", "Resource": "{C}"}}'
    )


def test_rc10_silent_before_it_is_set(kit: Kit, chain: Chain) -> None:
    """Hops before the identity is set, and those whose sides both allow it, are right."""
    both = ["sts:SetSourceIdentity"]
    assert kit.ask("RC10", *_line(kit, {}, {"condition": IDENTITY, "caller": both, "callee": both})) == []
    assert kit.ask("RC10", *kit.of_chain(chain), chain=chain) == []


@pytest.mark.parametrize("deny", [False, True])
def test_rc11_fires_on_a_required_identity(kit: Kit, deny: bool) -> None:
    """A required source identity is a warning, whether a condition or a denial asks for it."""
    statements = [kit.trust("111111111111", None if deny else IDENTITY)]
    if deny:
        statements.append(kit.trust("*", {"Null": {"sts:SourceIdentity": "true"}}, Effect="Deny"))
    (found,) = kit.ask("RC11", kit.role(statements))
    assert found == Finding(
        "RC11",
        Level.WARNING,
        SourceLocation("t", "Role", 0, TRUST),
        f"{A} asks for sts:SourceIdentity, which the console does not set",
        "keep it where programs call, and use aws:SourceIdentity or aws:PrincipalTag where people switch roles",
    )


def test_rc11_silent_where_nobody_switches(kit: Kit) -> None:
    """A service sets what it sets, and an identity that may be absent stops nobody."""
    optional = {"StringLikeIfExists": {"sts:SourceIdentity": "*"}}
    statements = [kit.trust({"Service": "ec2.amazonaws.com"}, IDENTITY), kit.trust("111111111111", optional)]
    assert kit.ask("RC11", kit.role(statements)) == []


def test_rc11_silent_where_the_chain_declares_it(kit: Kit) -> None:
    """The runtime passes what an entrance asks for, as it does for a hop."""
    entrance = Entrance.account("777777777777", source_identity="ann")
    chain = Chain(
        "deploy", source=ChainRole("111111111111", assumed_by=[entrance]), targets=ChainRole("333333333333")
    )
    assert kit.ask("RC11", *kit.of_chain(chain), chain=chain) == []


def test_rc12_fires_on_a_tag_that_is_inherited(kit: Kit) -> None:
    """A tag that came as transitive cannot be passed again, whatever the case of its key."""
    again = {"StringEquals": {"aws:RequestTag/TEAM": "red"}}
    (found,) = kit.ask("RC12", *_line(kit, {"condition": {**TEAM, **TRANSITIVE}}, {"condition": again}))
    assert found == Finding(
        "RC12",
        Level.ERROR,
        SourceLocation("333333333333", "Role", 0, TRUST),
        f"{C} asks for the tag team with the call, and the caller's session inherits it as transitive from the hop "
        f"into {B}",
        "ask for aws:PrincipalTag/team instead of aws:RequestTag/team",
    )


def test_rc12_silent_on_other_tags(kit: Kit) -> None:
    """Another key, and a key that is not transitive, may be passed."""
    other = {"StringEquals": {"aws:RequestTag/project": "x"}}
    assert kit.ask("RC12", *_line(kit, {"condition": {**TEAM, **TRANSITIVE}}, {"condition": other})) == []
    assert kit.ask("RC12", *_line(kit, {"condition": TEAM}, {"condition": TEAM})) == []


def test_rc13_fires_on_tags_beyond_the_limits(kit: Kit) -> None:
    """Too many tags, long keys and long values are each an error, in a trust policy and on a role."""
    many = {"StringEquals": {f"aws:RequestTag/t{number}": "x" for number in range(51)}}
    long = {"StringEquals": {f"aws:RequestTag/{'k' * 129}": "v" * 257}}
    found = kit.ask(
        "RC13", kit.role([kit.trust("1" * 12, many), kit.trust("1" * 12, long)], tags={"k": "v" * 257})
    )
    assert [(finding.place, finding.message, finding.remediation) for finding in found] == [
        (SourceLocation("t", "Role", 0, TRUST), f"{A} has or asks for 51 tags", "keep to 50"),
        (SourceLocation("t", "Role", 1, TRUST), f"{A} has a tag key of 129 characters", "keep to 128"),
        (
            SourceLocation("t", "Role", 1, TRUST),
            f"{A} has a value of 257 characters for tag {'k' * 129}",
            "keep to 256",
        ),
        (SourceLocation("t", "Role"), f"{A} has a value of 257 characters for tag k", "keep to 256"),
    ]


@pytest.mark.parametrize("identity", ["x", "x" * 257, "aws:me", "a b"])
def test_rc13_fires_on_an_illegal_identity(kit: Kit, identity: str) -> None:
    """A source identity that no call can set is an error."""
    condition = {"StringEquals": {"sts:SourceIdentity": identity}}
    (found,) = kit.ask("RC13", kit.role(kit.trust("1" * 12, condition)))
    assert found.message == f"{A} asks for the source identity {identity!r}, which no call can set"
    assert (found.level, found.remediation) == (Level.ERROR, "write 2 to 256 of letters, digits and _+=,.@-")


def test_rc13_silent_within_the_limits(kit: Kit) -> None:
    """50 tags with keys of 128 and values of 256 characters, and a pattern of an identity, are legal."""
    many = {"StringEquals": {f"aws:RequestTag/t{number}": "x" for number in range(50)}}
    long = {"StringEquals": {f"aws:RequestTag/{'k' * 128}": "v" * 256}, **IDENTITY}
    role = kit.role([kit.trust("1" * 12, many), kit.trust("1" * 12, long)], tags={"k": "v" * 256})
    assert kit.ask("RC13", role) == []


def test_rc13_warns_of_a_source_identity_that_older_sdks_do_not_send(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between 64 and 256 characters it depends on the SDK: a warning where the installed one sends less."""
    asked = {"StringEquals": {"sts:SourceIdentity": "x" * 65}}
    role = kit.role(kit.trust("arn:aws:iam::444444444444:role/ci", asked))
    sends = "rolechain.proof.rules.session_tags.source_identity_characters_here"
    monkeypatch.setattr(sends, lambda: 64)
    assert [found.level for found in kit.ask("RC13", role)] == [Level.WARNING]
    monkeypatch.setattr(sends, lambda: 256)
    assert kit.ask("RC13", role) == []
