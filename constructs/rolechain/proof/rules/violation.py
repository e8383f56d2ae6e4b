"""One place where a rule is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.finding import Level


@dataclass(frozen=True)
class Violation:
    """One place where a rule is broken.

    Attributes:
        place: where it stands; None where it is nowhere in the templates.
        message: what is wrong, with the values.
        remediation: what to write instead.
        level: how bad it is here; None for the rule's first level.
    """

    place: SourceLocation | None
    message: str
    remediation: str
    level: Level | None = None


Violations = Iterator[Violation]
