"""``rolechain exec``: runs a program with the chain's session in its environment, or one for every target."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from rolechain.cli.options import CREDENTIALS, UsageError, add_every_target_options, add_options, count
from rolechain.cli.resolved_credentials import CONFLICTING_VARIABLES, ResolvedCredentials, resolve
from rolechain.errors import RolechainError

NOT_FOUND, NOT_EXECUTABLE = 127, 126
TARGET_VARIABLE = "ROLECHAIN_TARGET"
"""The environment variable that names the target, by its alias or account, for prompts."""
_SHELLS = Path(__file__).with_name("shells")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.usage = "%(prog)s [options] [-- CMD ...]"
    add_options(parser, *CREDENTIALS)
    add_every_target_options(parser)
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=count,
        default=8,
        help="how many programs run at a time with --every-target (default: 8)",
    )
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="CMD",
        help="the program and its arguments (default, on a terminal: a shell)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Replaces this process by the program, with the session as the only credentials of its environment.

    Signals reach the program itself, and its exit code is the command's. For every target, the program is run as
    often as there are targets. Without a program, on a terminal, it is the user's shell, whose prompt begins with the
    target.

    Returns:
        As shells do, 127 where there is no such program and 126 where it cannot be run. For every target 1 if one of
        them failed, else 0.
    """
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    if not words and (arguments.every_target or not sys.stdin.isatty()):
        raise UsageError("exec needs a program to run: rolechain exec -- aws sts get-caller-identity")
    if arguments.every_target:
        return _run_for_every_target(words, arguments)
    environment = _environment(resolve(arguments))
    if not words:
        words = _shell(environment)
    try:
        if os.name == "nt":
            # There a process cannot become another one: its parent would go on at once.
            return subprocess.run(words, env=environment, check=False).returncode
        return _become(words, environment)
    except FileNotFoundError:
        return _not_found(words[0])
    except (OSError, ValueError) as error:
        print(f"rolechain: {words[0]}: cannot be run: {getattr(error, 'strerror', error)}", file=sys.stderr)
        return NOT_EXECUTABLE


def _environment(resolved: ResolvedCredentials) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in CONFLICTING_VARIABLES}
    return kept | resolved.environment() | {TARGET_VARIABLE: resolved.role.alias or resolved.role.account}


def _shell(environment: dict[str, str]) -> list[str]:
    """The user's shell, with what its prompt needs in its arguments and environment."""
    target = environment[TARGET_VARIABLE]
    if os.name == "nt":
        return [environment.setdefault("COMSPEC", "cmd.exe"), "/k", f"prompt ({target}) $P$G"]
    shell = environment.get("SHELL") or "/bin/sh"
    match Path(shell).name:
        case "bash":
            return [shell, "--rcfile", str(_SHELLS / "prompt.bash"), "-i"]
        case "fish":
            return [shell, "--init-command", f"source {shlex.quote(str(_SHELLS / 'prompt.fish'))}"]
        case "zsh":
            environment["ROLECHAIN_ZDOTDIR"] = environment.get("ZDOTDIR", "")
            environment["ZDOTDIR"] = str(_SHELLS / "zsh")
        case _:
            environment["PS1"] = f"({target}) $ "
    return [shell]


def _not_found(program: str) -> int:
    print(f"rolechain: {program}: no such program", file=sys.stderr)
    return NOT_FOUND


def _run_for_every_target(words: Sequence[str], arguments: argparse.Namespace) -> int:
    from rolechain.cli.every_target import EveryTarget
    from rolechain.cli.subprocesses import ParallelPrograms, interrupt_when_terminated

    if shutil.which(words[0]) is None and os.sep not in words[0]:
        return _not_found(words[0])
    interrupt_when_terminated()
    every = EveryTarget.of(arguments)
    programs = ParallelPrograms(words)
    failed = 0
    try:
        works = every.each(
            lambda given: programs.run(every.name(given.role), _environment(given)), at_once=arguments.jobs
        )
        for role, result in works:
            if isinstance(result, RolechainError):
                failed += 1
                programs.say(f"rolechain: {every.name(role)}: {result}", sys.stderr)
    finally:
        programs.end()
    if failed:
        print(f"rolechain: {failed} of {len(every.targets)} targets failed", file=sys.stderr)
    return 1 if failed else 0


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
