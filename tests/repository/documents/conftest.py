"""What the documents take for granted: a deployed chain, and somebody who uses it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from rolechain import Chain, ChainRole
from rolechain.local import LocalOrganization
from tests.repository.documents.blocks import ROOT, blocks
from tests.repository.documents.deployment import LISTS, make_role, make_roles

MIDDLE = "arn:aws:iam::222222222222:role/rolechain/deploy-middle"
OF_MIDDLE = {
    "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
    "Condition": {"ArnEquals": {"aws:PrincipalArn": MIDDLE}},
}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder, with the chain of the README's first screen."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "chain.yaml").write_text(blocks("yaml")[0].text)
    return folder


@pytest.fixture(scope="session")
def smallest(home: Path) -> Chain:
    """That chain."""
    return Chain.load(home / "chain.yaml")


@pytest.fixture(scope="session")
def organization(smallest: Chain) -> Iterator[LocalOrganization]:
    """Where that chain is deployed.

    The target takes tags of the middle role, a role for audits stands in one account of two, and one is closed to all
    but a service.
    """
    (middle,), (target,) = smallest.middle, smallest.targets
    with LocalOrganization() as running:
        make_roles(
            running,
            smallest,
            trusts={target.role: [{"Effect": "Allow", "Action": "sts:TagSession", **OF_MIDDLE}]},
            permissions={
                target.role: [LISTS],
                middle.role: [
                    {"Effect": "Allow", "Action": "sts:TagSession", "Resource": target.arn},
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Resource": [f"arn:aws:iam::*:role/rolechain/{name}" for name in ("audit", "closed")],
                    },
                ],
            },
        )
        trust = [{"Effect": "Allow", "Action": "sts:AssumeRole", **OF_MIDDLE}]
        make_role(running, ChainRole(target.account, "audit"), trust, [LISTS])
        service = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "ec2.amazonaws.com"},
        }
        make_role(running, ChainRole(target.account, "closed"), [service], [])
        yield running


@pytest.fixture
def workload(
    organization: LocalOrganization, smallest: Chain, home: Path, monkeypatch: pytest.MonkeyPatch
) -> LocalOrganization:
    """The process is the Lambda function of the source role, in the user's folder."""
    session = organization.workload(smallest.source.arn, "lambda.amazonaws.com")
    credentials: Any = session.get_credentials()
    be(monkeypatch, home, organization.environment("111111111111"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", credentials.token)
    return organization


@pytest.fixture(scope="session")
def repository_chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repository's chain, which lets in an account as well, as docs/commands.md asks for."""
    folder = tmp_path_factory.mktemp("repository")
    declared = yaml.safe_load((ROOT / "chain.yaml").read_text())
    declared["source"]["assumed_by"] = [declared["source"]["assumed_by"], {"account": "111111111111"}]
    (folder / "chain.yaml").write_text(yaml.safe_dump(declared))
    return folder


@pytest.fixture(scope="session")
def deployed(repository_chain: Path) -> Iterator[LocalOrganization]:
    """Where that chain is deployed."""
    with LocalOrganization() as running:
        make_roles(running, Chain.load(repository_chain / "chain.yaml"))
        yield running


@pytest.fixture
def shell(deployed: LocalOrganization, repository_chain: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The process is the administrator of the source's account, in that folder, on a wide terminal."""
    be(monkeypatch, repository_chain, deployed.environment("111111111111"))
    monkeypatch.setenv("COLUMNS", "110")
    return repository_chain


def be(monkeypatch: pytest.MonkeyPatch, folder: Path, environment: dict[str, str]) -> None:
    """Sets the process's folder and environment, so that nothing of the user's own is read or written."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / ".cache"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def outcomes(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Whether each test that the documents show passes in a user's folder, by document and name."""
    folder = tmp_path_factory.mktemp("tests")
    (folder / "chain.yaml").write_text((home / "chain.yaml").read_text())
    pages: dict[str, str] = {}
    for block in blocks("python"):
        if is_test(block.text):
            pages[block.document] = pages.get(block.document, "") + block.text
    for document, text in pages.items():
        (folder / f"test_{Path(document).stem}.py").write_text(text)
    asked = [sys.executable, "-m", "pytest", "--snapshot-update", "--junitxml=report.xml"]
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest"]
    subprocess.run([*asked, *quiet], cwd=folder, check=False)
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")  # noqa: S314 - pytest wrote it
    return {f"{case.get('classname')}.{case.get('name')}": len(case) == 0 for case in cases}


def is_test(text: str) -> bool:
    """Whether a block shows tests."""
    return "\ndef test_" in f"\n{text}"
