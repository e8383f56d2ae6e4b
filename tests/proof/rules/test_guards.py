"""RC35 and RC36: what a chain declares, and what its trust policies ask for and grant."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain
from rolechain.proof import Finding, Level, Place

Kit = Any
PLACE = Place("stack-222222222222", "deploy-middle", 0, "AssumeRolePolicyDocument")
ORGANIZATION = {"aws:PrincipalOrgID": "o-exampleorg1"}
EXTERNAL_ID = {"sts:ExternalId": "jump-1"}
APP = "arn:aws:iam::111111111111:role/app"


def _with_condition(
    kit: Kit, chain: Chain, condition: dict[str, Any] | None, *more: dict[str, Any]
) -> list[Any]:
    trust = [kit.trust(chain.source.arn, condition), *more]
    return list(kit.of_chain(chain, deploy_middle={"trust": trust}))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": EXTERNAL_ID},
        {"StringEquals": {**EXTERNAL_ID, "aws:PrincipalOrgID": "o-foreignorg1"}},
        {"StringEquals": {**EXTERNAL_ID, "aws:PrincipalOrgID": ["o-exampleorg1", "o-foreignorg1"]}},
        {"StringEquals": EXTERNAL_ID, "StringLike": {"aws:PrincipalOrgID": "o-*"}},
        {"StringEquals": EXTERNAL_ID, "StringEqualsIfExists": ORGANIZATION},
        {"StringEquals": EXTERNAL_ID, "ForAllValues:StringEquals": ORGANIZATION},
        {"StringEquals": EXTERNAL_ID, "ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-foreignorg1/*"}},
    ],
)
def test_rc35_fires_without_the_organization(kit: Kit, chain: Chain, condition: dict[str, Any]) -> None:
    """A declared organization that the trust policy does not enforce is an error."""
    assert kit.ask("RC35", *_with_condition(kit, chain, condition), chain=chain) == [
        Finding(
            "RC35",
            Level.ERROR,
            PLACE,
            f"{chain.middle[0].arn} lets callers in that belong to no organization or to another than o-exampleorg1",
            'add {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}',
        )
    ]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": ORGANIZATION},
        {"StringEquals": {**ORGANIZATION, "sts:ExternalId": ["jump-1", "jump-2"]}},
        {"StringEquals": ORGANIZATION, "StringLike": {"sts:ExternalId": "*"}},
        {"StringEquals": ORGANIZATION, "StringLike": {"sts:ExternalId": "jump-*"}},
        {"StringEquals": ORGANIZATION, "StringEqualsIfExists": EXTERNAL_ID},
        {"StringEquals": ORGANIZATION, "StringNotEquals": {"sts:ExternalId": "other"}},
    ],
)
def test_rc35_fires_without_the_external_id(kit: Kit, chain: Chain, condition: dict[str, Any]) -> None:
    """A declared external id that the trust policy does not enforce is an error."""
    assert kit.ask("RC35", *_with_condition(kit, chain, condition), chain=chain) == [
        Finding(
            "RC35",
            Level.ERROR,
            PLACE,
            f"{chain.middle[0].arn} lets callers in without the external id jump-1",
            'add {"StringEquals": {"sts:ExternalId": "jump-1"}}',
        )
    ]


def test_rc35_silent_where_both_are_enforced(kit: Kit, chain: Chain) -> None:
    """A chain as it is derived, paths of its organization and a denial of all others enforce what is declared."""
    assert kit.ask("RC35", *kit.of_chain(chain), chain=chain) == []
    paths = {
        "ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1/*"},
        "StringEquals": EXTERNAL_ID,
    }
    assert kit.ask("RC35", *_with_condition(kit, chain, paths), chain=chain) == []
    deny = [
        kit.trust("*", {"StringNotEquals": guard}, Effect="Deny")
        for guard in ({"aws:PrincipalOrgID": "o-exampleorg1"}, EXTERNAL_ID)
    ]
    assert kit.ask("RC35", *_with_condition(kit, chain, None, *deny), chain=chain) == []
    assert kit.ask("RC35", *_with_condition(kit, chain, None)) == []


@pytest.mark.parametrize(
    ("action", "surplus"),
    [
        ("sts:*", "sts:*"),
        ("*", "*"),
        (["sts:AssumeRole", "sts:Assume*"], "sts:Assume*"),
        (["sts:AssumeRole", "sts:TagSession"], "sts:TagSession"),
        (["sts:AssumeRole", "sts:SetSourceIdentity"], "sts:SetSourceIdentity"),
        (["sts:AssumeRole", "sts:AssumeRoleWithSAML"], "sts:AssumeRoleWithSAML"),
    ],
)
def test_rc36_fires_on_more_than_the_hop_uses(kit: Kit, chain: Chain, action: Any, surplus: str) -> None:
    """An action of a chain's trust policy that its hop does not use is a warning."""
    roles = kit.of_chain(chain, deploy_middle={"trust": kit.trust(chain.source.arn, action=action)})
    assert kit.ask("RC36", *roles, chain=chain) == [
        Finding(
            "RC36",
            Level.WARNING,
            PLACE,
            f"the trust policy of {chain.middle[0].arn} grants {surplus}",
            "write sts:AssumeRole",
        )
    ]


def test_rc36_fires_on_wildcards_anywhere(kit: Kit) -> None:
    """Elsewhere a wildcard, or all but some actions, is a warning, and the cure fits the principal."""
    provider = {"Federated": "arn:aws:iam::111111111111:oidc-provider/example.com"}
    statements = [
        kit.trust(provider, action="sts:*"),
        {"Effect": "Allow", "Principal": {"AWS": APP}, "NotAction": "sts:TagSession"},
    ]
    found = kit.ask("RC36", kit.role(statements))
    assert [(finding.message, finding.cure) for finding in found] == [
        (f"the trust policy of {APP} grants sts:*", "write sts:AssumeRoleWithWebIdentity"),
        (f"the trust policy of {APP} grants all but sts:TagSession", "write sts:AssumeRole"),
    ]


def test_rc36_silent_on_what_is_used(kit: Kit, chain: Chain) -> None:
    """A hop's own action, tags that are asked for or passed by name, and tags of other roles are used."""
    assert kit.ask("RC36", *kit.of_chain(chain), chain=chain) == []
    tags = kit.trust(
        chain.source.arn, {"StringEquals": {"aws:RequestTag/team": "red"}}, action=["sts:AssumeRole"]
    )
    both = [tags, kit.trust(chain.source.arn, action="sts:TagSession")]
    assert kit.ask("RC36", *kit.of_chain(chain, deploy_middle={"trust": both}), chain=chain) == []
    passing = kit.policy(kit.allow(chain.middle[0].arn, action=["sts:AssumeRole", "sts:TagSession"]))
    trust = kit.trust(chain.source.arn, action=["sts:AssumeRole", "sts:TagSession"])
    roles = kit.of_chain(chain, deploy_source={"policies": [passing]}, deploy_middle={"trust": trust})
    assert kit.ask("RC36", *roles, chain=chain) == []
    pods = kit.trust({"Service": "pods.eks.amazonaws.com"}, action=["sts:AssumeRole", "sts:TagSession"])
    assert kit.ask("RC36", kit.role([pods, kit.trust("*", action="sts:*", Effect="Deny")])) == []
