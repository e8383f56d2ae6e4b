"""The loops of a template, expanded as the transform AWS::LanguageExtensions expands them.

Source: CloudFormation Template Reference, "AWS::LanguageExtensions transform" and "Fn::ForEach".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from rolechain.cloudformation import texts
from rolechain.cloudformation.template import Json

LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
LOOP = "Fn::ForEach::"
_SECTIONS = ("Conditions", "Resources", "Outputs")
_SIZE_LIMIT = 100_000
"""How many values the loops of a template may make; a template of 1 MB, CloudFormation's limit, holds fewer."""
NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]")


class _TooLargeError(Exception):
    """Loops within loops make more than a template may hold."""


def expanded(body: Mapping[str, Json], resolve: Callable[[Json], Json]) -> Mapping[str, Json]:
    """A template whose loops are replaced by what they make.

    A loop that is not written as CloudFormation asks, or whose collection is not known, stays as it is.

    Args:
        body: the template.
        resolve: resolves the value of a collection, as functions of the template's parameters and mappings.
    """
    expansion = _Expansion(resolve)
    try:
        return {key: expansion.of(value) if key in _SECTIONS else value for key, value in body.items()}
    except (_TooLargeError, RecursionError):
        return body


class _SameKeyError(Exception):
    """Two keys of an object become one."""


class _Expansion:
    def __init__(self, resolve: Callable[[Json], Json]) -> None:
        self._resolve = resolve
        self._size = 0

    def of(self, value: Json, depth: int = 0) -> Json:
        """``value`` with each loop in it replaced by the keys that it makes."""
        self._size += 1
        if self._size > _SIZE_LIMIT or depth > 100:
            raise _TooLargeError
        if isinstance(value, (list, tuple)):
            return [self.of(item, depth + 1) for item in value]
        if not isinstance(value, Mapping):
            return value
        found: dict[str, Json] = {}
        for key, item in value.items():
            is_loop = isinstance(key, str) and key.startswith(LOOP)
            made = self._loop(item, depth) if is_loop else None
            # A key that a loop makes a second time is refused on deployment: the loop stays, and is not known.
            if made is None or made.keys() & (found.keys() | value.keys()):
                found[key] = item if is_loop else self.of(item, depth + 1)
            else:
                found |= made
        return found

    def _loop(self, argument: Json, depth: int) -> dict[str, Json] | None:
        """What a loop makes; None where it cannot be known."""
        if not isinstance(argument, (list, tuple)) or len(argument) != 3:
            return None
        identifier, collection, template = argument
        items = self._resolve(collection)
        if not (isinstance(identifier, str) and isinstance(items, list) and isinstance(template, Mapping)):
            return None
        found: dict[str, Json] = {}
        for item in items:
            # A resolved list may hold what is not known.
            text = texts.scalar(item)
            if text is None:
                return None
            try:
                made = self.of(self._with(template, identifier, text), depth + 1)
            except _SameKeyError:
                return None
            if found.keys() & made.keys():
                return None
            found |= made
        return found

    def _with(self, value: Json, identifier: str, text: str) -> Json:
        """``value`` with an item of the collection in place of the loop's identifier."""
        self._size += 1
        if self._size > _SIZE_LIMIT:
            raise _TooLargeError
        if isinstance(value, str):
            plain = NOT_ALPHANUMERIC.sub("", text)
            return value.replace(f"${{{identifier}}}", text).replace(f"&{{{identifier}}}", plain)
        if isinstance(value, Mapping):
            if len(value) == 1 and value.get("Ref") == identifier:
                return text
            made = {
                self._with(key, identifier, text): self._with(item, identifier, text)
                for key, item in value.items()
            }
            if len(made) < len(value):
                raise _SameKeyError
            return made
        if isinstance(value, (list, tuple)):
            return [self._with(item, identifier, text) for item in value]
        return value
