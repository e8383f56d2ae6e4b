"""The live test of chains that have several sources, session tags and a source identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance, SessionTag, SourceIdentity
from rolechain.runtime import Hop, HopError, chain_session, verify
from rolechain.runtime.entry import way_in, ways_in

BASE = "arn:aws:iam::999999999999:user/base"
ALTERED = [
    "without external id",
    "without session tag Project",
    "with session tag Project=not-allowed",
    "without session tag Stage",
    "with session tag Stage=not-allowed",
    "with session tag Ticket=not-allowed",
    "without source identity",
    "with source identity not-allowed",
]


@pytest.fixture
def declared() -> Chain:
    """A chain whose middle role asks for everything that a hop can pass."""
    return Chain(
        "deploy",
        source=ChainRole("111111111111"),
        middle=ChainRole(
            "222222222222",
            external_id="ticket-7",
            session_tags=[
                SessionTag("Project", "apollo"),
                SessionTag("Stage", ["dev", "test-*"]),
                SessionTag("Ticket", "INC-*", required=False),
                SessionTag("Note"),
            ],
            transitive_tag_keys=["Stage"],
            source_identity=SourceIdentity(["ann", "bob"]),
        ),
        targets=ChainRole("333333333333"),
    )


def lets(declared: Chain, sts: Any, broken: str = "") -> None:
    """Deploys the chain, its middle role without one of its conditions."""
    asked: dict[str, Callable[[dict[str, str]], bool]] = {
        "external id": lambda given: given.get("ExternalId") == "ticket-7",
        "Project": lambda given: tags(given).get("Project") == "apollo",
        "Stage": lambda given: tags(given).get("Stage") == "dev",
        "Ticket": lambda given: tags(given).get("Ticket", "INC-1").startswith("INC-"),
        "Note": lambda given: "Note" in tags(given),
        "identity": lambda given: given.get("SourceIdentity") == "ann",
    }

    def allows(caller: str, call: Any) -> bool:
        if call.role == "deploy-middle":
            return "/deploy-source/" in caller and all(
                check(call.parameters) for name, check in asked.items() if name != broken
            )
        return call.role == "deploy-source" or "/deploy-middle/" in caller

    sts.allows = allows


def tags(parameters: dict[str, str]) -> dict[str, str]:
    """The session tags of a call."""
    numbers = range(1, 1 + sum(name.startswith("Tags.member.") for name in parameters) // 2)
    return {
        parameters[f"Tags.member.{number}.Key"]: parameters[f"Tags.member.{number}.Value"]
        for number in numbers
    }


CHOSEN: dict[str, Any] = {
    "session_tags": {"Stage": "dev", "Note": "x", "Ticket": "INC-7"},
    "source_identity": "ann",
}


def test_each_thing_is_left_out_and_sent_wrong(sts: Any, base: Any, declared: Chain) -> None:
    """Each declared thing is left out once and, where only some values are allowed, sent wrong once."""
    lets(declared, sts)
    reports = verify(declared, session=base, session_name="who", **CHOSEN)
    assert all(report.ok for report in reports), reports
    without_note = [*ALTERED[:6], "without session tag Note", *ALTERED[6:]]
    assert [report.altered for report in reports] == ["", "", "", "", *without_note]
    assert {call.parameters["RoleSessionName"] for call in sts.calls if call.action == "AssumeRole"} == {
        "who"
    }
    ordinary = next(call for call in sts.calls if call.role == "deploy-middle").parameters
    assert tags(ordinary) == {"Project": "apollo", "Stage": "dev", "Ticket": "INC-7", "Note": "x"}
    assert ordinary["TransitiveTagKeys.member.1"] == "Stage"


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        ("external id", ALTERED[:1]),
        ("Project", ALTERED[1:3]),
        ("Stage", ALTERED[3:5]),
        ("Ticket", ALTERED[5:6]),
        ("Note", ["without session tag Note"]),
        ("identity", ALTERED[6:]),
    ],
)
def test_a_condition_that_is_missing_is_found(
    sts: Any, base: Any, declared: Chain, broken: str, found: list[str]
) -> None:
    """A deployed role that does not ask for what the chain declares is reported, that thing alone."""
    lets(declared, sts, broken)
    reports = verify(declared, session=base, **CHOSEN)
    assert [report.altered for report in reports if not report.ok] == found


def test_what_is_open_has_to_be_chosen(sts: Any, base: Any, declared: Chain) -> None:
    """Without the values that the chain leaves open nothing is called."""
    with pytest.raises(ChainError, match="asks for the session tag Stage"):
        verify(declared, session=base)
    with pytest.raises(ChainError, match="'prod' is not allowed"):
        verify(declared, session=base, session_tags={"Stage": "prod"})
    assert sts.calls == []


def several(*sources: ChainRole) -> Chain:
    return Chain(
        "deploy",
        source=sources,
        middle=ChainRole("222222222222"),
        targets=ChainRole("333333333333"),
    )


def entering(sts: Any, base: Any, chain: Chain, **more: Any) -> list[tuple[str, str, str]]:
    """Who was tried at which source role, with what was expected, and the first hops that were taken."""
    sts.allows = lambda caller, call: call.role != "two" or "222" in caller
    return [
        (each.caller.rsplit("/", 1)[-1], each.callee.rsplit("/", 1)[-1], each.expected)
        for each in verify(chain, session=base, **more)
        if each.callee in [source.arn for source in chain.sources] or each.callee == chain.middle[0].arn
    ]


def test_the_sources_that_name_the_session_are_entered(sts: Any, base: Any) -> None:
    """The others must refuse it, and their hops are left out; a role that exists already is its owner's matter."""
    chain = several(
        ChainRole("111111111111", "one", assumed_by=[Entrance.account("999999999999", external_id="id-7")]),
        ChainRole("111111111111", "two"),
        ChainRole("888888888888", "three", assumed_by=[Entrance.arn(BASE)]),
        ChainRole("888888888888", "four", existing=True),
    )
    assert entering(sts, base, chain) == [
        ("base", "one", "allowed"),
        ("base", "two", "refused"),
        ("base", "three", "allowed"),
        ("one", "deploy-middle", "allowed"),
        ("three", "deploy-middle", "allowed"),
    ]
    ids = {call.role: call.parameters.get("ExternalId") for call in sts.calls if call.action == "AssumeRole"}
    assert (ids["one"], ids["two"], ids["three"]) == ("id-7", None, None)


