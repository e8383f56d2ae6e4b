"""What the layout of the repository must hold to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def test_the_source_root_holds_no_python_of_its_own() -> None:
    """A .py file in constructs/ would shadow the PyPI package that CDK needs."""
    assert list((ROOT / "constructs").glob("*.py")) == []


def test_cdk_finds_its_package_from_the_root() -> None:
    """From the repository's root, ``constructs`` is the package that CDK needs."""
    script = "import constructs, sys; print(constructs.Construct.__module__)"
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout == "constructs\n"


def test_no_registry_and_no_machine_is_named() -> None:
    """Lock files and scripts hold no address of a registry and no path of the machine that they were made on."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    host = re.compile(r"https?://[^ ]*(pypi|npmjs|debian)\.[a-z]+")
    named = [
        name
        for name in files.splitlines()
        if not name.endswith(".md") and host.search((ROOT / name).read_text(errors="replace"))
    ]
    assert named == []


def test_the_pins_agree() -> None:
    """What is pinned satisfies what the distribution asks for, exactly, and with hashes in requirements.lock."""
    lines = (ROOT / "requirements.in").read_text().splitlines()
    pins = dict(line.lower().split("==") for line in lines if not line.startswith("#"))
    first, *direct = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    assert first == "-e .[cdk,cli,local,trace]"
    assert set(direct) <= set(lines)
    text = (ROOT / "requirements.lock").read_text()
    locked = re.findall(r"^([\w-]+)==([\w.]+).* \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(locked) == len(re.findall("^[^ #]", text, re.MULTILINE))
    assert pins.items() <= dict(locked).items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for each in ("cdk", "cli", "local", "trace"):
        for asked in map(Requirement, project["optional-dependencies"][each]):
            assert pins[asked.name.lower()] in asked.specifier
    assert "ministack==1.5.33" in project["optional-dependencies"]["local"]
    lock = json.loads((ROOT / "package-lock.json").read_text())
    cli = lock["packages"]["node_modules/aws-cdk"]
    assert cli["version"] == json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    assert cli["integrity"].startswith("sha512-")
    assert "resolved" not in cli
