"""IAM policy statements as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rolechain.iam.glob import has_wildcard

StatementJson = dict[str, Any]
Conditions = dict[str, dict[str, Any]]


def allow(sid: str, action: str | list[str], conditions: Conditions, **element: Any) -> StatementJson:
    """An Allow statement, without conditions that are empty."""
    statement: StatementJson = {"Sid": sid, "Effect": "Allow", "Action": action, **element}
    if kept := {operator: keys for operator, keys in conditions.items() if keys}:
        statement["Condition"] = kept
    return statement


def numbered(sid: str, before: int) -> str:
    """``sid``, made unique in its document: with a number, if ``before`` statements have it already."""
    return f"{sid}{before + 1}" if before else sid


def one_or_all(values: Iterable[str]) -> str | list[str]:
    """Values without repetition: one by itself, several as a list."""
    listed = list(dict.fromkeys(values))
    return listed[0] if len(listed) == 1 else listed


def add_condition(
    key: str, values: Iterable[str], conditions: Conditions, *, if_exists: bool = False
) -> None:
    """Adds a condition that ``key`` has one of ``values``; without values, that it is present.

    Args:
        key: the condition key.
        values: the values, which may hold wildcards.
        conditions: the conditions that it is added to.
        if_exists: whether the key may be absent.
    """
    listed = list(values)
    if listed:
        operator = ("StringLike" if has_wildcard(listed) else "StringEquals") + (
            "IfExists" if if_exists else ""
        )
        conditions.setdefault(operator, {})[key] = one_or_all(listed)
    elif not if_exists:
        conditions.setdefault("Null", {})[key] = "false"
