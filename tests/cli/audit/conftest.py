"""Templates to audit, and the folder that they lie in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli import main

OPEN = """\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: open
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: {Service: ec2.amazonaws.com}
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: "*"
"""


@pytest.fixture
def open_role() -> str:
    """A template with a role that a service may assume, and everyone."""
    return OPEN


@pytest.fixture
def closed_role() -> str:
    """The same without everyone."""
    return OPEN[: OPEN.rindex("          - Effect")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, which stands for the repository."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def audited(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """The exit code and the document of an audit."""

    def audit(*words: str) -> tuple[int, dict[str, Any]]:
        code = main(["audit", *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return audit
