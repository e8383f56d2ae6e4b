"""The documents lead to one another, and to files and names of the code that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "constructs" / "rolechain"
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/README.md")]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`(\w[\w./-]*(?:\.(?:py|md|json|toml|yaml|in|lock)|/))`")
OF_USERS = {"build/", "chain.json", "conftest.py", "aws/", "organization.json"}
"""What readers of the documents write themselves, or a command writes for them."""


def test_every_link_leads_somewhere() -> None:
    """Each relative link of a document is to a file that exists."""
    broken = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_path_leads_somewhere(document: Path) -> None:
    """Each file and folder that a document names exists, from the folder, the root, the source root or the package."""
    named = set(PATH.findall(FENCE.sub("", document.read_text()))) - OF_USERS
    bases = (document.parent, ROOT, PACKAGE.parent, PACKAGE)
    assert [path for path in sorted(named) if not any((base / path).exists() for base in bases)] == []


def test_every_name_of_the_map_stands_in_its_file() -> None:
    """What the map names in brackets after a file is defined there or called."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`([\w/]+\.py)` \(`([\w.]+)`\)", text)
    assert len(named) >= 4
    assert [
        f"{path}: {name}"
        for path, name in named
        for part in name.split(".")
        if not re.search(rf"\b{part}\b", (PACKAGE / path).read_text())
    ] == []


def test_the_glossary_names_the_code() -> None:
    """Each term has a name in the code, which occurs there."""
    code = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    rows = [
        line.strip("| ").split(" | ") for line in (ROOT / "docs/glossary.md").read_text().splitlines()[6:]
    ]
    assert len(rows) <= 25
    assert [
        term
        for term, _, names in rows
        for name in names.split(", ")
        if not re.search(rf"\b{name[1:-1]}\b", code)
    ] == []
