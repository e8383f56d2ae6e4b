"""The Resource and NotResource elements.

Source: IAM User Guide, "IAM JSON policy elements: Resource".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rolechain.iam.arn import SEGMENTS, is_arn
from rolechain.iam.glob import WILDCARD, Glob, GlobPart, glob, has_wildcards, text_of
from rolechain.policy.context import Context
from rolechain.policy.elements import Intrinsic, texts
from rolechain.policy.logic import Ternary, any_of, negation
from rolechain.policy.variables import Test
from rolechain.policy.variables import parse as parse_template

_WITHIN_SEGMENT = re.compile(r"\?|\*[^:]")
"""A wildcard that is not the last character of its segment."""


@dataclass(frozen=True)
class Resources:
    """The Resource or NotResource element of a statement.

    Attributes:
        written: as the document lists them.
        exact: those that are one whole ARN.
        tests: one for each of the others.
        keys: the condition keys that their variables name, in lower case.
        negated: whether it is NotResource.
    """

    written: tuple[str, ...]
    exact: frozenset[str]
    tests: tuple[Test, ...]
    keys: frozenset[str]
    negated: bool

    def match(self, resource: str, context: Context) -> Ternary:
        """Whether the statement applies to ``resource``."""
        if resource in self.exact:
            return not self.negated
        if not self.tests:
            return self.negated
        answer = any_of(test(resource, context) for test in self.tests)
        return negation(answer) if self.negated else answer


def parse(value: Any, variables: bool, negated: bool) -> Resources:
    """The resources of a Resource element or, if ``negated``, a NotResource element.

    Raises:
        PolicyError: an entry is not a string, or holds an invalid policy variable.
    """
    listed = texts(value, "NotResource" if negated else "Resource")
    templates = [None if isinstance(item, Intrinsic) else parse_template(item, variables) for item in listed]
    whole = {
        template: arn
        for template in templates
        if template and template.constant and (arn := _whole_arn(template.constant))
    }
    return Resources(
        written=tuple(map(str, listed)),
        exact=frozenset(whole.values()),
        tests=tuple(
            template.test(_match) if template else lambda _resource, _context: None
            for template in templates
            if template not in whole
        ),
        keys=frozenset().union(*(template.keys for template in templates if template)),
        negated=negated,
    )


def _match(pattern: Glob) -> Test:
    if pattern == (GlobPart("*"),):
        return lambda _resource, _context: True
    if arn := _whole_arn(pattern):
        return lambda resource, _: resource == arn
    text = text_of(pattern)
    if not text.startswith("arn:"):
        # IAM takes an ARN or * here; what another pattern matches is not documented.
        test = glob(pattern)
        return lambda resource, _: None if test(resource) else False
    missing = SEGMENTS - 1 - text.count(":")
    if missing > 0:
        return _cut_short(pattern, missing)
    test = glob(pattern)
    return lambda resource, _: test(resource) is not None


def _whole_arn(pattern: Glob) -> str | None:
    """The only ARN that a pattern matches; None for a pattern with wildcards or without all six segments."""
    text = text_of(pattern)
    return text if text.startswith("arn:") and is_arn(text) and not has_wildcards(pattern) else None


def _cut_short(pattern: Glob, missing: int) -> Test:
    """AWS completes an ARN that lacks segments with wildcards, and a * that ends a segment matches colons too.

    Whether another wildcard matches the missing segments is not documented.
    """
    as_completed, as_written = glob((*pattern, GlobPart(":*" * missing))), glob(pattern)
    wildcards = "".join(WILDCARD.sub("-", text) if literal else text for text, literal in pattern)
    reaching = None if _WITHIN_SEGMENT.search(wildcards) else True

    def test(resource: str, _: Context) -> Ternary:
        if as_completed(resource):
            return True
        return reaching if as_written(resource) else False

    return test
