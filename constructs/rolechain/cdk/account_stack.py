"""One account's share of a chain."""

from __future__ import annotations

import json

from aws_cdk import Annotations, Environment, Stack
from constructs import Construct

from rolechain.cdk.chain_role import ChainRoleConstruct, MiddleRole, SourceRole, TargetRole
from rolechain.cdk.constructs_proof import prove_at_synth
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.statements.builder import statements_for


class AccountStack(Stack):
    """The roles that a chain declares for one account, in a stack.

    Args:
        scope: the app or stage.
        id: the stack's id and name.
        chain: the chain.
        account: the id of the account.
        proof: as of ``add_roles``.

    Attributes:
        roles: the constructs, by the role's name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        account: str,
        proof: bool | None = True,
    ) -> None:
        super().__init__(
            scope,
            id,
            env=Environment(account=account, region=chain.region),
            description=f"Roles of the chain {chain.name} in account {account}",
        )
        self.roles = add_roles(self, chain=chain, account=account, proof=proof)


def add_roles(
    scope: Construct, *, chain: Chain, account: str, proof: bool | None = True
) -> dict[str, ChainRoleConstruct]:
    """Makes every role that ``chain`` declares for ``account`` and that does not exist yet, in ``scope``.

    Each construct's id is the role's name: another role that comes or goes leaves it as it is.

    Args:
        scope: the stack, or a construct in one.
        chain: the chain, all of whose roles are to be in the app.
        account: the id of the account.
        proof: whether the synth proves the chain; None where whoever makes its stacks registers the proof.

    Returns:
        The constructs, by the role's name.
    """
    made: dict[str, ChainRoleConstruct] = {}
    for make, roles in ((SourceRole, chain.sources), (MiddleRole, chain.middle), (TargetRole, chain.targets)):
        for role in [role for role in roles if role.account == account and not role.existing]:
            made[role.role] = make(scope, role.role, chain=chain, role=role, proof=None)
    if proof is not None:
        prove_at_synth(scope, chain, proof=proof)
    for callee in made.values():
        for hop in chain.calls_into(callee.declared) if callee.declared.trust == "role_arn" else ():
            if hop.caller.account == account and hop.caller.role in made:
                # IAM refuses a trust policy that names a role which does not exist yet.
                callee.role.node.add_dependency(made[hop.caller.role].role)
    for role in [role for role in chain.roles if role.existing]:
        if (neighbour := _neighbour(chain, role)) and neighbour.account == account:
            Annotations.of(made[neighbour.role]).add_info_v2(
                f"rolechain:existing:{role.arn}", _for_owner(chain, role)
            )
    return made


def _neighbour(chain: Chain, existing: ChainRole) -> ChainRole | None:
    """The first role next to an existing one that is created here."""
    ends = [hop.caller for hop in chain.calls_into(existing)] + [
        hop.callee for hop in chain.calls_of(existing)
    ]
    return next((role for role in ends if not role.existing), None)


def _for_owner(chain: Chain, existing: ChainRole) -> str:
    """What the owner of an existing role is to be told."""
    asked = {where: statements for where, statements in statements_for(chain, existing).items() if statements}
    return f"{existing.arn} exists already and is not changed; its owner has to add: {json.dumps(asked)}"
