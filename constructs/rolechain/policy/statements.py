"""The name that ``rolechain.statements`` had; it warns for this version."""

from __future__ import annotations

import importlib
import warnings


def __getattr__(name: str) -> object:
    warnings.warn(
        "rolechain.policy.statements is called rolechain.statements now", DeprecationWarning, stacklevel=2
    )
    return getattr(importlib.import_module("rolechain.statements.builder"), name)
