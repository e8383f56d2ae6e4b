"""What a rule is, and one place where it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.finding import Finding, Level
from rolechain.policy.elements import UNRESOLVED
from rolechain.proof.rules.unresolved import WORD

if TYPE_CHECKING:
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
Check = Callable[["RuleContext"], Violations]


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong with a role chain.

    Attributes:
        id: ``RC01`` to ``RC41``.
        name: the name for machines, such as ``open_to_everyone``.
        title: what is asked for.
        prevents: what fails, or who gets in, where it is not so.
        source: where AWS says so: a page of its documentation, or a published guardrail.
        levels: how bad it is, the usual level first.
        check: finds the places where it is broken; None where the proof itself finds them.
    """

    id: str
    name: str
    title: str
    prevents: str
    source: str
    levels: tuple[Level, ...] = (Level.ERROR,)
    check: Check | None = None

    def findings(self, context: RuleContext) -> Iterator[Finding]:
        """Every place where it is broken, as far as ``check`` finds them and whatever is not resolved."""
        if self.check is None:
            return
        found = list(self.check(context))
        if any(context.is_unresolved(each.place) for each in found):
            found = list(_whatever(found, list(self.check(context.closed)), context))
        for each in found:
            yield Finding(self.id, each.level or self.levels[0], each.place, each.message, each.remediation)


def _whatever(found: list[Violation], again: list[Violation], context: RuleContext) -> Violations:
    """What is found where unresolved values let everybody in, and again where they let nobody in."""
    places = {each.place for each in found}
    shows_values = {each.place for each in again if WORD in each.message}
    for each in found:
        same = each in again or (UNRESOLVED in each.message and each.place in shows_values)
        if same or not context.is_unresolved(each.place):
            yield each
    for each in again:
        if each.place in places and each not in found and WORD not in f"{each.message} {each.remediation}":
            yield each


declared: list[Rule] = []
"""The rules of the topics that were imported."""


def rule(
    number: str, title: str, *, prevents: str, source: str, levels: str = "error"
) -> Callable[[Check], Check]:
    """Declares the rule that a function checks.

    Args:
        number: the rule's id.
        title: what is asked for.
        prevents: what happens where it is not so.
        source: where AWS says so.
        levels: ``error``, ``warning``, or both with a blank between, the usual one first.
    """

    def declare(check: Check) -> Check:
        found = tuple(map(Level, levels.split()))
        declared.append(Rule(number, check.__name__, title, prevents, source, found, check))
        return check

    return declare
