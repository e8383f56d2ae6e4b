"""``rolechain audit``: every AssumeRole that templates allow and every rule that they break; no chain is declared."""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rolechain.cli import audit_config
from rolechain.cli.audit_text import GROUPS, AuditText
from rolechain.cli.options import UsageError, add_format_option, add_repeated_option, pair, placed
from rolechain.cli.parameters import values_of
from rolechain.cli.report_formats import Row, as_csv, as_junit, as_markdown, as_sarif
from rolechain.cli.template_files import FilesByName, Skipped, metadata_of, read
from rolechain.cli.triage import Triage, level, read_baseline, rule_ids, triaged, written_baseline
from rolechain.proof import Level, Proof, Template, audit
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
    include = "only the files of folders whose path below the folder is like this, such as 'iam/*.yaml'"
    add_repeated_option(parser, "--include", "PATTERN", include)
    exclude = "no file of folders whose path below the folder is like this"
    add_repeated_option(parser, "--exclude", "PATTERN", exclude)
    parser.add_argument(
        "--strict-files",
        action="store_true",
        help="exit 1 where a file of a folder is not a template that can be read",
    )
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
    # An account of the user's that nothing is deployed to is an empty stack there.
    own = [Template(f"account {each}", {}, account=each) for file, each in arguments.account if not file]
    skipped: list[Skipped] = []
    including, excluding = arguments.include, arguments.exclude
    files = read(arguments.templates, accounts, include=including, exclude=excluding, skipped=skipped)
    report = audit(
        [*(file.template for file in files.values()), *own],
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
        kept = [*triage.counted, *triage.known]
        Path(arguments.write_baseline).write_text(written_baseline(kept), encoding="utf-8")
        print(f"{arguments.write_baseline}: {counted(len(kept), 'finding')}")
        return 0
    good = not (skipped and arguments.strict_files) and not any(
        arguments.strict or finding.level is Level.ERROR for finding in triage.counted
    )
    audited = _Audited(report, triage, files, skipped)
    if arguments.format == "text":
        text = AuditText(files, report.names, every=arguments.all)
        text.audit(report, triage, skipped, group=arguments.group, quiet=arguments.quiet)
        text.verdict(audited.last_line, good=good)
    else:
        print(audited.formatted(arguments.format), end="")
    return 0 if good else 1


@dataclass(frozen=True)
class _Audited:
    proof: Proof
    triage: Triage
    files: FilesByName
    skipped: Sequence[Skipped]

    @property
    def last_line(self) -> str:
        words = [f"{counted(len(self.files), 'template')}: {tally(self.triage.counted)}"]
        for number, what in (
            (len(self.triage.acknowledged), "acknowledged"),
            (len(self.triage.known), "in the baseline"),
            (self.triage.left_out, "of rules that are left out"),
            (len(self.skipped), "of the files skipped"),
        ):
            words += [f"{number} {what}"] if number else []
        return "; ".join(words)

    def formatted(self, name: str) -> str:
        rows = [Row.of(finding, self.files) for finding in self.triage.counted]
        if name == "csv":
            return as_csv(rows)
        if name == "markdown":
            return as_markdown(rows, self.last_line)
        if name == "junit":
            return as_junit(rows, (file.path.as_posix() for file in self.files.values()))
        # What stands nowhere concerns all files: code scanning needs one to show it in.
        anywhere = next(iter(self.files.values()))
        document = as_sarif(rows, anywhere) if name == "sarif" else self._document(rows)
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"

    def _document(self, rows: list[Row]) -> dict[str, Any]:
        """The report's document, each finding with its file and line as well."""
        document = replace(self.proof, findings=self.triage.counted).to_json()
        for element, row in zip(document["findings"], rows, strict=True):
            element |= {"file": row.file or None, "line": row.line or None}
        document["acknowledged"] = [
            {"rule": each.finding.rule, "message": each.finding.message, "reason": each.reason}
            for each in self.triage.acknowledged
        ]
        document["known"] = len(self.triage.known)
        document["skipped"] = [{"file": each.path.as_posix(), "reason": each.reason} for each in self.skipped]
        return document
