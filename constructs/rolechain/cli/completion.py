"""``rolechain completion``: prints a script by which a shell completes commands, options, their values and targets.

The script holds everything but the targets, so that a completion starts no Python; these are read anew each time.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rolechain.cli.options import add_options

TARGETS = "targets"
_NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_FILES = ("FILE", "DIR", "CDK_OUT", "TEMPLATE", "FILE_OR_DIR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, "--chain")
    parser.add_argument(
        "shell",
        choices=[*SHELLS, TARGETS],
        help=f"the shell whose script is printed; {TARGETS}: the names of the chain's targets, for the script",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the script, or a target a line, and returns 0; a chain that cannot be read has no targets."""
    if arguments.shell == TARGETS:
        sys.stdout.writelines(f"{name}\n" for name in _targets(arguments.chain))
    else:
        sys.stdout.write(SHELLS[arguments.shell]())
    return 0


def _targets(file: str) -> Iterator[str]:
    """The alias and the account of each target. The chain is not validated, which would take time."""
    try:
        with open(file, encoding="utf-8") as opened:
            if file.endswith(".json"):
                chain = json.load(opened)
            else:
                import yaml

                chain = yaml.load(opened, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        targets = chain["targets"]
        for target in targets if isinstance(targets, list) else [targets]:
            # A shell expands what it completes: nothing else of a file may reach it.
            names = (str(target.get("alias", "")), str(target["account"]))
            yield from filter(_NAME.fullmatch, names)
    except Exception:  # noqa: S110 - a completion has nobody to tell
        pass


def _options() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each command that can be imported, with its options by their names."""
    from rolechain.cli.main import COMMANDS

    for command in COMMANDS:
        parser = argparse.ArgumentParser()
        with suppress(ModuleNotFoundError):
            importlib.import_module(f"rolechain.cli.{command.replace('-', '_')}").add_arguments(parser)
        # argparse has no public name for what a parser takes.
        actions = parser._actions
        yield (
            command,
            {name: each for each in actions for name in each.option_strings or [each.dest]},
        )


def _bash() -> str:
    from rolechain.cli.main import COMMANDS

    values, names = [], []
    for command, options in _options():
        for name, action in options.items():
            if action.choices:
                pattern = f"{command}:{name}" if name.startswith("-") else f"{command}:{command}"
                values.append(f"        {pattern}) words={shlex.quote(' '.join(action.choices))} ;;")
        named = " ".join(name for name in options if name.startswith("--"))
        names.append(f"            {command}) words={shlex.quote(named)} ;;")
    return _BASH % (" ".join([*COMMANDS, "--help", "--version"]), "\n".join(values), "\n".join(names))


def _fish() -> str:
    from rolechain.cli.main import COMMANDS

    lines = [_FISH]
    for name, summary in COMMANDS.items():
        lines.append(f"complete -c rolechain -n __fish_use_subcommand -f -a {name} -d {shlex.quote(summary)}")
    for command, options in _options():
        within = f"complete -c rolechain -n '__fish_seen_subcommand_from {command}'"
        for name, action in options.items():
            if name == "--target":
                takes = " -x -a '(__rolechain_targets)'"
            elif action.choices:
                takes = f" -{'x' if name.startswith('-') else 'f'} -a {shlex.quote(' '.join(action.choices))}"
            else:
                takes = "" if action.nargs == 0 else " -r -F" if action.metavar in _FILES else " -x"
            if name.startswith("--"):
                said = shlex.quote((action.help or "").replace("%%", "%"))
                lines.append(f"{within} -l {name[2:]}{takes} -d {said}")
            elif action.choices:
                lines.append(f"{within}{takes}")
    return "\n".join(lines) + "\n"


_BASH = """\
_rolechain() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words= chain= at
    for ((at = 2; at < COMP_CWORD; at++)); do
        # What follows is a program of the user's own.
        if [[ ${COMP_WORDS[at]} == -- ]]; then
            ((at + 1 == COMP_CWORD)) && COMPREPLY=($(compgen -c -- "$word"))
            return
        fi
        [[ ${COMP_WORDS[at]} == --chain ]] && chain=${COMP_WORDS[at+1]}
    done
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "%s" -- "$word"))
        return
    fi
    case $command:$before in
        *:--target) words=$("${COMP_WORDS[0]}" completion targets ${chain:+--chain "$chain"} 2>/dev/null) ;;
%s
    esac
    if [[ -z $words && $word == -* ]]; then
        case $command in
%s
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _rolechain rolechain
"""
_FISH = """\
function __rolechain_targets
    set -l words (commandline -opc)
    set -l at (contains -i -- --chain $words)
    and rolechain completion targets --chain $words[(math $at + 1)]
    or rolechain completion targets
end
complete -c rolechain -n __fish_use_subcommand -f"""
_ZSH = """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
autoload -Uz bashcompinit && bashcompinit
"""
SHELLS = {
    "bash": _bash,
    "zsh": lambda: _ZSH + _bash(),
    "fish": _fish,
}
