"""How long IAM takes a policy to be."""

from __future__ import annotations

import json
from typing import Any


def length_of_document(document: Any) -> int:
    """The characters of a policy document as IAM counts them, without blanks between its parts.

    What is not known of it counts for nothing.
    """
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=lambda _: 0, skipkeys=True)
    return len(text)
