"""``rolechain env``: prints the chain's session as lines that a shell evaluates."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Mapping

from rolechain.cli.options import CREDENTIALS, add_options
from rolechain.cli.resolved_credentials import CONFLICTING_VARIABLES, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, *CREDENTIALS)
    parser.add_argument(
        "--shell",
        choices=list(SHELLS),
        default="bash",
        help="the syntax; bash is also that of zsh and sh (default: bash)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the lines, which are secret, and returns 0."""
    lines = SHELLS[arguments.shell](resolve(arguments).environment())
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _bash(variables: Mapping[str, str]) -> Iterator[str]:
    yield f"unset {' '.join(CONFLICTING_VARIABLES)}"
    for name, value in variables.items():
        yield f"export {name}={shlex.quote(value)}"


def _fish(variables: Mapping[str, str]) -> Iterator[str]:
    # A line each: a variable that is not set must not keep the others from being erased.
    yield from (f"set -e {name}" for name in CONFLICTING_VARIABLES)
    for name, value in variables.items():
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        yield f"set -gx {name} '{escaped}'"


def _powershell(variables: Mapping[str, str]) -> Iterator[str]:
    yield from (f"$env:{name} = $null" for name in CONFLICTING_VARIABLES)
    for name, value in variables.items():
        # PowerShell takes the typographic ones for quotes too; each is escaped by itself.
        escaped = "".join(char * 2 if char in "'\u2018\u2019\u201a\u201b" else char for char in value)
        yield f"$env:{name} = '{escaped}'"


SHELLS = {"bash": _bash, "fish": _fish, "powershell": _powershell}
