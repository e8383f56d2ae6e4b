"""RC35 and RC36: what a chain declares, and what its trust policies ask for and grant."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance, SessionTag, SourceIdentity
from rolechain.proof import Finding, Level, SourceLocation, prove
from rolechain.statements.builder import trust_statements

Kit = Any
PLACE = SourceLocation("stack-222222222222", "deploy-middle", 0, "AssumeRolePolicyDocument")
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


@pytest.fixture
def carrying() -> Chain:
    """A chain whose hops carry tags, one of them transitive, and a source identity that may be left out."""
    return Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=[
            ChainRole(
                "222222222222",
                session_tags=[
                    SessionTag("Project", ["apollo"]),
                    SessionTag("Stage", ["dev", "test-*"]),
                    SessionTag("Ticket", ["INC-*"], required=False),
                ],
                transitive_tag_keys=["Project"],
                source_identity=SourceIdentity(["ann", "b*"], required=False),
            )
        ],
        targets=[ChainRole("333333333333", session_tags={"Zone": "blue"}, transitive_tag_keys=["Zone"])],
    )


@pytest.mark.parametrize(
    ("role", "statement", "operator", "key", "what"),
    [
        (0, 1, "StringLikeIfExists", "aws:RequestTag/Ticket", "with another value of the session tag Ticket"),
        (0, 1, "ForAllValues:StringEquals", "aws:TagKeys", "with session tags that are not declared"),
        (
            0,
            1,
            "ForAllValues:StringEquals",
            "sts:TransitiveTagKeys",
            "making session tags transitive that are not declared so",
        ),
        (
            0,
            1,
            "ForAnyValue:StringEquals",
            "sts:TransitiveTagKeys",
            "without making the session tag Project transitive",
        ),
        (0, 2, "StringLike", "sts:SourceIdentity", "with another source identity"),
        (1, 1, "ForAllValues:StringEquals", "aws:TagKeys", "with session tags that are not declared"),
        (
            1,
            1,
            "ForAnyValue:StringEquals",
            "sts:TransitiveTagKeys",
            "without making the session tag Zone transitive",
        ),
    ],
)
def test_rc35_fires_on_what_a_call_may_carry(
    kit: Kit, carrying: Chain, role: int, statement: int, operator: str, key: str, what: str
) -> None:
    """Tags and a source identity that the chain does not allow are an error, though the right role passes them."""
    callee = (*carrying.middle, *carrying.targets)[role]
    trust = trust_statements(carrying, callee)
    written = json.dumps([trust[statement]])
    changed = copy.deepcopy(trust)
    del changed[statement]["Condition"][operator][key]
    roles = kit.of_chain(carrying, **{callee.role.replace("-", "_"): {"trust": changed}})
    found = kit.ask("RC35", *roles, chain=carrying)
    place = SourceLocation(f"stack-{callee.account}", callee.role, statement, "AssumeRolePolicyDocument")
    caller = carrying.calls_into(callee)[0].caller
    message = f"{callee.arn} lets {caller.arn} in {what}"
    cure = f"write as the statements of {changed[statement]['Action']}: {written}"
    assert Finding("RC35", Level.ERROR, place, message, cure) in found
    assert {each.place for each in found} == {place}


def test_rc35_silent_on_what_is_declared(kit: Kit, carrying: Chain) -> None:
    """Tags and source identities as they are declared are nobody's fault."""
    assert kit.ask("RC35", *kit.of_chain(carrying), chain=carrying) == []


@pytest.mark.parametrize(("trust", "whose"), [("account", "111111111111"), ("organization", "*")])
def test_rc35_fires_on_users_where_roles_are_trusted(kit: Kit, trust: Any, whose: str) -> None:
    """Trust by account or organization is in its roles: IAM users that get in are an error."""
    callee = ChainRole("222222222222", trust=trust)
    source, target = ChainRole("111111111111"), ChainRole("333333333333")
    chain = Chain("deploy", organization="o-exampleorg1", source=source, middle=callee, targets=target)
    (statement,) = trust_statements(chain, chain.middle[0])
    condition = statement["Condition"]
    assert condition["ArnLike"] == {"aws:PrincipalArn": f"arn:aws:iam::{whose}:role/*"}
    opened = statement | {"Condition": {"StringEquals": condition["StringEquals"]}}
    found = kit.ask("RC35", *kit.of_chain(chain, deploy_middle={"trust": [opened]}), chain=chain)
    assert [(each.message, each.remediation) for each in found] == [
        (
            f"{chain.middle[0].arn} lets callers in that are IAM users",
            f"add {json.dumps({'ArnLike': condition['ArnLike']})}",
        )
    ]
    assert kit.ask("RC35", *kit.of_chain(chain), chain=chain) == []


@pytest.mark.parametrize(("name", "has"), [(None, "none"), ("arn:aws:iam::222222222222:policy/other", None)])
def test_rc35_fires_without_the_declared_boundary(kit: Kit, name: str | None, has: str | None) -> None:
    """A role that lacks its permissions boundary, or has another, is an error."""
    wanted = "arn:aws:iam::222222222222:policy/team/fence"
    callee = ChainRole("222222222222", permissions_boundary="team/fence")
    source, target = ChainRole("111111111111"), ChainRole("333333333333")
    chain = Chain("deploy", source=source, middle=callee, targets=target)
    boundary = kit.missing(name) if name else None
    found = kit.ask("RC35", *kit.of_chain(chain, deploy_middle={"boundary": boundary}), chain=chain)
    assert [(each.message, each.remediation) for each in found] == [
        (
            f"{chain.middle[0].arn} is declared with the permissions boundary {wanted} and has {has or name}",
            f"write PermissionsBoundary: {wanted}",
        )
    ]
    fenced = kit.of_chain(chain, deploy_middle={"boundary": kit.missing(wanted)})
    assert kit.ask("RC35", *fenced, chain=chain) == []


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
    assert [(finding.message, finding.remediation) for finding in found] == [
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


def test_rc35_silent_where_tags_are_asked_for_more_narrowly(templates_of: Any) -> None:
    """What a statement asks beside the declared keys of tags lets no other tags in."""
    middle = ChainRole("222222222222", session_tags={"team": "a"}, transitive_tag_keys=["team"])
    source = ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")])
    chain = Chain("deploy", source=source, middle=[middle], targets=[ChainRole("333333333333")])
    templates = templates_of(chain)
    for template in templates[1:]:
        for statement in template.body["Resources"]["Role0"]["Properties"]["AssumeRolePolicyDocument"][
            "Statement"
        ]:
            statement["Condition"]["Bool"] = {"aws:SecureTransport": "true"}
    assert prove(chain, templates).proven
