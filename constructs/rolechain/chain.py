"""The declared chain: one source role, the middle roles in order, and the targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from os import PathLike, fspath

from rolechain.checks import problems_of
from rolechain.errors import ChainError, NoSuchTargetError, RolechainError
from rolechain.hop import Hop
from rolechain.role import ChainRole


@dataclass(frozen=True)
class Chain:
    """A chain of roles: source → middle … → each target.

    It is frozen, and checked when it is made.

    Attributes:
        name: begins the names of roles and stacks that are not named otherwise.
        source: the role where the chain is entered.
        middle: the roles in between, in the order of the hops; one at least.
        targets: the roles at the end, each reached from the last middle role; one at least.
        organization: the id of the AWS Organization that every caller must belong to.
        region: where the stacks are deployed; IAM itself is global.
        partition: ``aws``, ``aws-cn``, ``aws-us-gov``, …; no hop leaves it.

    Raises:
        ChainError: with every mistake and its place.
    """

    name: str
    source: ChainRole = field(kw_only=True)
    middle: Sequence[ChainRole] = field(kw_only=True)
    targets: Sequence[ChainRole] = field(kw_only=True)
    organization: str | None = field(default=None, kw_only=True)
    region: str = field(default="us-east-1", kw_only=True)
    partition: str = field(default="aws", kw_only=True)

    def __post_init__(self) -> None:
        self._set("source", self._filled([self.source], "source")[0])
        self._set("middle", self._filled(self.middle, "middle"))
        self._set("targets", self._filled(self.targets, "target"))
        if problems := problems_of(self):
            raise ChainError(problems)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _filled(self, roles: Sequence[ChainRole] | ChainRole, kind: str) -> tuple[ChainRole, ...]:
        """The roles with their default names and the chain's partition."""
        roles = (roles,) if isinstance(roles, ChainRole) else tuple(roles)
        several = kind == "middle" and len(roles) > 1
        return tuple(
            replace(
                role,
                role=role.role or f"{self.name}-{kind}" + (f"-{number}" if several else ""),
                partition=role.partition or self.partition,
            )
            for number, role in enumerate(roles, 1)
        )

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Chain:
        """The chain that a YAML file declares.

        Raises:
            ChainError: with every mistake, its line and its place; a file that cannot be read is one too.
            RolechainError: PyYAML is not installed.
        """
        try:
            from rolechain.chain_file import read
        except ModuleNotFoundError as error:
            raise RolechainError(
                f"{fspath(path)}: reading it needs PyYAML: pip install 'rolechain[cli]'"
            ) from error
        return read(path)

    @property
    def roles(self) -> tuple[ChainRole, ...]:
        """Every role, in the order of the declaration."""
        return (self.source, *self.middle, *self.targets)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The ids of the accounts that hold a role, each once, in the order of the declaration."""
        return tuple(dict.fromkeys(role.account for role in self.roles))

    def hops(self) -> Iterator[Hop]:
        """Each hop once: along the middle roles, then from the last of them to each target."""
        yield from self._hops

    @cached_property
    def _hops(self) -> tuple[Hop, ...]:
        line = (self.source, *self.middle)
        along = [Hop(caller, callee, index) for index, (caller, callee) in enumerate(pairwise(line), 1)]
        return (*along, *(Hop(line[-1], target, len(line)) for target in self.targets))

    @cached_property
    def _calls(self) -> tuple[dict[str, list[Hop]], dict[str, list[Hop]]]:
        """The hops by their caller's ARN, and by their callee's."""
        by_caller: dict[str, list[Hop]] = {}
        by_callee: dict[str, list[Hop]] = {}
        for hop in self._hops:
            by_caller.setdefault(hop.caller.arn, []).append(hop)
            by_callee.setdefault(hop.callee.arn, []).append(hop)
        return by_caller, by_callee

    def paths(self) -> Iterator[tuple[Hop, ...]]:
        """Each way from the source role to a target, as its hops in order."""
        for target in self.targets:
            yield self.hops_to(target)

    def hops_to(self, target: str | ChainRole) -> tuple[Hop, ...]:
        """The hops that lead from the source role to a role further on.

        Args:
            target: an account id, if the chain ends in one role of that account; else a role's ARN, or the
                declared role.

        Raises:
            NoSuchTargetError: no role of the chain is meant, or more than one.
        """
        callee = self.target(target)
        (last,) = self.calls_into(callee)
        return (*self._hops[: last.index - 1], last)

    def target(self, target: str | ChainRole) -> ChainRole:
        """The role that is meant by an account id, an ARN or a role, as ``hops_to`` reads them."""
        callees = (*self.middle, *self.targets)
        if isinstance(target, ChainRole):
            named = replace(target, partition=target.partition or self.partition)
            found = [role for role in callees if role.arn == named.arn]
        elif target.startswith("arn:"):
            found = [role for role in callees if role.arn == target]
        else:
            found = [role for role in self.targets if role.account == target]
        if len(found) == 1:
            return found[0]
        wanted = target.arn if isinstance(target, ChainRole) else target
        if found:
            arns = ", ".join(role.arn for role in found)
            raise NoSuchTargetError(
                f"account {wanted} holds several targets of chain {self.name}: name one of {arns}"
            )
        known = ", ".join(role.arn for role in self.targets)
        raise NoSuchTargetError(f"chain {self.name} has no target {wanted!r}: it has {known}")

    def calls_of(self, caller: ChainRole) -> tuple[Hop, ...]:
        """The hops that ``caller`` makes."""
        return tuple(self._calls[0].get(caller.arn, ()))

    def calls_into(self, callee: ChainRole) -> tuple[Hop, ...]:
        """The hops that end in ``callee``; none for the source role."""
        return tuple(self._calls[1].get(callee.arn, ()))
