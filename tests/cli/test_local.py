"""The local organization with a chain's roles, for one program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHAIN = {
    "name": "deploy",
    "organization": "o-exampleorg7",
    "source": {"account": "111111111111", "assumed_by": {"service": "lambda.amazonaws.com"}},
    "middle": {"account": "222222222222", "permissions_boundary": "fence"},
    "targets": {
        "account": "333333333333",
        "alias": "prod",
        "external_id": "ticket-7",
        "managed_policies": ["ReadOnlyAccess"],
        "permissions": {"actions": "s3:ListAllMyBuckets", "resources": "*"},
    },
    "policy_documents": {
        "arn:aws:iam::222222222222:policy/fence": {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"},
        }
    },
}
WALKS = """\
import os, boto3
from rolechain import Chain
from rolechain.runtime import chain_session
chain = Chain.load(os.environ["ROLECHAIN_CHAIN"])
print(boto3.client("sts").get_caller_identity()["Arn"])
session = chain_session(*chain.hops_to("prod"))
print(session.client("sts").get_caller_identity()["Arn"], session.client("s3").list_buckets()["Buckets"])
"""


def local(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rolechain", "local", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A chain in a folder of its own."""
    (tmp_path / "chain.yaml").write_text(yaml.safe_dump(CHAIN))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "chain.yaml"


def test_a_program_takes_the_chain(file: Path) -> None:
    """A program is the workload of the source role, and nothing of the user's own AWS settings reaches it."""
    said = local("--", sys.executable, "-c", WALKS, AWS_PROFILE="mine")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == (
        "arn:aws:sts::111111111111:assumed-role/deploy-source/workload\n"
        "arn:aws:sts::333333333333:assumed-role/deploy-target/" + said.stdout.split("/")[-1]
    )
    assert said.stdout.endswith(" []\n")


def test_the_roles_are_those_of_the_templates(file: Path) -> None:
    """Verify takes every hop, and every shortcut is refused, a hop without its external id among them."""
    said = local("--chain", str(file), "--", sys.executable, "-m", "rolechain", "verify", "--json")
    reports = json.loads(said.stdout)
    assert (said.returncode, [report["ok"] for report in reports]) == (0, [True] * 4)


def test_every_feature() -> None:
    """The chain that has every feature is made too."""
    said = local("--chain", str(ROOT / "examples" / "every-feature.yaml"), "--", "true")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["sh", "-c", "exit 7"], 7, ""),
        (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM, ""),
        (["nowhere"], 127, "rolechain: nowhere: no such program\n"),
        (["/"], 126, "rolechain: /: cannot be run: Permission denied\n"),
    ],
)
def test_the_exit_code_is_the_program_s(file: Path, words: list[str], code: int, error: str) -> None:
    """The command ends with the program, as a shell tells how that ended."""
    said = local("--", *words)
    assert (said.returncode, said.stdout, said.stderr) == (code, "", error)


def test_a_chain_that_cannot_be_made_or_entered(file: Path) -> None:
    """A policy that the chain does not hold, and entrances that no workload here can use, are said in one line."""
    text = file.read_text()
    file.write_text(text.replace(":policy/fence", ":policy/other"))
    said = local("--", "true")
    assert said.returncode == 1
    assert "the roles of chain deploy cannot be made in the local organization: " in said.stderr
    assert said.stderr.endswith(": add the document of a policy that it lacks to policy_documents\n")
    file.write_text(text.replace("service: lambda.amazonaws.com", "permission_set: Admin"))
    said = local("--", "true")
    assert said.returncode == 1
    assert said.stderr == (
        "rolechain: a chain is entered as a service or an account in the local organization, and deploy-source lets in "
        "neither: add one to assumed_by, such as {service: lambda.amazonaws.com}\n"
    )


def test_without_a_program_it_prints_the_workload_s_environment(file: Path) -> None:
    """With --chain alone it serves, and the lines that it prints make a shell the workload."""
    served = subprocess.Popen(
        [sys.executable, "-m", "rolechain", "local", "--chain", "chain.yaml"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert served.stdout
    lines: list[str] = []
    while not lines or not lines[-1].startswith("export ROLECHAIN_CHAIN="):
        lines.append(served.stdout.readline())
    assert lines[0].startswith("# organization o-exampleorg7 at http://127.0.0.1:")
    script = "".join(lines) + f"{sys.executable} -m rolechain whoami\n"
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert "assumed-role/deploy-target/" in said.stdout
    served.send_signal(signal.SIGINT)
    assert served.wait() == 0
    served.stdout.close()
