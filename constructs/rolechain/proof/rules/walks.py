"""Which role of the templates may assume which, by what both sides write.

What the caller chooses is taken to fit: the rules ask what may be walked, the proof what a call is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from rolechain.policy.context import Context
from rolechain.proof.rules import principals
from rolechain.proof.rules.ruling import Ruling, account_of
from rolechain.proof.rules.strangers import ARN, caller, lets_in
from rolechain.proof.world import RoleRecord

ASSUME_ROLE = "sts:assumerole"
_NOTHING = Context({})


@dataclass(frozen=True, eq=False)
class Walk:
    """One role that may assume another.

    Attributes:
        caller: the role that calls.
        callee: the role that is assumed.
        entry: the statement of the callee's trust policy that lets the caller in.
        permission: the statement of the caller that allows the call; None in one account, where a trust policy
            that names the caller's role is enough.
    """

    caller: RoleRecord
    callee: RoleRecord
    entry: Ruling
    permission: Ruling | None


class Walks:
    """The walks of a world, found by what each statement names and not by trying each pair of roles."""

    def __init__(
        self, entries: Iterable[Ruling], permissions: Iterable[Ruling], roles: Mapping[str, RoleRecord]
    ) -> None:
        self._roles = roles
        self._permissions: dict[str, list[Ruling]] = {}
        for permission in permissions:
            self._permissions.setdefault(permission.role.arn, []).append(permission)
        self._by_arn: dict[str, list[Ruling]] = {}
        self._by_account: dict[str, list[Ruling]] = {}
        self._of_anyone: list[Ruling] = []
        self._into: dict[str, list[Ruling]] = {}
        for entry in entries:
            if not entry.statement.actions.match(ASSUME_ROLE):
                continue
            self._into.setdefault(entry.role.arn, []).append(entry)
            pins = list(principals.pinned(entry, ARN))
            exact = bool(pins) and not any(set(pin) & set("*?$") for pin in pins)
            for arn in dict.fromkeys([*principals.role_arns(entry), *(pins if exact else ())]):
                self._by_arn.setdefault(arn, []).append(entry)
            if not exact:
                for account, _ in principals.delegated(entry):
                    self._by_account.setdefault(account, []).append(entry)
                if principals.everyone(entry) and not principals.delegated(entry):
                    self._of_anyone.append(entry)

    @cached_property
    def all(self) -> tuple[Walk, ...]:
        """Every walk, each pair of roles once."""
        return tuple(
            walk
            for role in self._roles.values()
            for walk in self._of(role, self._permissions.get(role.arn, ()))
        )

    @cached_property
    def by_caller(self) -> dict[str, list[Walk]]:
        """The walks by their caller's ARN."""
        found: dict[str, list[Walk]] = {}
        for walk in self.all:
            found.setdefault(walk.caller.arn, []).append(walk)
        return found

    def _of(self, role: RoleRecord, permissions: Iterable[Ruling]) -> Iterator[Walk]:
        found: set[str] = set()
        for permission in permissions:
            for entry in self._candidates(role, permission):
                callee = entry.role
                if callee.arn not in found and _admits(entry, role):
                    found.add(callee.arn)
                    yield Walk(role, callee, entry, permission)
        for entry in self._by_arn.get(role.arn, ()):
            named = role.arn in principals.role_arns(entry)
            here = account_of(entry.role.arn) == account_of(role.arn)
            if named and here and entry.role.arn not in found and _admits(entry, role):
                found.add(entry.role.arn)
                yield Walk(role, entry.role, entry, None)

    def _candidates(self, role: RoleRecord, permission: Ruling) -> Iterator[Ruling]:
        resources = permission.statement.resources
        written = resources.written if resources and not resources.negated else ("*",)
        # A statement may name thousands of roles: they are looked up, and not tried one by one.
        if all(principals.is_role(arn) for arn in written):
            for arn in written:
                yield from self._into.get(arn, ())
        else:
            near = (
                self._by_arn.get(role.arn, ()),
                self._by_account.get(account_of(role.arn), ()),
                self._of_anyone,
            )
            for entry in chain(*near):
                if covers(permission, entry.role.arn):
                    yield entry


def covers(permission: Ruling, arn: str) -> bool:
    """Whether a permission may be about a role."""
    resources = permission.statement.resources
    return resources is not None and resources.match(arn, _NOTHING) is not False


def _admits(entry: Ruling, role: RoleRecord) -> bool:
    return principals.names(entry, role.arn) and lets_in(entry, caller(role.arn))
