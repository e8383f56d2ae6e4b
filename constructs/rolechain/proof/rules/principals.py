"""Whom the statements of a trust policy name, read for the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rolechain.policy.conditions import Condition
from rolechain.proof.rules import strangers
from rolechain.proof.rules.ruling import ACCOUNT, Ruling, account_of

_OF_ACCOUNT = re.compile(rf"arn:([^:*?]+):(?:iam|sts)::({ACCOUNT.pattern}):.+", re.ASCII)

Account = tuple[str, str]
"""An account's id, and its partition."""


def everyone(ruling: Ruling) -> bool:
    """Whether a statement names ``*``."""
    return ruling.statement.principals is not None and ruling.statement.principals.everyone


def services(ruling: Ruling) -> list[str]:
    """The service principals that a statement names, in order."""
    return sorted(ruling.statement.principals.services) if ruling.statement.principals else []


def delegated(ruling: Ruling) -> list[Account]:
    """The accounts that a statement names as a whole: by root, by id, or as the only ones that ``*`` leaves."""
    if not everyone(ruling):
        return list(ruling.whole_accounts)
    partition = ruling.role.arn.split(":", 2)[1] if ":" in ruling.role.arn else "aws"
    found = dict.fromkeys(ruling.whole_accounts)
    for value in pinned(ruling, strangers.ACCOUNT):
        if ACCOUNT.fullmatch(value):
            found[value, partition] = None
    for value in pinned(ruling, strangers.ARN):
        if match := _OF_ACCOUNT.fullmatch(value):
            found[match[2], match[1]] = None
    return list(found)


def of_accounts(ruling: Ruling) -> list[Account]:
    """The accounts that a statement names, as a whole or by one of their principals."""
    found = dict.fromkeys(delegated(ruling))
    for value in ruling.aws:
        if match := _OF_ACCOUNT.fullmatch(value):
            found[match[2], match[1]] = None
    return list(found)


def pinned(ruling: Ruling, key: str) -> Iterator[str]:
    """The values that a statement's conditions give for a key, in lower case."""
    for condition in ruling.by_key.get(key, ()):
        if isinstance(condition, Condition) and not condition.negated:
            yield from condition.values


def role_arns(ruling: Ruling) -> list[str]:
    """The roles that a statement names directly."""
    return [value for value in ruling.aws if is_role(value)]


def is_role(value: str) -> bool:
    """Whether a text is the ARN of one role."""
    parts = value.split(":", 5)
    return (
        len(parts) == 6 and parts[2] == "iam" and parts[5].startswith("role/") and not set(value) & set("*?$")
    )


def within_organization(ruling: Ruling) -> bool:
    """Whether a statement lets in principals of one organization only."""
    stranger = {key: strangers.ANYONE[key] for key in (strangers.ORGANIZATION, strangers.PATHS)}
    return not strangers.lets_in(ruling, stranger)


def asks_for_external_id(ruling: Ruling) -> bool:
    """Whether a statement refuses calls without an external id, and those with any other than its own."""
    others = ("stranger-id", None)
    return strangers.closes(ruling, strangers.EXTERNAL_ID, others)


def names(ruling: Ruling, role_arn: str) -> bool:
    """Whether a statement names a role: itself, its account, or everyone."""
    named = ruling.statement.principals
    if named is None:
        return False
    root = ":".join([*role_arn.split(":")[:5], "root"])
    return named.everyone or bool({role_arn, root, account_of(role_arn)} & named.aws)
