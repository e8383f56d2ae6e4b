"""A whole chain, one stack for each account."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from aws_cdk import Stack
from constructs import Construct

from rolechain.cdk.account_stack import AccountStack
from rolechain.cdk.chain_role import ChainRoleConstruct, PlacementError
from rolechain.cdk.constructs_proof import prove_at_synth
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
            stack = AccountStack(scope, f"{id}-{account}", chain=chain, account=account, proof=None)
            self.stacks[account] = stack
            self.roles |= {made.declared.arn: made for made in stack.roles.values()}
        prove_at_synth(self, chain, proof=proof)
        declare_order(chain, self.stacks)


def declare_order(chain: Chain, stacks: Mapping[str, Stack]) -> None:
    """Makes the stack of every role that trusts its caller by ARN wait for the caller's stack.

    IAM refuses a trust policy that names a role which does not exist (``Invalid principal in policy``).
    Roles that trust by ``principal_arn``, the default, need no order.

    Args:
        chain: the chain.
        stacks: the stack of each account.

    Raises:
        PlacementError: accounts would wait for each other.
    """
    needs: dict[str, set[str]] = {}
    for hop in chain.hops():
        created = not (hop.caller.existing or hop.callee.existing)
        if created and hop.callee.trust == "role_arn" and hop.caller.account != hop.callee.account:
            needs.setdefault(hop.callee.account, set()).add(hop.caller.account)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        one, other = sorted(set(error.args[1]))[:2]
        raise PlacementError(
            f"the stacks of accounts {one} and {other} would wait for each other, since roles of both "
            "trust by role_arn: let one of them trust by principal_arn"
        ) from None
    for account, callers in needs.items():
        for caller in sorted(callers):
            stacks[account].add_stack_dependency(stacks[caller])
