"""Which calls a principal's own policies let it make, and on what: a set that surely holds all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from rolechain.graph.access import ASSUME, CalleeFacts, meeting
from rolechain.graph.arn_sets import anywhere, is_plain, pattern_of
from rolechain.graph.language import EVERY_TEXT, Language, Position, matching, segments_of
from rolechain.graph.requests import ACCOUNTS, Requests, beyond, both
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord, Principal, RoleRecord
from rolechain.graph.values import OneValue
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, partition_of, resource_type_of
from rolechain.iam.condition_keys import Kind, principal_keys
from rolechain.policy.statement import Statement

RESOURCE = "<resource>"
"""Stands among the condition keys for the ARN that a call is about."""

_REST = Position(repeated=True)
_SETTLED = (keys_of.PRINCIPAL_ARN, keys_of.PRINCIPAL_ACCOUNT, keys_of.ORGANIZATION)


class Permitted(NamedTuple):
    """A statement that may let a principal make calls.

    Attributes:
        requests: the calls, as far as no Deny and no boundary keeps the principal from them.
        record: the policy; None where the callee's trust policy is enough.
        statement: the statement, likewise.
    """

    requests: tuple[Requests, ...]
    record: PolicyRecord | None
    statement: Statement | None


class Allowed(NamedTuple):
    """A ``Permitted`` of the principal's own policies."""

    requests: tuple[Requests, ...]
    record: PolicyRecord
    statement: Statement


class Calls:
    """The calls of one action that a principal may make by its own policies, or may not.

    Args:
        principal: the principal.
        action: the action in lower case.
        constants: the condition keys, in lower case, whose values are settled.
        on: the resources.
        binding: the statements that deny, besides its own, with the condition keys that are settled for them.
    """

    def __init__(
        self,
        principal: Principal,
        action: str,
        constants: Mapping[str, str],
        on: Language = EVERY_TEXT,
        *,
        binding: Iterable[tuple[Statement, Mapping[str, str]]] = (),
    ) -> None:
        self._principal = principal
        self._action = action
        self._constants = constants
        self._on = on
        self._kind = kind_of(principal)
        boundary = principal.boundary
        self._denied = [
            requests
            for record in (*principal.policies, *([boundary] if boundary else []))
            for statement in record.policy.denies
            if (requests := self.of(statement, surely=True))
        ]
        self._denied += [
            requests
            for statement, settled in binding
            if (requests := self.of(statement, surely=True, constants=settled))
        ]
        self._bounded = (
            [found for each in boundary.policy.allows if (found := self.of(each))] if boundary else None
        )

    def allowed(self) -> Iterator[Allowed]:
        """Each statement of the principal's policies that lets it make some of them."""
        for record in self._principal.policies:
            for statement in record.policy.allows:
                if (found := self.of(statement)) and (left := self.kept(found)):
                    yield Allowed(left, record, statement)

    def whatever(self) -> tuple[Requests, ...]:
        """All of them that neither a Deny nor the boundary's own Denies keep the principal from."""
        requests = Requests(self._kind).where(RESOURCE, OneValue(self._on, absent=False))
        return beyond([requests] if requests else [], self._denied)

    def kept(self, requests: Requests) -> tuple[Requests, ...]:
        """Those of ``requests`` that no Deny and no boundary keeps the principal from."""
        return beyond([requests] if self._bounded is None else both([requests], self._bounded), self._denied)

    def of(
        self,
        statement: Statement,
        entry: str | None = None,
        *,
        surely: bool = False,
        constants: Mapping[str, str] | None = None,
    ) -> Requests | None:
        """What a statement may be about, or surely is about, by all of its Resource or by one entry of it."""
        constants = self._constants if constants is None else constants
        about = statement.actions.match(self._action)
        is_known = statement.effect is not None
        is_refused = statement.resources is None or (statement.principals is not None and is_known)
        if is_refused or about is False or (surely and not (about and is_known)):
            return None
        texts = _resources(statement) if entry is None else matching([pattern_of(entry)])
        found = Requests(self._kind).where(RESOURCE, OneValue(texts & self._on, absent=False))
        return found and meeting(found, statement, constants, surely=surely)


