"""Constructs that make the roles of a chain; the only importer of CDK."""

import importlib
from typing import TYPE_CHECKING

from rolechain.cdk.app import synthesize
from rolechain.cdk.audit_role import AuditRole
from rolechain.cdk.chain_proof import ChainProof
from rolechain.cdk.chain_role import MiddleRole, PlacementError, SourceRole, TargetRole
from rolechain.cdk.role_chain import AccountStack, RoleChain, add_roles, declare_order
from rolechain.cdk.target_stack_set import TargetStackSet
from rolechain.model.canary import canary_arn

if TYPE_CHECKING:
    from rolechain.cdk.chain_alarms import ChainAlarms
    from rolechain.cdk.chain_canary import ChainCanary
    from rolechain.cdk.chain_guardrails import ChainGuardrails
    from rolechain.cdk.chain_parameters import ChainParameters
    from rolechain.cdk.role_chain_checks import RoleChainChecks

__all__ = [
    "AccountStack",
    "AuditRole",
    "ChainAlarms",
    "ChainCanary",
    "ChainGuardrails",
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
    "canary_arn",
    "declare_order",
    "synthesize",
]


# Loading cdk-nag or CDK's module of a service takes a quarter of a second, which an app without it is spared.
_LATER = {
    "ChainAlarms": "chain_alarms",
    "ChainCanary": "chain_canary",
    "ChainGuardrails": "chain_guardrails",
    "ChainParameters": "chain_parameters",
    "RoleChainChecks": "role_chain_checks",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
