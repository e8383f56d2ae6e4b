"""A chain of roles between AWS accounts, declared once.

The chain model needs the standard library only (and PyYAML where a ``chain.yaml`` is read); what uses it is
in the subpackages: ``policy`` decides one AssumeRole, ``cdk`` makes the roles, ``runtime`` walks them,
``local`` is an organization on one machine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rolechain.errors import ChainError, NoSuchTargetError, Problem, RolechainError
    from rolechain.model.chain import Chain
    from rolechain.model.entry_principal import Entrance
    from rolechain.model.hop import Hop
    from rolechain.model.role import ChainRole, Permission, Quotas
    from rolechain.model.session_values import SessionTag, SourceIdentity
    from rolechain.model.stack_set import StackSet

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
    "StackSet",
]

if not TYPE_CHECKING:
    _MODULES = (
        "errors",
        "model.chain",
        "model.entry_principal",
        "model.role",
        "model.session_values",
        "model.stack_set",
    )

    def __getattr__(name: str) -> Any:
        """A public name, imported when it is first asked for: most calls of the command need no model."""
        if name in __all__:
            for module in _MODULES:
                found = vars(import_module(f"{__name__}.{module}")).get(name)
                if found is not None:
                    return globals().setdefault(name, found)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
