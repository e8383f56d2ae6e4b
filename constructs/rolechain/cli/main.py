"""Finds the command, runs it, and turns every expected error into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import re
import shutil
import sys
from collections.abc import Sequence
from textwrap import fill
from typing import NoReturn

from rolechain.cli.streams import give_up_stdout, is_unwritten, prepare_streams, printable
from rolechain.errors import RolechainError, did_you_mean

TASKS = {
    "begin, and try it on this machine": {
        "init": "write an app that deploys, proves and tests a chain, or add one to a CDK app",
        "demo": "deploy and take a chain on this machine, in an organization that runs here",
        "local": "run the local organization, with a chain's roles, or for one program",
    },
    "prove what templates or accounts hold": {
        "prove": "prove the chain from the templates that cdk synth wrote",
        "audit": "find every AssumeRole and everything wrong in any CloudFormation templates",
        "graph": "draw the chain with what was proven, or the roles of any templates",
        "diff": "say who gets in by new templates and did not by the old ones",
        "import": "find the chains that accounts or templates hold, and write them as chain.yaml",
        "audit-role": "print the template of the role that prove --live reads an account with",
        "guardrails": "print the control policies that keep others from the chain's roles",
        "simulate": "decide each AssumeRole of a file of cases",
    },
    "deploy it": {
        "bootstrap": "bootstrap every account of the chain, with policies that deploy this chain alone",
        "doctor": "say what is missing where before a deploy, with the command that adds it",
    },
    "take the chain": {
        "verify": "take the deployed chain hop by hop, and try what it must refuse",
        "whoami": "say who the chain's session is, and each hop on the way",
        "exec": "run a program with the chain's session in its environment",
        "env": "print the chain's session as lines for a shell",
        "credential-process": "give the chain's session to any SDK, in AWS's format",
        "profiles": "write the chain as profiles into an AWS config file",
        "console": "print a URL that signs in to the AWS console",
    },
    "set up a shell": {
        "completion": "print a script by which bash, zsh or fish completes commands, options and targets",
    },
    "watch it, and end it": {
        "trace": "say who walked the chain, from the events of CloudTrail",
        "revoke": "end every session of every hop",
    },
}
"""The commands by what they are for."""
COMMANDS = {name: summary for commands in TASKS.values() for name, summary in commands.items()}
EXTRAS = {"demo": "cdk,cli,local", "local": "local"}
"""The extras that a command needs, where it is not ``cli``."""
USAGE_ERROR = 2
INTERRUPTED = 130
_LONGEST_LINE = 2000


class _Parser(argparse.ArgumentParser):
    """Reports a usage error in one line, as every other error is reported, with what may have been meant."""

    called: argparse.ArgumentParser | None = None
    """The parser of the command that is called."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2 and one line."""
        if choice := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            message += did_you_mean(choice[1], re.split(", ", choice[2].replace("'", "")))
        elif option := re.match(r"unrecognized arguments: (--[a-z-]+)", message):
            message += did_you_mean(option[1], re.findall(r"--[a-z-]+", (self.called or self).format_help()))
        self.exit(USAGE_ERROR, _shown(f"{self.prog}: {message}; see {self.prog} --help") + "\n")


def _help() -> str:
    """The commands by their tasks, no wider than the terminal."""
    width = shutil.get_terminal_size().columns
    lines = ["usage: rolechain COMMAND …", "", "Role chains between AWS accounts."]
    for task, commands in TASKS.items():
        lines += ["", f"{task}:"]
        lines += [
            fill(f"{name:<20}{summary}", width, initial_indent="  ", subsequent_indent=" " * 22)
            for name, summary in commands.items()
        ]
    more = [
        "rolechain COMMAND --help says what a command takes.",
        "rolechain --version says which release this is.",
    ]
    return "\n".join([*lines, "", *more])


def _shown(line: str) -> str:
    """A line of an error, as a terminal may show it; what a file or an option holds is cut where it is too long."""
    line = printable(line)
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The command's exit code; 2 for a usage error, 130 where it was interrupted.
    """
    prepare_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _Parser(prog="rolechain")
    if words == ["--version"]:
        from importlib.metadata import version

        print(f"rolechain {version('rolechain')}")
        return 0
    if words in (["--help"], ["-h"]):
        print(_help())
        return 0
    if not words:
        # A script whose command came to nothing must not pass for one that has proven something.
        print(_help(), file=sys.stderr)
        return USAGE_ERROR
    if not words[0].startswith("-") and words[0] not in COMMANDS:
        parser.error(f"{words[0]!r} is not a command{did_you_mean(words[0], COMMANDS)}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        # Only the command that is called pays for its imports.
        if name in words[:1]:
            try:
                module = importlib.import_module(f"rolechain.cli.{name.replace('-', '_')}")
            except ModuleNotFoundError as error:
                parser.error(
                    f"{name} needs {error.name}, which is not installed: "
                    f"pip install 'rolechain[{EXTRAS.get(name, 'cli')}]'"
                )
            module.add_arguments(command)
            parser.called = command
    arguments = parser.parse_args(words)
    try:
        code = int(module.run(arguments))
        sys.stdout.flush()
    except OSError as error:
        if not is_unwritten(error):
            raise
        give_up_stdout()
        # A broken pipe takes no message: the reader has ended.
        if not isinstance(error, BrokenPipeError):
            print(f"rolechain: the output cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    except RolechainError as error:
        print("\n".join(map(_shown, f"rolechain: {error}".split("\n"))), file=sys.stderr)
        return USAGE_ERROR if getattr(error, "usage", False) else 1
    except KeyboardInterrupt:
        print("rolechain: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code
