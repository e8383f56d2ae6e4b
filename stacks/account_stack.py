"""One account's share of a chain."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from constructs import Construct

from rolechain import Chain
from rolechain.cdk import add_roles


class AccountStack(Stack):
    """The roles that a chain declares for one account.

    Args:
        scope: the app or stage.
        id: the stack's id and name.
        chain: the chain.
        account: the id of the account.
    """

    def __init__(self, scope: Construct, id: str, *, chain: Chain, account: str) -> None:  # noqa: A002
        super().__init__(
            scope,
            id,
            env=Environment(account=account, region=chain.region),
            description=f"Roles of the chain {chain.name} in account {account}",
        )
        self.roles = add_roles(self, chain=chain, account=account)
