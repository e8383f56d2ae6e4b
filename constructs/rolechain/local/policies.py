"""Policy documents as the decision takes them."""

from __future__ import annotations

from typing import Any

from rolechain.policy import Policy, PolicyError


def read(document: str | dict[str, Any], name: str) -> Policy:
    """The policy that a document holds; one that cannot be read is unknown, and so denies what it is asked."""
    try:
        return Policy.parse(document)
    except PolicyError as error:
        return Policy.unknown(f"{name}: {error}")
