"""``until``: an entrance that closes at a time, what the proof says of it, and who gets in until then."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rolechain import Chain, ChainError, ChainRole, Entrance
from rolechain.cloudformation.template import Template
from rolechain.graph.documents import statements_in
from rolechain.graph.found_chains import found_chains
from rolechain.graph.found_keys import entrances_of, grants_of
from rolechain.proof import Proof, audit, prove, role_graph_of
from rolechain.proof.diff import diff
from rolechain.proof.report import passes
from rolechain.statements.builder import statements_for, trust_statements

Json = dict[str, Any]
UNTIL, LATER = "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"
BEFORE, AFTER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
ANN = "arn:aws:iam::777777777777:user/ann"
GLASS: Json = {"mfa": True, "source_identity": ["ann"], "session_tags": {"Ticket": "INC-*"}, "until": UNTIL}
SOURCE = "arn:aws:iam::111111111111:role/rolechain/glass-source"


def chain(*entrances: Entrance) -> Chain:
    return Chain(
        "glass",
        source=ChainRole("111111111111", assumed_by=entrances),
        middle=ChainRole("222222222222"),
        targets=ChainRole("333333333333"),
    )


def templates(declared: Chain) -> dict[str, Json]:
    """Templates with the chain's own statements, by account."""
    found: dict[str, Json] = {}
    for role in declared.roles:
        said = statements_for(declared, role)
        own = {
            "PolicyName": "own",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": said["permissions"]},
        }
        properties = {
            "RoleName": role.role,
            "Path": role.path,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": said["trust_policy"]},
            **({"Policies": [own]} if said["permissions"] else {}),
        }
        found[role.account] = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    return found


def trust(made: dict[str, Json]) -> list[Json]:
    """The trust statements of the source role."""
    properties = made["111111111111"]["Resources"]["Role"]["Properties"]
    statements: list[Json] = properties["AssumeRolePolicyDocument"]["Statement"]
    return statements


def told(proof: Proof) -> list[tuple[str, str, str]]:
    return [(each.rule, each.level.value, each.message) for each in proof.findings]


@pytest.mark.parametrize(
    "until",
    [
        "2026-12-01T00:00Z",
        UNTIL,
        "2026-12-01T01:00+01:00",
        "2026-11-30T19:00:00-05:00",
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2026, 12, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2026, 12, 1, 0, 0, 0, 999, tzinfo=UTC),
        datetime(2026, 12, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    ],
)
def test_a_time_is_kept_in_utc(until: Any) -> None:
    """However it is written, the statement holds the same moment."""
    (statement,) = trust_statements(declared := chain(Entrance.arn(ANN, until=until)), declared.source)
    assert statement["Condition"]["DateLessThan"] == {"aws:CurrentTime": UNTIL}
    assert declared.source.entrances[0].until == UNTIL


def test_summer_time_ends() -> None:
    """The hour that a clock shows twice is two moments."""
    berlin = ZoneInfo("Europe/Berlin")
    times = [datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=berlin) for fold in (0, 1)]
    found = [Entrance.arn(ANN, until=time).until for time in times]
    assert found == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]


@pytest.mark.parametrize(
    ("until", "message"),
    [
        (
            datetime(2026, 12, 1),
            "'2026-12-01 00:00:00' has no time zone: write one such as 2026-12-01T00:00Z",
        ),
        ("2026-12-01T00:00", "'2026-12-01T00:00' has no time zone: write one such as 2026-12-01T00:00Z"),
        ("2026-12-01", "'2026-12-01' is not a time with its time zone"),
        ("2026-02-30T00:00Z", "'2026-02-30T00:00Z' is not a time with its time zone"),
        ("2026-02-30T00:00:00Z", "'2026-02-30T00:00:00Z' is not a time with its time zone"),
        ("2026-12-01T24:00Z", "is not a time with its time zone"),
        ("2026-12-01T00:00+25:00", "is not a time with its time zone"),
        (1764547200, "1764547200 is not a time with its time zone"),
        ("", "'' is not a time with its time zone"),
    ],
)
def test_what_is_no_time(until: Any, message: str) -> None:
    """One line says what is wrong."""
    with pytest.raises(ChainError) as caught:
        chain(Entrance.arn(ANN, until=until))
    (problem,) = caught.value.problems
    assert f"until: {message}" in problem.message or message in problem.message


