"""``rolechain audit --format sarif``: what code scanning reads."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from rolechain.cli import main
from rolechain.proof.rules import RULES

Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("folder")


_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_LOG = {
    "type": "object",
    "required": ["version", "runs", "$schema"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "minItems": 1,
            "items": {
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "properties": {"driver": {"required": ["name", "rules"]}},
                        "required": ["driver"],
                    },
                    "results": {
                        "items": {
                            "additionalProperties": False,
                            "required": [
                                "ruleId",
                                "ruleIndex",
                                "level",
                                "message",
                                "locations",
                                "partialFingerprints",
                            ],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": _TEXT,
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "locations": {
                                    "minItems": 1,
                                    "items": {
                                        "required": ["physicalLocation"],
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation", "region"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "required": ["uri"],
                                                        "properties": {"uri": {"pattern": "^[^\\\\ ]+$"}},
                                                    },
                                                    "region": {
                                                        "required": ["startLine"],
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1}
                                                        },
                                                    },
                                                },
                                            }
                                        },
                                    },
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}
"""The part of the SARIF 2.1.0 schema that a log of this command uses, and what code scanning asks for besides."""


def test_sarif_shows_findings_at_their_lines(capsys: Capture, open_role: str) -> None:
    """A SARIF log: every rule with its help, and each finding with its level, file and line."""
    Path("with blank").mkdir()
    Path("with blank/open.yaml").write_text(open_role)
    assert main(["audit", "with blank/open.yaml", "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    jsonschema.validate(log, _LOG)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["RC00", *(rule.id for rule in RULES)]
    assert rules[1]["name"] == "OpenToEveryone"
    assert rules[1]["defaultConfiguration"] == {"level": "error"}
    assert "every AWS account of the world" in rules[1]["help"]["text"]
    (result,) = run["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("RC01", 1, "error")
    assert result["message"]["text"].startswith("Role trusts *")
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "with%20blank/open.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 12},
    }
    assert (
        location["logicalLocations"][0]["fullyQualifiedName"] == "Role.AssumeRolePolicyDocument.Statement[1]"
    )


def test_sarif_fingerprints_outlive_lines(capsys: Capture, open_role: str) -> None:
    """A finding that moved to another line keeps its fingerprint, so that it is not reported as new."""
    prints = []
    for text in (open_role, "# a comment\n" + open_role):
        Path("open.yaml").write_text(text)
        main(["audit", "open.yaml", "--format", "sarif"])
        (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
        prints.append(
            (result["locations"][0]["physicalLocation"]["region"]["startLine"], result["partialFingerprints"])
        )
    assert [line for line, _ in prints] == [12, 13]
    assert prints[0][1] == prints[1][1]
