"""The values of a template: texts, the parts of an Fn::Sub, and everything within a value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rolechain.cloudformation.unresolved import Unresolved

_REFERENCE = re.compile(r"\$\{(!?)([^{}]*)\}")


def scalar(value: Any) -> str | None:
    """A scalar as CloudFormation writes it into a text; None for any other value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else None


def substitutions(template: str) -> Iterator[tuple[str, str | None]]:
    """The text of an Fn::Sub piece by piece, each with the name that follows it, if any; ``${!x}`` is ``${x}``."""
    rest = 0
    for match in _REFERENCE.finditer(template):
        before = template[rest : match.start()]
        rest = match.end()
        if match[1]:
            yield f"{before}${{{match[2]}}}", None
        else:
            yield before, match[2].strip()
    yield template[rest:], None


def names_in(argument: Any) -> Iterator[str]:
    """The names that the argument of an Fn::Sub refers to, as resources, attributes, parameters or of its own."""
    template = argument[0] if isinstance(argument, (list, tuple)) and argument else argument
    return (name for _, name in substitutions(template) if name) if isinstance(template, str) else iter(())


def items_of(value: Any) -> Sequence[Any]:
    """A list, or one value as a list; an empty list for None."""
    return value if isinstance(value, (list, tuple)) else [] if value is None else [value]


def section(element: Any, name: str) -> Mapping[str, Any]:
    """The object under a name of another one, such as a section of a template; empty where there is none."""
    found = element.get(name) if isinstance(element, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def within(value: Any, without: Collection[str] = ()) -> Iterator[Any]:
    """``value`` and everything in it, in order and however deep, but for what stands under the keys ``without``."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, str):
            continue
        if isinstance(item, Mapping):
            waiting += [each for key, each in item.items() if key not in without][::-1]
        elif isinstance(item, (list, tuple)):
            waiting += item[::-1]


def objects_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in ``value``, however deep."""
    return (item for item in within(value) if isinstance(item, Mapping))


def unknowns(value: Any, without: Collection[str] = ()) -> Iterator[Unresolved]:
    """Each value in ``value`` that is not known, as of ``within``."""
    return (item for item in within(value, without) if isinstance(item, Unresolved))


def holds_unknown(value: Any) -> bool:
    """Whether anything in ``value`` is not known."""
    return any(True for _ in unknowns(value))
