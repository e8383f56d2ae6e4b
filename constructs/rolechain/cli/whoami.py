"""``rolechain whoami``: who the chain's session is, and each hop on the way."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from rolechain.cli.chain_options import (
    add_cache_option,
    add_chain_options,
    add_every_target_option,
    add_session_options,
    wanted_role,
)
from rolechain.cli.every_target import EveryTarget
from rolechain.cli.session_environment import expiration_of
from rolechain.cli.start import Start
from rolechain.cli.walk import Walked, cache_of, take
from rolechain.cli.way import Way
from rolechain.errors import RolechainError

_AT_ONCE = 32

Step = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_chain_options(parser)
    add_every_target_option(parser)
    add_session_options(parser)
    add_cache_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints who answers at the start and after each hop, as each says of itself; or who answers in each target.

    Returns:
        0; 1 if a target of several failed.

    Raises:
        RolechainError: a hop failed; those before it are printed.
    """
    return _every_target(arguments) if arguments.every_target else _one_target(arguments)


def _one_target(arguments: argparse.Namespace) -> int:
    way = Way.of(arguments)
    role = wanted_role(way.chain, arguments.target)
    hops = way.hops_to(role)
    start = Start.open(way.chain, arguments.profile, arguments.region, keep=not arguments.no_cache)
    arn = start.arn()
    hops = way.going_on(arn, hops, role.arn)
    cache = cache_of(arguments)

    def steps() -> Iterator[Step]:
        for index, hop in enumerate(hops, 1):
            given = take(start, hops[:index], cache, arn)
            yield {
                "hop": index,
                "role_arn": hop.role_arn,
                "arn": start.answer_to(given),
                "expires_at": expiration_of(given),
            }

    if arguments.json:
        walked = list(steps())
        answers = walked[-1]["arn"] if walked else arn
        answer = {"account": role.account, "arn": answers, "start": arn, "hops": walked}
        sys.stdout.write(json.dumps(answer) + "\n")
        return 0
    print(f"start  {arn}")
    for step in steps():
        print(f"hop {step['hop']}  {step['arn']}, until {step['expires_at']}", flush=True)
    return 0


def _every_target(arguments: argparse.Namespace) -> int:
    every = EveryTarget.of(arguments)

    def answer(walked: Walked) -> Step:
        arn = every.start.answer_to(walked.session)
        return {"arn": arn, "expires_at": expiration_of(walked.session), "error": None}

    found: dict[str, Step] = {}
    for role, result in every.each(answer, at_once=_AT_ONCE):
        if isinstance(result, RolechainError):
            step: Step = {"arn": None, "expires_at": None, "error": str(result)}
        else:
            step = result
        found[role.arn] = {"account": role.account, "role_arn": role.arn, **step}
        if not arguments.json:
            _show(every.name(role), step)
    if arguments.json:
        # In the order of the declaration, whichever came first.
        answers = {"start": every.arn, "targets": [found[role.arn] for role in every.targets]}
        sys.stdout.write(json.dumps(answers) + "\n")
    return 1 if any(step["error"] for step in found.values()) else 0


def _show(name: str, step: Step) -> None:
    if step["error"]:
        print(f"rolechain: {name}: {step['error']}", file=sys.stderr)
    else:
        print(f"{name}  {step['arn']}, until {step['expires_at']}", flush=True)
