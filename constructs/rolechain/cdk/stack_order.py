"""The order of deployment that trust policies naming a role ask for."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Stack

from rolechain.cdk.chain_role import PlacementError
from rolechain.model.chain import Chain


def declare_order(chain: Chain, stacks: Mapping[str, Stack]) -> None:
    """Makes the stack of every role that trusts its caller by ARN wait for the caller's stack.

    IAM refuses a trust policy that names a role which does not exist (``Invalid principal in policy``).
    Roles that trust by ``principal_arn``, the default, need no order.

    Args:
        chain: the chain.
        stacks: the stack of each account.

    Raises:
        PlacementError: two accounts would wait for each other.
    """
    needs: dict[str, set[str]] = {}
    for hop in chain.hops():
        created = not (hop.caller.existing or hop.callee.existing)
        if created and hop.callee.trust == "role_arn" and hop.caller.account != hop.callee.account:
            needs.setdefault(hop.callee.account, set()).add(hop.caller.account)
    for account, callers in needs.items():
        for caller in sorted(callers):
            if account in _reached(caller, needs):
                raise PlacementError(
                    f"the stacks of accounts {caller} and {account} would wait for each other, since roles of both "
                    "trust by role_arn: let one of them trust by principal_arn"
                )
            stacks[account].add_stack_dependency(stacks[caller])


def _reached(account: str, needs: Mapping[str, set[str]]) -> set[str]:
    """The accounts that must be deployed before ``account``, over any number of steps."""
    reached: set[str] = set()
    waiting = [account]
    while waiting:
        for caller in needs.get(waiting.pop(), ()):
            if caller not in reached:
                reached.add(caller)
                waiting.append(caller)
    return reached
