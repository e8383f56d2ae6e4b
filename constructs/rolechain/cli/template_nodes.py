"""CloudFormation's YAML, with its short tags, as the JSON that it stands for; and the line of each part.

Source: CloudFormation User Guide, "CloudFormation template formats" and "Intrinsic function reference".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from rolechain.cli.options import UsageError
from rolechain.json_keys import RepeatedKeyError, unrepeated

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_DEPTH_LIMIT = 100
_SIZE_LIMIT = 1_000_000
"""How many values an expanded file may hold; CloudFormation's own limit is 1 MB of text."""


class NodeError(ValueError):
    """A text is neither JSON nor YAML as CloudFormation takes it.

    Attributes:
        line: where, counted from 1; None if that is not known.
    """

    def __init__(self, message: str, line: int | None) -> None:
        self.line = line
        super().__init__(message)

    @property
    def after_path(self) -> str:
        """The line, as it stands behind the path of the file."""
        return f":{self.line}" if self.line else ""


def read_text(path: Path) -> str:
    """What a file holds."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        is_text = not isinstance(error, UnicodeDecodeError)
        reason = getattr(error, "strerror", error) if is_text else "it is not UTF-8 text"
        raise UsageError(f"{path} cannot be read: {reason}: name another file") from None


def load(text: str) -> Any:
    """The value of a text in JSON or YAML; None where it is empty."""
    try:
        return json.loads(text, object_pairs_hook=unrepeated)
    except RecursionError:
        raise NodeError("it is nested too deeply", None) from None
    except ValueError as error:
        found = error
    try:
        node = compose(text)
        return _Converter().value(node, 0) if node else None
    except NodeError as error:
        if isinstance(found, RepeatedKeyError):
            # YAML knows its line, if it can be read as YAML.
            raise NodeError(str(found), error.line) from None
        if isinstance(found, json.JSONDecodeError) and text.lstrip().startswith("{"):
            raise NodeError(found.msg, found.lineno) from None
        raise


def compose(text: str) -> yaml.Node | None:
    """The nodes of a YAML or JSON text, which know their lines; None where it is empty."""
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NodeError(str(error.problem), mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise NodeError(str(error).splitlines()[0], None) from None
    return node


def line_of(node: yaml.Node, path: Iterable[str | int]) -> int:
    """The line of the value at ``path``, counted from 1; of the nearest thing around it that is there.

    A statement is counted as the resolved policy counts it: behind an ``Fn::If``, which may leave one out, that is
    not the count of the file, and the list itself is given.
    """
    line = int(node.start_mark.line) + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                # A statement that is alone needs no list.
                if step == 0:
                    continue
                break
            line, node = int(found[0].start_mark.line) + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            if any(map(_is_conditional, node.value[: step + 1])) and step != len(node.value) - 1:
                break
            node = node.value[step]
            line = int(node.start_mark.line) + 1
        else:
            break
    return line


def declaring(node: yaml.Node, logical_id: str) -> str:
    """The key of a template's Resources that a resource comes from: its own, or what a loop or SAM makes it of.

    SAM names a resource by what it is made of and a suffix, a loop by its pattern.
    """
    names = dict(_patterns(_item(node, "Resources")))
    found = [key for key, pattern in names.items() if re.match(pattern, logical_id)]
    return (
        logical_id
        if logical_id in names
        else max(found, key=lambda key: (not key.startswith("Fn::"), len(key)), default=logical_id)
    )


def _patterns(resources: yaml.Node | None) -> Iterator[tuple[str, str]]:
    """Each key of a template's Resources, with a pattern of what the logical ids of what it makes begin with."""
    for key, value in resources.value if isinstance(resources, yaml.MappingNode) else []:
        name, kind = str(key.value), _item(value, "Type")
        if name.startswith("Fn::ForEach::"):
            within = value.value if isinstance(value, yaml.SequenceNode) else []
            yield name, "|".join(pattern for item in within for _, pattern in _patterns(item)) or "(?!)"
        elif "{" in name:
            yield name, re.sub(r"\\[$&]\\\{.*?\}", ".*", re.escape(name))
        else:
            is_of_sam = kind is not None and str(kind.value).startswith("AWS::Serverless::")
            yield name, re.escape(name) if is_of_sam else f"{re.escape(name)}$"


def _item(node: yaml.Node | None, name: str) -> yaml.Node | None:
    items = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in items if key.value == name), None)


def _is_conditional(node: yaml.Node) -> bool:
    if node.tag == "!If":
        return True
    return isinstance(node, yaml.MappingNode) and any(key.value == "Fn::If" for key, _ in node.value)


class _Converter:
    """The JSON that a node stands for, each short tag as the function that it abbreviates."""

    def __init__(self) -> None:
        self._size = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        self._size += 1
        if depth > _DEPTH_LIMIT or self._size > _SIZE_LIMIT:
            raise NodeError("it is nested too deeply, or expands to too much", node.start_mark.line + 1)
        if node.tag.startswith("!") and len(node.tag) > 1:
            return _function(node.tag[1:], self._plain(node, depth))
        return _scalar(node) if isinstance(node, yaml.ScalarNode) else self._plain(node, depth)

    def _plain(self, node: yaml.Node, depth: int) -> Any:
        """The value without its tag; a tagged scalar is a text."""
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if not isinstance(node, yaml.MappingNode):
            return node.value
        found: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                raise NodeError("CloudFormation reads no such key: write a plain text", line)
            if key.value in found:
                raise NodeError(f"the key {key.value} occurs twice: remove one", line)
            found[key.value] = self.value(item, depth + 1)
        return found


def _function(tag: str, argument: Any) -> dict[str, Any]:
    if tag in ("Ref", "Condition"):
        return {tag: argument}
    if tag == "GetAtt" and isinstance(argument, str):
        return {"Fn::GetAtt": argument.split(".", 1)}
    return {f"Fn::{tag}": argument}


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    match node.tag.rsplit(":", 1)[-1]:
        case "null":
            return None
        case "bool":
            return text.lower() in ("true", "yes", "on")
        case "int" if _WHOLE_NUMBER.fullmatch(text):
            return int(text)
        case "float":
            with suppress(ValueError):
                return float(text)
    # A date, as in Version: 2012-10-17, and an account id with a leading zero stay as they are written.
    return text
