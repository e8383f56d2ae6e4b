"""Constructs that make the roles of a chain; the only importer of CDK."""

from typing import TYPE_CHECKING

from rolechain.cdk.account_roles import add_roles
from rolechain.cdk.chain_proof import ChainProof
from rolechain.cdk.chain_role import PlacementError
from rolechain.cdk.middle_role import MiddleRole
from rolechain.cdk.role_chain import RoleChain
from rolechain.cdk.source_role import SourceRole
from rolechain.cdk.stack_order import declare_order
from rolechain.cdk.target_role import TargetRole

if TYPE_CHECKING:
    from rolechain.cdk.role_chain_checks import RoleChainChecks

__all__ = [
    "ChainProof",
    "MiddleRole",
    "PlacementError",
    "RoleChain",
    "RoleChainChecks",
    "SourceRole",
    "TargetRole",
    "add_roles",
    "declare_order",
]


def __getattr__(name: str) -> object:
    # Loading cdk-nag takes a quarter of a second, which an app without it is spared.
    if name != "RoleChainChecks":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rolechain.cdk.role_chain_checks import RoleChainChecks

    return RoleChainChecks
