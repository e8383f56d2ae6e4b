"""One account's share of a chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from constructs import Construct

from rolechain.cdk.chain_role import ChainRoleConstruct
from rolechain.cdk.middle_role import MiddleRole
from rolechain.cdk.source_role import SourceRole
from rolechain.cdk.target_role import TargetRole
from rolechain.chain import Chain
from rolechain.role import ChainRole

Make = Callable[..., ChainRoleConstruct]


def add_roles(scope: Construct, *, chain: Chain, account: str) -> dict[str, ChainRoleConstruct]:
    """Makes every role that ``chain`` declares for ``account`` and that does not exist yet, in ``scope``.

    Each construct's id is the role's name: another role that comes or goes leaves it as it is.

    Returns:
        The constructs, by the role's name.
    """
    made: dict[str, ChainRoleConstruct] = {}
    kinds: list[tuple[Make, Sequence[ChainRole]]] = [
        (SourceRole, chain.sources),
        (MiddleRole, chain.middle),
        (TargetRole, chain.targets),
    ]
    for make, roles in kinds:
        for role in roles:
            if role.account == account and not role.existing:
                made[role.role] = make(scope, role.role, chain=chain, role=role)
    for hop in chain.hops():
        caller, callee = (made.get(role.role) for role in (hop.caller, hop.callee))
        in_one = {hop.caller.account, hop.callee.account} == {account}
        if hop.callee.trust == "role_arn" and in_one and caller and callee:
            # IAM refuses a trust policy that names a role which does not exist yet.
            callee.role.node.add_dependency(caller.role)
    return made
