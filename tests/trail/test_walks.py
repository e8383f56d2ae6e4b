"""The walks of made-up organizations: every planted one is found, and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.trail import TrailFiles, log_files, sessions_query, trace
from tests.trail.conftest import traced, walks_of
from tests.trail.organizations import Organization, session_identity

SERVICE = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
ALICE: dict[str, Any] = {"serialNumber": "arn:aws:iam::1:mfa/alice", "sourceIdentity": "alice"}


def test_planted_walks(organization: Organization, logs: Path) -> None:
    """Every planted walk is found with its verdict, its person, its roles and its calls, and nothing else is."""
    found = traced(organization, logs)
    assert walks_of(found) == organization.walks
    assert len(found.walks) == len(organization.walks)
    assert [(each.caller, each.role) for each in found.refused] != []
    assert {(each.caller, each.role) for each in found.refused} == organization.refused
    assert len(found.refused) == len(organization.refused)
    sessions = [each for walk in found.walks for each in walk.sessions]
    addresses = {record["sourceIPAddress"] for _, record in organization.records}
    assert {address for each in sessions for address in each.addresses} <= addresses
    assert "AWS Internal" in {address for each in sessions for address in each.addresses}


@pytest.mark.parametrize(
    ("role", "problem"),
    [
        ("cut", "assumed {target}, which is no hop of the chain"),
        ("alice-no-mfa", "without MFA, which the entrance declares"),
        ("i-0123", "ec2.amazonaws.com entered {source}: no entrance is declared for it"),
        ("id", "with external id 'hop-9999', not with the declared one"),
        ("tag", "session tag Team is 'blue', which is not allowed"),
        ("out", "assumed {elsewhere}, which is no hop of the chain"),
    ],
)
def test_problems(organization: Organization, logs: Path, role: str, problem: str) -> None:
    """What the chain does not declare of a walk is said."""
    names = {
        "source": organization.roles[0],
        "target": organization.roles[3],
        "elsewhere": f"arn:aws:iam::{organization.accounts[9]}:role/elsewhere",
    }
    found = traced(organization, logs)
    (walk,) = [
        walk
        for walk in found.walks
        if walk.last.name == role or (role == "tag" and walk.sessions[0].name == "tag")
    ]
    assert problem.format(**names) in "; ".join(walk.problems)


def test_a_stranger_at_a_service_entrance(tmp_path: Path) -> None:
    """Where no principal with an account is let in, an account is a stranger, though no more is known of it."""
    source = ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")])
    chain = Chain("c", source=source, targets=ChainRole("222222222222"))
    made = Organization(12, 3)
    made.records.clear()
    made.assume(made.user("eve", "999999999999"), chain.source.arn, "eve", copies="callee")
    made.accounts = ["111111111111"]
    made.write(tmp_path, twice=0)
    with TrailFiles() as files:
        files.read(log_files([str(tmp_path)]))
        (walk,) = trace(chain, files.ask(sessions_query([chain.source.arn]))).walks
    assert (walk.verdict, walk.person) == ("not declared", "account 999999999999")


def test_events_that_name_each_other(tmp_path: Path) -> None:
    """Made-up events, in which two sessions obtained each other, end, and are not declared."""
    made = Organization(12, 4)
    made.records.clear()
    first, second = made.roles[1:3]
    one = made.assume(session_identity(second, "x", "ASIAB", "AROAX"), first, "x")
    two = made.assume(one, second, "x")
    for _, record in made.records:
        text = json.dumps(record).replace("ASIAB", two["accessKeyId"])
        record.clear()
        record.update(json.loads(text))
    made.write(tmp_path, twice=0)
    assert {walk.verdict for walk in traced(made, tmp_path).walks} == {"not declared"}


def test_copies_of_an_event_that_differ(tmp_path: Path) -> None:
    """Of two external ids of one call, one of which is declared, none is believed."""
    made = Organization(12, 6)
    made.records.clear()
    made.assume(made.assume(SERVICE, made.roles[0], "x"), made.roles[1], "x", externalId="a-lie")
    for account, record in [each for each in made.records if "a-lie" in json.dumps(each)]:
        text = json.dumps({**record, "eventID": "other"}).replace("a-lie", "hop-1234")
        made.records.append((account, json.loads(text)))
    made.write(tmp_path, twice=0)
    (walk,) = traced(made, tmp_path).walks
    assert walk.verdict == "not declared"
    assert "external id 'a-lie and hop-1234'" in walk.problems[0]


def test_a_role_in_other_letters(tmp_path: Path) -> None:
    """A stranger who writes the ARN of a role with capital letters is not left out."""
    made = Organization(12, 8)
    made.records.clear()
    target = made.roles[3]
    made.assume(made.user("eve", made.accounts[9]), target.replace("target", "TARGET"), "x")
    made.write(tmp_path, twice=0)
    (walk,) = traced(made, tmp_path).walks
    assert (walk.verdict, walk.last.role) == ("not declared", target)


@pytest.mark.parametrize("further", [False, True])
def test_a_source_identity_that_the_calls_show(further: bool, tmp_path: Path) -> None:
    """It tells who walked where the call that set it is not in the events, and is held against the chain."""
    made = Organization(12, 5)
    made.records.clear()
    lost = session_identity(made.roles[0], "lost", made.key(), "AROALOST")
    lost["sessionContext"]["sourceIdentity"] = "eve"
    made.use(made.assume(lost, made.roles[1], "x", externalId="hop-1234") if further else lost, 1)
    made.write(tmp_path, twice=0)
    (walk,) = traced(made, tmp_path).walks
    assert (walk.person, walk.verdict) == ("eve", "not declared" if further else "beginning unknown")
    assert [each.source_identity for each in walk.sessions] == ["eve"] * (1 + further)
    assert walk.problems == (("source identity 'eve' is not allowed",) if further else ())


def _missing_tag(made: Organization) -> None:
    first = made.assume(made.assume(SERVICE, made.roles[0], "x"), made.roles[1], "x", externalId="hop-1234")
    made.assume(first, made.roles[2], "x")


def _tag_in_another_case(made: Organization) -> None:
    first = made.assume(made.assume(SERVICE, made.roles[0], "x"), made.roles[1], "x", externalId="hop-1234")
    made.assume(first, made.roles[2], "x", tags=[{"key": "team", "value": "blue"}])


def _undeclared_tag(made: Organization) -> None:
    tags = [{"key": "Team", "value": "red"}, {"key": "Admin", "value": "true"}]
    first = made.assume(made.assume(SERVICE, made.roles[0], "x"), made.roles[1], "x", externalId="hop-1234")
    made.assume(first, made.roles[2], "x", tags=tags)


def _tag_where_none_is_declared(made: Organization) -> None:
    made.assume(SERVICE, made.roles[0], "x", tags=[{"key": "Admin", "value": "true"}])


def _no_source_identity(made: Organization) -> None:
    made.assume(made.user("alice", made.accounts[8], "people/"), made.roles[0], "x", serialNumber="mfa")


def _another_source_identity(made: Organization) -> None:
    entered = made.assume(SERVICE, made.roles[0], "x")
    made.assume(entered, made.roles[1], "x", externalId="hop-1234", sourceIdentity="eve")


def _no_mfa_device(made: Organization) -> None:
    alice = made.user("alice", made.accounts[8], "people/")
    made.assume(alice, made.roles[0], "x", serialNumber=None, sourceIdentity="alice")


def _another_audience(made: Organization) -> None:
    answer = {"audience": "https://example.com/saml"}
    saml = {"type": "SAMLUser", "principalId": "bdGOnT=:bob", "userName": "bob"}
    made.assume(saml, made.roles[0], "x", answer=answer, principalArn=made.saml)


def _another_token(made: Organization, **changed: str) -> None:
    subject = "repo:example/app:x"
    token = {"provider": made.github, "audience": "sts.amazonaws.com", "subjectFromWebIdentityToken": subject}
    web = {"type": "WebIdentityUser", "principalId": f"{made.github}:x", "userName": subject}
    made.assume(web, made.roles[0], "x", operation="AssumeRoleWithWebIdentity", answer=token | changed)


def _token_of_another_audience(made: Organization) -> None:
    _another_token(made, audience="example.com")


def _token_of_another_provider(made: Organization) -> None:
    _another_token(made, provider=made.github.replace(made.accounts[0], made.accounts[1]))


def _token_without_subject(made: Organization) -> None:
    _another_token(made, subjectFromWebIdentityToken="")


def _user_with_the_name_of_a_permission_set(made: Organization) -> None:
    user = made.user("AWSReservedSSO_Operator_0123456789abcdef", made.accounts[0])
    made.assume(user, made.roles[0], "x")


def _role_of_that_name_in_another_path(made: Organization) -> None:
    entered = made.assume(SERVICE, made.roles[0], "x")
    made.assume(entered, made.roles[1].replace("/rolechain/", "/"), "x", externalId="hop-1234")


def _caller_in_another_path(made: Organization) -> None:
    entered = made.assume(SERVICE, made.roles[0], "x")
    first = made.assume(entered, made.roles[1], "x", externalId="hop-1234")
    other = session_identity(made.roles[1].replace("/rolechain/", "/"), "x", first["accessKeyId"], "AROAX")
    made.assume(other, made.roles[2], "x", tags=[{"key": "Team", "value": "red"}])


def _caller_that_another_role_issued(made: Organization) -> None:
    entered = made.assume(SERVICE, made.roles[0], "x")
    other = session_identity(made.roles[2], "x", entered["accessKeyId"], "AROAX")
    made.assume(other, made.roles[3], "x")


def _external_id_in_the_callees_event(made: Organization) -> None:
    lost = session_identity(made.roles[0], "x", made.key(), "AROAX")
    made.assume(lost, made.roles[1], "x", externalId="hop-9999", copies="callee")


def _key_that_two_callers_obtained(made: Organization) -> None:
    own, alice = made.roles[0], made.user("mallory", made.accounts[7])
    entered = made.assume(made.user("alice", made.accounts[8], "people/"), own, "x", **ALICE)
    made.assume(alice, own, "x", copies="caller", **ALICE)
    credentials = made.records[-1][1]["responseElements"]["credentials"]
    credentials["accessKeyId"] = entered["accessKeyId"]


def _no_parameters(made: Organization) -> None:
    made.assume(SERVICE, made.roles[0], "x")
    for _, record in made.records:
        record["requestParameters"] = None


def _parameters_that_are_a_list(made: Organization) -> None:
    made.assume(SERVICE, made.roles[0], "x")
    for _, record in made.records:
        record["requestParameters"] = [record["requestParameters"]]


def _no_time(made: Organization) -> None:
    entered = made.assume(SERVICE, made.roles[0], "x")
    made.use(made.assume(entered, made.roles[3], "x"), 1)
    for _, record in made.records[1:3]:
        del record["eventTime"]


@pytest.mark.parametrize(
    "plant",
    [
        _missing_tag,
        _tag_in_another_case,
        _undeclared_tag,
        _tag_where_none_is_declared,
        _no_source_identity,
        _another_source_identity,
        _no_mfa_device,
        _another_audience,
        _token_of_another_audience,
        _token_of_another_provider,
        _token_without_subject,
        _user_with_the_name_of_a_permission_set,
        _role_of_that_name_in_another_path,
        _caller_in_another_path,
        _caller_that_another_role_issued,
        _external_id_in_the_callees_event,
        _key_that_two_callers_obtained,
        _no_parameters,
        _parameters_that_are_a_list,
    ],
)
def test_not_declared(plant: Callable[[Organization], None], tmp_path: Path) -> None:
    """What the events lack, or tell otherwise than the chain, is never taken for declared."""
    made = Organization(12, 5)
    made.records.clear()
    plant(made)
    made.write(tmp_path, twice=0)
    assert [walk.verdict for walk in traced(made, tmp_path).walks] == ["not declared"]


def test_events_without_a_time(tmp_path: Path) -> None:
    """An event without a time is none, and is counted: what it would tell is not known."""
    made = Organization(12, 5)
    made.records.clear()
    _no_time(made)
    made.write(tmp_path, twice=0)
    with TrailFiles() as files:
        files.read(log_files([str(tmp_path)]))
        found = trace(made.chain, files.ask(sessions_query(made.roles)))
    assert [str(each) for each in files.unread] == [
        "2 records: lack what every event has, such as its time or its identity"
    ]
    assert {walk.verdict for walk in found.walks} == {"declared", "beginning unknown"}
    assert [walk.last.role for walk in found.walks if walk.verdict == "declared"] == [made.roles[0]]
