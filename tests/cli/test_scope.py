"""``--scope``: a session that is narrowed by a session policy, checked before any call."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli.options import UsageError
from rolechain.cli.scope import scope_of

PROBE = """
import boto3
for call in (boto3.client("s3").list_buckets, boto3.client("ssm").describe_parameters):
    try:
        call()
        print("allowed")
    except Exception as error:
        print(error.response["Error"]["Code"])
"""
READS = {"actions": ["s3:ListAllMyBuckets", "ssm:DescribeParameters"], "resources": "*"}


@pytest.fixture(scope="session")
def wide(deploy: Callable[[dict[str, Any]], Any]) -> Any:
    """A chain of three targets, of which two pass policies of their own."""
    own = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    return deploy(
        {
            "name": "wide",
            "source": {"account": "640000000001", "assumed_by": {"account": "640000000001"}},
            "middle": {"account": "640000000002"},
            "targets": [
                {"account": "640000000003", "alias": "open", "permissions": READS},
                {"account": "640000000004", "alias": "own", "permissions": READS, "policy": own},
                {
                    "account": "640000000005",
                    "alias": "managed",
                    "permissions": READS,
                    "policy_arns": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
                },
            ],
        }
    )


@pytest.fixture
def shell(shell_of: Callable[[Any], Any], wide: Any) -> Any:
    """A shell for that chain."""
    return shell_of(wide)


def test_an_action_outside_of_it_is_refused(shell: Any) -> None:
    """The kept session without a scope is not taken for one with it, nor the reverse."""
    target, run = ("--target", "open"), ("--", sys.executable, "-c", PROBE)
    for words, answers in (
        ((), "allowed\nallowed\n"),
        (("--scope", "s3:List*"), "allowed\nAccessDeniedException\n"),
        (("--scope", "ssm:*", "--scope", "sts:*"), "AccessDenied\nallowed\n"),
        ((), "allowed\nallowed\n"),
    ):
        said = shell.process("exec", *target, *words, *run)
        assert (said.code, said.out, said.err) == (0, answers, "")


def test_a_file(shell: Any, tmp_path: Path) -> None:
    """The document of a file, which env and credential-process take too."""
    file = tmp_path / "scope.json"
    statement = {"Effect": "Allow", "Action": "ssm:DescribeParameters", "Resource": "*"}
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}, indent=2))
    said = shell.process("exec", "--target", "open", "--scope", str(file), "--", sys.executable, "-c", PROBE)
    assert (said.code, said.out) == (0, "AccessDenied\nallowed\n")
    tokens = {
        json.loads(shell("credential-process", "--target", "open", *words).out)["SessionToken"]
        for words in ((), ("--scope", str(file)), ("--scope", "ssm:Describe*"))
    }
    assert len(tokens) == 3


def test_what_a_hop_cannot_pass(shell: Any) -> None:
    """STS takes one policy, and what any of several session policies allows the session may do."""
    refused = shell("env", "--target", "own", "--scope", "s3:Get*")
    assert refused.code == 2
    assert "passes a policy of its own, and STS takes one: remove --scope" in refused.err
    refused = shell("env", "--target", "managed", "--scope", "ssm:*")
    assert refused.code == 2
    assert "passes policy_arns, and --scope would add to what they allow: remove --scope" in refused.err


def test_too_long_for_sts(shell: Any) -> None:
    """The limit of 2,048 characters is checked before a call."""
    words = [word for number in range(200) for word in ("--scope", f"s3:GetObject{number}*")]
    refused = shell("env", "--target", "open", *words)
    assert refused.code == 2
    assert "STS takes 2048 at most" in refused.err


def test_actions_are_one_statement() -> None:
    """Actions are allowed on every resource: the role's own permissions name those."""
    statement = {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}
    found = scope_of(["s3:Get*", "s3:List*"])
    assert found is not None
    assert json.loads(found) == {"Version": "2012-10-17", "Statement": [statement]}
    assert scope_of([]) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no session policy"),
        ("[]", "is no session policy"),
        ('{"Version": "2012-10-17", "Statement": []}', "Statement is empty"),
        ('{"Statement": {"Effect": "Allow", "Action": "s3:*"}}', "Action or Resource is missing"),
        (
            '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"}}',
            "no Principal",
        ),
        ('{"Statement": {"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}}', "Effect"),
        ("\xff", "is no session policy"),
    ],
)
def test_a_file_that_is_no_policy(text: str, problem: str, tmp_path: Path) -> None:
    """JSON and IAM's grammar are checked, in one line."""
    file = tmp_path / "scope.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=problem) as caught:
        scope_of([str(file)])
    assert "\n" not in str(caught.value)


def test_what_is_neither(tmp_path: Path) -> None:
    """A mistyped action is looked for as a file; a file stands alone."""
    with pytest.raises(UsageError, match="'s3Get' is no action such as s3:Get"):
        scope_of(["s3Get"])
    with pytest.raises(UsageError, match="one file alone"):
        scope_of(["s3:Get*", "scope.json"])
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="it is not text in UTF-8"):
        scope_of([str(binary)])
