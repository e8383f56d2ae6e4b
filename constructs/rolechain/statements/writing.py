"""Statements in IAM's own JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rolechain.iam.glob import has_wildcard

Statement = dict[str, Any]
Conditions = dict[str, dict[str, Any]]


def allow(sid: str, action: str | list[str], conditions: Conditions, **element: Any) -> Statement:
    """A statement that allows one action, or several, with the conditions that are not empty."""
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": action, **element}
    if kept := {operator: keys for operator, keys in conditions.items() if keys}:
        statement["Condition"] = kept
    return statement


def numbered(sid: str, before: int) -> str:
    """The Sid of a statement before which ``before`` others of that Sid stand: IAM takes each of them once."""
    return f"{sid}{before + 1}" if before else sid


def one_or_all(values: Iterable[str]) -> str | list[str]:
    """Values as IAM takes them: one by itself, several as a list."""
    listed = list(dict.fromkeys(values))
    return listed[0] if len(listed) == 1 else listed


def asked(key: str, values: Iterable[str], conditions: Conditions, *, if_exists: bool = False) -> None:
    """Adds that ``key`` must have one of ``values``, or that it must be there where any value will do.

    Args:
        key: the condition key.
        values: the values, with wildcards or without.
        conditions: what is added to.
        if_exists: whether the key may be left out.
    """
    listed = list(values)
    if listed:
        operator = ("StringLike" if has_wildcard(listed) else "StringEquals") + (
            "IfExists" if if_exists else ""
        )
        conditions.setdefault(operator, {})[key] = one_or_all(listed)
    elif not if_exists:
        conditions.setdefault("Null", {})[key] = "false"
