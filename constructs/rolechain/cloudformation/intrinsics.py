"""The intrinsic functions that put values together or look them up; what is not known stays ``Unresolved``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rolechain.cloudformation import texts
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import TRANSFORM, Json
from rolechain.cloudformation.unresolved import Unresolved, made_with

if TYPE_CHECKING:
    from rolechain.cloudformation.resolver import Resolver

_LONGEST = 100_000
"""How long a text may become: a template within a stack set has 51,200 characters at most, and no value is longer."""


def join(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::Join``."""
    if not isinstance(argument, (list, tuple)) or len(argument) != 2 or not isinstance(argument[0], str):
        return Unresolved("Fn::Join", "it is not written as CloudFormation asks", place)
    items = resolver.resolve(argument[1], place, depth)
    return _joined("Fn::Join", argument[0], items, place)


def _joined(function: str, separator: str, items: Json, place: SourceLocation) -> Json:
    if isinstance(items, Unresolved):
        return items
    parts: list[str] = []
    unplaced: Unresolved | None = None
    for item in items if isinstance(items, list) else [items]:
        if isinstance(item, Unresolved):
            if item.text is None:
                return item
            unplaced, item = unplaced or item, item.text
        if (text := texts.scalar(item)) is None:
            return Unresolved(function, "a part of it is not a string", place)
        parts.append(text)
    if sum(map(len, parts)) > _LONGEST:
        return Unresolved(function, f"it makes a text of more than {_LONGEST:,} characters", place)
    if unplaced:
        return replace(unplaced, text=separator.join(parts))
    return made_with(separator.join(parts), parts)


def sub(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::Sub``, alone or with a map of names."""
    template, own = argument, {}
    if isinstance(argument, (list, tuple)) and len(argument) == 2:
        template, own = argument
    if not isinstance(template, str) or not isinstance(own, Mapping):
        return Unresolved("Fn::Sub", "it is not written as CloudFormation asks", place)
    parts: list[Json] = []
    given: dict[str, Json] = {}
    for text, name in texts.substitutions(template):
        parts.append(text)
        if name is None:
            continue
        if name in own:
            if name not in given:
                given[name] = resolver.resolve(own[name], place, depth)
            parts.append(given[name])
        elif "." in name:
            parts.append(resolver.attribute(name, place, depth))
        else:
            parts.append(resolver.reference(name, place, depth))
    return _joined("Fn::Sub", "", parts, place)


def select(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::Select``."""
    if isinstance(argument, (list, tuple)) and len(argument) == 2:
        index, items = (resolver.resolve(item, place, depth) for item in argument)
        for part in (index, items):
            if isinstance(part, Unresolved):
                return part
        number = texts.scalar(index)
        if isinstance(items, list) and number is not None and number.isdecimal() and int(number) < len(items):
            return items[int(number)]
    return Unresolved("Fn::Select", "it selects nothing", place)


def split(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::Split``."""
    if isinstance(argument, (list, tuple)) and len(argument) == 2:
        separator, text = argument[0], resolver.resolve(argument[1], place, depth)
        if isinstance(text, Unresolved):
            return text
        if isinstance(separator, str) and separator and isinstance(text, str):
            return [made_with(item, [text]) for item in text.split(separator)]
    return Unresolved("Fn::Split", "it is not written as CloudFormation asks", place)


def find_in_map(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::FindInMap``."""
    keys = resolver.resolve(argument, place, depth)
    if isinstance(keys, list) and len(keys) in (3, 4):
        found: Json = resolver.section("Mappings")
        for key in keys[:3]:
            if isinstance(key, Unresolved):
                return key
            is_known = isinstance(found, Mapping) and TRANSFORM not in found
            found = found.get(texts.scalar(key)) if is_known else None
        if texts.scalar(found) is not None or (
            # A mapping holds no functions.
            isinstance(found, list) and all(texts.scalar(item) is not None for item in found)
        ):
            return resolver.resolve(found, place, depth)
        if len(keys) == 4 and isinstance(keys[3], Mapping) and "DefaultValue" in keys[3]:
            return keys[3]["DefaultValue"]
    return Unresolved("Fn::FindInMap", "the template has no such mapping", place)


def imported(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::ImportValue``: an export of another template."""
    name = resolver.resolve(argument, place, depth)
    found = resolver.around.imported(name) if isinstance(name, str) else None
    if found is None:
        asks = name.asks if isinstance(name, Unresolved) else (f"import:{name}",) * isinstance(name, str)
        return Unresolved("Fn::ImportValue", f"no template exports {name}, or several do", place, asks)
    return found


def stack_output(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::GetStackOutput``: an output of another stack, in whatever account."""
    wanted = resolver.resolve(argument, place, depth)
    found = resolver.around.output(wanted) if isinstance(wanted, Mapping) else None
    if found is None:
        return Unresolved("Fn::GetStackOutput", "no template has that output", place)
    return found


def length(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::Length``: how many items a list has."""
    items = resolver.resolve(argument, place, depth)
    if isinstance(items, Unresolved):
        return items
    return len(items) if isinstance(items, list) else Unresolved("Fn::Length", "it is given no list", place)


def to_json_string(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """``Fn::ToJsonString``: a value as JSON text."""
    value = resolver.resolve(argument, place, depth)
    if (unknown := next(texts.unknowns(value), None)) is not None:
        return unknown
    if not isinstance(value, (Mapping, list)):
        return Unresolved("Fn::ToJsonString", "it is given no object or list", place)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
