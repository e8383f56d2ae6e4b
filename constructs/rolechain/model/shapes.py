"""The shapes that the keys of a chain take: read from YAML, checked in Python, and written as JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from inspect import getdoc
from typing import TYPE_CHECKING, Any, Protocol

from rolechain.errors import Place

if TYPE_CHECKING:
    import yaml

    from rolechain.model.chain_yaml import Nodes

Found = Iterator[tuple[Place, str]]
"""Mistakes: where in the thing that is checked, and what is wrong there."""
Json = dict[str, Any]
Mistake = str | Callable[[Any], str]
"""The text that follows a wrong value in a message, or a function that gives the whole message for a value."""


class Shape(Protocol):
    """The values that a key takes."""

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        """The value of a YAML node; a node that has none is refused with its line."""

    def wrong(self, value: Any) -> Found:
        """The problems of a value of any type."""

    def schema(self) -> Json:
        """The JSON Schema of what may stand in YAML."""


def matches(pattern: re.Pattern[str], value: object) -> bool:
    """Whether a value is a text that the whole of ``pattern`` describes."""
    return isinstance(value, str) and bool(pattern.fullmatch(value))


def told(mistake: Mistake, value: object) -> str:
    """A mistake in words, with the value that has it."""
    return f"{value!r} {mistake}" if isinstance(mistake, str) else mistake(value)


@dataclass(frozen=True)
class Text:
    """A text.

    Attributes:
        pattern: must match the whole text; None allows any text except the empty one.
        mistake: the message for a value that the pattern does not match.
        longest: how many characters it may have.
    """

    pattern: re.Pattern[str] | None = None
    mistake: Mistake = "is not a string: put it in quotes"
    longest: int | None = None

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        return nodes.text(node, place, empty=self.pattern is not None and matches(self.pattern, ""))

    def wrong(self, value: Any) -> Found:
        right = isinstance(value, str) and (matches(self.pattern, value) if self.pattern else bool(value))
        if not right or (self.longest is not None and len(value) > self.longest):
            yield (), told(self.mistake, value)

    def schema(self) -> Json:
        longest = {"maxLength": self.longest} if self.longest else {}
        if self.pattern is None:
            return {"type": "string", "minLength": 1, **longest}
        # JSON Schema knows no named groups and, in Python, takes letters of every language.
        text = re.sub(r"\(\?P<\w+>", "(", self.pattern.pattern)
        text = text.replace(r"\w", "A-Za-z0-9_").replace(r"\d", "[0-9]")
        return {"type": "string", "pattern": f"^({text})$", **longest}


@dataclass(frozen=True)
class Word:
    """One of a few words."""

    words: tuple[str, ...]
    mistake: str

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        return nodes.text(node, place)

    def wrong(self, value: Any) -> Found:
        if value not in self.words:
            yield (), f"{value!r} {self.mistake}: write one of {', '.join(self.words)}"

    def schema(self) -> Json:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Number:
    """A whole number within limits."""

    limits: range
    mistake: Mistake
    unit: str = "seconds"

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        return nodes.number(node, place, self.unit)

    def wrong(self, value: Any) -> Found:
        if isinstance(value, bool) or not isinstance(value, int) or value not in self.limits:
            yield (), told(self.mistake, value)

    def schema(self) -> Json:
        return {"type": "integer", "minimum": self.limits[0], "maximum": self.limits[-1]}


class Flag:
    """True or false."""

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        return nodes.flag(node, place)

    def wrong(self, value: Any) -> Found:
        if not isinstance(value, bool):
            yield (), f"{value!r} is neither true nor false: write one of them"

    def schema(self) -> Json:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Listed:
    """One thing, or a list of them.

    Attributes:
        of: the shape of each.
        most: how many there may be.
        alone: whether one that stands alone is not a list of one.
    """

    of: Shape
    most: int | None = None
    alone: bool = False

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        if self.alone and nodes.kind(node) != "sequence":
            return self.of.read(nodes, node, place)
        return [self.of.read(nodes, item, at) for item, at in nodes.items(node, place)]

    def wrong(self, value: Any) -> Found:
        if self.alone and not isinstance(value, tuple):
            yield from self.of.wrong(value)
            return
        for number, item in enumerate(value):
            for place, message in self.of.wrong(item):
                yield (number, *place), message

    def schema(self) -> Json:
        most = {"maxItems": self.most} if self.most else {}
        return {
            "oneOf": [self.of.schema(), {"type": "array", "items": self.of.schema(), "minItems": 1, **most}]
        }


@dataclass(frozen=True)
class TextsByKey:
    """A mapping of keys that are the user's own to texts."""

    key: Text
    value: Text

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        return {key: self.value.read(nodes, value, here) for key, value, here in nodes.pairs(node, place)}

    def wrong(self, value: Any) -> Found:
        if not isinstance(value, Mapping):
            yield (), f"{value!r} holds no values by attribute: write {{x509Subject/CN: …}}"
            return
        for key, each in value.items():
            yield from self.key.wrong(key)
            for _, message in self.value.wrong(each):
                yield (), f"{key}: {message}"

    def schema(self) -> Json:
        key = {name: rule for name, rule in self.key.schema().items() if name != "type"}
        return {"type": "object", "propertyNames": key, "additionalProperties": self.value.schema()}


