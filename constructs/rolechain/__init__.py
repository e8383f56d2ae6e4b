"""A chain of roles between AWS accounts, declared once.

The chain model needs the standard library only (and PyYAML where a ``chain.yaml`` is read); what uses it is
in the subpackages: ``policy`` decides one AssumeRole, ``cdk`` makes the roles, ``runtime`` walks them,
``local`` is an organization on one machine.
"""

from rolechain.chain import Chain
from rolechain.entrance import Entrance
from rolechain.errors import ChainError, NoSuchTargetError, Problem, RolechainError
from rolechain.hop import Hop
from rolechain.quotas import Quotas
from rolechain.role import ChainRole, Permission
from rolechain.session_tag import SessionTag
from rolechain.source_identity import SourceIdentity

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