def test_it_is_read_from_a_file(tmp_path: Path) -> None:
    """The key stands in chain.yaml without quotes; a role of another kind does not take it."""
    text = 'name: glass\nsource: {{account: "111111111111", assumed_by: {{arn: "{}", until: 2026-12-01T00:00Z}}}}\n'
    file = tmp_path / "chain.yaml"
    file.write_text(text.format(ANN) + 'targets: {account: "333333333333"}\n')
    assert Chain.load(file).source.entrances[0].until == UNTIL
    file.write_text(text.format(ANN) + 'targets: {account: "333333333333", until: 2026-12-01T00:00Z}\n')
    with pytest.raises(ChainError, match=r"targets\[0\].until: unknown key"):
        Chain.load(file)


def test_every_statement_of_it_closes() -> None:
    """Tags and source identity close with the entrance, and entrances of different times share no statement."""
    declared = chain(
        Entrance.arn(ANN, **GLASS),
        Entrance.arn(f"{ANN}-2", **GLASS),
        Entrance.arn(f"{ANN}-3", **{**GLASS, "until": LATER}),
        Entrance.arn(f"{ANN}-4", mfa=True),
    )
    found = [
        (
            each["Action"],
            each["Condition"]["ArnEquals"]["aws:PrincipalArn"],
            each["Condition"].get("DateLessThan"),
        )
        for each in trust_statements(declared, declared.source)
    ]
    at = [{"aws:CurrentTime": time} for time in (UNTIL, LATER)]
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    assert found == [
        *((action, [ANN, f"{ANN}-2"], at[0]) for action in actions),
        *((action, f"{ANN}-3", at[1]) for action in actions),
        ("sts:AssumeRole", f"{ANN}-4", None),
    ]


def test_the_proof_says_what_it_opens() -> None:
    """Until the time the chain is proven, and the proof says what is open and by which clock."""
    declared = chain(Entrance.service("lambda.amazonaws.com"), Entrance.arn(ANN, **GLASS))
    proof = prove(declared, templates(declared), now=BEFORE)
    assert proof.findings == ()
    (said,) = proof.temporary
    assert said == (
        f"{ANN} gets into {SOURCE} until {UNTIL}, and from there into "
        "arn:aws:iam::222222222222:role/rolechain/glass-middle, arn:aws:iam::333333333333:role/rolechain/glass-target"
    )
    assert proof.to_json()["temporary"] == [said]
    assert proof.to_json()["now"] == "2026-11-30T23:59:59Z"


def test_it_opens_any_account_of_a_unit() -> None:
    """A target by unit is named once, in any account."""
    by_unit = ChainRole(organizational_units=["r-ab12"])
    declared = Chain(
        "glass",
        organization="o-exampleorg1",
        source=ChainRole(
            "111111111111", assumed_by=[Entrance.arn(ANN, **GLASS, third_party=True, external_id="x-1")]
        ),
        targets=by_unit,
    )
    (said,) = prove(declared, templates(declared), now=BEFORE).temporary
    assert said.endswith("and from there into arn:aws:iam::*:role/rolechain/glass-target")


def test_what_it_does_not_ask_for() -> None:
    """A user without MFA and without a source identity is said to be one."""
    declared = chain(Entrance.arn(ANN, until=UNTIL), Entrance.service("lambda.amazonaws.com", until=LATER))
    user, service = prove(declared, templates(declared), now=BEFORE).temporary
    assert user.endswith(", without MFA and without a required source identity")
    assert "without" not in service


