"""Findings as JUnit's XML, as a table in Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple
from xml.etree import ElementTree

from rolechain.cli.template_files import FilesByName, holding
from rolechain.proof import Finding, Level


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
    for row in rows:
        writer.writerow(
            [f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in _cells(row)]
        )
    return text.getvalue()


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
