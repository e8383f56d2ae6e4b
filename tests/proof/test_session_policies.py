"""Session policies of a chain: what they leave out the next hop lacks, and they close nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.proof import Proof, SourceLocation, Template, prove

Json = dict[str, Any]
TemplatesOf = Callable[[Chain], list[Template]]
MIDDLE, TARGET = (
    f"arn:aws:iam::{digit * 12}:role/rolechain/deploy-{name}"
    for digit, name in (("2", "middle"), ("3", "target"))
)
LIMIT = "arn:aws:iam::222222222222:policy/limit"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def document(*actions: str, **more: Any) -> Json:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


HOPS, READS = document("sts:AssumeRole"), document("s3:Get*")
NO_HOPS = {**HOPS, "Statement": [*HOPS["Statement"], {**HOPS["Statement"][0], "Effect": "Deny"}]}


@pytest.fixture
def proven(templates_of: TemplatesOf) -> Callable[..., Proof]:
    """Proves a chain whose middle role, target, or templates are as they are given."""

    def make(middle: Json, target: Json | None = None, change: Any = None, **fields: Any) -> Proof:
        chain = Chain(
            "deploy",
            source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
            middle=[ChainRole("222222222222", **middle)],
            targets=[ChainRole("333333333333", **(target or {}))],
            **fields,
        )
        templates = templates_of(chain)
        if change:
            change([template.body["Resources"] for template in templates])
        return prove(chain, templates)

    return make


def policy(body: Json) -> Callable[[list[Json]], None]:
    """Adds the managed policy to the middle role's template."""
    properties = {"ManagedPolicyName": "limit", "PolicyDocument": body}
    return lambda accounts: accounts[1].update(
        Limit={"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
    )


def errors(proof: Proof) -> list[tuple[str, SourceLocation | None, str]]:
    return [
        (finding.rule, finding.place, finding.message.partition(f"{TARGET} ")[2])
        for finding in proof.findings
        if finding.level == "error"
    ]


@pytest.mark.parametrize(
    ("middle", "target"),
    [
        ({"policy": HOPS}, {}),
        ({"policy": document("*")}, {"session_tags": {"Team": "a"}, "source_identity": "ann"}),
        ({"policy": document("sts:*", Resource=TARGET)}, {"session_tags": {"Team": "a"}}),
        ({"policy": READS, "policy_arns": ADMINISTRATOR}, {}),
        # What a target's session may do is nobody's hop.
        ({}, {"policy": READS, "policy_arns": "arn:aws:iam::333333333333:policy/unknown"}),
        # A new session is limited by what its own hop passes.
        ({"policy": HOPS}, {"policy": READS}),
    ],
)
def test_what_leaves_the_next_hop(proven: Any, middle: Json, target: Json) -> None:
    """The chain is proven where all that the next hop needs is allowed by any of the policies."""
    assert (errors(proven(middle, target)), proven(middle, target).proven) == ([], True)


@pytest.mark.parametrize(
    ("middle", "target", "reason"),
    [
        (
            {"policy": READS},
            {},
            f"no session policy of the caller allows sts:AssumeRole on {TARGET}: statement 0 of session policy 0 "
            "would, but its Action is s3:Get*",
        ),
        (
            {"policy": document("sts:AssumeRole", Resource=MIDDLE)},
            {},
            f"no session policy of the caller allows sts:AssumeRole on {TARGET}: statement 0 of session policy 0 "
            f"would, but its Resource is {MIDDLE}",
        ),
        (
            {"policy": NO_HOPS},
            {},
            "statement 1 of session policy 0 denies sts:AssumeRole to "
            "arn:aws:sts::222222222222:assumed-role/deploy-middle/rolechain",
        ),
        (
            {"policy": HOPS},
            {"session_tags": {"Team": "a"}},
            f"no session policy of the caller allows sts:TagSession on {TARGET}: statement 0 of session policy 0 "
            "would, but its Action is sts:AssumeRole",
        ),
        (
            {"policy": HOPS},
            {"source_identity": "ann"},
            f"no session policy of the caller allows sts:SetSourceIdentity on {TARGET}: statement 0 of session "
            "policy 0 would, but its Action is sts:AssumeRole",
        ),
        (
            {"policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
            {},
            f"no session policy of the caller allows sts:AssumeRole on {TARGET}: it holds no Allow",
        ),
        (
            {"policy": NO_HOPS, "policy_arns": ADMINISTRATOR},
            {},
            "statement 1 of session policy 0 denies sts:AssumeRole to "
            "arn:aws:sts::222222222222:assumed-role/deploy-middle/rolechain",
        ),
        # What variables stand for in the older version is text.
        (
            {
                "policy": {
                    **document("sts:AssumeRole", Resource="arn:aws:iam::${*}:role/*"),
                    "Version": "2008-10-17",
                }
            },
            {},
            f"no session policy of the caller allows sts:AssumeRole on {TARGET}: statement 0 of session policy 0 "
            "would, but its Resource is arn:aws:iam::${*}:role/*",
        ),
    ],
)
def test_what_breaks_the_next_hop(proven: Any, middle: Json, target: Json, reason: str) -> None:
    """It is found once, at the caller's role, with the session policy as the side at fault."""
    proof = proven(middle, target)
    assert errors(proof) == [("RC08", SourceLocation("222222222222", "Role0"), f"does not work: {reason}")]
    assert not proof.proven


def test_the_cure_names_where_it_is_declared(proven: Any) -> None:
    """The chain's own keys are to be mended, not a template."""
    (finding,) = proven({"policy": READS}).findings
    assert finding.remediation == (
        "let what the hop into it passes, policy or policy_arns of deploy-middle, allow sts:AssumeRole on "
        + TARGET
    )


def test_a_policy_that_a_template_makes(proven: Any) -> None:
    """Its document is read, and a fault of it is found where it stands."""
    assert proven({"policy_arns": LIMIT}, change=policy(HOPS)).proven
    ((rule, place, reason),) = errors(proven({"policy_arns": LIMIT}, change=policy(READS)))
    assert (rule, place) == ("RC08", SourceLocation("222222222222", "Limit", 0, "PolicyDocument"))
    assert reason.startswith(
        f"does not work: no session policy of the caller allows sts:AssumeRole on {TARGET}"
    )


def test_a_policy_whose_document_the_chain_gives(proven: Any) -> None:
    """What no template holds stands under policy_documents."""
    assert proven({"policy_arns": LIMIT}, policy_documents={LIMIT: HOPS}).proven
    assert not proven({"policy_arns": LIMIT}, policy_documents={LIMIT: READS}).proven
    unread = proven({"policy_arns": LIMIT}, policy_documents={LIMIT: {"Statement": "x"}}).findings
    assert [(each.rule, each.level, each.message.partition(":")[0]) for each in unread] == [
        ("RC03", "warning", "IAM refuses policy_arns of deploy-middle"),
        ("RC00", "error", "hop 2 from arn"),
    ]


@pytest.mark.parametrize("beside", [{}, {"policy": HOPS}])
def test_a_policy_that_is_not_at_hand(proven: Any, beside: Json) -> None:
    """Where a later hop depends on it, it is not known whether that works."""
    number = len(beside)
    assert errors(proven({"policy_arns": LIMIT, **beside})) == [
        (
            "RC00",
            SourceLocation("222222222222", "Role0"),
            f"cannot be decided: it is not known whether session policy {number} allows or denies sts:AssumeRole: the "
            f"document of {LIMIT} is not at hand",
        )
    ]


def test_what_only_the_call_brings(proven: Any) -> None:
    """A hop that depends on an address by a session policy is said not to be known."""
    address = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    proof = proven({"policy": document("sts:AssumeRole", Condition=address)})
    assert [(finding.rule, finding.level) for finding in proof.findings] == [("RC00", "warning")]


@pytest.mark.parametrize("limited", [READS, HOPS, document("sts:AssumeRole", Resource=TARGET)])
def test_it_closes_nothing(proven: Any, limited: Json) -> None:
    """Whoever is let in without the policy is found with it: the same findings, but for the hop that it breaks."""

    def open_doors(accounts: list[Json]) -> None:
        wide = document("sts:AssumeRole")
        for number, account in enumerate(accounts[1:]):
            account["Wide"] = {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": wide, "Roles": [{"Ref": "Role0"}]},
            }
            trust = account["Role0"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            who = {"AWS": TARGET} if number == 0 else {"AWS": "arn:aws:iam::222222222222:root"}
            trust.append({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who})

    def found(proof: Proof) -> set[tuple[str, SourceLocation | None, str]]:
        return {
            (each.rule, each.place, each.message)
            for each in proof.findings
            if "session policy" not in each.message
        }

    limits = {"policy": limited}
    free = proven({}, change=open_doors)
    assert {"RC05", "RC07", "RC30"} <= {each.rule for each in free.findings if each.level == "error"}
    assert found(proven(limits, limits, change=open_doors)) == found(free)
