"""``rolechain audit``: every AssumeRole that templates allow and every rule that they break; no chain is declared."""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rolechain.cli import audit_config, sarif
from rolechain.cli.audit_text import GROUPS, AuditText
from rolechain.cli.options import UsageError, add_format_option, add_repeated_option, pair, placed
from rolechain.cli.parameters import values_of
from rolechain.cli.report_formats import Row, as_csv, as_junit, as_markdown
from rolechain.cli.template_files import FilesByName, Skipped, holding, metadata_of, read
from rolechain.cli.triage import Triage, level, read_baseline, rule_ids, triaged, written_baseline
from rolechain.proof import AssemblyError, Finding, Level, Proof, Template, audit
from rolechain.proof.report import counted, tally

FORMATS = ("text", "json", "sarif", "junit", "markdown", "csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "templates",
        metavar="TEMPLATE",
        nargs="*",
        help="a CloudFormation template in JSON or YAML, a folder of them, or a cdk.out",
    )
    parser.add_argument(
        "--config", metavar="FILE", help="a YAML file that gives these options, by their names"
    )
    _add_values(parser)
    _add_files(parser)
    _add_findings(parser)


def _add_values(parser: argparse.ArgumentParser) -> None:
    account = "the account that a template is deployed to, or just one that is yours"
    add_repeated_option(parser, "--account", "[FILE=]ID", account, type=placed)
    value = "the value of a parameter, for every template that declares it"
    add_repeated_option(parser, "--parameter", "KEY=VALUE", value, type=pair("KEY=VALUE"))
    values = "a file of such values, as CloudFormation and CodePipeline take it or as a mapping in YAML"
    add_repeated_option(parser, "--parameters", "FILE", values)
    stored = "what Systems Manager holds under a name"
    add_repeated_option(parser, "--ssm", "NAME=VALUE", stored, type=pair("NAME=VALUE"))
    export = "the value of an export of a stack that is not among the templates"
    add_repeated_option(parser, "--import", "NAME=VALUE", export, type=pair("NAME=VALUE"))
    parser.add_argument(
        "--region", help="the region of the templates that do not say theirs, such as us-east-1"
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    include = "only the files of folders whose path below the folder is like this, such as 'iam/*.yaml'"
    add_repeated_option(parser, "--include", "PATTERN", include)
    add_repeated_option(
        parser, "--exclude", "PATTERN", "no file of folders whose path below the folder is like this"
    )
    parser.add_argument(
        "--strict-files",
        action="store_true",
        help="exit 1 where a file of a folder is not a template that can be read",
    )


def _add_findings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", metavar="RULES", type=rule_ids, default=(), help="only these rules, such as RC01,RC04"
    )
    levels = "the level of a rule: error, warning or off, such as RC29=off"
    add_repeated_option(parser, "--level", "RULE=LEVEL", levels, type=level)
    parser.add_argument(
        "--baseline", metavar="FILE", help="the findings that are known already: only what is new counts"
    )
    parser.add_argument(
        "--write-baseline", metavar="FILE", help="write what is found as a baseline, and exit 0"
    )
    parser.add_argument(
        "--all-conditions",
        action="store_true",
        help="let count what is found in the other branch of a condition that a parameter decides",
    )
    parser.add_argument("--strict", action="store_true", help="let warnings count as findings too")
    parser.add_argument(
        "--group", choices=GROUPS, help="put the findings together (default: by rule where they are many)"
    )
    parser.add_argument("--quiet", action="store_true", help="print the findings and the last line alone")
    parser.add_argument("--all", action="store_true", help="list everything, however much it is")
    add_format_option(parser, FORMATS)


