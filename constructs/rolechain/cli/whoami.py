"""``rolechain whoami``: who the chain's session is, and each hop on the way."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from rolechain.chain import Chain
from rolechain.cli.chain_options import add_cache_option, add_chain_options, wanted_role
from rolechain.cli.session_environment import timestamp
from rolechain.cli.start import Start
from rolechain.cli.walk import cache_of, take
from rolechain.runtime.hop import as_hop

Step = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_chain_options(parser)
    add_cache_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints who answers at the start and after each hop, as each says of itself.

    Returns:
        0.

    Raises:
        RolechainError: a hop failed; those before it are printed.
    """
    chain = Chain.load(arguments.chain)
    role = wanted_role(chain, arguments.target)
    start = Start.open(chain, arguments.profile, arguments.region, keep=not arguments.no_cache)
    arn = start.arn()
    hops = start.hops_to(role, arn)
    cache = cache_of(arguments)

    def steps() -> Iterator[Step]:
        for index, hop in enumerate(hops, 1):
            given = take(start, hops[:index], cache)
            yield {
                "hop": index,
                "role_arn": as_hop(hop).role_arn,
                "arn": start.answer_to(given),
                "expires_at": timestamp(given.expires_at),
            }

    if arguments.json:
        walked = list(steps())
        answer = {"account": role.account, "arn": walked[-1]["arn"], "start": arn, "hops": walked}
        sys.stdout.write(json.dumps(answer) + "\n")
        return 0
    print(f"start  {arn}")
    for step in steps():
        print(f"hop {step['hop']}  {step['arn']}, until {step['expires_at']}", flush=True)
    return 0
