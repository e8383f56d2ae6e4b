"""What a principal may do by its own policies, of the ways to change a role or act as one, and by which statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph import escalation
from rolechain.graph.access import ASSUME, narrowed
from rolechain.graph.arn_sets import ANY
from rolechain.graph.escalation import Way
from rolechain.graph.language import Language
from rolechain.graph.permissions import RESOURCE, Allowed, allowed_calls
from rolechain.graph.role_graph import Principal
from rolechain.graph.values import OneValue, Values
from rolechain.policy import Policy


@dataclass(frozen=True)
class Means:
    """By what somebody may change or act as a role.

    Attributes:
        words: the actions, or through whom.
        place: the statement that allows it.
        unknown: what is not known and so may allow it, in words; None where a statement allows it.
    """

    words: str
    place: SourceLocation
    unknown: str | None = None


class Abilities:
    """The calls that principals may make, each asked once.

    Args:
        organization: the id of their organization; empty if that is not known.
    """

    def __init__(self, organization: str) -> None:
        self._organization = organization
        self._calls: dict[tuple[Principal, str], tuple[Allowed, ...]] = {}
        self._speaking: WeakKeyDictionary[Policy, frozenset[str]] = WeakKeyDictionary()

    def may(
        self,
        principal: Principal,
        way: Way,
        on: Language,
        asked: Mapping[str, Values] | None = None,
    ) -> Iterator[Means]:
        """By what a principal may take a way, once."""
        for means in self.allowed(principal, way.action, on, asked or {}):
            others = [next(self.allowed(principal, each, ANY, {}), None) for each in way.besides]
            known = [each for each in others if each]
            if len(known) == len(others):
                words = " with ".join((way.action, *way.besides))
                unknown = means.unknown or next((each.unknown for each in known if each.unknown), None)
                yield replace(means, words=words, unknown=unknown)

    def allowed(
        self, principal: Principal, action: str, on: Language, asked: Mapping[str, Values]
    ) -> Iterator[Means]:
        """What lets a principal make a call: a statement that is known, else one that is not."""
        wanted = {RESOURCE: OneValue(on, absent=False), **asked}
        allowed = (each for each in self.of(principal, action) if narrowed(each.requests, wanted))
        found = [means_of(each, action) for each in allowed]
        yield from sorted(found, key=lambda means: means.unknown is not None)[:1]

    def of(self, principal: Principal, action: str) -> tuple[Allowed, ...]:
        """The statements by which a principal may call an action of the ways."""
        key = (principal, action.lower())
        if key not in self._calls:
            has = self.has(principal, action)
            self._calls[key] = (
                tuple(allowed_calls(principal, action.lower(), self._organization)) if has else ()
            )
        return self._calls[key]

    def speaks(self, principal: Principal) -> bool:
        """Whether a principal's policies speak of any way at all, besides assuming roles."""
        return any(self._spoken(record.policy) - {ASSUME} for record in principal.policies)

    def has(self, principal: Principal, *actions: str) -> bool:
        """Whether a principal's policies speak of one of some actions."""
        wanted = {action.lower() for action in actions}
        return any(wanted & self._spoken(record.policy) for record in principal.policies)

    def _spoken(self, policy: Policy) -> frozenset[str]:
        """The actions of the ways that a policy speaks of."""
        if policy not in self._speaking:
            found: set[str] = set()
            for statement in policy.allows:
                actions = statement.actions
                if not actions.globs and not actions.negated and not actions.unknown:
                    found |= actions.exact & escalation.ACTIONS
                else:
                    found |= {each for each in escalation.ACTIONS if actions.match(each) is not False}
            self._speaking[policy] = frozenset(found)
        return self._speaking[policy]


def means_of(allowed: Allowed, words: str) -> Means:
    """By what a permission lets a principal do something."""
    record, statement = allowed.record, allowed.statement
    index = None if statement.stands_in else statement.index
    unknown = f"its policy {record.name}" if statement.effect is None else None
    if unknown is None and statement.resources and all(map(_is_unknown, statement.resources.written)):
        unknown = f"the Resource of statement {index} of its policy {record.name}"
    return Means(words, replace(record.place, statement=index), unknown)


def _is_unknown(entry: str) -> bool:
    """Whether an entry of Resource is not known at all."""
    return entry.startswith("an unresolved ")
