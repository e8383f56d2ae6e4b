"""A statement of a role's policy: whose it is, where it stands, whom it names, and whom it lets in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rolechain.cloudformation.resources import UNPLACED, stand_in
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import ASSUME, ENTERING, admitted, narrowed
from rolechain.graph.finding import Level
from rolechain.graph.language import Language, Pattern, text_of
from rolechain.graph.narrowing import lacking, names_variable, unlike, written
from rolechain.graph.requests import Requests
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.graph.values import OneValue, Values
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import (
    account_of,
    is_arn,
    partition_of,
    resource_of,
    resource_type_of,
    root_of,
    service_of,
)
from rolechain.policy.conditions import Condition, NullCheck
from rolechain.policy.elements import Intrinsic
from rolechain.policy.statement import Statement
from rolechain.proof.rules.rule import Violation

_ACCOUNT = re.compile(r"\d{12}|<[^:<>]+>", re.ASCII)
"""An account's id; that of a template which is not placed stands as ``<template>``."""

_ROOT = re.compile(rf"arn:([^:*?]+):iam::({_ACCOUNT.pattern}):root", re.ASCII)
_OF_ACCOUNT = re.compile(rf"arn:([^:*?]+):(?:iam|sts)::({_ACCOUNT.pattern}):.+", re.ASCII)
_OF_SERVICE = (keys_of.SERVICE, "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")

Account = tuple[str, str]
"""An account's id, and its partition."""


