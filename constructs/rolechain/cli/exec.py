"""``rolechain exec``: runs a program with the chain's session in its environment."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from rolechain.cli.chain_options import UsageError, add_cache_option, add_chain_options
from rolechain.cli.session_environment import IN_THE_WAY, variables_of
from rolechain.cli.walk import walk_to_target

NOT_FOUND, NOT_EXECUTABLE = 127, 126


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.usage = "%(prog)s [options] -- CMD ..."
    add_chain_options(parser)
    add_cache_option(parser)
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="CMD", help="the program and its arguments"
    )


def run(arguments: argparse.Namespace) -> int:
    """Becomes the program, with the session in place of all other credentials of the environment.

    Signals reach the program itself, and its exit code is the command's.

    Returns:
        As shells do, 127 where there is no such program and 126 where it cannot be run.

    Raises:
        UsageError: no program is named.
        RolechainError: there is no session to run it with.
    """
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    if not words:
        raise UsageError("exec needs a program to run: rolechain exec -- aws sts get-caller-identity")
    kept = {name: value for name, value in os.environ.items() if name not in IN_THE_WAY}
    environment = kept | variables_of(walk_to_target(arguments))
    try:
        return _run(words, environment)
    except FileNotFoundError:
        print(f"rolechain: {words[0]}: no such program", file=sys.stderr)
        return NOT_FOUND
    except OSError as error:
        print(f"rolechain: {words[0]}: cannot be run: {error.strerror}", file=sys.stderr)
        return NOT_EXECUTABLE


def _run(words: Sequence[str], environment: Mapping[str, str]) -> int:
    if os.name == "nt":
        # There a process cannot become another one: its parent would go on at once.
        return subprocess.run(words, env=environment, check=False).returncode
    return _become(words, environment)


def _become(words: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores these, and a program would inherit that: a closed pipe has to end it.
    ignored = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ignored}
    try:
        os.execvpe(words[0], list(words), dict(environment))  # noqa: S606 - what the user typed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
