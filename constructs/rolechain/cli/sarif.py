"""Findings as SARIF, which code scanning shows at their lines.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub Docs, "SARIF support for
code scanning".
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rolechain.cli.report_formats import Row
from rolechain.cli.template_files import TemplateFile
from rolechain.cli.triage import fingerprint
from rolechain.proof import Level, SourceLocation
from rolechain.proof.rules import RULES, UNKNOWN
from rolechain.proof.rules.rule import Rule

Json = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# What code scanning sorts by: high from 7.0, medium from 4.0.
_SEVERITY = {Level.ERROR: "8.0", Level.WARNING: "4.0"}


def log(rows: Iterable[Row], anywhere: TemplateFile) -> Json:
    """A SARIF log of one run; what stands nowhere is shown in the first line of a file that is given for that."""
    rules = [_rule(each) for each in (UNKNOWN, *RULES)]
    index = {each["id"]: number for number, each in enumerate(rules)}
    driver = {"name": "rolechain", "semanticVersion": version("rolechain"), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(row, anywhere) | {"ruleIndex": index[row.finding.rule]} for row in rows],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> Json:
    source = f"\nSource: {rule.source}." if rule.source else ""
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.name.split("_")),
        "shortDescription": {"text": rule.title[0].upper() + rule.title[1:]},
        "fullDescription": {"text": f"Prevents: {rule.prevents}."},
        "help": {"text": f"Asked for: {rule.title}.\nPrevents: {rule.prevents}.{source}"},
        "defaultConfiguration": {"level": rule.levels[0].value},
        "properties": {"tags": ["security", "iam"], "security-severity": _SEVERITY[rule.levels[0]]},
    }


def _result(row: Row, anywhere: TemplateFile) -> Json:
    finding, place = row.finding, row.finding.place
    where: Json = {
        "physicalLocation": {
            "artifactLocation": _artifact(Path(row.file) if row.file else anywhere.path),
            "region": {"startLine": row.line or anywhere.line(SourceLocation(anywhere.template.name))},
        }
    }
    if place and place.logical_id:
        statement = "" if place.statement is None else f"Statement[{place.statement}]"
        qualified = ".".join(filter(None, (place.logical_id, place.part, statement)))
        where["logicalLocations"] = [
            {"name": place.logical_id, "fullyQualifiedName": qualified, "kind": "resource"}
        ]
    return {
        "ruleId": finding.rule,
        "level": finding.level.value,
        "message": {"text": f"{finding.message}\nFix: {finding.remediation}"},
        "locations": [where],
        "partialFingerprints": {"rolechain/v1": fingerprint(finding)},
    }


def _artifact(path: Path) -> Json:
    """Where a file is: below the working folder, which code scanning takes for the repository, or anywhere."""
    try:
        relative = path.resolve().relative_to(Path.cwd())
    except ValueError:
        return {"uri": path.resolve().as_uri()}
    return {"uri": quote(relative.as_posix()), "uriBaseId": "%SRCROOT%"}