def run(arguments: argparse.Namespace) -> int:
    """Prints who may assume what, whom the roles let in, and what is wrong with it.

    Returns:
        0 if there is no error; 1 if there is, or if there is a warning and ``--strict`` is given, or a file was
        skipped and ``--strict-files`` is given.
    """
    # What was read stays in memory to the end: to look through it for garbage ever again takes a tenth of the time.
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        return _run(arguments)
    finally:
        gc.set_threshold(*thresholds)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.config:
        arguments = audit_config.merged(arguments, Path(arguments.config), add_arguments)
    if not arguments.templates:
        raise UsageError("audit needs a template: name a file, a folder or a cdk.out")
    accounts = {file: account for file, account in arguments.account if file}
    skipped: list[Skipped] = []
    try:
        files = read(
            arguments.templates,
            accounts,
            include=arguments.include,
            exclude=arguments.exclude,
            skipped=skipped,
        )
    except AssemblyError as error:
        raise UsageError(str(error)) from error
    report = audit(
        [*(file.template for file in files.values()), *_own(arguments)],
        parameters=values_of(arguments.parameters, arguments.parameter, arguments.ssm),
        region=arguments.region,
        exports=dict(getattr(arguments, "import")),
        all_conditions=arguments.all_conditions,
    )
    triage = triaged(
        report.findings,
        only=arguments.only,
        levels=dict(arguments.level),
        metadata=lambda finding: metadata_of(files, finding.place),
        baseline=read_baseline(Path(arguments.baseline)) if arguments.baseline else (),
    )
    if arguments.write_baseline:
        Path(arguments.write_baseline).write_text(
            written_baseline([*triage.counted, *triage.known]), encoding="utf-8"
        )
        print(f"{arguments.write_baseline}: {counted(len(triage.counted) + len(triage.known), 'finding')}")
        return 0
    good = not (skipped and arguments.strict_files) and not any(
        arguments.strict or finding.level is Level.ERROR for finding in triage.counted
    )
    last = _last_line(files, triage, skipped)
    if arguments.format == "text":
        _show(report, triage, skipped, files, arguments, last=last, good=good)
    else:
        print(_formatted(arguments.format, report, triage, skipped, files, last), end="")
    return 0 if good else 1


def _own(arguments: argparse.Namespace) -> Iterator[Template]:
    """An account of the user's that nothing is deployed to is an empty stack there."""
    for file, account in arguments.account:
        if not file:
            yield Template(f"account {account}", {}, account=account)


def _show(
    report: Proof,
    triage: Triage,
    skipped: list[Skipped],
    files: FilesByName,
    arguments: argparse.Namespace,
    *,
    last: str,
    good: bool,
) -> None:
    text = AuditText(files, report.names, every=arguments.all)
    text.triaged(triage, arguments.group)
    if not arguments.quiet:
        text.access(report)
        text.skipped(skipped)
        text.summary(triage.counted)
    text.verdict(last, good=good)


def _last_line(files: FilesByName, triage: Triage, skipped: list[Skipped]) -> str:
    words = [f"{counted(len(files), 'template')}: {tally(triage.counted)}"]
    for number, what in (
        (len(triage.acknowledged), "acknowledged"),
        (len(triage.known), "in the baseline"),
        (triage.left_out, "of rules that are left out"),
        (len(skipped), "of the files skipped"),
    ):
        words += [f"{number} {what}"] if number else []
    return "; ".join(words)


def _formatted(
    name: str, report: Proof, triage: Triage, skipped: list[Skipped], files: FilesByName, last: str
) -> str:
    rows = [_row(finding, files) for finding in triage.counted]
    if name == "csv":
        return as_csv(rows)
    if name == "markdown":
        return as_markdown(rows, last)
    if name == "junit":
        return as_junit(rows, (file.path.as_posix() for file in files.values()))
    document = (
        sarif.log(triage.counted, files) if name == "sarif" else _document(report, triage, skipped, rows)
    )
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _row(finding: Finding, files: FilesByName) -> Row:
    file = holding(files, finding.place) if finding.place else None
    return Row(
        finding,
        file.path.as_posix() if file else "",
        file.line(finding.place) if file and finding.place else 0,
    )


def _document(report: Proof, triage: Triage, skipped: list[Skipped], rows: list[Row]) -> dict[str, Any]:
    """The report's document, each finding with its file and line as well."""
    document = replace(report, findings=triage.counted).to_json()
    for element, row in zip(document["findings"], rows, strict=True):
        element["file"] = row.file or None
        element["line"] = row.line or None
    document["acknowledged"] = [
        {"rule": each.finding.rule, "message": each.finding.message, "reason": each.reason}
        for each in triage.acknowledged
    ]
    document["known"] = len(triage.known)
    document["skipped"] = [{"file": each.path.as_posix(), "reason": each.reason} for each in skipped]
    return document
