"""A chain read from YAML, every mistake with its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml

from rolechain.errors import ChainError, Place, Problem
from rolechain.json_keys import RepeatedKeyError, unrepeated
from rolechain.model.entry_principal import Entrance, EntranceKind
from rolechain.model.quotas import QUOTA_NAMES, Quotas
from rolechain.model.role import ChainRole, Permission
from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.model.yaml_nodes import Nodes

Made = TypeVar("Made")

CHAIN_KEYS = (
    "name",
    "organization",
    "region",
    "partition",
    "quotas",
    "policy_documents",
    "administrators",
    "source",
    "middle",
    "targets",
)
# The partition is the chain's.
ROLE_KEYS = tuple(each.name for each in fields(ChainRole) if each.name != "partition")
ENTRANCE_KEYS = (
    *get_args(EntranceKind),
    *(each.name for each in fields(Entrance) if each.name not in ("kind", "value", "others")),
)
PERMISSION_KEYS = ("actions", "resources")
ALLOWED_KEYS = ("values", "required")


def read(path: str | PathLike[str], make: Callable[..., Made]) -> Made:
    """What ``make`` makes of the chain that a YAML file declares; see ``Chain.load``."""
    name = fspath(path)
    root = _parse(name)
    reader = _Reader()
    reader.folder = Path(name).parent
    declared = reader.chain(root)
    wrong = {problem.place for problem in reader.problems}
    problems = list(reader.problems)
    chain: Made | None = None
    try:
        chain = make(**declared)
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


class _Reader(Nodes):
    """Turns YAML nodes into the model's arguments.

    Attributes:
        folder: that of the file, beside which others are named.
    """

    folder = Path()

    def chain(self, root: yaml.Node) -> dict[str, Any]:
        nodes = self.mapping(root, (), CHAIN_KEYS, required=("name", "source", "targets"))
        fields: dict[str, Any] = {"name": "", "source": ChainRole(""), "middle": (), "targets": ()}
        for key, node in nodes.items():
            if key == "source" and not isinstance(node, yaml.SequenceNode):
                fields[key] = self.role(node, (key,))
            elif key in ("source", "middle", "targets"):
                fields[key] = tuple(self.role(item, place) for item, place in self.items(node, (key,)))
            elif key == "quotas":
                quotas = self.mapping(node, (key,), QUOTA_NAMES)
                fields[key] = Quotas(
                    **{name: self.number(value, (key, name), "a number") for name, value in quotas.items()}
                )
            elif key == "administrators":
                fields[key] = self.texts(node, (key,))
            elif key == "policy_documents":
                fields[key] = {name: self.document(value, at) for name, value, at in self.pairs(node, (key,))}
            else:
                fields[key] = self.text(node, (key,))
        return fields

    def document(self, node: yaml.Node, place: Place) -> Any:
        """A policy document as it stands, or the JSON of the file that is named, beside the chain's own."""
        if not isinstance(node, yaml.ScalarNode):
            return self.value(node, place)
        path = Path(self.folder) / node.value
        try:
            return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unrepeated)
        except RepeatedKeyError as error:
            self.refuse(place, f"{path}: {error}")
            return {"Statement": []}
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
            self.refuse(place, f"{path} cannot be read: {reason}")
            return {"Statement": []}

    def role(self, node: yaml.Node, place: Place) -> ChainRole:
        readers: dict[str, Callable[[yaml.Node, Place], Any]] = {
            "assumed_by": self.listed(self.entrance),
            "permissions": self.listed(self.permission),
            "session_tags": self.session_tags,
            "source_identity": self.source_identity,
            "policy": self.value,
            **dict.fromkeys(
                ("managed_policies", "policy_arns", "transitive_tag_keys", "organizational_units"), self.texts
            ),
            **dict.fromkeys(("max_session_duration", "duration_seconds"), self.number),
            **dict.fromkeys(("existing", "third_party"), self.flag),
        }
        nodes = self.mapping(node, place, ROLE_KEYS, required=("account",))
        if "role" in nodes and nodes["role"].tag.endswith(":str") and not nodes["role"].value:
            self.refuse((*place, "role"), "no value: write one, or leave the key out")
        return ChainRole(
            **{
                "account": "",
                **{key: readers.get(key, self.text)(value, (*place, key)) for key, value in nodes.items()},
            }
        )

    def listed(self, reader: Callable[[yaml.Node, Place], Any]) -> Callable[[yaml.Node, Place], list[Any]]:
        """Reads one thing, or a list of them."""
        return lambda node, place: [reader(item, at) for item, at in self.items(node, place)]

    def session_tags(self, node: yaml.Node, place: Place) -> list[SessionTag]:
        return [
            SessionTag(key, values, required=required)
            for key, value, here in self.pairs(node, place)
            for values, required in [self.allowed(value, here)]
        ]

    def source_identity(self, node: yaml.Node, place: Place) -> SourceIdentity:
        values, required = self.allowed(node, place)
        return SourceIdentity(values, required=required)

    def allowed(self, node: yaml.Node, place: Place) -> tuple[list[str], bool]:
        """Allowed values, and whether one of them is required: a value, a list, or a mapping of both."""
        if isinstance(node, yaml.ScalarNode):
            return [self.text(node, place)], True
        if not isinstance(node, yaml.MappingNode):
            return self.texts(node, place), True
        nodes = self.mapping(node, place, ALLOWED_KEYS)
        values = self.texts(nodes["values"], (*place, "values")) if "values" in nodes else []
        return values, self.flag(nodes["required"], (*place, "required")) if "required" in nodes else True

    def entrance(self, node: yaml.Node, place: Place) -> Entrance:
        readers: dict[str, Callable[[yaml.Node, Place], Any]] = {
            "mfa_max_age": self.number,
            "session_tags": self.session_tags,
            "source_identity": self.source_identity,
            "certificate": lambda item, at: {
                key: self.text(value, here) for key, value, here in self.pairs(item, at)
            },
            **dict.fromkeys(("third_party", "iam_users", "mfa"), self.flag),
            **dict.fromkeys(("transitive_tag_keys", "source_account", "source_arn"), self.texts),
            **dict.fromkeys(("audience", "subject", *get_args(EntranceKind)), self.one_or_several),
        }
        known = len(self.problems)
        nodes = self.mapping(node, place, ENTRANCE_KEYS)
        fields = {key: readers.get(key, self.text)(value, (*place, key)) for key, value in nodes.items()}
        kinds = [key for key in fields if key in get_args(EntranceKind)]
        if len(kinds) != 1:
            if len(self.problems) == known:
                self.refuse(place, f"name one principal here, as one of {', '.join(get_args(EntranceKind))}")
            return Entrance("service", "")
        kind: Any = kinds[0]
        return Entrance(kind, fields.pop(kind), **fields)

    def one_or_several(self, node: yaml.Node, place: Place) -> str | list[str]:
        """A text, or a list of them."""
        return self.texts(node, place) if isinstance(node, yaml.SequenceNode) else self.text(node, place)

    def permission(self, node: yaml.Node, place: Place) -> Permission:
        nodes = self.mapping(node, place, PERMISSION_KEYS, required=PERMISSION_KEYS)
        return Permission(
            **{key: self.texts(nodes[key], (*place, key)) if key in nodes else () for key in PERMISSION_KEYS}
        )
