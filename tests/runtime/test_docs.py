"""The code of docs/runtime.md, run as it stands there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import boto3
import pytest

DOCS = Path(__file__).parents[2] / "docs" / "runtime.md"
CHAIN = """
name: deploy
source: {account: "111111111111"}
middle: {account: "222222222222"}
targets: {account: "333333333333"}
"""


@pytest.mark.skipif(
    not importlib.util.find_spec("yaml"), reason="the page reads a chain.yaml, which needs PyYAML"
)
def test_the_code_of_the_page_runs(
    sts: Any, base: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every block runs after the ones before it, from the default session, and calls what the page says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "base-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    Path("chain.yaml").write_text(CHAIN)
    sts.allows = lambda caller, call: not ("deploy-source/" in caller and call.role == "deploy-target")
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, Any] = {"boto3": boto3}
    for block in blocks:
        exec(compile(block, str(DOCS), "exec"), names)  # noqa: S102
    first = next(call for call in sts.calls if call.role == "deploy-target")
    assert (first.parameters["ExternalId"], first.parameters["Tags.member.1.Key"]) == ("ticket-7", "Team")
    printed = capsys.readouterr().out
    assert "arn:aws:iam::444444444444:role/rolechain/audit []" in printed
    assert "refused refused hop 2 of 2 refused:" in printed
