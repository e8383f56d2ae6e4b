"""The end of a role's sessions: a deny of everything to those that were issued before a time.

Source: IAM User Guide, "Revoke IAM role temporary security credentials".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rolechain.iam.limits import MOMENT
from rolechain.statements.statement_json import StatementJson

REVOCATION = "AWSRevokeOlderSessions"
"""The name that the console gives to the inline policy that ends a role's sessions; a later one replaces it."""


def deny_before(time: str) -> StatementJson:
    """The statement that ends the sessions issued before ``time``, in UTC: ``2026-12-01T00:00:00Z``."""
    return {
        "Effect": "Deny",
        "Action": ["*"],
        "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": time}},
    }


def time_of(statement: Any) -> str | None:
    """The time of such a statement, in whatever way it writes lists of one; None of any other."""
    if not isinstance(statement, Mapping):
        return None
    plain = {
        key: value[0] if value in (["*"], ("*",)) else value
        for key, value in statement.items()
        if key != "Sid"
    }
    condition = plain.pop("Condition", None)
    if plain != {"Effect": "Deny", "Action": "*", "Resource": "*"} or not isinstance(condition, Mapping):
        return None
    times = condition.get("DateLessThan")
    time = times.get("aws:TokenIssueTime") if isinstance(times, Mapping) and len(times) == 1 else None
    time = time[0] if isinstance(time, (list, tuple)) and len(time) == 1 else time
    return time if isinstance(time, str) and MOMENT.fullmatch(time) and len(condition) == 1 else None
