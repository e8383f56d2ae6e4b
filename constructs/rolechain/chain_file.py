"""A chain read from YAML, every mistake with its line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, get_args

import yaml

from rolechain.chain import Chain
from rolechain.entrance import Entrance, EntranceKind
from rolechain.errors import ChainError, Place, Problem
from rolechain.role import ChainRole, Permission

CHAIN_KEYS = ("name", "organization", "region", "partition", "source", "middle", "targets")
ROLE_KEYS = (
    "account",
    "role",
    "path",
    "description",
    "assumed_by",
    "external_id",
    "trust",
    "managed_policies",
    "permissions",
    "max_session_duration",
)
ENTRANCE_KEYS = (*get_args(EntranceKind), "audience", "subject")
PERMISSION_KEYS = ("actions", "resources")


def read(path: str | PathLike[str]) -> Chain:
    """The chain that the YAML file at ``path`` declares; see ``Chain.load``."""
    name = fspath(path)
    root = _parse(name)
    reader = _Reader()
    fields = reader.chain(root)
    wrong = {problem.place for problem in reader.problems}
    problems = list(reader.problems)
    chain: Chain | None = None
    try:
        chain = Chain(**fields)
    except ChainError as error:
        # What follows from a mistake that was found already, in the same place or around it, is not said again.
        problems += [
            problem for problem in error.problems if not any(_nested(problem.place, at) for at in wrong)
        ]
    if problems or chain is None:
        placed = [
            replace(found, file=name, line=found.line or reader.line(found.place)) for found in problems
        ]
        raise ChainError(sorted(placed, key=lambda problem: problem.line or 0))
    return chain


def _nested(one: Place, other: Place) -> bool:
    """Whether one of two places lies in the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


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
        line = mark.line + 1 if mark else None
        lines = text.splitlines()
        indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())] if line else ""
        message = (
            "a tab indents this line: YAML takes blanks only"
            if "\t" in indent
            else f"no YAML: {error.problem}"
        )
        raise ChainError([Problem((), message, name, line)]) from None
    except yaml.YAMLError as error:
        raise ChainError([Problem((), f"no YAML: {str(error).splitlines()[0]}", name)]) from None
    if root is None:
        raise ChainError([Problem((), "the file is empty: declare name, source, middle and targets", name)])
    return root


@dataclass
class _Reader:
    """Turns YAML nodes into the model's arguments, and keeps the problems and lines it meets."""

    problems: list[Problem] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int | None:
        """The line of a place, or of the nearest thing around it that stands in the file."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None

    def refuse(self, place: Place, message: str, line: int | None = None) -> None:
        self.problems.append(Problem(place, message, line=line))

    def chain(self, root: yaml.Node) -> dict[str, Any]:
        nodes = self.mapping(root, (), CHAIN_KEYS, required=("name", "source", "middle", "targets"))
        fields: dict[str, Any] = {"name": "", "source": ChainRole(""), "middle": (), "targets": ()}
        for key, node in nodes.items():
            if key == "source":
                fields[key] = self.role(node, (key,))
            elif key in ("middle", "targets"):
                fields[key] = tuple(self.role(item, place) for item, place in self.items(node, (key,)))
            else:
                fields[key] = self.text(node, (key,))
        return fields

    def role(self, node: yaml.Node, place: Place) -> ChainRole:
        fields: dict[str, Any] = {"account": ""}
        for key, value in self.mapping(node, place, ROLE_KEYS, required=("account",)).items():
            here = (*place, key)
            if key == "assumed_by":
                fields[key] = [self.entrance(item, at) for item, at in self.items(value, here)]
            elif key == "permissions":
                fields[key] = [self.permission(item, at) for item, at in self.items(value, here)]
            elif key == "managed_policies":
                fields[key] = self.texts(value, here)
            elif key == "max_session_duration":
                fields[key] = self.number(value, here)
            else:
                fields[key] = self.text(value, here)
        return ChainRole(**fields)

    def entrance(self, node: yaml.Node, place: Place) -> Entrance:
        known = len(self.problems)
        nodes = self.mapping(node, place, ENTRANCE_KEYS)
        fields = {key: self.text(value, (*place, key)) for key, value in nodes.items()}
        kinds = [key for key in fields if key in get_args(EntranceKind)]
        if len(kinds) != 1:
            if len(self.problems) == known:
                self.refuse(place, f"name one principal here, as one of {', '.join(get_args(EntranceKind))}")
            return Entrance("service", "")
        kind: Any = kinds[0]
        return Entrance(kind, fields[kind], fields.get("audience"), fields.get("subject"))

    def permission(self, node: yaml.Node, place: Place) -> Permission:
        nodes = self.mapping(node, place, PERMISSION_KEYS, required=PERMISSION_KEYS)
        return Permission(
            **{key: self.texts(nodes[key], (*place, key)) if key in nodes else () for key in PERMISSION_KEYS}
        )

    def mapping(
        self, node: yaml.Node, place: Place, keys: tuple[str, ...], required: tuple[str, ...] = ()
    ) -> dict[str, yaml.Node]:
        """The values of a mapping's known keys; what is unknown, repeated or missing is refused."""
        self.lines[place] = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            self.refuse(place, f"a mapping is needed here, with keys such as {', '.join(keys[:3])}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = str(key_node.value)
            here = (*place, key)
            line = key_node.start_mark.line + 1
            self.lines.setdefault(here, line)
            if key in found:
                self.refuse(here, "the key stands here twice: leave one out", line)
            elif key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}"
                self.refuse(here, f"unknown key: {hint}")
            else:
                found[key] = value
        for key in required:
            if key not in found:
                self.refuse(
                    (*place, key), "missing: every " + ("chain" if not place else "entry here") + " has one"
                )
        return found

    def items(self, node: yaml.Node, place: Place) -> list[tuple[yaml.Node, Place]]:
        """The items of a list; one that stands alone is a list of one."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return [(item, (*place, number)) for number, item in enumerate(nodes)]

    def texts(self, node: yaml.Node, place: Place) -> list[str]:
        return [self.text(item, at) for item, at in self.items(node, place)]

    def text(self, node: yaml.Node, place: Place) -> str:
        self.lines[place] = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(place, "a text is needed here, not a list or mapping")
            return ""
        kind = node.tag.rsplit(":", 1)[-1]
        if kind == "null":
            self.refuse(place, "no value: write one, or leave the key out")
        elif kind != "str":
            what = "a number" if kind in ("int", "float") else f"a {kind}"
            self.refuse(place, f"{node.value} is {what} to YAML: put it in quotes")
        return str(node.value)

    def number(self, node: yaml.Node, place: Place) -> int:
        self.lines[place] = node.start_mark.line + 1
        try:
            return int(node.value)
        except (TypeError, ValueError):
            self.refuse(place, f"{node.value!r} is no whole number: write seconds")
            return 0
