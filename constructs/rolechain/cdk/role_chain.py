"""A whole chain, one stack for each account."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from constructs import Construct

from rolechain.cdk.account_roles import add_roles
from rolechain.cdk.chain_role import ChainRoleConstruct
from rolechain.cdk.constructs_proof import prove_at_synth
from rolechain.cdk.stack_order import declare_order
from rolechain.model.chain import Chain


class RoleChain(Construct):
    """A chain's roles, in one stack for each account in which any is created.

    Args:
        scope: the app or stage.
        id: the construct's id, which begins the stacks' names: ``<id>-<account>``.
        chain: the chain.
        proof: whether the synth proves it.

    Attributes:
        stacks: the stack of each account.
        roles: the construct of each role, by the role's declared ARN.

    Raises:
        PlacementError: nobody may enter, or the order of deployment goes round in a circle.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name for it
        *,
        chain: Chain,
        proof: bool = True,
    ) -> None:
        super().__init__(scope, id)
        self.stacks: dict[str, Stack] = {}
        self.roles: dict[str, ChainRoleConstruct] = {}
        for account in chain.deployed_accounts:
            # Beside this construct rather than in it, as CDK names only direct children of an app or stage plainly.
            stack = Stack(
                scope,
                f"{id}-{account}",
                env=Environment(account=account, region=chain.region),
                description=f"Roles of the chain {chain.name} in account {account}",
            )
            self.stacks[account] = stack
            for made in add_roles(stack, chain=chain, account=account, proof=None).values():
                self.roles[made.declared.arn] = made
        prove_at_synth(self, chain, proof=proof)
        declare_order(chain, self.stacks)
