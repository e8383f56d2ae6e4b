"""The table of AWS managed policies, and how it is made."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from rolechain.graph import aws_managed
from tools.aws_managed_policies import main, table_of

POLICIES = {
    "Admin": {
        "Path": "/",
        "UpdateDate": "2026-02-01T10:00:00+00:00",
        "Document": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
            ],
        },
    },
    "Reader": {
        "Path": "/job-function/",
        "Document": {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": ["sts:GetCallerIdentity", "s3:Get*"], "Resource": "*"},
        },
    },
}


def test_only_statements_about_assuming_roles_are_kept() -> None:
    """A policy speaks with the statements that may be about AssumeRole and its tags, or not at all."""
    assert table_of(POLICIES, "moto 1") == {
        "source": "moto 1",
        "newest": "2026-02-01",
        "speaking": {
            "Admin": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
            }
        },
        "silent": ["job-function/Reader"],
    }


def test_the_table_is_printed_from_a_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tool reads the documents out of a module's text without running it."""
    module = tmp_path / "policies.py"
    module.write_text(f'raise SystemExit\ndata = """{json.dumps(POLICIES)}"""\n')
    main(str(module), "moto 1")
    assert json.loads(capsys.readouterr().out) == table_of(POLICIES, "moto 1")


def test_the_table_says_what_it_was_taken_from() -> None:
    """The table in use names its source and the day of its newest policy."""
    table = json.loads(files("rolechain.graph").joinpath("aws_managed_policies.json").read_text("utf-8"))
    assert table["source"].startswith("moto ")
    assert date.fromisoformat(table["newest"])


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_a_policy_is_known_in_every_partition(partition: str) -> None:
    """AdministratorAccess allows everything, wherever it is."""
    document = aws_managed.document_of(f"arn:{partition}:iam::aws:policy/AdministratorAccess")
    assert document is not None
    assert document["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@pytest.mark.parametrize(
    "arn", ["arn:aws:iam::aws:policy/None", "arn:aws:iam::111111111111:policy/Admin", "x", ""]
)
def test_another_policy_is_not_known(arn: str) -> None:
    """What is not in the table is not guessed."""
    assert aws_managed.document_of(arn) is None
