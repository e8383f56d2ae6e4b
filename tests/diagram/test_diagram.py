"""What the picture of a chain shows, before it is laid out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.diagram import diagram_of_chain, diagram_of_graph
from rolechain.diagram.diagram import ArrowKind, BoxKind
from rolechain.policy import Verdict
from rolechain.proof import audit, prove
from tests.diagram.conftest import Json, chain_of, drawn, role_of, templates

STRANGER: Json = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
    "Action": "sts:AssumeRole",
}


def test_a_closed_chain(deploy: Chain) -> None:
    """It shows the hops, each with both sides, the entrance, and the shortcut that is refused."""
    diagram = drawn(deploy)
    assert diagram.good
    assert [(box.kind, box.name, box.heading) for box in diagram.boxes] == [
        (BoxKind.ROLE, "deploy-source", "111111111111"),
        (BoxKind.ROLE, "deploy-middle", "222222222222"),
        (BoxKind.ROLE, "deploy-target", "333333333000"),
        (BoxKind.ENTRANCE, "the service lambda.amazonaws.com", "entrance"),
    ]
    assert [(arrow.kind, arrow.caller, arrow.callee, arrow.label) for arrow in diagram.arrows] == [
        (ArrowKind.HOP, 0, 1, "1 ✓✓"),
        (ArrowKind.HOP, 1, 2, "2 ✓✓"),
        (ArrowKind.REFUSED, 0, 2, "refused"),
        (ArrowKind.ENTRANCE, 3, 0, ""),
    ]


def test_the_statements_that_decide(deploy: Chain) -> None:
    """Of an allowed hop one statement of either side is marked, and it is the one that allows."""
    hop = drawn(deploy).arrows[1]
    for half, place in ((hop.permission, "Policies"), (hop.trust, "AssumeRolePolicyDocument")):
        assert half is not None
        assert half.verdict is Verdict.ALLOW
        (decisive,) = [each for each in half.statements if each.decisive]
        assert place in decisive.place
        assert '"sts:AssumeRole"' in decisive.text
    assert hop.trust is not None
    assert '"sts:ExternalId": "ext-0000"' in hop.trust.statements[0].text


def test_a_side_that_is_missing(deploy: Chain) -> None:
    """Each side is decided whatever the other says: the one that lacks its statement is refused, and the hop."""

    def without_permission(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-middle":
            del properties["Policies"]

    hop = drawn(deploy, without_permission).arrows[1]
    assert hop.label == "2 ✗✓ ✗"
    assert hop.permission is not None
    assert hop.permission.statements == ()

    def without_trust(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-target":
            properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = STRANGER["Principal"]

    diagram = drawn(deploy, without_trust)
    hop = diagram.arrows[1]
    assert hop.label == "2 ✓✗ ✗"
    assert hop.permission is not None
    assert [each.decisive for each in hop.permission.statements] == [True]
    assert not diagram.good
    assert "RC08" in diagram.boxes[2].rules


def test_what_is_not_known_is_shown_as_unknown(deploy: Chain) -> None:
    """Neither a role that no template holds nor a policy that is not at hand is drawn as allowed or refused."""
    found = templates(deploy)
    del found["222222222222"]
    diagram = diagram_of_chain(deploy, prove(deploy, found))
    assert [arrow.verdict for arrow in diagram.arrows[:2]] == [Verdict.UNKNOWN] * 2
    assert diagram.boxes[1].kind is BoxKind.ROLE

    del found["333333333000"]
    refused = diagram_of_chain(deploy, prove(deploy, found)).arrows[2]
    assert (refused.kind, refused.label) == (ArrowKind.REFUSED, "refused?")

    def imported(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-middle":
            properties["Policies"] = [{"PolicyName": "p", "PolicyDocument": {"Fn::ImportValue": "elsewhere"}}]

    hop = drawn(deploy, imported).arrows[1]
    assert hop.verdict is Verdict.UNKNOWN
    assert hop.permission is not None
    assert hop.permission.verdict is Verdict.UNKNOWN


def test_an_open_door(deploy: Chain) -> None:
    """Whom a trust policy lets in and the chain does not declare stands in a box of its own, and so does its arrow."""

    def opened(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-target":
            properties["AssumeRolePolicyDocument"]["Statement"].append(STRANGER)

    diagram = drawn(deploy, opened)
    (door,) = [number for number, box in enumerate(diagram.boxes) if box.kind is BoxKind.OPEN_DOOR]
    (arrow,) = [each for each in diagram.arrows if each.kind is ArrowKind.OPEN]
    assert (arrow.caller, arrow.callee) == (door, 2)
    assert "999999999999" in diagram.boxes[door].name
    assert arrow.trust is not None
    assert [each.decisive for each in arrow.trust.statements] == [False, True]


def test_a_shortcut_that_is_open(deploy: Chain) -> None:
    """A way past a role that both sides allow is an open door, not a refused shortcut."""

    def past(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-source":
            statement = properties["Policies"][0]["PolicyDocument"]["Statement"][0]
            statement["Resource"] = "arn:aws:iam::*:role/rolechain/deploy-*"
        if role.role == "deploy-target":
            trust = {
                **STRANGER,
                "Principal": {"AWS": "arn:aws:iam::111111111111:role/rolechain/deploy-source"},
            }
            properties["AssumeRolePolicyDocument"]["Statement"].append(trust)

    diagram = drawn(deploy, past)
    kinds = {(each.caller, each.callee): each.kind for each in diagram.arrows}
    assert kinds[0, 2] is ArrowKind.OPEN


def test_third_parties() -> None:
    """A declared third party that enters is drawn as such, and nobody else is."""
    vendor = Entrance.account("777777777777", external_id="acme-2f6c1f", third_party=True)
    others = [Entrance.service("lambda.amazonaws.com"), Entrance.account("111111111111")]
    chain = Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[*others, vendor]),
        targets=[ChainRole("333333333333")],
    )
    kinds = {box.members[0]: box.kind for box in drawn(chain).boxes if box.kind is not BoxKind.ROLE}
    (third,) = [words for words, kind in kinds.items() if kind is BoxKind.THIRD_PARTY]
    assert "777777777777" in third
    assert Counter(kinds.values()) == {BoxKind.THIRD_PARTY: 1, BoxKind.ENTRANCE: 2}


def test_many_entrances_share_a_box(deploy: Chain) -> None:
    """More than a dozen entrances of a role are one box, which names each; an open door is never among them."""
    services = [Entrance.service(f"{name}.amazonaws.com") for name in "abcdefghijklmn"]
    chain = replace(deploy, sources=[replace(deploy.source, assumed_by=services)])

    def opened(role: ChainRole, properties: Json) -> None:
        if role.role == "deploy-source":
            properties["AssumeRolePolicyDocument"]["Statement"].append(STRANGER)

    boxes = {box.kind: box for box in drawn(chain, opened).boxes}
    assert boxes[BoxKind.ENTRANCE].title == "principals × 14"  # noqa: RUF001
    assert "999999999999" in boxes[BoxKind.OPEN_DOOR].name


@pytest.mark.parametrize("number", [30, 300])
def test_targets_that_are_alike_share_a_box(number: int) -> None:
    """Targets that differ in account, name and external id alone are one box; one that is opened is not among them."""

    def opened(role: ChainRole, properties: Json) -> None:
        if role.account == "333333333007":
            properties["AssumeRolePolicyDocument"]["Statement"].append(STRANGER)

    diagram = drawn(chain_of(number), opened)
    titles = Counter(box.title for box in diagram.boxes if box.kind is BoxKind.ROLE)
    assert titles[f"deploy-target × {number - 1}"] == 1  # noqa: RUF001
    assert titles["deploy-target"] == 1
    (alone,) = [box for box in diagram.boxes if box.title == "deploy-target"]
    assert alone.heading == "333333333007"
    assert len({member for box in diagram.boxes for member in box.members}) == number + 4


def test_a_statement_that_differs_is_not_folded() -> None:
    """One target whose statement lacks a condition is drawn by itself, though its verdict is the same."""

    def without(role: ChainRole, properties: Json) -> None:
        if role.account == "333333333002":
            properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"].pop("StringEquals", None)
            properties["AssumeRolePolicyDocument"]["Statement"][0]["Sid"] = "Other"

    boxes = [box for box in drawn(chain_of(5), without).boxes if box.name == "deploy-target"]
    assert sorted(len(box.members) for box in boxes) == [1, 4]


def test_who_may_change_the_chain(deploy: Chain) -> None:
    """Each principal that may change a role is named, and whether that is declared."""
    found = templates(deploy)
    found["333333333000"]["Resources"]["Admin"] = role_of(
        "admin",
        [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        [{"Effect": "Allow", "Action": "iam:UpdateAssumeRolePolicy", "Resource": "*"}],
    )
    ((words, declared),) = diagram_of_chain(deploy, prove(deploy, found)).changers
    assert words.startswith(
        "arn:aws:iam::333333333000:role/admin may change deploy-target: iam:UpdateAssumeRole"
    )
    assert not declared


def test_any_templates() -> None:
    """Without a chain every AssumeRole is drawn that is allowed or not known, and roles of services are left out."""
    trust = [{**STRANGER, "Principal": {"AWS": "arn:aws:iam::111111111111:root"}}]
    lambda_alone = [{**STRANGER, "Principal": {"Service": "lambda.amazonaws.com"}}]
    calls = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::222222222222:role/b"}]
    proof = audit(
        {
            "111111111111": {
                "Resources": {"A": role_of("a", lambda_alone, calls), "C": role_of("c", lambda_alone)}
            },
            "222222222222": {"Resources": {"B": role_of("b", trust)}},
        }
    )
    diagram = diagram_of_graph(proof, "estate")
    names = {box.name for box in diagram.boxes if box.kind is BoxKind.ROLE}
    assert names == {"a", "b"}
    assert diagram.left_out == "1 role that no other role or account assumes"
    (hop,) = [each for each in diagram.arrows if each.kind is ArrowKind.HOP]
    assert hop.label == "✓✓"


def test_long_lists_of_resources_are_shortened() -> None:
    """Of many resources of a permission the callee's stands in the details, and how many more there are."""
    targets = [ChainRole(f"3333333330{number}") for number in range(10, 40)]
    source = ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")])
    hop = drawn(Chain("deploy", source=source, targets=targets)).arrows[0]
    assert hop.permission is not None
    (statement,) = [each for each in hop.permission.statements if each.decisive]
    assert "arn:aws:iam::333333333010:role/rolechain/deploy-target" in statement.text
    assert "… and 29 more" in statement.text
