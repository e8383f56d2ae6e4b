"""Every role of the templates, resolved: what the proof and the rules look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from rolechain.cloudformation.conditions import Requirement
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Template
from rolechain.graph.access import CalleeFacts
from rolechain.graph.finding import Finding
from rolechain.iam.arn import account_of
from rolechain.policy import Policy
from rolechain.policy.statement import Statement

_NOWHERE = CalleeFacts("aws", "")


@dataclass(frozen=True, eq=False)
class PolicyRecord:
    """A policy of a role.

    Attributes:
        place: where the document stands.
        name: the policy's name or ARN.
        document: the document as resolved JSON; None if it is not available. What could not be resolved in it is
            an ``Unresolved`` of ``rolechain.cloudformation.unresolved``.
        policy: the same, compiled; ``Policy.unknown`` where that is not possible.
        inline: whether it stands in the role itself.
    """

    place: SourceLocation
    name: str
    document: Mapping[str, Any] | None
    policy: Policy
    inline: bool = False

    def place_of(self, statement: Statement) -> SourceLocation:
        """The location of a statement; of the document, where that is not available."""
        return replace(self.place, statement=None if statement.stands_in else statement.index)


@dataclass(frozen=True, eq=False)
class RoleRecord:
    """A role that the templates create.

    Attributes:
        arn: its ARN, path included; where a part is not known, it stands as ``<logical id>``.
        account: the id of its account; empty if that is not known.
        name: its name; empty if CloudFormation makes one up.
        path: its path.
        place: its resource.
        trust: its trust policy.
        policies: what it may do: inline and managed.
        boundary: its permissions boundary.
        max_session_duration: in seconds; None where it is not known.
        tags: its tags, as far as they are known.
        tags_known: whether those are all.
        depends_on: the logical ids that its resource waits for, by DependsOn or by reference.
        imported: whether the templates refer to it and do not create it.
        requires: what surely is so where it is made, as its Condition says.
        callee: what of it decides who gets in, besides its trust policy.
    """

    arn: str
    account: str
    name: str
    path: str
    place: SourceLocation
    trust: PolicyRecord
    policies: tuple[PolicyRecord, ...] = ()
    boundary: PolicyRecord | None = None
    max_session_duration: int | None = 3600
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_known: bool = True
    depends_on: frozenset[str] = frozenset()
    imported: bool = False
    requires: frozenset[Requirement] = frozenset()
    callee: CalleeFacts = _NOWHERE


@dataclass(frozen=True, eq=False)
class IdentityRecord:
    """An IAM user or group that the templates create, or a principal outside of them to which they attach policies.

    Attributes:
        arn: its ARN, path included; where a part is not known, it stands as ``<logical id>``.
        place: its resource, or that of such a policy.
        policies: what it may do: inline and managed, and of a user those of its groups.
        boundary: a user's permissions boundary.
        groups: the ARNs of the groups that a user belongs to.
        tags: a user's tags, as far as they are known.
        outside: whether no template creates it, so that its path and its other policies are not known.
    """

    arn: str
    place: SourceLocation
    policies: tuple[PolicyRecord, ...] = ()
    boundary: PolicyRecord | None = None
    groups: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    outside: bool = False

    @property
    def account(self) -> str:
        """The id of its account; empty if that is not known."""
        account = account_of(self.arn)
        return "" if account.startswith("<") else account

    @property
    def is_group(self) -> bool:
        """Whether it is a group, whose members are not named here."""
        return ":group/" in self.arn


@dataclass(frozen=True)
class AccountLimits:
    """What an organization says about an account.

    Attributes:
        path: where it stands, as in ``aws:PrincipalOrgPaths``; empty if that is not known, and in no organization.
        scps: the service control policies above it, a sequence for each level; None where they are not enabled.
        rcps: the resource control policies, likewise.
        in_management_account: whether it is the management account, which none of them binds.
        binding: the service control policies that surely bind its principals; none in the management account.
    """

    path: str
    scps: tuple[tuple[Policy, ...], ...] | None = None
    rcps: tuple[tuple[Policy, ...], ...] | None = None
    in_management_account: bool = False
    binding: tuple[Policy, ...] = ()


@dataclass(frozen=True, eq=False)
class ControlPolicyRecord:
    """A control policy of the organization that a template makes.

    Attributes:
        place: its resource.
        name: its name.
        kinds: its type; both types that it may have, where that is not known.
        policy: its document.
        targets: the ids of what it is attached to, as far as they are known.
        account: the id of the account that makes it, or what stands in for one that is not known.
        known: whether it is surely made, and its type and document are known.
        elsewhere: whether it is attached to something that is not known.
    """

    place: SourceLocation
    name: str
    kinds: tuple[str, ...]
    policy: Policy
    targets: frozenset[str]
    account: str
    known: bool
    elsewhere: bool


Principal = RoleRecord | IdentityRecord
"""Whose policies say what it may do: a role, a user, or a group in place of its members."""


@dataclass(frozen=True, eq=False)
class Workload:
    """A resource that runs code as a role, or that such code is started by.

    Attributes:
        place: the resource.
        kind: its type, such as ``AWS::Lambda::Function``.
        arn: its ARN, where a part that is not known stands as ``<logical id>``; empty where none of it is known.
        account: the id of its account, or what stands in for one that is not known.
        role: the ARN of the role, or the name of one of its account; None if that is not known.
    """

    place: SourceLocation
    kind: str
    arn: str
    account: str
    role: str | None


@dataclass(frozen=True, eq=False)
class InvocationGrant:
    """What lets somebody call a workload, beside the policies of principals.

    Attributes:
        place: the resource.
        account: the id of its account, or what stands in for one that is not known.
        workload: the workload's ARN, or its name; None if that is not known.
        who: who may call it, in words.
        how: by what, in words.
    """

    place: SourceLocation
    account: str
    workload: str | None
    who: str
    how: str


@dataclass(frozen=True, eq=False)
class RoleGraph:
    """All roles of all templates.

    Attributes:
        templates: the templates by name.
        roles: the roles, in the order of the templates.
        unknown: what could not be resolved where it matters, as findings of RC00.
        roaming: those of them that may be about any role of the account that their template is deployed to.
        assumptions: what was assumed, in words: a parameter's default.
        organization: the id of the organization that ``home`` belongs to, as a chain declares it.
        home: the ids of accounts that are known to belong to it.
        identities: the IAM users and groups, the permission sets, and the principals outside of the templates to which
            they attach policies.
        unattached: the managed policies that nothing in the templates has.
        workloads: what runs code as a role.
        invocation_grants: what lets others call it, beside their own policies.
        session_policies: what limits the sessions that the hops of a chain make, by the ARN of the sessions' role. Who
            makes a session otherwise passes what it likes, so that they close nothing.
        limits: what the organization says about accounts, by their ids, as far as it was read. It decides whether a
            call works. Service control policies that surely bind keep principals from changing roles; no trust policy
            counts as closed by any.
        control_policies: the control policies that the templates make.
        stack_sets: the properties of each stack set, resolved; none where a macro may change any of them.
    """

    templates: Mapping[str, Template]
    roles: tuple[RoleRecord, ...]
    unknown: tuple[Finding, ...] = ()
    roaming: frozenset[Finding] = frozenset()
    assumptions: tuple[str, ...] = ()
    organization: str | None = None
    home: frozenset[str] = frozenset()
    identities: tuple[IdentityRecord, ...] = ()
    unattached: tuple[PolicyRecord, ...] = ()
    workloads: tuple[Workload, ...] = ()
    invocation_grants: tuple[InvocationGrant, ...] = ()
    session_policies: Mapping[str, tuple[PolicyRecord, ...]] = field(default_factory=dict)
    limits: Mapping[str, AccountLimits] = field(default_factory=dict)
    control_policies: tuple[ControlPolicyRecord, ...] = ()
    stack_sets: Mapping[SourceLocation, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def principals(self) -> tuple[Principal, ...]:
        """The roles and the identities."""
        return (*self.roles, *self.identities)

    @cached_property
    def by_arn(self) -> Mapping[str, tuple[RoleRecord, ...]]:
        """The roles by their ARN; more than one where several templates create the same."""
        found: dict[str, list[RoleRecord]] = {}
        for role in self.roles:
            found.setdefault(role.arn, []).append(role)
        return {arn: tuple(roles) for arn, roles in found.items()}
