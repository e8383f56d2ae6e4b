"""The declared chain: the source roles, the middle roles in order, and the targets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from typing import Any

from rolechain.errors import ChainError, NoSuchTargetError, Problem, did_you_mean
from rolechain.iam.arn import account_of
from rolechain.iam.limits import ACCOUNT
from rolechain.model.entry_principal import inherited_values
from rolechain.model.hop import Hop, choose
from rolechain.model.role import ChainRole, Quotas
from rolechain.model.session_values import several
from rolechain.model.shapes import matches
from rolechain.model.validation import problems_of


@dataclass(frozen=True)
class Chain:
    """A chain of roles: source → middle … → each target.

    It is immutable, and validated when it is created.

    Args:
        source: the role where the chain is entered, or several, each of which may assume the first middle role.

    Attributes:
        name: begins the names of roles and stacks that are not named otherwise.
        sources: the roles where the chain is entered; at least one.
        middle: the roles in between, in the order of the hops; empty if the sources assume the targets.
        targets: the roles at the end, each reached from the last middle role, or from the sources; at least one.
        organization: the id of the AWS Organization that every caller must belong to.
        region: where the stacks are deployed; IAM itself is global.
        partition: ``aws``, ``aws-cn``, ``aws-us-gov``, …; no hop leaves it.
        quotas: the quotas of IAM in the chain's accounts, where AWS has raised them.
        policy_documents: the documents of policies that no template holds, by ARN, such as a boundary of another team.
        administrators: the ARNs of the principals that are meant to change the chain's roles or to act as them; ``*``
            and ``?`` are wildcards. Any other principal that can is an error, or a warning if this is None.
        revoked_before: ends the sessions of every role that were issued before this time, in UTC
            (``2026-12-01T00:00:00Z``): each role denies them everything. None where none is ended.

    Raises:
        ChainError: with every mistake and its place.
    """

    name: str
    sources: Sequence[ChainRole] = field(kw_only=True)
    middle: Sequence[ChainRole] = field(kw_only=True)
    targets: Sequence[ChainRole] = field(kw_only=True)
    organization: str | None = field(default=None, kw_only=True)
    region: str = field(default="us-east-1", kw_only=True)
    partition: str = field(default="aws", kw_only=True)
    quotas: Quotas = field(default=Quotas(), kw_only=True)
    policy_documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True, hash=False)
    administrators: Sequence[str] | None = field(default=None, kw_only=True)
    revoked_before: str | None = field(default=None, kw_only=True)

    def __init__(
        self,
        name: str,
        *,
        source: ChainRole | Sequence[ChainRole] | None = None,
        sources: Sequence[ChainRole] = (),
        middle: ChainRole | Sequence[ChainRole] = (),
        targets: ChainRole | Sequence[ChainRole],
        organization: str | None = None,
        region: str = "us-east-1",
        partition: str = "aws",
        quotas: Quotas | None = None,
        policy_documents: Mapping[str, Mapping[str, Any]] | None = None,
        administrators: str | Sequence[str] | None = None,
        revoked_before: str | None = None,
    ) -> None:
        self._set("name", name)
        self._set("organization", organization)
        self._set("region", region)
        self._set("partition", partition)
        self._set("quotas", Quotas() if quotas is None else quotas)
        self._set("policy_documents", {} if policy_documents is None else policy_documents)
        self._set("administrators", None if administrators is None else several(administrators))
        self._set("revoked_before", revoked_before)
        self._set("sources", self._filled(sources if source is None else source, "source"))
        self._set("middle", self._filled(middle, "middle"))
        self._set("targets", self._filled(targets, "target"))
        if problems := problems_of(self):
            raise ChainError(problems)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _filled(self, roles: Sequence[ChainRole] | ChainRole, kind: str) -> tuple[ChainRole, ...]:
        """The roles with their default names and the chain's partition."""
        roles = several(roles)
        place = "targets" if kind == "target" else kind
        if strange := [(at, role) for at, role in enumerate(roles) if not isinstance(role, ChainRole)]:
            raise ChainError(
                Problem((place, at), f"{role!r} is not a role: write ChainRole(account, …)")
                for at, role in strange
            )
        numbered = kind != "target" and len(roles) > 1
        return tuple(
            replace(
                role,
                role=role.role or f"{self.name}-{kind}" + (f"-{number}" if numbered else ""),
                partition=role.partition or self.partition,
            )
            for number, role in enumerate(roles, 1)
        )

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Chain:
        """The chain that a file in YAML declares, or in JSON where its name ends in ``.json``.

        Raises:
            ChainError: with every mistake, its line and its place; a file that cannot be read is one too.
            RolechainError: the file is in YAML, and PyYAML is not installed.
        """
        from rolechain.model.chain_yaml import read

        return read(path, cls)

    @classmethod
    def from_ssm(cls, name: str, session: Any) -> Chain:
        """The chain that ``ChainParameters`` has put into the parameters of its source account; boto3 alone is needed.

        Args:
            name: the chain's name.
            session: a ``boto3.Session`` of the source account, in the chain's region, that may call
                ``ssm:GetParametersByPath`` for ``/rolechain/<name>``.

        Raises:
            ChainParametersError: there are none, or they are being replaced.
            ChainError: they hold no valid chain, such as one of a later version.
            botocore.exceptions.ClientError: SSM refuses the call.
        """
        from rolechain.model.chain_parameters import read

        return read(name, session, cls)

    @property
    def source(self) -> ChainRole:
        """The first source role. A session that is not of a source role enters here."""
        return self.sources[0]

    @property
    def positions(self) -> tuple[tuple[ChainRole, ...], ...]:
        """The roles by position: the sources; each middle role, with the one that it replaces; the targets."""
        middle = ((role, *([role.replaced] if role.replaced else ())) for role in self.middle)
        return (tuple(self.sources), *middle, tuple(self.targets))

    @property
    def roles(self) -> tuple[ChainRole, ...]:
        """Every role, in the order of the declaration."""
        return (*self.sources, *self.callees)

    @property
    def callees(self) -> tuple[ChainRole, ...]:
        """Every role that a hop ends in, in the order of the declaration."""
        return tuple(role for roles in self.positions[1:] for role in roles)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The ids of the accounts that hold a role, each once, in the order of the declaration.

        The accounts of organizational units are not among them.
        """
        own = (role.account for role in self.roles if not (role.by_unit or role.member_of))
        return tuple(dict.fromkeys(own))

    @property
    def deployed_accounts(self) -> tuple[str, ...]:
        """The ids of the accounts in which a role or a stack set is created, each once, in the order of declaration."""
        return tuple(dict.fromkeys(self.deployment_account(role) for role in self.roles if not role.existing))

    def deployment_account(self, role: ChainRole) -> str:
        """The id of the account whose stack creates a role, or the stack set of a target by organizational unit."""
        return self.administrator_account(role) if role.by_unit else role.account

    def administrator_account(self, target: ChainRole) -> str:
        """The id of the account that holds the stack set of a target by organizational unit."""
        declared = target.stack_set.administrator_account if target.stack_set else None
        return declared or (*self.sources[:1], *self.middle)[-1].account

    def stack_set_name(self, target: ChainRole) -> str:
        """The name of the stack set of a target by organizational unit: what it may not hold becomes a hyphen."""
        return re.sub("[^A-Za-z0-9-]", "-", f"{self.name}-{target.role}")

    def with_members(self, accounts: Iterable[str]) -> Chain:
        """The chain with the roles of some accounts in place of its targets by organizational unit.

        Args:
            accounts: the ids; one that a target excludes, or that holds a target of that name already, gets none.
        """
        accounts = list(accounts)
        own = {(role.account, role.role.lower()) for role in self.roles}
        targets: list[ChainRole] = []
        for target in self.targets:
            if target.by_unit:
                left_out = {
                    *target.exclude,
                    *(account for account, name in own if name == target.role.lower()),
                }
                targets += (target.in_account(each) for each in accounts if each not in left_out)
            else:
                targets.append(target)
        return replace(self, targets=targets)

    def hops(self) -> Iterator[Hop]:
        """Each hop once: from the source roles, along the middle roles, then from the last of them to each target."""
        yield from self._hops

    @cached_property
    def _hops(self) -> tuple[Hop, ...]:
        hops: list[Hop] = []
        callers = self.positions[0]
        tags, identity = inherited_values(
            entrance for source in self.sources for entrance in source.entrances
        )
        for index, callees in enumerate(self.positions[1:-1], 1):
            hops += [
                Hop(caller, each, index, tags, identity, self.revoked_before)
                for each in callees
                for caller in callers
            ]
            # A session passes on the values that it inherited and those that its own hop set.
            callers, callee = callees, callees[0]
            tags += tuple(tag for tag in callee.tags if tag.key in callee.transitive_tag_keys)
            identity = identity or callee.identity
        last = len(self.middle) + 1
        return (
            *hops,
            *(
                Hop(each, target, last, tags, identity, self.revoked_before)
                for target in self.targets
                for each in callers
            ),
        )

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
        """Each path from a source role to a target, as its hops in order."""
        for source in self.sources:
            for target in self.targets:
                yield self._path(source, target)

    def hops_to(
        self,
        target: str | ChainRole,
        *,
        session_tags: Mapping[str, str] | None = None,
        source_identity: str | None = None,
    ) -> tuple[Hop, ...]:
        """The hops that lead from the source role to a role further on; of several sources, from the first.

        Args:
            target: an account id, if the chain ends in one role of that account; else a target's alias, a role's ARN,
                or the declared role. The id of any account of the organization stands for a target by organizational
                unit, where no other target is of that account; whether it lies in the units, AWS decides.
            session_tags: the values of the session tags that the chain leaves open, by key.
            source_identity: the source identity, where the chain leaves it open.

        Raises:
            NoSuchTargetError: no role of the chain matches, or several do.
            ChainError: no hop of the path takes a value that was given.
        """
        callee = self.target(target)
        if callee.by_unit:
            units = ", ".join(callee.organizational_units)
            raise NoSuchTargetError(
                f"{callee.role} of chain {self.name} is in every account of {units}: name one of the accounts"
            )
        return choose(self._path(self.source, callee), session_tags, source_identity)

    def _path(self, source: ChainRole, callee: ChainRole) -> tuple[Hop, ...]:
        """The hops from a source role to a role further on."""
        last = self.calls_into(callee)[0]
        if last.index == 1:
            return (next(hop for hop in self.calls_into(callee) if hop.caller == source),)
        along = [self.calls_into(middle) for middle in self.middle[: last.index - 1]]
        first = next(hop for hop in along[0] if hop.caller == source)
        return (first, *(hops[0] for hops in along[1:]), last)

    def target(self, target: str | ChainRole) -> ChainRole:
        """The role that is named; arguments and errors as those of ``hops_to``."""
        account = target
        if isinstance(target, ChainRole):
            named = replace(target, partition=target.partition or self.partition)
            found = [role for role in self.callees if role.arn == named.arn]
            account, target = named.account, named.arn
        elif isinstance(target, str) and target.startswith("arn:"):
            found = [role for role in self.callees if role.arn == target and not role.by_unit]
            account = account_of(target)
        else:
            found = [
                role
                for role in self.targets
                if target in (None if role.by_unit else role.account, role.alias)
            ]
        if not found and matches(ACCOUNT, account):
            members = [
                (role.in_account(str(account)), role)
                for role in self.targets
                if role.by_unit and target in (account, role.in_account(str(account)).arn)
            ]
            found = [member for member, role in members if account not in role.exclude]
            if members and not found:
                raise NoSuchTargetError(
                    f"chain {self.name} excludes account {account} from its target {members[0][1].role}: remove it "
                    "from exclude, or name another account"
                )
        if len(found) == 1:
            return found[0]
        if found:
            arns = ", ".join(role.arn for role in found)
            raise NoSuchTargetError(
                f"account {target} holds several targets of chain {self.name}: name one of {arns}"
            )
        names = [
            name
            for role in self.targets
            for name in (role.alias, role.account, role.arn)
            if name and "*" not in name
        ]
        known = f": it has {', '.join(role.alias or role.arn for role in self.targets)}"
        raise NoSuchTargetError(
            f"chain {self.name} has no target {target!r}{did_you_mean(str(target), names) or known}"
        )

    def calls_of(self, caller: ChainRole) -> tuple[Hop, ...]:
        """The hops that ``caller`` makes."""
        return tuple(self._calls[0].get(caller.arn, ()))

    def calls_into(self, callee: ChainRole) -> tuple[Hop, ...]:
        """The hops that end in ``callee``; none for a source role."""
        if callee.member_of and callee.arn not in self._calls[1]:
            return tuple(replace(hop, callee=callee) for hop in self.calls_into(callee.member_of))
        return tuple(self._calls[1].get(callee.arn, ()))
