"""``rolechain simulate``: decides each AssumeRole of a file of cases."""

from __future__ import annotations

import argparse
import json
import sys

from rolechain.policy import cases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "cases", metavar="CASES.json", help="a file of cases: callers, roles, policies and requests"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints one JSON object a line for each case, in the file's order: ``id``, ``decision`` and ``reason``.

    Returns:
        0, whatever the decisions are and whatever the file expects of them.
    """
    for case in cases.read(arguments.cases):
        decision = case.decide()
        answer = {"id": case.id, "decision": decision.verdict, "reason": decision.reason}
        sys.stdout.write(json.dumps(answer) + "\n")
    return 0
