"""What a rule is, and what it says where it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.finding import Finding, Level
from rolechain.graph.role_graph import RoleRecord
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement


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

    @classmethod
    def of(
        cls,
        subject: LocatedStatement | RoleRecord,
        message: str,
        remediation: str,
        level: Level | None = None,
    ) -> Violation:
        """One by a statement or a role; the message follows the role's ARN."""
        return cls(subject.place, f"{subject.arn} {message}", remediation, level)


Violations = Iterator[Violation]
Check = Callable[[RuleContext], Violations]


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong with a role chain.

    Attributes:
        id: ``RC01`` to ``RC40``.
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
    levels: tuple[Level, ...]
    check: Check | None

    def findings(self, context: RuleContext) -> Iterator[Finding]:
        """Every place where it is broken, as far as ``check`` finds them."""
        for found in self.check(context) if self.check else ():
            level = found.level or self.levels[0]
            yield Finding(self.id, level, found.place, found.message, found.remediation)


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
