"""``rolechain audit``: what it prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli import main

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]
Audited = Callable[..., tuple[int, dict[str, Any]]]

pytestmark = pytest.mark.usefixtures("folder")


def test_an_open_role_is_shown_at_its_line(capsys: Capture, open_role: str) -> None:
    """Who is let in, and each finding with file, line, place and cure; exit code 1."""
    Path("open.yaml").write_text(open_role)
    assert main(["audit", "open.yaml"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  • Role lets in everyone that its own account allows" in lines
    assert "  error RC01 open.yaml:12 Role AssumeRolePolicyDocument statement 1" in lines
    assert lines[-1] == "1 template: 1 error"


def test_a_sound_template_has_no_finding(capsys: Capture, closed_role: str) -> None:
    """A role that only a service may assume: exit code 0, and nothing but who is let in."""
    Path("closed.yaml").write_text(closed_role)
    assert main(["audit", "closed.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "who is let in",
        "  • Role lets in the service ec2.amazonaws.com",
        "taken for granted",
        "  • the partition aws where no region is known",
        "1 template: no finding",
    ]


def test_json_names_file_and_line(audited: Audited, open_role: str) -> None:
    """--json is the document of ``prove``, each finding with its file and line."""
    Path("open.yaml").write_text(open_role)
    code, document = audited("open.yaml")
    assert code == 1
    assert list(document) == [
        "proven",
        "hops",
        "entrances",
        "findings",
        "assumptions",
        "acknowledged",
        "known",
        "skipped",
    ]
    (finding,) = document["findings"]
    assert {
        key: finding[key] for key in ("rule", "level", "template", "logical_id", "statement", "file", "line")
    } == {
        "rule": "RC01",
        "level": "error",
        "template": "open.yaml",
        "logical_id": "Role",
        "statement": 1,
        "file": "open.yaml",
        "line": 12,
    }


@pytest.mark.parametrize("words", ["x", "=111111111111", "open.yaml=1", "open.yaml=\u0661" + "1" * 11])
def test_an_account_that_is_none(words: str, capsys: Capture) -> None:
    """--account takes a file and 12 digits."""
    with pytest.raises(SystemExit) as caught:
        main(["audit", "open.yaml", "--account", words])
    assert caught.value.code == 2
    assert "is not FILE=ID: write a template's path, =, and 12 digits" in capsys.readouterr().err


def test_an_account_of_a_file_that_is_not_given(capsys: Capture, open_role: str) -> None:
    """--account for a file that is not audited is a mistake, and said."""
    Path("open.yaml").write_text(open_role)
    assert main(["audit", "open.yaml", "--account", "opne.yaml=111111111111"]) == 2
    assert "--account opne.yaml=111111111111 names none of the templates" in capsys.readouterr().err


def test_an_account_of_ones_own(audited: Audited, closed_role: str) -> None:
    """An account that --account names is not a third party: what is asked for is its caller, and no external id."""
    root = closed_role.replace("Service: ec2.amazonaws.com", 'AWS: "444455556666"')
    Path("root.yaml").write_text(root)
    found = [
        [(each["rule"], each["level"]) for each in audited("root.yaml", *words)[1]["findings"]]
        for words in ((), ("--account", "444455556666"))
    ]
    assert found == [[("RC04", "error"), ("RC06", "warning")], [("RC06", "error")]]


def test_warnings_are_findings_of_a_strict_audit_only(audited: Audited, closed_role: str) -> None:
    """A warning leaves the exit code 0; --strict makes it 1."""
    wide = (
        "      Policies: [{PolicyName: p, PolicyDocument: {Version: 2012-10-17, Statement: {Effect: Allow,"
        " Action: sts:AssumeRole, Resource: 'arn:aws:iam::*:role/x'}}}]\n"
    )
    Path("wide.yaml").write_text(closed_role + wide)
    code, document = audited("wide.yaml")
    assert (code, [finding["rule"] for finding in document["findings"]]) == (0, ["RC07"])
    assert audited("wide.yaml", "--strict")[0] == 1


def test_names_are_shown_with_control_characters_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    """A template cannot move the cursor, clear the screen or turn the text around."""
    name = "open\x1b[2J\x9b\u202e"
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": name, "AssumeRolePolicyDocument": {"Statement": statement}},
    }
    Path("escapes.json").write_text(json.dumps({"Resources": {name: role}}))
    assert main(["audit", "escapes.json"]) == 1
    said = capsys.readouterr().out
    assert "open\\x1b[2J\\x9b\\u202e" in said
    assert not set("\x1b\x9b\u202e") & set(said)
