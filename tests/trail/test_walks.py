"""The walks of made-up organizations: every planted one is found, and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.trail import TrailFiles, log_files, question, trace
from tests.trail.conftest import traced, walks_of
from tests.trail.organizations import Organization, session_identity


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
        (walk,) = trace(chain, files.ask(question([chain.source.arn]))).walks
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
