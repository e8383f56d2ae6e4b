"""``rolechain verify``: takes the deployed chain hop by hop, and tries what it must refuse."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from rolechain import runtime
from rolechain.cli.base_session import credentials_needed, open_session
from rolechain.cli.chain_selection import ChainSelection, in_every_account
from rolechain.cli.options import CHAIN, SESSIONS, add_account_profile_option, add_options, seconds
from rolechain.cli.output import console, show_reports, status

_UNSEEN = "verify does not show who else may get in: run rolechain prove --live"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, *CHAIN, *SESSIONS)
    add_account_profile_option(
        parser, "to start from at its source role, and to read policies where a hop is not as declared"
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=seconds,
        default=0.0,
        help="how long to retry a denied hop, as changes in IAM take up to a minute to take effect (default: 0)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list of reports")


def run(arguments: argparse.Namespace) -> int:
    """Prints a row for each call.

    Returns:
        0 if every hop was allowed, and all refused that must be; else 1.
    """
    selection = ChainSelection.of(arguments, to_target=True)
    chain = selection.chain
    # A missing value is an error in the command's words here.
    selection.chosen(chain.hops(), entering=True)
    for target in chain.targets:
        if target.by_unit:
            print(
                f"rolechain: {in_every_account(target)}, and is not tried: try one of the accounts with --target, or "
                "reach all with rolechain whoami --every-target --from organizations",
                file=sys.stderr,
            )
    session = open_session(arguments.profile, arguments.region, chain.region)
    others = {
        account: open_session(profile, session.region_name, "")
        for account, profile in arguments.account_profile
    }
    holding = {role.account for role in chain.sources} if len(chain.sources) > 1 else set()
    with status(console(stderr=True), f"taking chain {chain.name}"), credentials_needed():
        reports = runtime.verify(
            chain,
            session=session,
            wait=arguments.wait,
            readers=others.values(),
            sources=[each for account, each in others.items() if account in holding],
            session_tags=selection.session_tags,
            source_identity=selection.source_identity,
            session_name=selection.session_name,
        )
    if arguments.json:
        shown = [dataclasses.asdict(report) | {"ok": report.ok} for report in reports]
        sys.stdout.write(json.dumps(shown) + "\n")
    else:
        show_reports(console(), reports)
        print(_UNSEEN)
    return 0 if all(report.ok for report in reports) else 1