@pytest.mark.parametrize(
    ("entrance", "arn", "named"),
    [
        (Entrance.account("999999999999", iam_users=False), BASE, False),
        (
            Entrance.account("999999999999", iam_users=False),
            "arn:aws:sts::999999999999:assumed-role/a/s",
            True,
        ),
        (
            Entrance.arn("arn:aws:iam::999999999999:role/path/a"),
            "arn:aws:sts::999999999999:assumed-role/a/s",
            True,
        ),
        (
            Entrance.arn("arn:aws:iam::999999999999:role/path/a"),
            "arn:aws:sts::999999999999:assumed-role/b/s",
            False,
        ),
        (
            Entrance.permission_set("Deploy"),
            "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Deploy_0123456789abcdef/ann",
            True,
        ),
        (
            Entrance.permission_set("Deploy"),
            "arn:aws:sts::999999999999:assumed-role/AWSReservedSSO_Deploy_0123456789abcdef/ann",
            False,
        ),
        (Entrance.service("lambda.amazonaws.com"), BASE, False),
    ],
)
def test_who_is_named(sts: Any, base: Any, entrance: Entrance, arn: str, named: bool) -> None:
    """A source role names a session by its account, its ARN, its role or its permission set."""
    sts.arns["AKIABASE"] = arn
    always = Entrance.account(arn.split(":")[4])
    chain = several(
        ChainRole("777777777777", "one", assumed_by=[always]),
        ChainRole("111111111111", "three", assumed_by=[entrance]),
    )
    assert entering(sts, base, chain)[1][2] == ("allowed" if named else "refused")


def test_where_none_names_the_session(sts: Any, base: Any) -> None:
    """Those of its own account are entered; where there is none, the first."""
    chain = several(ChainRole("111111111111", "one"), ChainRole("999999999999", "three"))
    sts.allows = lambda _caller, _call: True
    assert [each.expected for each in verify(chain, session=base)[:2]] == ["refused", "allowed"]
    other = several(ChainRole("111111111111", "one"), ChainRole("888888888888", "three"))
    assert [each.expected for each in verify(other, session=base)[:2]] == ["allowed", "refused"]


def test_a_further_session_that_is_not_named_makes_no_way_in(sts: Any, base: Any) -> None:
    """A session that is there to read policies is not taken for one that its account's source role lets in."""
    sts.arns["AKIAREADER"] = "arn:aws:iam::888888888888:user/reader"
    reader = boto3.Session("AKIAREADER", "s", region_name="us-east-1")
    chain = several(
        ChainRole("999999999999", "one"),
        ChainRole("888888888888", "two", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        ChainRole("888888888888", "three"),
    )
    assert entering(sts, base, chain, sources=[reader])[:3] == [
        ("base", "one", "allowed"),
        ("base", "two", "refused"),
        ("reader", "three", "allowed"),
    ]


def test_further_sessions_start_at_the_other_sources(sts: Any, base: Any) -> None:
    """A session of a source role goes on from there, so each source role's hop is taken."""
    sts.arns["ASIAONE"] = "arn:aws:sts::111111111111:assumed-role/one/function"
    sts.arns["ASIATWO"] = "arn:aws:sts::888888888888:assumed-role/two/function"
    one, two = (boto3.Session(key, "s", "t", region_name="us-east-1") for key in ("ASIAONE", "ASIATWO"))
    chain = several(ChainRole("111111111111", "one"), ChainRole("888888888888", "two"))
    assert entering(sts, one, chain, sources=[two]) == [
        ("one", "deploy-middle", "allowed"),
        ("two", "deploy-middle", "allowed"),
    ]
    assert entering(sts, one, chain) == [("one", "two", "refused"), ("one", "deploy-middle", "allowed")]


def test_an_external_id_that_is_left_open_is_not_made_up() -> None:
    """A way in passes an external id, tags and a source identity of one value alone."""
    arn = "arn:aws:sts::999999999999:assumed-role/vendor/session"
    entrance = Entrance.account(
        "999999999999",
        external_id="acme@*",
        third_party=True,
        session_tags={"Team": "red", "Stage": ["dev", "test"]},
    )
    source = ChainRole("111111111111", "one", partition="aws", assumed_by=[entrance])
    way = Hop(source.arn, tags={"Team": "red"})
    assert way_in(source, arn) == way
    assert ways_in(source) == (Hop(source.arn), way)


def test_a_hop_that_fails_is_counted_as_the_session_over_the_chain_counts_it(sts: Any, base: Any) -> None:
    """The index and total of an error of ``chain_session`` over the same roles are those of the report."""
    chain = several(ChainRole("111111111111"))
    sts.allows = lambda _caller, call: call.role == chain.source.role
    (failed,) = [each for each in verify(chain, session=base) if each.verdict == "refused" and not each.ok]
    session = chain_session(chain.source.arn, *chain.hops_to("333333333333"), session=base)
    with pytest.raises(HopError) as raised:
        session.client("sts").get_caller_identity()
    assert (failed.index, raised.value.index, raised.value.total) == (2, 2, 3)
    assert failed.callee == raised.value.role_arn
