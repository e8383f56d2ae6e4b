"""``rolechain revoke``: ends every session of every role of the chain."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from rolechain.cli.administrators import AdministratorError, Administrators
from rolechain.cli.chain_options import (
    UsageError,
    add_account_profile_option,
    add_chain_options,
    chain_to_target,
)
from rolechain.cli.revocation import RevocationError, forget, revoke
from rolechain.cli.session_environment import timestamp
from rolechain.cli.start import StartError, open_session
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.runtime import FileCache, default_cache_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_chain_options(parser)
    add_account_profile_option(parser, "which may put policies on its roles")
    parser.add_argument(
        "--account-role",
        metavar="NAME",
        help="a role of every other account that --profile may assume, such as OrganizationAccountAccessRole",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print a JSON list; needs --yes")


def run(arguments: argparse.Namespace) -> int:
    """Revokes role after role, callers first, and says of each what came of it.

    Returns:
        0 if the sessions of every role were ended, else 1.

    Raises:
        UsageError: nobody is there to confirm it.
        RolechainError: there is no session to do it with.
    """
    chain = chain_to_target(arguments)
    if not arguments.yes and not _confirmed(chain, arguments.json):
        print("nothing was revoked", file=sys.stderr)
        return 1
    reports = []
    for report in _revoked(chain, arguments):
        reports.append(report)
        if not arguments.json:
            done = report["revoked"]
            print(f"{'✓' if done else '✗'} {report['role_arn']}: {report['detail']}", flush=True)
    if arguments.json:
        sys.stdout.write(json.dumps(reports) + "\n")
    return 0 if all(report["revoked"] for report in reports) else 1


def _revoked(chain: Chain, arguments: argparse.Namespace) -> Iterator[dict[str, object]]:
    administrators = Administrators(
        open_session(arguments.profile, arguments.region, chain.region),
        partition=chain.partition,
        profiles=dict(arguments.account_profile),
        role=arguments.account_role,
    )
    cache = FileCache(default_cache_folder())
    # A caller whose sessions live on would take its callee anew after the callee's were ended.
    for role in chain.roles:
        try:
            time = revoke(role, administrators.of(role.account))
        except (AdministratorError, RevocationError, StartError) as error:
            yield _report(role, False, str(error))
            continue
        forget(cache, [role])
        yield _report(
            role, True, f"sessions issued before {timestamp(time.timestamp())} are denied everything"
        )


def _report(role: ChainRole, revoked: bool, detail: str) -> dict[str, object]:
    return {"role_arn": role.arn, "revoked": revoked, "detail": detail}


def _confirmed(chain: Chain, as_json: bool) -> bool:
    """Asks whoever sits at the terminal.

    Raises:
        UsageError: nobody does, or the question would stand between the JSON.
    """
    if as_json or not sys.stdin.isatty():
        raise UsageError("revoke ends the sessions of everybody at work: confirm it with --yes")
    for role in chain.roles:
        print(role.arn, file=sys.stderr)
    print(f"end every session of these {len(chain.roles)} roles? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