def test_an_expired_one_is_a_finding() -> None:
    """It lets nobody in any more: a warning asks to remove it."""
    declared = chain(Entrance.service("lambda.amazonaws.com"), Entrance.arn(ANN, until=UNTIL))
    proof = prove(declared, templates(declared), now=AFTER)
    ((rule, level, message),) = told(proof)
    assert (rule, level) == ("RC40", "warning")
    assert message.endswith(f"lets nobody in any more: it closed at {UNTIL}")
    assert proof.proven
    assert not passes(proof, strict=True)
    assert f"until {UNTIL}, which has passed" in proof.temporary[0]


def test_without_an_end_there_is_no_clock() -> None:
    """A proof that depends on no time says none."""
    declared = chain(Entrance.arn(ANN))
    assert "now" not in prove(declared, templates(declared)).to_json()


def test_the_longer_one_wins() -> None:
    """Another entrance that lets the same principal in after the time is said, an earlier one is not."""
    again = "; after that another statement of the trust policy may let it in"
    for others, told_of in (
        ([Entrance.arn(ANN, until=LATER)], [True, False]),
        ([Entrance.arn(ANN)], [True]),
        ([Entrance.account("777777777777", mfa=True)], [True]),
        ([Entrance.arn(f"{ANN}-2")], [False]),
    ):
        declared = chain(Entrance.arn(ANN, until=UNTIL), *others)
        proof = prove(declared, templates(declared), now=BEFORE)
        assert proof.findings == ()
        assert [each.endswith(again) for each in proof.temporary] == told_of


