"""What gives permissions: to oneself, to another principal, or to somebody new; and what lifts a boundary from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from rolechain.graph import aws_managed, escalation
from rolechain.graph.abilities import Abilities, Means, means_of
from rolechain.graph.arn_sets import one_arn
from rolechain.graph.escalation import Way
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import IdentityRecord, Principal
from rolechain.graph.values import ABSENT, OneValue, Values
from rolechain.iam.arn import is_arn, resource_of

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


class Grants:
    """By what principals may give permissions, as far as their own policies say."""

    def __init__(self, abilities: Abilities) -> None:
        self._abilities = abilities

    def by_making(self, principal: Principal) -> Iterator[Means]:
        """What makes a new role or user, gives it permissions, and acts as it."""
        for making, grants, acting in escalation.MAKING:
            if not all(self._abilities.has(principal, each) for each in (making, *acting)):
                continue
            lifts = escalation.LIFTS["role" if making == "iam:CreateRole" else "user"]
            for grant in grants:
                for allowed in self._abilities.of(principal, grant):
                    given = [one for one in allowed.requests if not _is_harmless(one)]
                    made = (both(each.requests, given) for each in self._abilities.of(principal, making))
                    if any(self._is_free(principal, lifts, one) for found in made for one in found):
                        yield means_of(allowed, " with ".join((making, grant, *acting)))

    def _is_free(self, principal: Principal, lifts: Iterable[Way], made: Requests) -> bool:
        """Whether what is made has no boundary, or one that binds nothing or that its maker may lift."""
        if not _binds(made):
            return True
        boundary = made.values[_BOUNDARY]
        names = boundary.texts.values or () if isinstance(boundary, OneValue) else ()
        if any(
            next(self._abilities.may(principal, way, one_arn(name)), None)
            for name in names
            for way in escalation.ON_POLICY
        ):
            return True
        other = replace(made, values={key: found for key, found in made.values.items() if key != _BOUNDARY})
        return any(
            not _binds(one) or way.action.startswith("iam:Delete")
            for way in lifts
            for allowed in self._abilities.of(principal, way.action)
            for one in both(allowed.requests, [made if way.action.startswith("iam:Delete") else other])
        )

    def on(
        self, principal: Principal, table: Mapping[str, tuple[Way, ...]], other: Principal
    ) -> Iterator[Means]:
        """By what a principal may take the ways of a table on another one, or on a group that it belongs to."""
        groups = other.groups if isinstance(other, IdentityRecord) else frozenset()
        for arn in (other.arn, *sorted(groups)):
            for way in table.get(type_of(arn), ()):
                yield from self._abilities.may(principal, way, one_arn(arn), within_boundary(way, other))

    def to(self, principal: Principal, other: Principal) -> Iterator[Means]:
        """What gives another principal, or itself, permissions."""
        yield from self.on(principal, escalation.GRANTS, other)
        for name in sorted({record.name for record in other.policies if is_own(record.name)}):
            for way in escalation.ON_POLICY:
                yield from self._abilities.may(principal, way, one_arn(name))

    def lifting(self, principal: Principal) -> Iterator[Means]:
        """What takes its boundary from a principal, or lets it change that."""
        yield from self.on(principal, escalation.LIFTS, principal)
        if principal.boundary and is_own(principal.boundary.name):
            for way in escalation.ON_POLICY:
                yield from self._abilities.may(principal, way, one_arn(principal.boundary.name))


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
