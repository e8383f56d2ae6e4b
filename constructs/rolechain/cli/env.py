"""``rolechain env``: prints the chain's session as lines that a shell evaluates."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Mapping

from rolechain.cli.chain_options import add_cache_option, add_chain_options, add_session_options
from rolechain.cli.session_environment import IN_THE_WAY, variables_of
from rolechain.cli.walk import walk_to_target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_chain_options(parser)
    add_session_options(parser)
    add_cache_option(parser)
    parser.add_argument(
        "--shell", choices=list(SHELLS), default="bash", help="whose syntax; bash is also zsh's and sh's"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the lines; they are secret.

    Returns:
        0.

    Raises:
        RolechainError: there is no session.
    """
    variables = variables_of(walk_to_target(arguments))
    sys.stdout.write("\n".join(SHELLS[arguments.shell](variables)) + "\n")
    return 0


def _bash(variables: Mapping[str, str]) -> Iterator[str]:
    yield f"unset {' '.join(IN_THE_WAY)}"
    for name, value in variables.items():
        yield f"export {name}={shlex.quote(value)}"


def _fish(variables: Mapping[str, str]) -> Iterator[str]:
    # A line each: what is not set must not keep the rest from being erased.
    yield from (f"set -e {name}" for name in IN_THE_WAY)
    for name, value in variables.items():
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        yield f"set -gx {name} '{escaped}'"


def _powershell(variables: Mapping[str, str]) -> Iterator[str]:
    yield from (f"$env:{name} = $null" for name in IN_THE_WAY)
    for name, value in variables.items():
        # PowerShell takes the typographic ones for quotes too; each is escaped by itself.
        escaped = "".join(char * 2 if char in "'\u2018\u2019\u201a\u201b" else char for char in value)
        yield f"$env:{name} = '{escaped}'"


SHELLS = {"bash": _bash, "fish": _fish, "powershell": _powershell}
