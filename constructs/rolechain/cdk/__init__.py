"""Constructs that make the roles of a chain; the only importer of CDK."""

from typing import TYPE_CHECKING

from rolechain.cdk.app import synthesize
from rolechain.cdk.audit_role import AuditRole
from rolechain.cdk.chain_parameters import ChainParameters
from rolechain.cdk.chain_proof import ChainProof
from rolechain.cdk.chain_role import MiddleRole, PlacementError, SourceRole, TargetRole
from rolechain.cdk.role_chain import AccountStack, RoleChain, add_roles, declare_order
from rolechain.cdk.target_stack_set import TargetStackSet

if TYPE_CHECKING:
    from rolechain.cdk.role_chain_checks import RoleChainChecks

__all__ = [
    "AccountStack",
    "AuditRole",
    "ChainParameters",
    "ChainProof",
    "MiddleRole",
    "PlacementError",
    "RoleChain",
    "RoleChainChecks",
    "SourceRole",
    "TargetRole",
    "TargetStackSet",
    "add_roles",
    "declare_order",
    "synthesize",
]


def __getattr__(name: str) -> object:
    # Loading cdk-nag takes a quarter of a second, which an app without it is spared.
    if name != "RoleChainChecks":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rolechain.cdk.role_chain_checks import RoleChainChecks

    return RoleChainChecks