def permissions(
    caller: Principal, callee: RoleRecord, facts: CalleeFacts, action: str, *, named: Sequence[Requests] = ()
) -> Iterator[Permitted]:
    """The statements by which a principal may assume a role.

    Args:
        caller: the principal that calls.
        callee: the role that is assumed.
        facts: what of it policies may ask about.
        action: the action in lower case.
        named: the calls that the callee's trust policy lets in by naming the caller itself, which is enough in one
            account.
    """
    calls = Calls(caller, action, facts.constants, Language(frozenset({callee.arn})))
    if named and caller.account == callee.account:
        yield Permitted(both(map(_without_resource, calls.whatever()), named), None, None)
    for requests, record, statement in calls.allowed():
        yield Permitted(tuple(map(_without_resource, requests)), record, statement)


def _without_resource(requests: Requests) -> Requests:
    values = {key: found for key, found in requests.values.items() if key != RESOURCE}
    return Requests(requests.kind, values, requests.doubts)


def may_call(caller: RoleRecord, callee: RoleRecord, action: str, requests: Iterable[Requests]) -> bool:
    """Whether a role's own policies let it make one of ``requests``, or may."""
    facts, listed = CalleeFacts(partition_of(callee.arn), account_of(callee.arn)), tuple(requests)
    found = permissions(caller, callee, facts, action)
    return any(both(listed, permission.requests) for permission in found)


def assumable(
    role: RoleRecord, statement: Statement, organization: str = ""
) -> Iterator[tuple[str, tuple[Requests, ...]]]:
    """The roles that a statement of a role's policies lets it assume, and neither a Deny nor a boundary keeps it from.

    Args:
        role: the role.
        statement: a statement of one of its policies that allows.
        organization: the id of its organization; empty if that is not known.

    Yields:
        Each entry of Resource, of NotResource ``*``, with the requests that it lets the role make; none is left out.
    """
    resources = statement.resources
    if resources is None or statement.actions.match(ASSUME) is False:
        return
    name = [*map(Position, "role/"), Position(), _REST]
    partition = partition_of(role.arn)
    roles = matching(segments_of(("arn", partition, "iam", "", account, name)) for account in ACCOUNTS)
    calls = Calls(role, ASSUME, constants_of(role, organization), roles)
    for entry in ("*",) if resources.negated else resources.written:
        found = calls.of(statement, None if resources.negated else entry)
        yield entry, calls.kept(found) if found else ()


def kind_of(principal: Principal) -> Kind:
    """The kind of caller that a principal is."""
    return "role" if resource_type_of(principal.arn) == "role" else "user"


def constants_of(principal: Principal, organization: str = "") -> dict[str, str]:
    """The condition keys, in lower case, that a principal settles for every call, as far as their values are known."""
    of_group = isinstance(principal, IdentityRecord) and principal.is_group
    settled = _SETTLED[1:] if of_group else _SETTLED
    keys = {
        key.lower(): value for key, value in principal_keys(principal.arn, organization=organization).items()
    }
    return {key: value for key in settled if isinstance(value := keys.get(key), str) and "<" not in value}


_known: WeakKeyDictionary[Statement, Language] = WeakKeyDictionary()


def _resources(statement: Statement) -> Language:
    """The ARNs that a statement may be about, or, where it denies, those that it surely is about."""
    if statement not in _known:
        resources = statement.resources
        written = resources.written if resources else ()
        plain = filter(is_plain, written)
        if resources and resources.negated:
            excepted = written if statement.effect == "Deny" else plain
            found = Language(without=frozenset(map(pattern_of, excepted)))
        else:
            about = plain if statement.effect == "Deny" else map(anywhere, written)
            found = matching(map(pattern_of, about))
        _known[statement] = found
    return _known[statement]
