"""The Resource and NotResource elements.

Source: IAM User Guide, "IAM JSON policy elements: Resource".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rolechain.policy.context import Context
from rolechain.policy.elements import Unresolved, texts
from rolechain.policy.logic import Ternary, any_of, negation
from rolechain.policy.patterns import ARN_SEGMENTS, Pattern, Text, glob
from rolechain.policy.variables import Template
from rolechain.policy.variables import parse as parse_template

Test = Callable[[str, Context], Ternary]

_WITHIN_SEGMENT = re.compile(r"\?|\*[^:]")
"""A wildcard that is not the last character of its segment."""


@dataclass(frozen=True)
class Resources:
    """Which resources a statement is about.

    Attributes:
        written: as the document lists them.
        tests: one for each.
        keys: the condition keys that their variables name, in lower case.
        negated: whether the statement is about all others.
    """

    written: tuple[str, ...]
    tests: tuple[Test, ...]
    keys: frozenset[str]
    negated: bool

    def match(self, resource: str, context: Context) -> Ternary:
        """Whether the statement is about ``resource``."""
        answer = any_of([test(resource, context) for test in self.tests])
        return negation(answer) if self.negated else answer


def parse(value: Any, variables: bool, negated: bool) -> Resources:
    """The resources that stand in a Resource element, or, if ``negated``, in a NotResource element.

    Raises:
        PolicyError: an entry is no text, or its variables are not well written.
    """
    listed = texts(value, "NotResource" if negated else "Resource")
    templates = [None if isinstance(item, Unresolved) else parse_template(item, variables) for item in listed]
    return Resources(
        written=tuple(map(str, listed)),
        tests=tuple(map(_test, templates)),
        keys=frozenset().union(*(template.keys for template in templates if template)),
        negated=negated,
    )


def _test(template: Template | None) -> Test:
    if template is None:
        return lambda _resource, _context: None
    if (constant := template.constant) is not None:
        fixed = _match(constant)
        return lambda resource, _: fixed(resource)

    def test(resource: str, context: Context) -> Ternary:
        pattern = template.resolve(context)
        if pattern is None or pattern is False:
            return pattern
        return _match(pattern)(resource)

    return test


def _match(pattern: Pattern) -> Callable[[str], Ternary]:
    text = "".join(part.text for part in pattern)
    if pattern == (Text("*"),):
        return lambda _: True
    if not text.startswith("arn:"):
        # IAM takes an ARN or a bare * here; what another pattern would match is not documented.
        test = glob(pattern)
        return lambda resource: None if test(resource) else False
    missing = ARN_SEGMENTS - 1 - text.count(":")
    if missing > 0:
        return _cut_short(pattern, missing)
    if not any(not part.literal and set(part.text) & set("*?") for part in pattern):
        return lambda resource: resource == text
    test = glob(pattern)
    return lambda resource: test(resource) is not None


def _cut_short(pattern: Pattern, missing: int) -> Callable[[str], Ternary]:
    """AWS completes an ARN that lacks segments with wildcards, and lets a * that ends a segment reach over colons.

    Whether another wildcard may stand for the missing segments just as well is not documented.
    """
    as_completed, as_written = glob((*pattern, Text(":*" * missing))), glob(pattern)
    wildcards = "".join(re.sub(r"[*?]", "-", text) if literal else text for text, literal in pattern)
    reaching = None if _WITHIN_SEGMENT.search(wildcards) else True

    def test(resource: str) -> Ternary:
        if as_completed(resource):
            return True
        return reaching if as_written(resource) else False

    return test
