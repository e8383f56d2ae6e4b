"""``rolechain verify``: takes the deployed chain hop by hop, and tries what it must not allow."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from rich.console import Console

from rolechain import runtime
from rolechain.cli.chain_options import (
    add_account_profile_option,
    add_chain_options,
    chain_to_target,
    seconds,
)
from rolechain.cli.report_table import report_table
from rolechain.cli.start import open_session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_chain_options(parser)
    add_account_profile_option(parser, "to read the roles' policies where a hop is not as declared")
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=seconds,
        default=0.0,
        help="how long a denied hop is tried again, as IAM's changes take up to a minute to be seen (default: 0)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list of reports")


def run(arguments: argparse.Namespace) -> int:
    """Prints a row for each call.

    Returns:
        0 if every hop was allowed and every shortcut refused, else 1.

    Raises:
        RolechainError: nothing could be tried.
    """
    chain = chain_to_target(arguments)
    session = open_session(arguments.profile, arguments.region, chain.region)
    readers = [open_session(profile, session.region_name, "") for _, profile in arguments.account_profile]
    with Console(stderr=True).status(f"taking chain {chain.name} …"):
        reports = runtime.verify(chain, session=session, wait=arguments.wait, readers=readers)
    if arguments.json:
        shown = [dataclasses.asdict(report) | {"ok": report.ok} for report in reports]
        sys.stdout.write(json.dumps(shown) + "\n")
    else:
        Console(highlight=False).print(report_table(reports))
    return 0 if all(report.ok for report in reports) else 1
