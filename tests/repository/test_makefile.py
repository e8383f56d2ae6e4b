"""What ``make`` sets up, and that two of them in one clone do not get into each other's way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TOOL = """#!/bin/sh
echo "$(basename "$0") $*" >> "{log}"
sleep 0.2
case "$*" in ci*) mkdir -p node_modules ;; esac
"""
PYTHON = """#!/bin/sh
case "$1 $2" in
  "-m venv") mkdir -p .venv/bin; cp "{tool}" .venv/bin/python; cp "{tool}" .venv/bin/npm; exec .venv/bin/python "$@" ;;
  *) exec "{python}" "$@" ;;
esac
"""


def test_two_first_makes_set_up_once(tmp_path: Path) -> None:
    """The second waits for the first, and then finds everything there."""
    tools, clone, log = tmp_path / "tools", tmp_path / "clone", tmp_path / "log"
    for folder in (tools, clone):
        folder.mkdir()
    tool = tools / "tool"
    tool.write_text(TOOL.format(log=log))
    (tools / "python3.11").write_text(PYTHON.format(tool=tool, python=sys.executable))
    for each in tools.iterdir():
        each.chmod(0o755)
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "package.json", "package-lock.json"):
        shutil.copy(ROOT / name, clone)
    environment = os.environ | {"PATH": os.pathsep.join((str(tools), os.environ["PATH"]))}
    makes = [subprocess.Popen(["make", "setup-test"], cwd=clone, env=environment) for _ in range(2)]
    assert [make.wait(60) for make in makes] == [0, 0]
    steps = [line for line in log.read_text().splitlines() if " -c " not in line]
    assert len(steps) == len(set(steps)), steps
    assert steps[-3].startswith("npm ci")
    assert {step.split()[-1] for step in steps[-2:]} == {"test", "oracle"}
