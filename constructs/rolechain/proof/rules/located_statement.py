"""A statement of a role's policy, with whose it is and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rolechain.cloudformation.resources import UNPLACED, stand_in
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import ENTERING, admitted, narrowed
from rolechain.graph.finding import Level
from rolechain.graph.narrowing import lacking, unlike, written
from rolechain.graph.requests import Requests
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.graph.values import Values
from rolechain.iam.arn import partition_of
from rolechain.policy.conditions import Condition, NullCheck
from rolechain.policy.statement import Statement
from rolechain.proof.rules.rule import Violation

ACCOUNT = re.compile(r"\d{12}|<[^:<>]+>", re.ASCII)
"""An account's id; that of a template which is not placed stands as ``<template>``."""

_ROOT = re.compile(rf"arn:([^:*?]+):iam::({ACCOUNT.pattern}):root", re.ASCII)


@dataclass(frozen=True, eq=False)
class LocatedStatement:
    """A statement of a role's policy.

    Attributes:
        role: the role.
        record: the policy.
        statement: the statement, compiled.
        element: the same as resolved JSON.
    """

    role: RoleRecord
    record: PolicyRecord
    statement: Statement
    element: Mapping[str, Any]

    @property
    def place(self) -> SourceLocation:
        """Where it stands."""
        return replace(self.record.place, statement=self.statement.index)

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

    @cached_property
    def whole_accounts(self) -> tuple[tuple[str, str], ...]:
        """Id and partition of each account that it names as a whole, whatever its conditions ask for."""
        own = partition_of(self.role.arn)
        found: dict[tuple[str, str], None] = {}
        for value in self.aws:
            if match := _ROOT.fullmatch(value):
                found[match[2], match[1]] = None
            elif ACCOUNT.fullmatch(value):
                found[value, own] = None
        return tuple(found)

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

    def pins(self, key: str) -> bool:
        """Whether it lets nobody in without a key, or with a value of it that it does not name."""
        key = key.lower()
        named = written(self.statement, key, self.role.callee.constants)
        return not any(self.may({key: values}) for values in unlike(key, named))

    @property
    def denies(self) -> tuple[Statement, ...]:
        """The statements of the same policy that deny, or may deny."""
        return self.record.policy.denies

    @cached_property
    def federated(self) -> tuple[str, ...]:
        """The identity providers that it names."""
        principal = self.element.get("Principal")
        value = principal.get("Federated", ()) if isinstance(principal, Mapping) else ()
        listed = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(item for item in listed if isinstance(item, str))


def located_statements(role: RoleRecord, record: PolicyRecord) -> Iterator[LocatedStatement]:
    """The statements of a policy that is at hand."""
    if record.policy.missing is not None:
        return
    listed = record.document.get("Statement") if isinstance(record.document, Mapping) else None
    elements = listed if isinstance(listed, (list, tuple)) else [listed]
    for statement in record.policy.statements:
        element = elements[statement.index] if statement.index < len(elements) else None
        yield LocatedStatement(role, record, statement, element if isinstance(element, Mapping) else {})
