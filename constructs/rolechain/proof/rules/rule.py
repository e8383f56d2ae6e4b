"""What a rule is, and what it says where it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.finding import Finding, Level
from rolechain.proof.rules.context import RuleContext


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
Check = Callable[[RuleContext], Violations]


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong with a role chain.

    Attributes:
        id: ``RC01`` to ``RC40``.
        title: what is asked for.
        prevents: what fails, or who gets in, where it is not so.
        source: where AWS says so: a page of its documentation, or a published guardrail.
        levels: how bad it is, the usual level first.
        check: finds the places where it is broken.
    """

    id: str
    title: str
    prevents: str
    source: str
    levels: tuple[Level, ...]
    check: Check

    def findings(self, context: RuleContext) -> Iterator[Finding]:
        """Every place where it is broken."""
        for fault in self.check(context):
            yield Finding(
                self.id, fault.level or self.levels[0], fault.place, fault.message, fault.remediation
            )


def rule(
    number: str, title: str, *, prevents: str, source: str, levels: str = "error"
) -> Callable[[Check], Rule]:
    """Makes a rule of the function that checks it.

    Args:
        number: the rule's id.
        title: what is asked for.
        prevents: what happens where it is not so.
        source: where AWS says so.
        levels: ``error``, ``warning``, or both with a blank between, the usual one first.
    """

    def made(check: Check) -> Rule:
        return Rule(number, title, prevents, source, tuple(map(Level, levels.split())), check)

    return made


def rules_of(names: dict[str, object]) -> list[Rule]:
    """The rules among the names of a module."""
    return [value for value in names.values() if isinstance(value, Rule)]
