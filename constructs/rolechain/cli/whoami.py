"""``rolechain whoami``: who the chain's session is, and each hop on the way."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from rolechain.cli.base_session import BaseSession
from rolechain.cli.chain_selection import ChainSelection
from rolechain.cli.every_target import EveryTarget
from rolechain.cli.options import CREDENTIALS, add_every_target_options, add_options
from rolechain.cli.resolved_credentials import ResolvedCredentials, SessionCache, expiration_of
from rolechain.errors import RolechainError
from rolechain.runtime import HopError

_AT_ONCE = 32

Step = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, *CREDENTIALS)
    add_every_target_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints who answers at the start and after each hop, as each says of itself; or who answers in each target.

    Returns:
        0; 1 if a target of several failed.
    """
    return _every_target(arguments) if arguments.every_target else _one_target(arguments)


def _one_target(arguments: argparse.Namespace) -> int:
    selection = ChainSelection.of(arguments)
    role = selection.role
    hops = selection.hops_to(role)
    base = BaseSession.open(selection, arguments, SessionCache(arguments))
    hops = base.remaining_hops(hops, role.arn)

    def steps() -> Iterator[Step]:
        failed: HopError | None = None
        reached = len(hops)
        # The whole chain first: an error counts its hops, and the sessions before it are kept.
        try:
            base.take(hops)
        except HopError as error:
            failed, reached = error, error.index - 1
        for index, hop in enumerate(hops[:reached], 1):
            given = base.take(hops[:index])
            yield {
                "hop": index,
                "role_arn": hop.role_arn,
                "arn": base.answer_to(given),
                "expires_at": expiration_of(given),
            }
        if failed:
            raise failed

    if arguments.json:
        taken = list(steps())
        answers = taken[-1]["arn"] if taken else base.arn
        answer = {"account": role.account, "arn": answers, "start": base.arn, "hops": taken}
        sys.stdout.write(json.dumps(answer) + "\n")
        return 0
    print(f"start  {base.arn}")
    for step in steps():
        print(f"hop {step['hop']} of {len(hops)}  {step['arn']}, until {step['expires_at']}", flush=True)
    return 0


def _every_target(arguments: argparse.Namespace) -> int:
    every = EveryTarget.of(arguments)

    def answer(given: ResolvedCredentials) -> Step:
        arn = every.base.answer_to(given.session)
        return {"arn": arn, "expires_at": expiration_of(given.session), "error": None}

    found: dict[str, Step] = {}
    for role, result in every.each(answer, at_once=_AT_ONCE):
        if isinstance(result, RolechainError):
            step: Step = {"arn": None, "expires_at": None, "error": str(result)}
            said, to = f"rolechain: {every.name(role)}: {result}", sys.stderr
        else:
            step = result
            said, to = f"{every.name(role)}  {step['arn']}, until {step['expires_at']}", sys.stdout
        found[role.arn] = {"account": role.account, "role_arn": role.arn, **step}
        if not arguments.json:
            print(said, file=to, flush=True)
    if arguments.json:
        # In the order of the declaration, whichever came first.
        answers = {"start": every.base.arn, "targets": [found[role.arn] for role in every.targets]}
        sys.stdout.write(json.dumps(answers) + "\n")
    return 1 if any(step["error"] for step in found.values()) else 0