@dataclass(frozen=True, eq=False)
class LocatedStatement:
    """A statement of a role's policy.

    Attributes:
        role: the role.
        record: the policy.
        statement: the statement.
    """

    role: RoleRecord
    record: PolicyRecord
    statement: Statement

    @property
    def place(self) -> SourceLocation:
        """Where it stands."""
        return self.record.place_of(self.statement)

    @property
    def arn(self) -> str:
        """The ARN of the role."""
        return self.role.arn

    def violation(self, message: str, remediation: str, level: Level | None = None) -> Violation:
        """A violation by it; the message follows the role's ARN."""
        return Violation(self.place, f"{self.arn} {message}", remediation, level)

    def is_known(self, value: str) -> bool:
        """Whether a value of the template holds nothing that only stands for an account, a region or a name."""
        parts = self.role.place.template.split("/")
        # A nested stack is given what stands for its parent's account as well.
        names = "|".join(
            re.escape(stand_in("/".join(parts[: number + 1]))[1:-1]) for number in range(len(parts))
        )
        return re.search(rf"<({names})(\.[^<>]*)?>|{UNPLACED}", value) is None

    @cached_property
    def by_key(self) -> Mapping[str, Sequence[Condition | NullCheck]]:
        """Its conditions by the key that they are on, in lower case."""
        groups: dict[str, list[Condition | NullCheck]] = {}
        for condition in self.statement.conditions:
            if isinstance(condition, (Condition, NullCheck)):
                groups.setdefault(condition.lookup, []).append(condition)
        return groups

    @cached_property
    def aws(self) -> tuple[str, ...]:
        """The ARNs, account ids and unique ids that it names, in order."""
        return tuple(sorted(self.statement.principals.aws)) if self.statement.principals else ()

    @property
    def everyone(self) -> bool:
        """Whether it names ``*``."""
        return self.statement.principals is not None and self.statement.principals.everyone

    @property
    def services(self) -> list[str]:
        """The service principals that it names, in order."""
        return sorted(self.statement.principals.services) if self.statement.principals else []

    @property
    def federated(self) -> list[str]:
        """The identity providers that it names, in order."""
        return sorted(self.statement.principals.federated) if self.statement.principals else []

    @property
    def role_arns(self) -> list[str]:
        """The roles that it names directly."""
        return [value for value in self.aws if is_role(value)]

    def names(self, role_arn: str) -> bool:
        """Whether it names a role: itself, its account, or everyone."""
        named = self.statement.principals
        if named is None:
            return False
        root = root_of(role_arn)
        return named.everyone or bool({role_arn, root, account_of(role_arn)} & named.aws)

    @cached_property
    def delegated(self) -> tuple[Account, ...]:
        """The accounts that it names as a whole: by root, by id, or as the only ones that ``*`` leaves."""
        own = partition_of(self.arn)
        found: dict[Account, None] = {}
        for value in self.aws:
            if match := _ROOT.fullmatch(value):
                found[match[2], match[1]] = None
            elif _ACCOUNT.fullmatch(value):
                found[value, own] = None
        if self.everyone:
            accounts = filter(_ACCOUNT.fullmatch, self.pinned(keys_of.PRINCIPAL_ACCOUNT))
            found |= dict.fromkeys((account, own) for account in accounts)
            found |= dict.fromkeys(_accounts_of(self.pinned(keys_of.PRINCIPAL_ARN)))
        return tuple(found)

    @property
    def of_accounts(self) -> tuple[Account, ...]:
        """The accounts that it names, as a whole or by one of their principals."""
        return tuple(dict.fromkeys((*self.delegated, *_accounts_of(self.aws))))

    def pinned(self, key: str) -> Iterator[str]:
        """The values that its conditions give for a key, in lower case."""
        for condition in self.by_key.get(key, ()):
            if isinstance(condition, Condition) and not condition.negated:
                yield from condition.values

    @property
    def denies(self) -> tuple[Statement, ...]:
        """The statements of the same policy that deny, or may deny."""
        return self.record.policy.denies

    def requests(self, action: str | None = None) -> tuple[Requests, ...]:
        """Whom it lets in, as a statement of a trust policy, and no Deny keeps out.

        Args:
            action: the action, in lower case; by default every action that lets somebody in.
        """
        return tuple(
            found
            for each in ([action] if action else ENTERING)
            for found in admitted(self.record.policy, self.role.callee, each, alone=True).get(
                self.statement.index, ()
            )
        )

    def may(self, wanted: Mapping[str, Values], action: str | None = None) -> bool:
        """Whether it may let somebody in of whose request each key, in lower case, is one of some values."""
        return bool(narrowed(self.requests(action), wanted))

    def may_lack(self, key: str) -> bool:
        """Whether it may let somebody in whose request lacks a key, in lower case."""
        return self.may({key: lacking(key)})

    def requires(self, key: str) -> bool:
        """Whether it lets nobody in whose request lacks a key, in lower case."""
        return bool(self.requests()) and not self.may_lack(key)

    def pins(self, key: str) -> bool:
        """Whether it lets nobody in without a key, or with a value of it that it does not name."""
        key = key.lower()
        named = written(self.statement, key, self.role.callee.constants)
        return not any(self.may({key: values}) for values in unlike(key, named))

    @property
    def within_organization(self) -> bool:
        """Whether it lets in principals of organizations that its policy names only."""
        if names_variable(self.statement, keys_of.ORGANIZATION, keys_of.RESOURCE_ORGANIZATION):
            return True
        named = [
            pattern
            for pattern in self.values_named(keys_of.ORGANIZATION)
            if not any(position.repeated for position in pattern.positions)
        ]
        paths = (str(pattern).partition("/") for pattern in self.values_named(keys_of.ORGANIZATION_PATHS))
        named += [text_of(head) for head, slash, _ in paths if slash and not set(head) & set("*?")]
        return bool(named) and not any(
            self.may({keys_of.ORGANIZATION: values}) for values in unlike(keys_of.ORGANIZATION, named)
        )

    def values_named(self, key: str) -> list[Pattern]:
        """What its conditions, and those of the statements that deny beside it, name as values of a key."""
        statements = (self.statement, *self.denies)
        constants = self.role.callee.constants
        return [pattern for statement in statements for pattern in written(statement, key, constants)]

    @property
    def asks_for_external_id(self) -> bool:
        """Whether it refuses calls without an external id, and those with any other than its own.

        One that is not known before the deployment is reported as unknown, and not as missing.
        """
        unknown = any(
            isinstance(element, Intrinsic)
            for condition in self.by_key.get(keys_of.EXTERNAL_ID, ())
            if isinstance(condition, Condition) and not condition.negated
            for element in condition.elements
        )
        return self.pins(keys_of.EXTERNAL_ID) or (unknown and not self.may_lack(keys_of.EXTERNAL_ID))

    def lets_role_in(self, arn: str, action: str = ASSUME) -> bool:
        """Whether it may let in a session of a role, of which only the ARN is known."""
        return self.may({keys_of.PRINCIPAL_ARN: only(arn)}, action)

    def lets_whole_account_in(self, account: str | None = None, *, users: bool = False) -> bool:
        """Whether it may let in principals of an account, or of any, whom none of its conditions names.

        A condition names somebody by an ARN with a part of a name in it, or by a unique id; of principals of any
        account also by the account and by the organization.

        Args:
            account: the id of the account; None for any.
            users: whether IAM users are asked about only.
        """
        of_any = account is None and not users
        names_somebody = _names_account if of_any else _names_name
        if self._only_named(names_somebody):
            return False
        arns = filter(names_somebody, self.values_named(keys_of.PRINCIPAL_ARN))
        wanted: dict[str, Values] = {}
        if account:
            wanted[keys_of.PRINCIPAL_ACCOUNT] = only(account)
        elif of_any:
            if self.within_organization:
                return False
            accounts = (
                each for each in self.values_named(keys_of.PRINCIPAL_ACCOUNT) if each.literal is not None
            )
            (wanted[keys_of.PRINCIPAL_ACCOUNT],) = unlike(keys_of.PRINCIPAL_ACCOUNT, accounts)
        (wanted[keys_of.PRINCIPAL_ARN],) = unlike(keys_of.PRINCIPAL_ARN, arns)
        # A pattern of a session's name alone names no principal.
        named = self.values_named(keys_of.USER_ID)
        ids = [each for each in named if str(each).partition(":")[0].strip("*?")]
        (wanted[keys_of.USER_ID],) = unlike(keys_of.USER_ID, ids)
        found = narrowed(self.requests(ASSUME), wanted)
        return any(each.kind in (("user",) if users else ("role", "user")) for each in found)

    @property
    def untrusted(self) -> str | None:
        """The callers, in words, that it lets in by ``*`` and that no condition names; None for none."""
        if self.lets_whole_account_in():
            return "a stranger's account"
        if self._lets_any_in("service", _OF_SERVICE):
            return "a service that works for a stranger's account"
        claims = [key for key in self.statement.keys if not key.startswith(("aws:", "sts:"))]
        for kind in ("web_identity", "saml"):
            if self._lets_any_in(kind, (keys_of.PROVIDER, *claims)):
                return "another provider's token"
        return None

    def _lets_any_in(self, kind: keys_of.Kind, keys: Iterable[str]) -> bool:
        """Whether it lets callers of a kind in, whatever each of some keys, in lower case, is."""
        requests = [each for each in self.requests() if each.kind == kind]
        return bool(requests) and all(
            any(narrowed(requests, {key: values}) for values in unlike(key, self.values_named(key)))
            for key in keys
        )

    def _only_named(self, names_somebody: Callable[[Pattern], bool]) -> bool:
        """Whether one of its conditions asks for ARNs that name somebody, so that nothing need be tried."""
        constants = self.role.callee.constants
        for condition in self.by_key.get(keys_of.PRINCIPAL_ARN, ()):
            if not isinstance(condition, Condition):
                continue
            # Such a condition may be met without the key.
            if not (condition.negated or condition.if_exists or condition.quantifier == "ForAllValues"):
                patterns = written(self.statement, keys_of.PRINCIPAL_ARN, constants, condition)
                if len(patterns) == len(condition.elements) and all(map(names_somebody, patterns)):
                    return True
        return False


