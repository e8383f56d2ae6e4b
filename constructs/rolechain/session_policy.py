"""What limits the session of a hop besides the permissions of its role."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST, MOST_ARNS = 2048, 10
"""Characters of a session policy and of the ARNs of managed ones together, and how many of those; IAM User Guide, IAM
and STS quotas."""

POLICY_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):iam::(?P<account>aws|\d{12}):policy/(?:[!-)+->@-~]+/)?[\w+=,.@-]{1,128}",
    re.ASCII,
)


def compact(policy: Any) -> Any:
    """A policy, as a mapping or as JSON, as the shortest JSON; what is none stays, to be told with other mistakes."""
    try:
        document = json.loads(policy, object_pairs_hook=_unrepeated) if isinstance(policy, str) else policy
        return json.dumps(document, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return policy


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand in it once each."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found
