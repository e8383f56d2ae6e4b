"""Reads a chain from YAML or JSON, node by node; each problem has its line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rolechain.errors import ChainError, Place, Problem, RolechainError
from rolechain.model import json_nodes
from rolechain.model.keys import CHAIN_KEYS, REQUIRED_OF_CHAIN
from rolechain.model.role import ChainRole

if TYPE_CHECKING:
    import yaml

Made = TypeVar("Made")
MOST_BYTES = 1024 * 1024
"""A chain of thousands of targets has less, and YAML of more takes minutes."""
_EMPTY = "the file is empty: declare name, source and targets"
_TOO_DEEP = "nested too deeply for a chain: remove levels"


def read(path: str | PathLike[str], make: Callable[..., Made]) -> Made:
    """Reads the keys of ``chain.yaml`` and passes them to ``make``, which is ``Chain``; see ``Chain.load``."""
    name = fspath(path)
    text = _text(name)
    if name.endswith(".json"):
        return chain_of_json(text, make, name)
    return _made(_parsed_yaml(name, text), Nodes(Path(name).parent, "YAML"), make, name)


def chain_of_json(text: str, make: Callable[..., Made], name: str) -> Made:
    """The chain of a text of JSON, such as ``declaration_of`` gives; ``name`` says in messages where it stands."""
    return _made(_parsed_json(name, text), Nodes(Path(name).parent, "JSON"), make, name)


def _made(root: yaml.Node, nodes: Nodes, make: Callable[..., Made], name: str) -> Made:
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


@dataclass
class Nodes:
    """Reads nodes, and keeps the problems and lines that it meets.

    Attributes:
        folder: that of the file, beside which others are named.
        language: ``YAML`` or ``JSON``.
        problems: what was wrong.
        lines: the line of each place.
    """

    folder: Path
    language: str = "YAML"
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest thing around it that stands in the file."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None

    def refuse(self, place: Place, message: str, line: int | None = None) -> None:
        """Keeps a problem."""
        self.problems.append(Problem(place, message, line=line))

    def mapping(
        self, node: yaml.Node, place: Place, keys: tuple[str, ...], required: tuple[str, ...] = ()
    ) -> dict[str, yaml.Node]:
        """The values of a mapping's known keys; what is unknown, repeated or missing is refused."""
        self.lines[place] = node.start_mark.line + 1
        if self.kind(node) != "mapping":
            self.refuse(place, f"expected a mapping, with keys such as {', '.join(keys[:3])}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = str(key_node.value) if self.kind(key_node) == "scalar" else "[…]"
            here = (*place, key)
            line = key_node.start_mark.line + 1
            self.lines.setdefault(here, line)
            if key in found:
                self.refuse(here, "the key occurs twice: remove one", line)
            elif key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]}?" if near else f"the known keys are {', '.join(keys)}"
                self.refuse(here, f"unknown key: {hint}")
            else:
                found[key] = value
        for key in required:
            if key not in found:
                self.refuse(
                    (*place, key), "missing: every " + ("chain" if not place else "entry here") + " has one"
                )
        return found

    def kind(self, node: yaml.Node) -> str:
        """``scalar``, ``sequence`` or ``mapping``."""
        return str(node.id)  # type: ignore[attr-defined] # of every class of nodes

    def items(self, node: yaml.Node, place: Place) -> list[tuple[yaml.Node, Place]]:
        """The items of a list; one that stands alone is a list of one."""
        nodes = node.value if self.kind(node) == "sequence" else [node]
        if not nodes:
            # An empty list of what is allowed would allow everything.
            self.lines[place] = node.start_mark.line + 1
            self.refuse(place, "the list is empty: add a value, or remove the key")
        return [(item, (*place, number)) for number, item in enumerate(nodes)]

    def texts(self, node: yaml.Node, place: Place) -> list[str]:
        """One text or several."""
        return [self.text(item, at) for item, at in self.items(node, place)]

    def text(self, node: yaml.Node, place: Place, *, empty: bool = True) -> str:
        """One text, perhaps empty; what YAML takes for something else has to stand in quotes."""
        self.lines[place] = node.start_mark.line + 1
        if self.kind(node) != "scalar":
            self.refuse(place, "expected a string, not a list or mapping")
            return ""
        kind = node.tag.rsplit(":", 1)[-1]
        if kind == "null" or (kind == "str" and not node.value and not empty):
            self.refuse(place, "no value: add one, or remove the key")
        elif kind != "str":
            what = "a number" if kind in ("int", "float") else f"a {kind}"
            self.refuse(place, f"{node.value} is {what} to {self.language}: put it in quotes")
        return str(node.value)

    def value(self, node: yaml.Node, place: Place, seen: set[int] | None = None) -> Any:
        """A text, or a mapping or list of texts."""
        seen = set() if seen is None else seen
        if self.kind(node) == "scalar":
            return self.text(node, place)
        if id(node) in seen:
            # It may hold itself, or be repeated without end.
            self.refuse(place, "an alias repeats it: write the value out")
            return {}
        seen.add(id(node))
        if self.kind(node) == "mapping":
            return {key: self.value(item, at, seen) for key, item, at in self.pairs(node, place)}
        return [self.value(item, (*place, at), seen) for at, item in enumerate(node.value)]

    def number(self, node: yaml.Node, place: Place, unit: str = "seconds") -> int:
        """One whole number."""
        self.lines[place] = node.start_mark.line + 1
        if node.tag.endswith(":int"):
            try:
                return int(node.value)
            except ValueError:
                pass  # hexadecimal, or base 60: refused below as what else is not a plain number
        quoted = getattr(node, "style", None) and str(node.value).isdecimal()
        remediation = f"remove the quotes, and write {unit}" if quoted else f"write {unit}"
        self.refuse(place, f"{_shown(node)} is not a whole number: {remediation}")
        return 0

    def flag(self, node: yaml.Node, place: Place) -> bool:
        """A yes or no."""
        self.lines[place] = node.start_mark.line + 1
        if node.tag.endswith(":bool"):
            return str(node.value).lower() in ("true", "yes", "on")
        self.refuse(place, f"{_shown(node)} is neither true nor false: write one of them")
        return False

    def pairs(self, node: yaml.Node, place: Place) -> list[tuple[str, yaml.Node, Place]]:
        """The keys and values of a mapping whose keys are the user's own."""
        self.lines[place] = node.start_mark.line + 1
        if self.kind(node) != "mapping":
            self.refuse(place, "expected a mapping, with a value for each key")
            return []
        found: dict[str, tuple[yaml.Node, Place]] = {}
        for key_node, value in node.value:
            key = self.text(key_node, (*place, str(key_node.value)))
            here = (*place, key)
            if key in found:
                self.refuse(here, "the key occurs twice: remove one", key_node.start_mark.line + 1)
            else:
                found[key] = (value, here)
        return [(key, value, here) for key, (value, here) in found.items()]


def _shown(node: yaml.Node) -> str:
    return "a list or mapping" if isinstance(node.value, list) else repr(node.value)
