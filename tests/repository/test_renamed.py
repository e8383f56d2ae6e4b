"""Names that were public keep working for this version, and warn."""

from __future__ import annotations

import importlib

import pytest

import rolechain.proof
import rolechain.statements


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("rolechain.policy.statements", "statements_for", rolechain.statements.statements_for),
        ("rolechain.proof", "Place", rolechain.proof.SourceLocation),
        ("rolechain.proof", "World", rolechain.proof.RoleGraph),
        ("rolechain.proof", "world_of", rolechain.proof.role_graph_of),
    ],
)
def test_an_old_name_warns(module: str, old: str, new: object) -> None:
    """The old name is the same thing as the new one, and says what it is called now."""
    with pytest.warns(DeprecationWarning, match="is called .* now"):
        assert getattr(importlib.import_module(module), old) is new
