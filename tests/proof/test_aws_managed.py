"""The table of AWS managed policies, and how it is made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rolechain.graph import aws_managed

POLICIES = {
    "Admin": {
        "Path": "/",
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
    assert aws_managed.table_of(POLICIES) == {
        "speaking": {
            "Admin": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
            }
        },
        "silent": ["job-function/Reader"],
    }


def test_the_table_is_printed_from_a_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The generator reads the documents out of a module's text without running it."""
    module = tmp_path / "policies.py"
    module.write_text(f'raise SystemExit\ndata = """{json.dumps(POLICIES)}"""\n')
    aws_managed.main(str(module))
    assert json.loads(capsys.readouterr().out) == aws_managed.table_of(POLICIES)


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
