"""``rolechain simulate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rolechain.cli import main

SAMPLE = Path(__file__).parent.parent / "policy" / "assume_role_cases.json"


def test_prints_one_decision_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Each case of the file gives one JSON object a line, in order, with id, decision and reason."""
    assert main(["simulate", str(SAMPLE)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    vectors = json.loads(SAMPLE.read_text(encoding="utf-8"))["vectors"]
    assert [(line["id"], line["decision"]) for line in lines] == [
        (each["id"], each["expected"]) for each in vectors
    ]
    assert all(list(line) == ["id", "decision", "reason"] and line["reason"] for line in lines)


def test_exit_code_says_nothing_of_the_expectations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A decision other than the file expects is not a failure of the command."""
    case = json.loads(SAMPLE.read_text(encoding="utf-8"))["vectors"][0]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"vectors": [{**case, "expected": "allow"}]}), encoding="utf-8")
    assert main(["simulate", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "implicit_deny"


def test_malformed_policy_does_not_stop_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A case whose policy IAM would refuse is denied with the reason, and the next one is decided."""
    broken, sound = (json.loads(SAMPLE.read_text(encoding="utf-8"))["vectors"][9] for _ in range(2))
    broken["caller_policies"] = [{"Statement": {"Effect": "Allow", "Action": "sts:*", "Resources": "*"}}]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"vectors": [broken, sound]}), encoding="utf-8")
    assert main(["simulate", str(file)]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["decision"] == "implicit_deny"
    assert first["reason"].startswith(
        "IAM refuses the identity policy, which never takes effect: statement 0: "
    )
    assert second["decision"] == "allow"


def test_any_text_can_be_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Half of a surrogate pair, which no encoding writes, comes out as JSON escapes it."""
    case = json.loads(SAMPLE.read_text(encoding="utf-8"))["vectors"][0]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([{**case, "id": "\ud800"}]), encoding="utf-8")
    assert main(["simulate", str(file)]) == 0
    assert json.loads(capfd.readouterr().out)["id"] == "\ud800"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file: name a file of cases in JSON"),
        ("no json", "no JSON: Expecting value"),
        ("{}", "is not a file of cases: it holds no list named vectors"),
        ('{"vectors": [{"id": "A"}]}', "case A: caller is missing: write an object"),
    ],
)
def test_file_that_is_no_file_of_cases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    """A missing file, no JSON, or another format is a usage error of one line, and nothing is decided."""
    file = tmp_path / "cases.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert main(["simulate", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rolechain: ")
    assert captured.err.endswith(f"{message}\n")
    assert captured.err.count("\n") == 1
