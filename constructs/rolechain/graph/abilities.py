"""What a principal may do by its own policies: the ways to change a role or act as one, and by which statement.

Among them is what gives permissions, to itself, to another principal or to somebody new, and what lifts a boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph import aws_managed, escalation
from rolechain.graph.access import ASSUME, narrowed
from rolechain.graph.arn_sets import ANY, one_arn
from rolechain.graph.escalation import Way
from rolechain.graph.language import Language
from rolechain.graph.permissions import RESOURCE, Allowed, Calls, constants_of
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import IdentityRecord, Principal
from rolechain.graph.values import ABSENT, OneValue, Values
from rolechain.iam.arn import is_arn, resource_of
from rolechain.policy import Policy
from rolechain.policy.elements import UNRESOLVED

_BOUNDARY = "iam:permissionsboundary"
_WITHIN_BOUNDARY = frozenset(
    {
        "iam:putrolepolicy",
        "iam:attachrolepolicy",
        "iam:deleterolepolicy",
        "iam:detachrolepolicy",
        "iam:deleterolepermissionsboundary",
        "iam:putuserpolicy",
        "iam:attachuserpolicy",
        "iam:deleteuserpermissionsboundary",
    }
)
"""The actions whose ``iam:PermissionsBoundary`` is the boundary that the role or user has; Service Authorization
Reference, IAM."""
GRANTING, LIFTING = (
    frozenset(way.action for ways in (*table.values(), escalation.ON_POLICY) for way in ways)
    for table in (escalation.GRANTS, escalation.LIFTS)
)
"""The actions that give permissions, and those that lift a boundary."""


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
        self, principal: Principal, ways: Iterable[Way], on: Language, other: Principal | None = None
    ) -> Iterator[Means]:
        """By what a principal may take each of some ways, once; ``other`` is the role or user that they are about."""
        for way in ways:
            asked = within_boundary(way, other) if other else {}
            for means in self.allowed(principal, way.action, on, asked):
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
            constants = constants_of(principal, self._organization)
            has = self.has(principal, action)
            self._calls[key] = tuple(Calls(principal, key[1], constants).allowed()) if has else ()
        return self._calls[key]

    def speaks(self, principal: Principal) -> bool:
        """Whether a principal's policies name any way at all, besides assuming roles."""
        return any(self._spoken(record.policy) - {ASSUME} for record in principal.policies)

    def has(self, principal: Principal, *actions: str) -> bool:
        """Whether a principal's policies name one of some actions."""
        wanted = {action.lower() for action in actions}
        return any(wanted & self._spoken(record.policy) for record in principal.policies)

    def _spoken(self, policy: Policy) -> frozenset[str]:
        """The actions of the ways that a policy names."""
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

    def by_making(self, principal: Principal) -> Iterator[Means]:
        """What makes a new role or user, gives it permissions, and acts as it."""
        for making, grants, acting in escalation.MAKING:
            if not all(self.has(principal, each) for each in (making, *acting)):
                continue
            lifts = escalation.LIFTS["role" if making == "iam:CreateRole" else "user"]
            for grant in grants:
                for allowed in self.of(principal, grant):
                    given = [one for one in allowed.requests if not _is_harmless(one)]
                    made = (both(each.requests, given) for each in self.of(principal, making))
                    if any(self._is_free(principal, lifts, one) for found in made for one in found):
                        yield means_of(allowed, " with ".join((making, grant, *acting)))

    def _is_free(self, principal: Principal, lifts: Iterable[Way], made: Requests) -> bool:
        """Whether what is made has no boundary, or one that binds nothing or that its maker may lift."""
        if not _binds(made):
            return True
        boundary = made.values[_BOUNDARY]
        names = boundary.texts.values or () if isinstance(boundary, OneValue) else ()
        if any(next(self.may(principal, escalation.ON_POLICY, one_arn(name)), None) for name in names):
            return True
        other = replace(made, values={key: found for key, found in made.values.items() if key != _BOUNDARY})
        return any(
            not _binds(one) or way.action.startswith("iam:Delete")
            for way in lifts
            for allowed in self.of(principal, way.action)
            for one in both(allowed.requests, [made if way.action.startswith("iam:Delete") else other])
        )

    def taking(
        self, principal: Principal, table: Mapping[str, tuple[Way, ...]], other: Principal
    ) -> Iterator[Means]:
        """By what a principal may take the ways of a table on another one, or on a group that it belongs to."""
        groups = other.groups if isinstance(other, IdentityRecord) else frozenset()
        for arn in (other.arn, *sorted(groups)):
            yield from self.may(principal, table.get(type_of(arn), ()), one_arn(arn), other)

    def granting(self, principal: Principal, other: Principal) -> Iterator[Means]:
        """What gives another principal, or itself, permissions."""
        yield from self.taking(principal, escalation.GRANTS, other)
        for name in sorted({record.name for record in other.policies if is_own(record.name)}):
            yield from self.may(principal, escalation.ON_POLICY, one_arn(name))

    def lifting(self, principal: Principal, other: Principal) -> Iterator[Means]:
        """What takes its boundary from another principal, or from itself, or changes that."""
        yield from self.taking(principal, escalation.LIFTS, other)
        if other.boundary and is_own(other.boundary.name):
            yield from self.may(principal, escalation.ON_POLICY, one_arn(other.boundary.name))


def means_of(allowed: Allowed, words: str) -> Means:
    """By what a permission lets a principal do something."""
    record, statement = allowed.record, allowed.statement
    unknown = f"its policy {record.name}" if statement.effect is None else None
    resources = statement.resources
    if unknown is None and resources and all(each.startswith(UNRESOLVED) for each in resources.written):
        unknown = f"the Resource of statement {statement.index} of its policy {record.name}"
    return Means(words, record.place_of(statement), unknown)


def _is_harmless(requests: Requests) -> bool:
    """Whether what may be attached are policies of AWS alone that give nobody a way."""
    values = requests.values.get("iam:policyarn")
    if not isinstance(values, OneValue) or values.absent or values.texts.values is None:
        return False
    return all(map(_is_silent, values.texts.values))


def _binds(made: Requests) -> bool:
    """Whether what is made surely has a boundary: one of the customer's own, or one of AWS that gives nobody a way."""
    found = made.values.get(_BOUNDARY)
    if not isinstance(found, OneValue) or found.absent or found.texts.values is None:
        return False
    return all(is_own(name) or _is_silent(name) for name in found.texts.values)


def _is_silent(name: str) -> bool:
    """Whether a policy is one of AWS that gives nobody a way."""
    document = aws_managed.document_of(name)
    return document is not None and not document["Statement"]


def is_own(name: str) -> bool:
    """Whether a policy is a managed one of the customer's own."""
    return ":policy/" in name and ":iam::aws:" not in name


def within_boundary(way: Way, other: Principal) -> Mapping[str, Values]:
    """What the boundary of a role or user makes of the conditions that ask for it."""
    if way.action.lower() not in _WITHIN_BOUNDARY:
        return {}
    if other.boundary is None:
        return {_BOUNDARY: ABSENT}
    return {_BOUNDARY: one_of(other.boundary.name)} if is_arn(other.boundary.name) else {}


def type_of(arn: str) -> str:
    """What an ARN of IAM is about: ``role``, ``user``, ``group``."""
    return resource_of(arn).split("/", 1)[0]


def one_of(text: str) -> OneValue:
    """A key that holds an ARN or a name, of which a part may not be known."""
    return OneValue(one_arn(text), absent=False)
