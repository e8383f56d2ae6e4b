"""A chain deployed to a local organization, and a shell from which it is used."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain import Chain
from rolechain.cli import main
from rolechain.local import LocalOrganization
from rolechain.statements.builder import own_statements, permission_statements, trust_statements


def policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass
class Deployed:
    """A chain whose roles exist, and the file that declares it."""

    organization: LocalOrganization
    chain: Chain
    file: Path

    def iam(self, account: str) -> Any:
        """An IAM client of an account's administrator."""
        return self.organization.session(account).client("iam")


@dataclass
class Said:
    """What a call of the command came to."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """A folder with a chain.yaml, and an environment with the source account's administrator."""

    folder: Path
    environment: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Said:
        """Calls the command in this process."""
        self.capture.readouterr()
        try:
            code = main(words)
        except SystemExit as error:
            code = int(error.code or 0)
        said = self.capture.readouterr()
        return Said(code, said.out, said.err)

    def process(self, *words: str, **settings: Any) -> Said:
        """Calls the command in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "rolechain.cli", *words],
            capture_output=True,
            text=True,
            check=False,
            **settings,
        )
        return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def organization() -> Iterator[LocalOrganization]:
    with LocalOrganization() as running:
        yield running


@pytest.fixture(scope="session")
def keys(organization: LocalOrganization) -> Callable[[str], str]:
    """Gives the lines of a profile with the keys of an account's administrator."""
    return lambda account: (
        f"aws_access_key_id = {account}\naws_secret_access_key = {organization.secret_access_key}\n"
    )


@pytest.fixture(scope="session")
def deploy(
    organization: LocalOrganization, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, Any]], Deployed]:
    """Makes the roles of a chain that is declared as in YAML."""

    def deploy(declared: dict[str, Any]) -> Deployed:
        file = tmp_path_factory.mktemp("chain") / "chain.yaml"
        file.write_text(yaml.safe_dump(declared))
        chain = Chain.load(file)
        for role in chain.roles:
            iam = organization.session(role.account).client("iam")
            trust = policy(trust_statements(chain, role))
            iam.create_role(Path=role.path, RoleName=role.role, AssumeRolePolicyDocument=trust)
            if own := [*permission_statements(chain, role), *own_statements(role)]:
                iam.put_role_policy(RoleName=role.role, PolicyName="own", PolicyDocument=policy(own))
        return Deployed(organization, chain, file)

    return deploy


@pytest.fixture(scope="session")
def deployed(deploy: Callable[[dict[str, Any]], Deployed]) -> Deployed:
    """A chain of three accounts that all tests may use, and none may change."""
    return deploy(
        {
            "name": "deploy",
            "organization": "o-exampleorg1",
            "region": "eu-central-1",
            "source": {"account": "111111111111", "assumed_by": {"account": "111111111111"}},
            "middle": {"account": "222222222222"},
            "targets": {"account": "333333333333", "external_id": "ticket-7"},
        }
    )


@pytest.fixture
def shell_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Deployed], Shell]:
    """A shell in a folder of its own, whose chain.yaml declares a deployed chain."""

    def shell_of(deployed: Deployed) -> Shell:
        account = deployed.chain.source.account
        for name, value in deployed.organization.environment(account).items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("COLUMNS", "140")
        (tmp_path / "chain.yaml").write_bytes(deployed.file.read_bytes())
        monkeypatch.chdir(tmp_path)
        return Shell(tmp_path, monkeypatch, capsys)

    return shell_of


@pytest.fixture
def shell(shell_of: Callable[[Deployed], Shell], deployed: Deployed) -> Shell:
    """A shell for the chain that all tests share."""
    return shell_of(deployed)


@pytest.fixture(autouse=True)
def hang_up_is_heard() -> Iterator[None]:
    """Tests that run under nohup ignore a hang-up, and so would every program that they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """No test leaves a thread behind that is not a daemon; one that is just ending is waited for."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in set(threading.enumerate()) - before if not thread.daemon]
    for thread in left:
        thread.join(10)
    assert [thread for thread in left if thread.is_alive()] == []


@pytest.fixture(scope="session")
def featured(deploy: Callable[[dict[str, Any]], Deployed]) -> Deployed:
    """A chain of two source roles and two targets that leaves a session tag and the source identity open.

    All tests may use it, and none may change it.
    """
    return deploy(
        {
            "name": "open",
            "organization": "o-exampleorg1",
            "source": [
                {"account": "620000000001", "assumed_by": {"account": "620000000001"}},
                {
                    "account": "620000000002",
                    "role": "open-ci",
                    "assumed_by": {"account": "620000000002", "external_id": "build-7"},
                },
            ],
            "middle": {
                "account": "620000000003",
                "session_tags": {"Project": "apollo", "Stage": ["dev", "test-*"]},
                "transitive_tag_keys": ["Stage"],
                "source_identity": {"values": ["ann", "bob"]},
            },
            "targets": [{"account": "620000000004"}, {"account": "620000000005", "external_id": "ticket-7"}],
        }
    )
