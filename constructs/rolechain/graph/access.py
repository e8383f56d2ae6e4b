"""Who is let in by a trust policy, as a set that surely holds everybody whom it lets in.

It is the one answer to that question: for the proof of a chain, for the audit and for every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from weakref import WeakKeyDictionary

from rolechain.graph.language import NO_TEXT, Language, Position, glob_of, matching, segments_of, text_of
from rolechain.graph.narrowing import narrowing
from rolechain.graph.requests import Narrowing, Requests, anybody, asking, beyond, both, where
from rolechain.graph.values import OneValue, Values, only
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, iam_arn, is_arn, name_of, partition_of, resource_of, session_names
from rolechain.iam.condition_keys import Kind, is_of_tags, undocumented
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy import Policy
from rolechain.policy.principals import Principals
from rolechain.policy.statement import Statement

ASSUME = ASSUME_ROLE.lower()
WEB_IDENTITY, SAML = "sts:assumerolewithwebidentity", "sts:assumerolewithsaml"
ENTERING: Mapping[str, tuple[Kind, ...]] = {
    ASSUME: ("role", "user", "service"),
    WEB_IDENTITY: ("web_identity",),
    SAML: ("saml",),
}
"""The actions, in lower case, that let somebody into a role, and the kinds of callers that use each."""


@dataclass(frozen=True)
class CalleeFacts:
    """What of a role decides who gets in, besides its trust policy.

    Attributes:
        partition: its partition.
        account: the id of its account, or what stands in for one that is not known.
        organization: the id of its organization; empty if that is not known.
        callers: the ARNs of the roles that are known to call it.
    """

    partition: str
    account: str
    organization: str = ""
    callers: frozenset[str] = frozenset()

    @cached_property
    def constants(self) -> Mapping[str, str]:
        """The condition keys, in lower case, that it settles for every call, as far as their values are known."""
        account = "" if self.account.startswith("<") else self.account
        found = {keys_of.RESOURCE_ACCOUNT: account, keys_of.RESOURCE_ORGANIZATION: self.organization}
        return {key: value for key, value in found.items() if value}


ByStatement = Mapping[int, tuple[Requests, ...]]
"""Requests by the place of the statement that lets them in, counted from 0."""

_known: WeakKeyDictionary[Policy, dict[tuple[CalleeFacts, str, bool], ByStatement]] = WeakKeyDictionary()


def admitted(
    policy: Policy, callee: CalleeFacts, action: str = ASSUME, *, alone: bool = False
) -> ByStatement:
    """Who is let in by each statement of a trust policy that allows, and kept out by none that denies.

    Args:
        policy: the trust policy.
        callee: the role whose trust policy it is.
        action: the action, in lower case.
        alone: whether sts:TagSession and sts:SetSourceIdentity are left aside, which a call that carries tags or a
            source identity needs as well.
    """
    known = _known.setdefault(policy, {})
    key = (callee, action, alone)
    if key not in known:
        known[key] = {
            statement.index: _through(policy, statement, callee, action, alone=alone)
            for statement in policy.allows
        }
    return known[key]


def everybody(policy: Policy, callee: CalleeFacts, action: str = ASSUME) -> tuple[Requests, ...]:
    """Who is let in by a trust policy as a whole."""
    return tuple(chain.from_iterable(admitted(policy, callee, action).values()))


def _through(
    policy: Policy, statement: Statement, callee: CalleeFacts, action: str, *, alone: bool
) -> tuple[Requests, ...]:
    requests = tuple(_allowed(statement, callee, action))
    if not requests:
        return ()
    requests = beyond(requests, _denied(policy, callee, action))
    if action not in ENTERING or alone:
        return requests
    for another, is_of in CARRYING:
        if any(must_carry(each, is_of) for each in requests):
            requests = carried(requests, is_of, everybody(policy, callee, another))
    return requests


CARRYING: Sequence[tuple[str, Callable[[str], bool]]] = (
    (TAG_SESSION.lower(), is_of_tags),
    (SET_SOURCE_IDENTITY.lower(), lambda key: key == keys_of.SET_SOURCE_IDENTITY),
)
"""The actions that a call needs besides, each with whether a condition key, in lower case, shows that it does.

