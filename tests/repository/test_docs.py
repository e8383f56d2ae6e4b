"""The code in the documents runs, and what they show is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolechain import Chain
from rolechain.cli.deployment import EXECUTION_POLICIES
from rolechain.policy.statements import permission_statements, trust_statements

ROOT = Path(__file__).parents[2]


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a document, in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / name).read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def smallest(tmp_path: Path) -> Chain:
    """The chain of the README's first screen."""
    file = tmp_path / "chain.yaml"
    file.write_text(blocks("README.md", "yaml")[0])
    return Chain.load(file)


def test_the_smallest_chain(smallest: Chain) -> None:
    """The README's first example is a whole chain."""
    assert [role.role for role in smallest.roles] == ["deploy-source", "deploy-middle", "deploy-target"]


def test_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    """The example of docs/decision.md runs, assertions included."""
    (code,) = blocks("docs/decision.md", "python")
    exec(code, {})  # noqa: S102 - it is the repository's own


def test_the_app_of_the_readme() -> None:
    """The README's app makes a stack for each account."""
    (code,) = [block for block in blocks("README.md", "python") if "cdk.App()" in block]
    made: dict[str, Any] = {}
    exec(code.replace("cdk.App()", "cdk.App(builtin_cloud_formation_validation=False)"), made)  # noqa: S102
    names = {path.name for path in Path(made["app"].outdir).glob("*.template.json")}
    assert names == {f"deploy-{str(account) * 12}.template.json" for account in (1, 2, 3, 4)}


def test_the_bootstrap_of_the_readme() -> None:
    """The README bootstraps with what the demo does, which no deployment on one machine would miss."""
    (named,) = re.findall(r"arn:aws:iam::aws:policy/\S+", (ROOT / "README.md").read_text())
    assert named.split(",") == [f"arn:aws:iam::aws:policy/{name}" for name in EXECUTION_POLICIES]


def test_what_is_written(smallest: Chain) -> None:
    """docs/chain.md shows the statements that are written."""
    permission, trust = (yaml.safe_load(block) for block in blocks("docs/chain.md", "json"))
    assert permission_statements(smallest, smallest.source) == [permission]
    (written,) = trust_statements(smallest, smallest.middle[0])
    assert {key: value for key, value in written.items() if key != "Sid"} == trust


def test_every_link_leads_somewhere() -> None:
    """Each relative link of a document is to a file that exists."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []
