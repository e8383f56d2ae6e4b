"""The JSON Schema of ``chain.yaml``, for completion in editors.

``python -m rolechain.model.schema > constructs/rolechain/chain.schema.json`` writes it.
"""

from __future__ import annotations

import json
from typing import Any

from rolechain.model.chain import Chain
from rolechain.model.keys import CHAIN_KEYS, DEFINITIONS, REQUIRED_OF_CHAIN
from rolechain.model.shapes import schema_of


def chain_schema() -> dict[str, Any]:
    """The schema, by JSON Schema's draft 2020-12."""
    keys = {key: shape.schema() for key, shape in CHAIN_KEYS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rolechain chain.yaml",
        "description": "A chain of IAM roles: source roles, middle roles in the order of the hops, and targets.",
        **schema_of(Chain, keys, REQUIRED_OF_CHAIN),
        "$defs": {name: shape.definition() for name, shape in DEFINITIONS},
    }


if __name__ == "__main__":
    print(json.dumps(chain_schema(), indent=2))