A source identity that the caller's session has already shows it too; who asks for that one alone is taken to let it in.
"""


def carried(
    requests: Iterable[Requests], is_of: Callable[[str], bool], others: Iterable[Requests]
) -> tuple[Requests, ...]:
    """``requests``, those that must carry something only as far as they are among ``others``."""
    listed = tuple(others)
    return tuple(
        found for each in requests for found in (both([each], listed) if must_carry(each, is_of) else (each,))
    )


def must_carry(requests: Requests, is_of: Callable[[str], bool]) -> bool:
    """Whether no request of a product lacks every key of some kind."""
    return any(is_of(key) and not values.absent for key, values in requests.values.items())


def surely_allowed(policy: Policy, callee: CalleeFacts, action: str = ASSUME) -> tuple[Requests, ...]:
    """The requests that a trust policy without a Deny surely lets in."""
    allowed = (_allowed(statement, callee, action, surely=True) for statement in policy.statements)
    return tuple(chain.from_iterable(allowed))


def _allowed(
    statement: Statement, callee: CalleeFacts, action: str, *, surely: bool = False
) -> Iterator[Requests]:
    """The requests that a statement may allow, or surely allows, whatever others deny."""
    about = statement.actions.match(action)
    if about is False or statement.not_principal:
        return
    if statement.effect and (statement.principals is None or statement.resources is not None):
        return  # IAM refuses it
    doubts = frozenset() if about and statement.effect else frozenset({"a statement that is not known"})
    for named in _named(statement.principals, callee, action):
        allowed = replace(named, doubts=named.doubts | doubts)
        if found := meeting(allowed, statement, callee.constants, surely=surely, action=action):
            yield found


def _denied(policy: Policy, callee: CalleeFacts, action: str) -> Iterator[Requests]:
    """The requests that a policy surely denies, whatever others allow."""
    for statement in policy.denies:
        if statement.effect != "Deny" or not statement.actions.match(action) or statement.not_principal:
            continue
        if statement.resources is not None or statement.principals is None:
            continue
        kinds = _kinds(action)
        surely_named = (
            map(Requests, kinds)
            if statement.principals.everyone
            else _listed(statement.principals, kinds, "*", frozenset())
        )
        for named in surely_named:
            if found := meeting(named, statement, callee.constants, surely=True, action=action):
                yield found


def meeting(
    requests: Requests, statement: Statement, constants: Mapping[str, str], *, surely: bool, action: str = ""
) -> Requests | None:
    """The requests that meet the conditions of a statement; None where there are certainly none.

    Args:
        requests: the requests.
        statement: the statement.
        constants: the keys, in lower case, whose values are settled.
        surely: whether those are meant that surely meet them; else, those that may.
        action: the action in lower case, where a request for it may lack keys.
    """
    found: Requests | None = requests
    for condition in statement.conditions:
        asked = narrowing(condition, requests.kind, constants, surely=surely)
        if isinstance(asked, Narrowing) and undocumented(action, asked.key):
            # AWS does not say whether the request carries the key, so that a Deny does not surely hold.
            if statement.effect == "Deny":
                return None
            continue
        found = found and where(found, asked)
    return found


def _kinds(action: str) -> tuple[Kind, ...]:
    """The kinds of callers that use an action, or in whose calls it is asked about."""
    return ENTERING.get(action) or tuple(chain.from_iterable(ENTERING.values()))


def _named(principals: Principals | None, callee: CalleeFacts, action: str) -> Iterator[Requests]:
    kinds = _kinds(action)
    if principals is None or principals.unknown or principals.everyone:
        known = principals is not None and principals.everyone
        doubts = frozenset() if known else frozenset({"a principal that cannot be resolved"})
        for kind in kinds:
            yield replace(anybody(kind, callee.partition), doubts=doubts)
    if principals is None:
        return
    if principals.unknown_federated:
        for kind in kinds:
            if kind in ("web_identity", "saml"):
                yield Requests(kind, {}, frozenset({"a provider that cannot be resolved"}))
    for named in _listed(principals, kinds, callee.partition, callee.callers):
        if found := anybody(named.kind, callee.partition) & named:
            yield found


def _listed(
    principals: Principals, kinds: tuple[Kind, ...], partition: str, roles: frozenset[str]
) -> Iterator[Requests]:
    if "service" in kinds and principals.services:
        services = Language(frozenset(principals.services))
        yield Requests("service", {keys_of.SERVICE: OneValue(services, absent=False)})
    for provider in sorted(principals.federated):
        kind: Kind = "saml" if ":saml-provider/" in provider else "web_identity"
        if kind in kinds:
            yield Requests(kind, {keys_of.PROVIDER: only(provider)})
    if "role" in kinds:
        for name in sorted(principals.aws):
            yield from principal_named(name, partition, roles)


def principal_named(name: str, partition: str, roles: frozenset[str] = frozenset()) -> Iterator[Requests]:
    """The callers that a principal's ARN, its account's id, or its unique id stands for.

    IAM refuses a wildcard within one, which so matches nobody.

    Args:
        name: the principal.
        partition: the partition of an account that is given by its id.
        roles: the ARNs of roles that are known: a session's ARN leaves the path of its role out, and a role's name
            stands once in an account.
    """
    if set(name) & set("*?"):
        return
    if not is_arn(name):
        # An account's id or a unique id; an account that is not known is ``<template>``.
        if name.isdecimal() or name.startswith("<"):
            yield from _of_account(name, partition)
        elif name.startswith("AIDA"):
            yield Requests("user", {keys_of.USER_ID: only(name)})
        elif name.startswith("AROA"):
            sessions = matching([glob_of(f"{name}:*")])
            yield Requests("role", {keys_of.USER_ID: OneValue(sessions, absent=False)})
        else:
            yield Requests("unknown", {keys_of.USER_ID: only(name)})
        return
    account, partition, resource = account_of(name), partition_of(name), resource_of(name)
    if resource == "root":
        yield from _of_account(account, partition)
    elif resource.startswith(("role/", "user/")):
        yield _by_arn("role" if resource.startswith("role/") else "user", Language(frozenset({name})))
    elif names := session_names(name):
        role, session = names
        begins = ("arn", partition, "iam", "", account)
        in_path = [*map(Position, "role/"), Position(repeated=True), Position("/"), *map(Position, role)]
        known = [arn for arn in roles if account_of(arn) == account and name_of(arn) == role]
        arns = matching(
            map(text_of, known)
            if known
            else (text_of(iam_arn(partition, account, f"role/{role}")), segments_of((*begins, in_path)))
        )
        sessions = matching([glob_of(f"*:{session}")])
        found = _by_arn("role", arns).where(keys_of.USER_ID, OneValue(sessions, absent=True))
        yield found or _by_arn("role", NO_TEXT)
    else:
        yield Requests("unknown", {keys_of.PRINCIPAL_ARN: only(name)})


@lru_cache(maxsize=4096)
def _of_account(account: str, partition: str) -> tuple[Requests, ...]:
    kinds: tuple[Kind, ...] = ("role", "user")
    return tuple(
        _by_arn(kind, matching([segments_of(("arn", partition, "iam", "", account, f"{kind}/*"))]))
        for kind in kinds
    )


def _by_arn(kind: Kind, arns: Language) -> Requests:
    return Requests(kind, {keys_of.PRINCIPAL_ARN: OneValue(arns, absent=False)})


def narrowed(requests: Iterable[Requests], wanted: Mapping[str, Values]) -> tuple[Requests, ...]:
    """The requests of a set in which each key, in lower case, is one of some values.

    Args:
        requests: the set.
        wanted: the values, as a condition on the key asks for them.
    """
    found: list[Requests] = []
    for one in requests:
        left: Requests | None = one
        for key, values in wanted.items():
            left = left and where(left, asking(one.kind, key, values))
        if left:
            found.append(left)
    return tuple(found)
