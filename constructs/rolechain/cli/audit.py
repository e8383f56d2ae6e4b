"""``rolechain audit``: every AssumeRole that templates allow and every rule that they break; no chain is declared."""

from __future__ import annotations

import argparse
import json
import re

from rich.console import Console

from rolechain.cli import sarif
from rolechain.cli.parameters import pair, values_of
from rolechain.cli.proof_text import ProofText, counted, tally
from rolechain.cli.template_files import FilesByName, TemplateFileError, by_name, holding, placed, read
from rolechain.proof import AssemblyError, Proof, SourceLocation, Template, audit

_ACCOUNT = re.compile(r"[0-9]{12}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "templates",
        metavar="TEMPLATE",
        nargs="+",
        help="a CloudFormation template in JSON or YAML, a folder of them, or a cdk.out",
    )
    parser.add_argument(
        "--account",
        metavar="[FILE=]ID",
        action="append",
        default=[],
        type=_account,
        help="the account that a template is deployed to, or just one that is yours; may be given again",
    )
    parser.add_argument(
        "--parameter",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=pair,
        help="the value of a parameter, for every template that declares it; may be given again",
    )
    parser.add_argument(
        "--parameters",
        metavar="FILE",
        action="append",
        default=[],
        help="a file of such values, as CloudFormation and CodePipeline take it or as a mapping in YAML; "
        "may be given again",
    )
    parser.add_argument(
        "--region", help="the region of the templates that do not say theirs, such as us-east-1"
    )
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="default: text")
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="the same as --format json"
    )
    parser.add_argument("--strict", action="store_true", help="let warnings count as findings too")


def run(arguments: argparse.Namespace) -> int:
    """Prints who may assume what, whom the roles let in, and what is wrong with it.

    Returns:
        0 if there is no error; 1 if there is, or if there is a warning and ``--strict`` is given.

    Raises:
        TemplateFileError: a file is no template, or cannot be read.
        ParameterError: a parameter is given that no template declares, a value that it does not take, or a region
            that is none.
    """
    values = values_of(arguments.parameters, arguments.parameter)
    accounts = {file: account for file, account in arguments.account if file}
    try:
        files = by_name(placed(read(arguments.templates), accounts))
    except AssemblyError as error:
        raise TemplateFileError(str(error)) from error
    # An account of the user's that nothing is deployed to is an empty stack there.
    own = [
        Template(f"account {account}", {}, account=account) for file, account in arguments.account if not file
    ]
    templates = [*(file.template for file in files.values()), *own]
    report = audit(templates, parameters=values, region=arguments.region)
    passes = report.proven and not (arguments.strict and report.findings)
    if arguments.format == "sarif":
        print(json.dumps(sarif.log(report.findings, files), ensure_ascii=False, indent=2))
    elif arguments.format == "json":
        print(json.dumps(_located(report, files), ensure_ascii=False, indent=2))
    else:
        _show(report, files, passes=passes)
    return 0 if passes else 1


def _account(text: str) -> tuple[str, str]:
    file, _, account = text.rpartition("=")
    if text.startswith("=") or not _ACCOUNT.fullmatch(account):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not FILE=ID: write a template's path, =, and 12 digits"
        )
    return file, account


def _show(report: Proof, files: FilesByName, *, passes: bool) -> None:
    text = ProofText(Console(highlight=False), lambda place: _where(place, files))
    text.hops("who may assume what", report.hops)
    text.entrances("who is let in", report.entrances, judged=False)
    text.assumptions(report.assumptions)
    text.findings(report.findings)
    text.verdict(f"{counted(len(files), 'template')}: {tally(report.findings)}", good=passes)


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
