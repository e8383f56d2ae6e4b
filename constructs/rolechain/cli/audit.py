"""``rolechain audit``: every AssumeRole that templates allow and every rule that they break; no chain is declared."""

from __future__ import annotations

import argparse
import json
import re

from rolechain.cli import sarif
from rolechain.cli.options import UsageError, add_repeated_option, pair
from rolechain.cli.output import ProofText
from rolechain.cli.parameters import values_of
from rolechain.cli.template_files import FilesByName, holding, read
from rolechain.proof import AssemblyError, Proof, SourceLocation, Template, audit
from rolechain.proof.report import counted, tally


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "templates",
        metavar="TEMPLATE",
        nargs="+",
        help="a CloudFormation template in JSON or YAML, a folder of them, or a cdk.out",
    )
    account = "the account that a template is deployed to, or just one that is yours"
    add_repeated_option(parser, "--account", "[FILE=]ID", account, type=_account)
    value = "the value of a parameter, for every template that declares it"
    add_repeated_option(parser, "--parameter", "KEY=VALUE", value, type=pair("KEY=VALUE"))
    values = "a file of such values, as CloudFormation and CodePipeline take it or as a mapping in YAML"
    add_repeated_option(parser, "--parameters", "FILE", values)
    parser.add_argument(
        "--region", help="the region of the templates that do not say theirs, such as us-east-1"
    )
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="default: text")
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="the same as --format json"
    )
    parser.add_argument("--strict", action="store_true", help="let warnings count as findings too")


def run(arguments: argparse.Namespace) -> int:
    """Prints who may assume which role, who is let in by each role, and the findings.

    Returns:
        0 if there is no error; 1 if there is, or if there is a warning and ``--strict`` is given.
    """
    values = values_of(arguments.parameters, arguments.parameter)
    accounts = {file: account for file, account in arguments.account if file}
    try:
        files = read(arguments.templates, accounts)
    except AssemblyError as error:
        raise UsageError(str(error)) from error
    # An account of the user's that nothing is deployed to is an empty stack there.
    own = [
        Template(f"account {account}", {}, account=account) for file, account in arguments.account if not file
    ]
    templates = [*(file.template for file in files.values()), *own]
    report = audit(templates, parameters=values, region=arguments.region)
    good = report.proven and not (arguments.strict and report.findings)
    if arguments.format == "sarif":
        print(json.dumps(sarif.log(report.findings, files), ensure_ascii=False, indent=2))
    elif arguments.format == "json":
        print(json.dumps(_located(report, files), ensure_ascii=False, indent=2))
    else:
        _show(report, files, good=good)
    return 0 if good else 1


def _account(text: str) -> tuple[str, str]:
    file, _, account = text.rpartition("=")
    if text.startswith("=") or not re.fullmatch("[0-9]{12}", account):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not FILE=ID: write a template's path, =, and 12 digits"
        )
    return file, account


def _show(report: Proof, files: FilesByName, *, good: bool) -> None:
    text = ProofText(lambda place: _where(place, files))
    text.hops("who may assume what", report.hops, judged=False)
    text.entrances("who is let in", report.entrances, judged=False)
    text.assumptions(report.assumptions)
    text.findings(report.findings)
    text.verdict(f"{counted(len(files), 'template')}: {tally(report.findings)}", good=good)


def _where(place: SourceLocation, files: FilesByName) -> str:
    """``FILE:LINE logical id, part, statement``."""
    file = holding(files, place)
    if file is None:
        return str(place)
    words = str(place).removeprefix(place.template).strip()
    return f"{file.path.as_posix()}:{file.line(place)} {words}".strip()


def _located(report: Proof, files: FilesByName) -> dict[str, object]:
    """The report's document, each finding with its file and line as well."""
    document = report.to_json()
    for element, finding in zip(document["findings"], report.findings, strict=True):
        file = holding(files, finding.place) if finding.place else None
        element["file"] = file.path.as_posix() if file else None
        element["line"] = file.line(finding.place) if file and finding.place else None
    return document
