"""What docs/testing.md and docs/proof.md show is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rolechain.cli import main

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
CHAIN = """\
name: deploy
source: {account: "111111111111", assumed_by: {service: lambda.amazonaws.com}}
middle: {account: "222222222222"}
targets: {account: "333333333333"}
"""


@pytest.mark.xdist_group("local organization")
def test_the_tests_of_the_document(pytester: pytest.Pytester) -> None:
    """The tests that docs/testing.md shows run in a user's own repository, but for that which needs a library."""
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    proven, _, local = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    pytester.path.joinpath("chain.yaml").write_text(CHAIN)
    pytester.makepyfile(test_proven=proven, test_local=local)
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=3)


def test_the_audit_of_the_document(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/proof.md shows what the audit of its example prints."""
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^\$ rolechain (.*?)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert main(shown[0].split()) == 1
    assert capsys.readouterr().out == shown[1]
