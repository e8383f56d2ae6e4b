"""What the source, middle and target roles have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import CfnOutput, Duration, Stack, Tags, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

from rolechain.cdk.principals import trusted
from rolechain.chain import Chain
from rolechain.errors import RolechainError
from rolechain.policy.statements import Statement, own_statements, permission_statements, trust_statements
from rolechain.role import ChainRole


class PlacementError(RolechainError, ValueError):
    """A construct stands in a stack whose account is not the one that the chain declares for its role."""


class ChainRoleConstruct(Construct):
    """A role that a chain declares, with both halves of its hops; use one of its subclasses.

    Attributes:
        role: the role, to be granted more and referred to as any role of CDK.
        declared: what the chain says of it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        kind: str,
        declared: ChainRole,
        assumed_by: Iterable[iam.IPrincipal] = (),
    ) -> None:
        super().__init__(scope, id)
        self.declared = declared
        self.role = iam.Role(
            self,
            "Role",
            role_name=declared.role,
            path=declared.path,
            description=declared.description or f"{kind} role of the chain {chain.name}",
            assumed_by=trusted(trust_statements(chain, declared), assumed_by),
            permissions_boundary=self._boundary(),
            max_session_duration=Duration.seconds(declared.max_session_duration),
            managed_policies=[
                iam.ManagedPolicy.from_managed_policy_arn(self, f"Managed{number}", arn)
                for number, arn in enumerate(map(self._policy_arn, declared.managed_policies), 1)
            ],
        )
        self._add_policy("Hops", f"the hops of {declared.role}", permission_statements(chain, declared))
        self._add_policy("Permissions", f"what {declared.role} may do", own_statements(declared))
        CfnOutput(
            self, "RoleArn", value=self.role.role_arn, description=f"{kind} role of the chain {chain.name}"
        )
        Tags.of(self).add("rolechain:chain", chain.name)
        Tags.of(self).add("rolechain:role", kind)

    @property
    def role_arn(self) -> str:
        """The role's ARN."""
        return self.role.role_arn

    def _boundary(self) -> iam.IManagedPolicy | None:
        arn = self.declared.boundary_arn
        return iam.ManagedPolicy.from_managed_policy_arn(self, "Boundary", arn) if arn else None

    def _policy_arn(self, policy: str) -> str:
        return (
            policy if policy.startswith("arn:") else f"arn:{self.declared.partition}:iam::aws:policy/{policy}"
        )

    def _add_policy(self, id: str, description: str, statements: Sequence[Statement]) -> None:  # noqa: A002
        # Managed rather than inline: the compliance packs of cdk-nag refuse inline policies.
        if statements:
            iam.ManagedPolicy(
                self,
                id,
                path=self.declared.path,
                description=description,
                document=iam.PolicyDocument.from_json(
                    {"Version": "2012-10-17", "Statement": list(statements)}
                ),
                roles=[self.role],
            )


def declared_here(
    scope: Construct, chain: Chain, kind: str, roles: Sequence[ChainRole], wanted: str | ChainRole | None
) -> ChainRole:
    """The one of ``roles`` that belongs into the stack of ``scope``.

    Args:
        scope: where the construct stands.
        chain: the chain that declares the roles.
        kind: ``source``, ``middle`` or ``target``, for the message.
        roles: the roles of that kind.
        wanted: singles one out where the account holds several: its name, or the declared role.

    Raises:
        PlacementError: there is none, or more than one.
    """
    stack = Stack.of(scope)
    if Token.is_unresolved(stack.account):
        raise PlacementError(
            f"stack {stack.node.path} has no account: give it env=Environment(account=…), so that the {kind} role "
            f"of chain {chain.name} is made where the chain declares it"
        )
    name = wanted.role if isinstance(wanted, ChainRole) else wanted
    here = [role for role in roles if role.account == stack.account and name in (None, role.role)]
    if len(here) == 1 and here[0].existing:
        raise PlacementError(
            f"{here[0].arn} exists already, so chain {chain.name} leaves it to its owner: what has to be added there "
            "is told by rolechain.policy.statements.statements_for(chain, role)"
        )
    if len(here) == 1:
        return here[0]
    named = f" named {name}" if name else ""
    if here:
        raise PlacementError(
            f"account {stack.account} holds several {kind} roles of chain {chain.name}: single one out with "
            f"role={' or '.join(repr(role.role) for role in here)}"
        )
    declared = ", ".join(f"{role.role} in {role.account}" for role in roles)
    raise PlacementError(
        f"chain {chain.name} declares no {kind} role{named} in account {stack.account} of stack {stack.node.path}: "
        f"it has {declared}"
    )