def located_statements(role: RoleRecord, record: PolicyRecord) -> Iterator[LocatedStatement]:
    """The statements of a policy that is at hand."""
    if record.policy.missing is None:
        yield from (LocatedStatement(role, record, statement) for statement in record.policy.statements)


def is_role(value: str) -> bool:
    """Whether a text is the ARN of one role."""
    is_named = service_of(value) == "iam" and resource_type_of(value) == "role"
    return is_named and not set(value) & set("*?$")


def _accounts_of(arns: Iterable[str]) -> Iterator[Account]:
    return ((match[2], match[1]) for arn in arns if (match := _OF_ACCOUNT.fullmatch(arn)))


def only(*texts: str) -> OneValue:
    """The requests that have one of ``texts`` as a key."""
    return OneValue(Language(frozenset(texts)), absent=False)


def _names_account(pattern: Pattern) -> bool:
    return is_arn(str(pattern)) and not set(account_of(str(pattern))) & set("*?")


def _names_name(pattern: Pattern) -> bool:
    text = str(pattern)
    resource = resource_of(text) if is_arn(text) else text.rpartition(":")[2]
    return bool(resource.removeprefix("role/").removeprefix("user/").strip("*?"))


def by_root(arn: str) -> str:
    """How a trust policy names a role that may be made again: by its account's root, with its ARN as condition."""
    return f'"Principal": {{"AWS": "{root_of(arn)}"}} with {{"ArnEquals": {{"aws:PrincipalArn": "{arn}"}}}}'
