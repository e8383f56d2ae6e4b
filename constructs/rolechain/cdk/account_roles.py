"""One account's share of a chain."""

from __future__ import annotations

from constructs import Construct

from rolechain.cdk.chain_role import ChainRoleConstruct
from rolechain.cdk.middle_role import MiddleRole
from rolechain.cdk.source_role import SourceRole
from rolechain.cdk.target_role import TargetRole
from rolechain.chain import Chain


def add_roles(scope: Construct, *, chain: Chain, account: str) -> dict[str, ChainRoleConstruct]:
    """Makes every role that ``chain`` declares for ``account``, in ``scope``.

    Each construct's id is the role's name: another role that comes or goes leaves it as it is.

    Returns:
        The constructs, by the role's name.
    """
    made: dict[str, ChainRoleConstruct] = {}
    if chain.source.account == account:
        made[chain.source.role] = SourceRole(scope, chain.source.role, chain=chain)
    for role in chain.middle:
        if role.account == account:
            made[role.role] = MiddleRole(scope, role.role, chain=chain, role=role)
    for role in chain.targets:
        if role.account == account:
            made[role.role] = TargetRole(scope, role.role, chain=chain, role=role)
    for hop in chain.hops():
        if hop.callee.trust == "role_arn" and {hop.caller.account, hop.callee.account} == {account}:
            # IAM refuses a trust policy that names a role which does not exist yet.
            made[hop.callee.role].role.node.add_dependency(made[hop.caller.role].role)
    return made
