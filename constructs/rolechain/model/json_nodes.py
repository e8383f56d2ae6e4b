"""The nodes of a JSON text with their lines, as PyYAML gives those of a YAML text. Standard library only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*"|[^\s,:{}\[\]"]+')


@dataclass(frozen=True)
class JsonNode:
    """A value, as ``yaml.Node``: its kind, its tag, what it holds, how it is quoted, and its line from 0."""

    id: str
    tag: str
    value: Any
    style: str | None
    line: int

    @property
    def start_mark(self) -> JsonNode:
        """Where it stands."""
        return self


def compose(text: str) -> Any:
    """The node of a JSON text.

    Raises:
        json.JSONDecodeError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    json.loads(text)
    return _Tokens(text).node()


class _Tokens:
    """The tokens of a text that is known to be JSON; commas and colons say nothing then."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.finditer(text)
        self._line = self._seen = 0

    def node(self) -> JsonNode | None:
        """The next value; None at the end of an object or a list."""
        found = next(self._tokens)
        self._line += self._text.count("\n", self._seen, found.start())
        self._seen = found.start()
        line = self._line
        match found[0]:
            case "}" | "]":
                return None
            case "{":
                pairs = [(key, self.node()) for key in iter(self.node, None)]
                return JsonNode("mapping", "map", pairs, None, line)
            case "[":
                return JsonNode("sequence", "seq", list(iter(self.node, None)), None, line)
            case "null" | "true" | "false" as word:
                return JsonNode("scalar", ":null" if word == "null" else ":bool", word, None, line)
            case text if text.startswith('"'):
                return JsonNode("scalar", ":str", json.loads(text), '"', line)
            case number:
                tag = ":int" if number.lstrip("-").isdecimal() else ":float"
                return JsonNode("scalar", tag, number, None, line)
