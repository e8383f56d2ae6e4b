"""What a principal may do by its own policies: the ways to change a role or act as one, and by which statement.

Among them is what gives permissions, to itself, to another principal or to somebody new, and what lifts a boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph import aws_managed
from rolechain.graph.access import ASSUME, narrowed
from rolechain.graph.arn_sets import ANY, one_arn, pattern_of
from rolechain.graph.language import Language, matching
from rolechain.graph.permissions import RESOURCE, Allowed, Calls, constants_of
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import AccountLimits, IdentityRecord, Principal
from rolechain.graph.values import ABSENT, OneValue, Values
from rolechain.iam import condition_keys as keys_of
from rolechain.iam import escalation
from rolechain.iam.arn import account_of, is_arn, is_service_linked, resource_of, resource_type_of
from rolechain.iam.escalation import Way
from rolechain.iam.glob import WILDCARD
from rolechain.policy import Policy
from rolechain.policy.conditions import Condition
from rolechain.policy.elements import UNRESOLVED
from rolechain.policy.statement import Statement

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
        limits: what the organization says about accounts, by their ids.
    """

    def __init__(self, organization: str, limits: Mapping[str, AccountLimits]) -> None:
        self._organization = organization
        self._guards = {
            account: tuple(each for policy in found.binding for each in _guards(policy))
            for account, found in limits.items()
        }
        self._bound: dict[Principal, bool] = {}
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
            self._calls[key] = ()
            if self.has(principal, action):
                constants = constants_of(principal, self._organization)
                calls = Calls(principal, key[1], constants, binding=self._binding(principal, constants))
                self._calls[key] = tuple(calls.allowed())
        return self._calls[key]

    def _binding(
        self, principal: Principal, constants: Mapping[str, str]
    ) -> Iterable[tuple[Statement, Mapping[str, str]]]:
        """The statements of service control policies that deny, with what is settled of whomever a principal acts as.

        One that excepts others keeps the principal from calls only if it is none of them and may become none.
        """
        guards = self._guards.get(account_of(principal.arn), ())
        if not guards or is_service_linked(principal.arn):
            return ()
        if principal not in self._bound:
            self._bound[principal] = self._remains(principal, constants, guards)
        settled = constants if self._bound[principal] else {}
        return [(statement, settled) for statement in guards]

    def _remains(
        self, principal: Principal, constants: Mapping[str, str], guards: Sequence[Statement]
    ) -> bool:
        """Whether a principal is nobody, and may act as nobody, whom the conditions of statements that deny name."""
        conditions = [condition for statement in guards for condition in statement.conditions]
        named = {each for one in conditions if isinstance(one, Condition) for each in one.values}
        # Read as in an entry of Resource, whose wildcards match at least as much as those of a condition.
        languages = {each: matching([pattern_of(each)]) for each in sorted(named)}
        if keys_of.PRINCIPAL_ARN not in constants or any(principal.arn in on for on in languages.values()):
            return False
        binding = [(statement, constants) for statement in guards]
        for kind, actions in escalation.BECOMING.items():
            others = [on for each, on in languages.items() if _may_be(each, f"{kind}/")] if kind else [ANY]
            for action in (each for each in actions if named and self.has(principal, each)):
                for on in others:
                    calls = Calls(principal, action.lower(), constants, on, binding=binding)
                    if any(each.requests for each in calls.allowed()):
                        return False
        return True

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
            yield from self.may(principal, table.get(resource_type_of(arn), ()), one_arn(arn), other)

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


def _guards(policy: Policy) -> Iterator[Statement]:
    """The statements of a service control policy that deny whatever a call brings besides who makes it.

    Organizations refuses a policy that names principals, or a statement without Resource.
    """
    if any(each.principals or each.not_principal or each.resources is None for each in policy.statements):
        return
    for statement in policy.denies:
        if statement.effect == "Deny" and all(
            isinstance(each, Condition)
            and each.lookup == keys_of.PRINCIPAL_ARN
            and not each.name.endswith("ignorecase")
            and all(isinstance(one, str) and "${" not in one for one in each.elements)
            for each in statement.conditions
        ):
            yield statement


def _may_be(pattern: str, kind: str) -> bool:
    """Whether a pattern of ARNs may match one of a kind: ``role/``, ``user/``."""
    begins = WILDCARD.split(resource_of(pattern))[0]
    return not is_arn(pattern) or begins.startswith(kind) or kind.startswith(begins)


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


def one_of(text: str) -> OneValue:
    """A key that holds an ARN or a name, of which a part may not be known."""
    return OneValue(one_arn(text), absent=False)