@pytest.mark.parametrize(
    ("written", "told_of"),
    [
        (None, True),
        ({"DateLessThan": {"aws:CurrentTime": LATER}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": UNTIL}}, True),
        ({"DateLessThanEquals": {"aws:CurrentTime": UNTIL}}, True),
        ({"DateLessThan": {"aws:EpochTime": "1796083200"}}, False),
        ({"NumericLessThan": {"aws:EpochTime": "1796083200"}}, False),
        ({"NumericLessThanEquals": {"aws:EpochTime": "1796083200"}}, True),
        ({"NumericLessThan": {"aws:CurrentTime": "1796083200"}}, True),
        ({"DateLessThan": {"AWS:currenttime": "2026-12-01T01:00:00+01:00"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": ["2026-11-01T00:00:00Z"]}}, False),
    ],
)
def test_the_end_must_be_enforced(written: Json | None, told_of: bool) -> None:
    """A trust policy that lets the entrance in after its time fails; one that closes earlier does not."""
    declared = chain(Entrance.arn(ANN, mfa=True, until=UNTIL))
    made = copy.deepcopy(templates(declared))
    condition = trust(made)[0]["Condition"]
    del condition["DateLessThan"]
    condition.update(written or {})
    proof = prove(declared, made, now=datetime(2026, 10, 1, tzinfo=UTC))
    found = [each.message for each in proof.findings if each.rule == "RC35"]
    assert [f"lets callers in after {UNTIL}" in each for each in found] == ([True] if told_of else [])
    assert proof.proven is not told_of


def test_a_year_may_be_seconds() -> None:
    """Four digits are a year or seconds since 1970: what they close is not known."""
    declared = chain(Entrance.arn(ANN, until=UNTIL))
    made = templates(declared)
    trust(made)[0]["Condition"]["DateLessThan"] = {"aws:CurrentTime": "2030"}
    proof = prove(declared, made, now=BEFORE)
    assert not proof.proven
    assert any("'2030' is not a date" in each.message for each in proof.findings)


def test_an_undeclared_end_closes_nothing() -> None:
    """A stranger who gets in until a time, past or not, is an open door."""
    declared = chain(Entrance.service("lambda.amazonaws.com"))
    made = templates(declared)
    (stranger,) = trust_statements(other := chain(Entrance.arn(ANN, until=UNTIL)), other.source)
    trust(made).append({**stranger, "Sid": "Stranger"})
    for now in (BEFORE, AFTER):
        assert "RC05" in [each.rule for each in prove(declared, made, now=now).findings]


def test_audit_knows_a_clock() -> None:
    """Without a chain, a statement that has closed is a warning, and still shown as somebody who is let in."""
    made = templates(chain(Entrance.arn(ANN, until=UNTIL)))
    found = [audit(made, now=now) for now in (BEFORE, AFTER)]
    closed = [[each.level.value for each in one.findings if each.rule == "RC40"] for one in found]
    assert closed == [[], ["warning"]]
    assert all(any(f"until {UNTIL}" in each.words for each in one.entrances) for one in found)


def test_a_longer_time_is_new_access() -> None:
    """Two sets of templates that differ in the time alone: who gets in for longer is told, and not the reverse."""
    old, new = (
        [
            Template(name, body, account=name)
            for name, body in templates(chain(Entrance.arn(ANN, until=until))).items()
        ]
        for until in (UNTIL, LATER)
    )
    assert [each.who for each in diff(old, new).gained] == [ANN]
    assert diff(new, old).gained == ()


def test_both_keys_tell_one_time() -> None:
    """A time in seconds closes like one in words, and what gets in now is shown by one moment alone."""
    declared = chain(Entrance.service("lambda.amazonaws.com"), Entrance.arn(ANN, mfa=True, until=UNTIL))
    old, new = templates(declared), templates(declared)
    condition = trust(new)[-1]["Condition"]
    condition["NumericLessThan"] = {"aws:EpochTime": condition.pop("DateLessThan") and "1796083200"}
    proof = prove(declared, new, now=AFTER)
    assert [each.rule for each in proof.findings] == ["RC40"]
    assert f"until {UNTIL}, which has passed" in proof.temporary[0]
    was, now = ([Template(name, body, account=name) for name, body in each.items()] for each in (old, new))
    assert diff(was, now).gained == diff(now, was).gained == ()
    condition["NumericLessThan"] = {"aws:EpochTime": "1796083201"}
    (change,) = diff(was, now).gained
    assert change.certain
    assert "2026-12-01T00:00:00Z" in change.witness


@pytest.mark.parametrize(
    ("until", "answer"),
    [("2999-01-01T00:00Z", ":assumed-role/glass-source/"), ("2020-01-01T00:00Z", "AccessDenied")],
)
def test_it_gets_in_until_then(
    until: str, answer: str, deploy: Any, user: Any, assume: Any, device: Any
) -> None:
    """With all that it asks for it gets in before the time, and not after."""
    ann = user("777777777777", "ann")
    serial, code = device("777777777777", "ann")
    deploy(chain(Entrance.arn(ANN, **{**GLASS, "until": until})))
    brought = {
        "SerialNumber": serial,
        "TokenCode": code(),
        "SourceIdentity": "ann",
        "Tags": [{"Key": "Ticket", "Value": "INC-7"}],
    }
    assert answer in assume(ann, SOURCE, **brought)


def test_it_is_found_again() -> None:
    """Of a trust policy, the keys are read as they were declared."""
    declared = chain(Entrance.arn(ANN, **GLASS), Entrance.account("888888888888", until=LATER))
    document = {"Version": "2012-10-17", "Statement": trust_statements(declared, declared.source)}
    grants = list(grants_of(statements_in(document), "aws"))
    found = dict.fromkeys(entrances_of(grants, declared.source, None))
    assert list(found) == list(declared.source.entrances)


def test_another_time_is_left_to_its_owner() -> None:
    """An end that a chain writes otherwise costs none of the other entrances."""
    declared = chain(Entrance.service("lambda.amazonaws.com"), Entrance.arn(ANN, until=UNTIL))
    made = templates(declared)
    trust(made)[-1]["Condition"]["DateLessThan"] = {"aws:CurrentTime": "1796083200"}
    listed = [Template(name, body, account=name) for name, body in made.items()]
    (found,) = found_chains(role_graph_of(listed)).chains
    assert found.chain.source.entrances == declared.source.entrances[:1]
    assert any(f"lets in {ANN} otherwise" in note.words for note in found.notes)
