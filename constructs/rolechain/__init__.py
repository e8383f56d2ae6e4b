"""A chain of roles between AWS accounts, declared once.

The chain model needs the standard library only (and PyYAML where a ``chain.yaml`` is read); what uses it is
in the subpackages: ``policy`` decides one AssumeRole, ``cdk`` makes the roles, ``runtime`` walks them,
``local`` is an organization on one machine.
"""

from rolechain.errors import ChainError, NoSuchTargetError, Problem, RolechainError
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.hop import Hop
from rolechain.model.role import ChainRole, Permission, Quotas
from rolechain.model.session_values import SessionTag, SourceIdentity

__all__ = [
    "Chain",
    "ChainError",
    "ChainRole",
    "Entrance",
    "Hop",
    "NoSuchTargetError",
    "Permission",
    "Problem",
    "Quotas",
    "RolechainError",
    "SessionTag",
    "SourceIdentity",
]