@dataclass(frozen=True)
class Record:
    """A mapping of known keys, of which something is made.

    Attributes:
        make: the class.
        keys: the shape of each key, named as the class names it.
        mistake: the message for a value of another class.
        required: the keys that must stand in it.
        defined: the name under which other schemas refer to its own.
    """

    make: type
    keys: Mapping[str, Shape]
    mistake: str
    required: tuple[str, ...] = ()
    defined: str = ""

    def read(self, nodes: Nodes, node: yaml.Node, place: Place) -> Any:
        found = nodes.mapping(node, place, tuple(self.keys), self.required)
        blank = {key: () if isinstance(self.keys[key], Listed) else "" for key in self.required}
        read = {key: self.keys[key].read(nodes, value, (*place, key)) for key, value in found.items()}
        return self.make(**{**blank, **read})

    def wrong(self, value: Any) -> Found:
        if not isinstance(value, self.make):
            yield (), f"{value!r} {self.mistake}"
            return
        for key, shape in self.keys.items():
            for place, message in shape.wrong(getattr(value, key)):
                yield (key, *place), message

    def schema(self) -> Json:
        return {"$ref": f"#/$defs/{self.defined}"} if self.defined else self.definition()

    def definition(self) -> Json:
        """The schema itself."""
        return schema_of(self.make, {key: shape.schema() for key, shape in self.keys.items()}, self.required)


def schema_of(made: type, keys: Mapping[str, Json], required: tuple[str, ...]) -> Json:
    """The schema of a mapping, with the meaning and the default of each key as a class documents them."""
    meanings, defaults = meanings_of(made), defaults_of(made)
    described = {}
    for key, schema in keys.items():
        default = defaults.get(key)
        known = {"default": default} if isinstance(default, (str, int)) and default != "" else {}
        meaning = {"description": meanings[key]} if key in meanings else {}
        described[key] = {**schema, **known, **meaning}
    return {
        "type": "object",
        "additionalProperties": False,
        **({"required": list(required)} if required else {}),
        "properties": described,
    }


@cache
def defaults_of(made: type) -> dict[str, Any]:
    """The defaults of a class's fields."""
    return {
        each.name: each.default if each.default_factory is MISSING else each.default_factory()
        for each in fields(made)
        if each.default is not MISSING or each.default_factory is not MISSING
    }


def meanings_of(made: type) -> dict[str, str]:
    """The meaning of each argument and attribute of a class, from its docstring."""
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", getdoc(made) or "", re.MULTILINE)
    said = {name: re.sub(r"\s+", " ", words).replace("``", "") for name, words in found}
    return {name: words[0].upper() + words[1:] for name, words in said.items()}
