"""What the rules look at: the role graph's roles and statements, and what the chain declares of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.iam.arn import account_of
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.quotas import Quotas
from rolechain.model.role import ChainRole
from rolechain.proof.rules.assume_role_edges import AssumeRoleEdge, assume_role_edges
from rolechain.proof.rules.located_statement import LocatedStatement, located_statements
from rolechain.proof.rules.resources import Resource, resources_of

ASSUME = ("sts:assumerole", "sts:assumerolewithwebidentity", "sts:assumerolewithsaml")
BOOTSTRAP_ROLES = frozenset(
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
    """

    def __init__(self, graph: RoleGraph, chain: Chain | None) -> None:
        self.graph = graph
        self.chain = chain

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
            located for located in self.trust if located.statement.effect == "Allow" and _assumes(located)
        )

    @cached_property
    def permissions(self) -> tuple[LocatedStatement, ...]:
        """The statements that let a role assume others."""
        return tuple(
            located
            for role in self.graph.roles
            for record in role.policies
            for located in located_statements(role, record)
            if located.statement.effect == "Allow" and located.statement.actions.match(ASSUME[0])
        )

    @cached_property
    def edges(self) -> tuple[AssumeRoleEdge, ...]:
        """Which role may assume which, each pair of roles once."""
        return assume_role_edges(self.graph)

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
        found: dict[str, RoleRecord] = {}
        for role in self.graph.roles:
            found.setdefault(role.arn, role)
        return found

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
        return (
            role.place.logical_id in BOOTSTRAP_ROLES
            and (role.place.template, "CdkBootstrapVersion") in self._resource_ids
        )

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """The resources of every template."""
        return tuple(
            resource
            for name, template in self.graph.templates.items()
            for resource in resources_of(name, template.body)
        )

    @cached_property
    def _resource_ids(self) -> frozenset[tuple[str, str]]:
        return frozenset((resource.template, resource.logical_id) for resource in self.resources)


def _assumes(located: LocatedStatement) -> bool:
    return any(located.statement.actions.match(action) for action in ASSUME)
