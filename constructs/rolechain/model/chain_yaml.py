"""A chain read from YAML, every mistake with its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar

import yaml

from rolechain.errors import ChainError, Problem
from rolechain.model.keys import CHAIN_KEYS, REQUIRED_OF_CHAIN
from rolechain.model.role import ChainRole
from rolechain.model.yaml_nodes import Nodes

Made = TypeVar("Made")


def read(path: str | PathLike[str], make: Callable[..., Made]) -> Made:
    """What ``make`` makes of the chain that a YAML file declares; see ``Chain.load``."""
    name = fspath(path)
    root = _parse(name)
    nodes = Nodes(Path(name).parent)
    declared: dict[str, Any] = {"name": "", "source": ChainRole(""), "targets": ()}
    for key, node in nodes.mapping(root, (), tuple(CHAIN_KEYS), REQUIRED_OF_CHAIN).items():
        declared[key] = CHAIN_KEYS[key].read(nodes, node, (key,))
    wrong = {problem.place for problem in nodes.problems}
    problems = list(nodes.problems)
    chain: Made | None = None
    try:
        chain = make(**declared)
    except ChainError as error:
        # What follows from a mistake that was found already, in the same place or around it, is not said again.
        problems += [
            problem
            for problem in error.problems
            if not any(all(a == b for a, b in zip(problem.place, at, strict=False)) for at in wrong)
        ]
    if problems or chain is None:
        placed = [replace(found, file=name, line=found.line or nodes.line(found.place)) for found in problems]
        raise ChainError(sorted(placed, key=lambda problem: problem.line or 0))
    return chain


def _parse(name: str) -> yaml.Node:
    try:
        text = Path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        message = "no such file: write one (README.md shows the smallest), or name yours with --chain"
        raise ChainError([Problem((), message, name)]) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ChainError([Problem((), f"cannot be read: {reason}", name)]) from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        lines = text.splitlines()
        # What is not closed is missed behind the last line.
        line = min(mark.line + 1, len(lines)) if mark else None
        indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())] if line else ""
        message = (
            "a tab indents this line: YAML takes blanks only"
            if "\t" in indent
            else f"no YAML: {error.problem}"
        )
        raise ChainError([Problem((), message, name, line)]) from None
    except RecursionError:
        raise ChainError([Problem((), "no chain is nested so deeply", name)]) from None
    except yaml.YAMLError as error:
        raise ChainError([Problem((), f"no YAML: {str(error).splitlines()[0]}", name)]) from None
    if root is None:
        raise ChainError([Problem((), "the file is empty: declare name, source and targets", name)])
    return root
