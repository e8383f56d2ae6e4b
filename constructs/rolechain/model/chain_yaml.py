"""Reads a chain from YAML or JSON; each problem has its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar

from rolechain.errors import ChainError, Problem, RolechainError
from rolechain.model import json_nodes
from rolechain.model.keys import CHAIN_KEYS, REQUIRED_OF_CHAIN
from rolechain.model.role import ChainRole
from rolechain.model.yaml_nodes import Nodes

Made = TypeVar("Made")
MOST_BYTES = 1024 * 1024
"""A chain of thousands of targets has less, and YAML of more takes minutes."""
_EMPTY = "the file is empty: declare name, source and targets"
_TOO_DEEP = "nested too deeply for a chain: remove levels"


def read(path: str | PathLike[str], make: Callable[..., Made]) -> Made:
    """Reads the keys of ``chain.yaml`` and passes them to ``make``, which is ``Chain``; see ``Chain.load``."""
    name = fspath(path)
    language = "JSON" if name.endswith(".json") else "YAML"
    text = _text(name)
    root = _parsed_json(name, text) if language == "JSON" else _parsed_yaml(name, text)
    nodes = Nodes(Path(name).parent, language)
    declared: dict[str, Any] = {"name": "", "source": ChainRole(""), "targets": ()}
    for key, node in nodes.mapping(root, (), tuple(CHAIN_KEYS), REQUIRED_OF_CHAIN).items():
        declared[key] = CHAIN_KEYS[key].read(nodes, node, (key,))
    wrong = {problem.place for problem in nodes.problems}
    problems = list(nodes.problems)
    chain: Made | None = None
    try:
        chain = make(**declared)
    except ChainError as error:
        # A problem at or below the place of another problem may only follow from it.
        problems += [
            problem
            for problem in error.problems
            if not any(all(a == b for a, b in zip(problem.place, at, strict=False)) for at in wrong)
        ]
    if problems or chain is None:
        placed = [replace(found, file=name, line=found.line or nodes.line(found.place)) for found in problems]
        raise ChainError(sorted(placed, key=lambda problem: problem.line or 0))
    return chain


def _text(name: str) -> str:
    try:
        with open(name, "rb") as file:
            held = file.read(MOST_BYTES + 1)
        if len(held) > MOST_BYTES:
            raise _problem(name, "the file is larger than 1 MiB: name a chain of its own for each part")
        return held.decode()
    except FileNotFoundError:
        message = "no such file: create it (docs/chain.md describes its keys), or name another with --chain"
        raise _problem(name, message) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _problem(name, f"cannot be read: {reason}") from None


def _parsed_json(name: str, text: str) -> Any:
    try:
        return json_nodes.compose(text)
    except json.JSONDecodeError as error:
        if not text.strip():
            raise _problem(name, _EMPTY) from None
        raise _problem(name, f"not valid JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        raise _problem(name, _TOO_DEEP) from None


def _parsed_yaml(name: str, text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise RolechainError(
            f"{name}: reading it needs PyYAML: pip install 'rolechain[yaml]', or write the chain in a .json file"
        ) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        lines = text.splitlines()
        # An element that is not closed is reported after the last line.
        line = min(mark.line + 1, len(lines)) if mark else None
        indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())] if line else ""
        message = (
            "a tab indents this line: indent with spaces"
            if "\t" in indent
            else f"not valid YAML: {error.problem}"
        )
        raise _problem(name, message, line) from None
    except RecursionError:
        raise _problem(name, _TOO_DEEP) from None
    except yaml.YAMLError as error:
        raise _problem(name, f"not valid YAML: {str(error).splitlines()[0]}") from None
    if root is None:
        raise _problem(name, _EMPTY)
    return root


def _problem(name: str, message: str, line: int | None = None) -> ChainError:
    return ChainError([Problem((), message, name, line)])
