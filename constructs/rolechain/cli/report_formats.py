"""Findings as JUnit's XML, as a table in Markdown, as CSV, and as SARIF, which code scanning shows at their lines.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub Docs, "SARIF support for
code scanning".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from rolechain.cli.template_files import FilesByName, TemplateFile, holding
from rolechain.cli.triage import fingerprint
from rolechain.proof import Finding, Level, SourceLocation
from rolechain.proof.rules import RULES, UNKNOWN
from rolechain.proof.rules.rule import Rule

Json = dict[str, Any]


class Row(NamedTuple):
    """A finding and where it stands.

    Attributes:
        finding: the finding.
        file: the file; empty where it stands nowhere.
        line: the line of that, counted from 1; 0 where it stands nowhere.
    """

    finding: Finding
    file: str
    line: int

    @classmethod
    def of(cls, finding: Finding, files: FilesByName) -> Row:
        """A finding, with the file that holds its place."""
        place = finding.place
        if place is None or (file := holding(files, place)) is None:
            return cls(finding, "", 0)
        return cls(finding, file.path.as_posix(), file.line(place))


COLUMNS = ("level", "rule", "file", "line", "resource", "part", "statement", "message", "fix")


def _cells(row: Row) -> tuple[str, ...]:
    finding, place = row.finding, row.finding.place
    return (
        finding.level.value,
        finding.rule,
        row.file,
        str(row.line or ""),
        place.logical_id if place else "",
        place.part if place else "",
        "" if place is None or place.statement is None else str(place.statement),
        finding.message,
        finding.remediation,
    )


def as_csv(rows: Iterable[Row]) -> str:
    """A line for each finding, below the names of the columns.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(as_text, _cells(row)) for row in rows)
    return text.getvalue()


def as_text(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def as_markdown(rows: Iterable[Row], summary: str) -> str:
    """A table with a row for each finding, below the summary."""
    body = []
    for row in rows:
        level, rule, file, line, resource, *_, message, fix = _cells(row)
        where = f"{file}:{line} {resource}".strip() if file else ""
        body.append(f"| {' | '.join(map(_inline, (level, rule, where, message, fix)))} |")
    head = ["", "| | rule | where | finding | fix |", "|---|---|---|---|---|"] if body else []
    return "\n".join([f"**{_inline(summary)}**", *head, *body]) + "\n"


def _inline(text: str) -> str:
    """``text`` as Markdown shows it unchanged, in a cell of a table too."""
    return "".join(f"\\{each}" if each in r"\`*_[]<>|#~" else each for each in text)


def as_junit(rows: Iterable[Row], files: Iterable[str]) -> str:
    """A test suite for each file: a failed test for each error, and a passed one where there is none.

    Warnings are written as output of a passed test.
    """
    found = {
        file: list(each)
        for file, each in groupby(sorted(rows, key=lambda row: row.file), lambda row: row.file)
    }
    root = ElementTree.Element("testsuites", name="rolechain audit")
    for file in dict.fromkeys([*files, *found]):
        cases = list(_test_cases(file, found.get(file, [])))
        failures = sum(case.find("failure") is not None for case in cases)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=file or "all templates",
            tests=str(len(cases)),
            failures=str(failures),
            errors="0",
        )
        suite.extend(cases)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _test_cases(file: str, rows: list[Row]) -> Iterator[ElementTree.Element]:
    for row in rows:
        finding = row.finding
        name = f"{finding.rule} {finding.place or ''}".strip()
        case = ElementTree.Element("testcase", classname=file or "rolechain", name=name)
        if row.file:
            case.set("file", row.file)
            case.set("line", str(row.line))
        text = f"{row.file}:{row.line}\n{finding.message}\nfix: {finding.remediation}"
        if finding.level is Level.ERROR:
            ElementTree.SubElement(case, "failure", message=finding.message, type=finding.rule).text = text
        else:
            ElementTree.SubElement(case, "system-out").text = text
        yield case
    if not rows:
        yield ElementTree.Element("testcase", classname=file or "rolechain", name="no finding")


_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# What code scanning sorts by: high from 7.0, medium from 4.0.
_SEVERITY = {Level.ERROR: "8.0", Level.WARNING: "4.0"}


def as_sarif(rows: Iterable[Row], anywhere: TemplateFile) -> Json:
    """A SARIF log of one run; what stands nowhere is shown in the first line of a file that is given for that."""
    rules = [_sarif_rule(each) for each in (UNKNOWN, *RULES)]
    index = {each["id"]: number for number, each in enumerate(rules)}
    driver = {"name": "rolechain", "semanticVersion": version("rolechain"), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(row, anywhere) | {"ruleIndex": index[row.finding.rule]} for row in rows],
    }
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _sarif_rule(rule: Rule) -> Json:
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


def _sarif_result(row: Row, anywhere: TemplateFile) -> Json:
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
