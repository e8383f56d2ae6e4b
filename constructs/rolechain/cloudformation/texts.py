"""Texts of a template: what counts as one, and the parts of an Fn::Sub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

Unknown = TypeVar("Unknown")

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


def unknowns(value: Any, marker: type[Unknown]) -> Iterator[Unknown]:
    """Each ``marker`` that stands anywhere in ``value``."""
    if isinstance(value, marker):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from unknowns(item, marker)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from unknowns(item, marker)


def holds_unknown(value: Any, marker: type) -> bool:
    """Whether a ``marker`` stands anywhere in ``value``."""
    return any(True for _ in unknowns(value, marker))
