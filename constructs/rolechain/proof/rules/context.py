"""What the rules look at: the role graph's roles and statements, and what the chain declares of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Json
from rolechain.graph.access import ASSUME, ENTERING
from rolechain.graph.edges import links
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.iam.arn import account_of
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole, Quotas
from rolechain.proof.rules.located_statement import LocatedStatement, located_statements
from rolechain.proof.rules.unresolved import closed


@dataclass(frozen=True)
class TemplateResource:
    """A resource of a template, as it is written there.

    Attributes:
        template: the template's name.
        logical_id: its logical id.
        type: ``AWS::IAM::Role`` and the like.
        properties: its properties; empty where it has none that can be read.
    """

    template: str
    logical_id: str
    type: str
    properties: Mapping[str, Json]

    def place(self, part: str = "") -> SourceLocation:
        """The place of the resource, or of a part of it."""
        return SourceLocation(self.template, self.logical_id, part=part)


def resources_of(template: str, body: object) -> Iterator[TemplateResource]:
    """The resources that stand in the body of a template."""
    listed = body.get("Resources") if isinstance(body, Mapping) else None
    for logical_id, element in listed.items() if isinstance(listed, Mapping) else ():
        if isinstance(element, Mapping) and isinstance(kind := element.get("Type"), str):
            properties = element.get("Properties")
            known = properties if isinstance(properties, Mapping) else {}
            yield TemplateResource(template, str(logical_id), kind, known)


@dataclass(frozen=True, eq=False)
class AssumeRoleEdge:
    """One role that may assume another.

    Attributes:
        caller: the role that calls.
        callee: the role that is assumed.
        entry: the statement of the callee's trust policy that lets the caller in.
        permission: where the caller's statement that allows the call stands; None in one account, where a trust
            policy that names the caller's role is enough.
    """

    caller: RoleRecord
    callee: RoleRecord
    entry: LocatedStatement
    permission: SourceLocation | None


_BOOTSTRAP_ROLES = frozenset(
    {
        "FilePublishingRole",
        "ImagePublishingRole",
        "LookupRole",
        "DeploymentActionRole",
        "CloudFormationExecutionRole",
    }
)
"""The logical ids of the roles of CDK's bootstrap template, whose trust is what ``cdk bootstrap --trust`` was told."""


class RuleContext:
    """What the rules are asked about.

    Attributes:
        graph: every role of the templates.
        chain: what is declared; None in an audit, where rules that need a declaration stay silent.
        now: the time by which a statement has closed.
    """

    def __init__(self, graph: RoleGraph, chain: Chain | None, now: datetime) -> None:
        self.graph = graph
        self.chain = chain
        self.now = now

    @cached_property
    def closed(self) -> RuleContext:
        """The same, with a value that nobody has in place of each one in a policy that is not resolved."""
        return RuleContext(self._closed[0], self.chain, self.now)

    @cached_property
    def _closed(self) -> tuple[RoleGraph, frozenset[tuple[str, str]]]:
        return closed(self.graph)

    def is_unresolved(self, place: SourceLocation | None) -> bool:
        """Whether a resource, or a policy of its role, holds a value that is not resolved."""
        return place is not None and place.resource in self._closed[1]

    @property
    def organization(self) -> str | None:
        """The id of the organization that the chain declares."""
        return self.chain.organization if self.chain else None

    @property
    def quotas(self) -> Quotas:
        """The quotas of IAM, as the chain declares them or as they are by default."""
        return self.chain.quotas if self.chain else Quotas()

    @cached_property
    def trust(self) -> tuple[LocatedStatement, ...]:
        """The statements of every trust policy."""
        return tuple(located for role in self.graph.roles for located in located_statements(role, role.trust))

    @cached_property
    def entries(self) -> tuple[LocatedStatement, ...]:
        """The statements of trust policies that let somebody assume the role."""
        return tuple(
            located
            for located in self.trust
            if located.statement.effect == "Allow" and any(map(located.statement.actions.match, ENTERING))
        )

    @cached_property
    def permissions(self) -> tuple[LocatedStatement, ...]:
        """The statements that let a role assume others."""
        return tuple(
            located
            for role in self.graph.roles
            for record in role.policies
            for located in located_statements(role, record)
            if located.statement.effect == "Allow" and located.statement.actions.match(ASSUME)
        )

    @cached_property
    def edges(self) -> tuple[AssumeRoleEdge, ...]:
        """Which role may assume which, of those pairs of which both sides are known."""
        found: dict[tuple[str, str], AssumeRoleEdge] = {}
        for edge in links(self.graph):
            caller, callee, record = edge.caller, edge.callee, edge.granting.record
            entry = LocatedStatement(callee, callee.trust, edge.entry)
            # Whom a * lets in without a permission of its own takes no part in a chain of sessions.
            granted = record.policy.missing is None if record else caller.arn in entry.role_arns
            if isinstance(caller, RoleRecord) and granted and callee.trust.policy.missing is None:
                known = AssumeRoleEdge(caller, callee, entry, edge.permission)
                found.setdefault((caller.arn, callee.arn), known)
        return tuple(found.values())

    @cached_property
    def edges_by_caller(self) -> Mapping[str, list[AssumeRoleEdge]]:
        """The same by the caller's ARN."""
        found: dict[str, list[AssumeRoleEdge]] = {}
        for edge in self.edges:
            found.setdefault(edge.caller.arn, []).append(edge)
        return found

    @cached_property
    def roles(self) -> Mapping[str, RoleRecord]:
        """The roles by ARN; the first where several have one."""
        return {arn: roles[0] for arn, roles in self.graph.by_arn.items()}

    @cached_property
    def declared(self) -> Mapping[str, ChainRole]:
        """The roles of the chain by ARN."""
        return {role.arn: role for role in self.chain.roles} if self.chain else {}

    @cached_property
    def hop_roles(self) -> Mapping[str, ChainRole]:
        """The roles of the chain that a hop ends in, by ARN."""
        return {
            arn: role for arn, role in self.declared.items() if self.chain and self.chain.calls_into(role)
        }

    @cached_property
    def accounts(self) -> frozenset[str]:
        """The accounts that are the user's own: those of the chain, and those that templates are deployed to."""
        placed = {template.account for template in self.graph.templates.values() if template.account}
        roles = {account_of(role.arn) for role in self.graph.roles}
        return frozenset(placed | roles | set(self.chain.accounts if self.chain else ()))

    def entrances(self, role: RoleRecord) -> Mapping[tuple[str, str], Entrance]:
        """The entrances that the chain declares for a source role, by kind and value; none for another role.

        Of several for one principal it is one that lets IAM users in, if any does.
        """
        declared = self.declared.get(role.arn)
        listed = sorted(declared.entrances, key=lambda each: each.iam_users) if declared else ()
        return {(each.kind, each.value): each for each in listed}

    def is_bootstrap(self, role: RoleRecord) -> bool:
        """Whether CDK's bootstrap template creates a role."""
        of_version = (role.place.template, "CdkBootstrapVersion")
        return role.place.logical_id in _BOOTSTRAP_ROLES and any(
            resource.place().resource == of_version for resource in self.resources
        )

    @cached_property
    def resources(self) -> tuple[TemplateResource, ...]:
        """The resources of every template."""
        return tuple(
            resource
            for name, template in self.graph.templates.items()
            for resource in resources_of(name, template.body)
        )
