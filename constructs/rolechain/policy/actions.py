"""The Action and NotAction elements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rolechain.iam.glob import GlobPart, glob, has_wildcard
from rolechain.policy.elements import Intrinsic, PolicyError, texts
from rolechain.policy.logic import Ternary


@dataclass(frozen=True)
class Actions:
    """The Action or NotAction element of a statement.

    Attributes:
        written: as the document lists them.
        exact: those without a wildcard, in lower case.
        globs: tests of those with one.
        unknown: whether one of them is a CloudFormation intrinsic function.
        negated: whether it is NotAction.
    """

    written: tuple[str, ...]
    exact: frozenset[str]
    globs: tuple[Callable[[str], object], ...]
    unknown: bool
    negated: bool

    def match(self, action: str) -> Ternary:
        """Whether the statement applies to ``action``, which is in lower case."""
        if action in self.exact or (self.globs and any(test(action) for test in self.globs)):
            return not self.negated
        return None if self.unknown else self.negated


def parse(value: Any, negated: bool) -> Actions:
    """The actions of an Action element or, if ``negated``, a NotAction element.

    Raises:
        PolicyError: an entry is not an action.
    """
    name = "NotAction" if negated else "Action"
    listed = texts(value, name)
    known = [item.lower() for item in listed if not isinstance(item, Intrinsic)]
    for item in known:
        service, colon, action = item.partition(":")
        if item != "*" and not (service and colon and action):
            raise PolicyError(
                f"{name} {item!r} is not an action: write service:Name, such as sts:AssumeRole, or *"
            )
    return Actions(
        written=tuple(map(str, listed)),
        exact=frozenset(item for item in known if not has_wildcard([item])),
        globs=tuple(glob((GlobPart(item),)) for item in known if has_wildcard([item])),
        unknown=len(known) < len(listed),
        negated=negated,
    )
