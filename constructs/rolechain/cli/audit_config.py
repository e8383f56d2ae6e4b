"""The configuration file of ``rolechain audit``, which gives its options by their names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from rolechain.cli.options import UsageError
from rolechain.cli.template_nodes import NodeError, load, read_text


def merged(
    arguments: argparse.Namespace, file: Path, add_arguments: Callable[[argparse.ArgumentParser], None]
) -> argparse.Namespace:
    """The options of a command line, with those of a file where the command line does not give them.

    A list of the file and one of the command line are put together. Paths of the file are as the command line
    would have them: relative to the working folder.
    """
    try:
        content = load(read_text(file))
    except NodeError as error:
        raise UsageError(f"{file}{error.after_path} gives no options: {error}") from None
    if not isinstance(content, Mapping):
        raise UsageError(f"{file} gives no options: write a mapping, such as only: RC01,RC04")
    parser = _Parser(file)
    add_arguments(parser)
    defaults, given = parser.parse_args([]), parser.parse_args(list(_words(file, parser.flags, content)))
    found = argparse.Namespace(**vars(arguments))
    for name, default in vars(defaults).items():
        here, there = getattr(arguments, name), getattr(given, name)
        value = [*there, *here] if isinstance(default, list) else there if here == default else here
        setattr(found, name, value)
    return found


class _Parser(argparse.ArgumentParser):
    """Knows by the name of each option whether it takes no value, and says an error with the file."""

    def __init__(self, file: Path) -> None:
        super().__init__(add_help=False)
        self.flags: dict[str, bool] = {}
        self._file = file

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Adds an option."""
        action = super().add_argument(*names, **settings)
        if names[0].startswith("--") and names[0] != "--config":
            self.flags[names[0].removeprefix("--")] = action.nargs == 0
        return action

    def error(self, message: str) -> NoReturn:
        """Raises the error."""
        raise UsageError(f"{self._file}: {message}")


def _words(file: Path, flags: Mapping[str, bool], content: Mapping[str, Any]) -> Iterator[str]:
    """What the command line would be."""
    templates: list[str] = []
    for name, value in content.items():
        values = _texts(file, name, value)
        if name == "templates":
            templates = values
        elif name not in flags:
            raise UsageError(
                f"{file}: {name!r} is not an option: write one of templates, {', '.join(sorted(flags))}"
            )
        elif flags[name]:
            if not isinstance(value, bool):
                raise UsageError(f"{file}: {name} is {value!r}: write true or false")
            yield from [f"--{name}"] if value else []
        else:
            yield from (f"--{name}={each}" for each in values)
    yield from ("--", *templates)


def _texts(file: Path, name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{key}={each}" for key, each in value.items()]
    listed = value if isinstance(value, list) else [value]
    if any(isinstance(each, (Mapping, list)) or each is None for each in listed):
        raise UsageError(f"{file}: {name} is {value!r}: write a text, a list of texts, or a mapping of them")
    return [str(each) for each in listed]
