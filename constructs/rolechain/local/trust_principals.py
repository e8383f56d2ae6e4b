"""The principals of a trust policy: they must exist when it is written, and are orphaned when deleted.

Rules of the IAM User Guide, 'AWS JSON policy elements: Principal'. IAM keeps the unique id of a role or user
that a trust policy names, and shows its ARN as long as that role or user exists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from rolechain.iam import limits
from rolechain.local import emulator
from rolechain.local.principals import administrator_arn, administrator_id
from rolechain.policy import Policy, PolicyError
from rolechain.policy.elements import load
from rolechain.policy.trust_problems import invalid_principal, trust_problems

NO_ACTIONS = "Policy statement must contain actions."


def problem_of(document: str | dict[str, Any]) -> str | None:
    """IAM's words for the first thing in a trust policy that it would not store, or None."""
    statements = _statements(document)
    if statements is None:
        return "This policy contains invalid Json"
    try:
        if isinstance(document, str):
            load(document)
        # The condition of a bootstrap without --trust leaves an empty string in ministack's stacks, and none in AWS's.
        given = document if isinstance(document, str) else without_empty(document)
        policy = Policy.parse(_with_principals(given, lambda names: names))
    except PolicyError as error:
        return f"Syntax errors in policy. ({error})"
    if not policy.statements:
        return "Syntax errors in policy. (the policy has no statement)"
    for statement in policy.statements:
        if not statement.actions.written:
            return NO_ACTIONS
        for problem in trust_problems(statement):
            return problem.refusal
    for element in statements:
        for principal in _aws_principals(element):
            if principal and not _exists(principal):
                return invalid_principal("AWS", principal)
    return None


def forget(record: emulator.Record) -> None:
    """Replaces a deleted role or user by its id in every trust policy, and ends its sessions."""
    unique_id = record.get("RoleId") or record["UserId"]
    for role in emulator.roles.everywhere():
        document = role.get("AssumeRolePolicyDocument")
        # Most trust policies do not name it, and need no parsing.
        if document and record["Arn"] in document:
            renamed = _with_principals(
                document, lambda names: [unique_id if name == record["Arn"] else name for name in names]
            )
            role["AssumeRolePolicyDocument"] = json.dumps(renamed)
    emulator.end_sessions(unique_id)


def without_empty(document: str | dict[str, Any]) -> dict[str, Any]:
    """A trust policy without the empty strings among its principals, which match nobody."""
    policy = _with_principals(document, lambda names: [name for name in names if name])
    stated = [each for each in policy.get("Statement", []) if each.get("Principal") != {"AWS": []}]
    return {**policy, "Statement": stated} if "Statement" in policy else policy


def _with_principals(
    document: str | dict[str, Any], change: Callable[[list[str]], list[str]]
) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(document) if isinstance(document, str) else dict(document)
    statements = []
    for statement in _statements(policy) or []:
        principal = statement.get("Principal")
        if isinstance(principal, dict) and "AWS" in principal:
            names = change(list(_aws_principals(statement)))
            statement = {
                **statement,
                "Principal": {**principal, "AWS": names[0] if len(names) == 1 else names},
            }
        statements.append(statement)
    return {**policy, "Statement": statements} if "Statement" in policy else policy


def _statements(document: str | dict[str, Any]) -> list[dict[str, Any]] | None:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return None
    if not isinstance(document, dict):
        return None
    statements = document.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return listed if all(isinstance(each, dict) for each in listed) else None


def _aws_principals(statement: dict[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        names = principal.get("AWS", [])
        # An account id that stands in JSON as a number is that account's all the same.
        yield from map(str, names if isinstance(names, list) else [names])
    elif isinstance(principal, str):
        yield principal


def _exists(principal: str) -> bool:
    """Whether the principal of a well-formed trust policy is one that IAM finds."""
    if limits.UNIQUE_ID.fullmatch(principal):
        records = (*emulator.roles.everywhere(), *emulator.users.everywhere())
        ids = {record.get("RoleId") or record["UserId"] for record in records}
        return principal in ids or principal == administrator_id(principal[-12:])
    entity = limits.ROLE_OR_USER.fullmatch(principal)
    if entity is None:
        return True
    account, kind, name = entity["account"], entity["kind"], entity["name"]
    if principal == administrator_arn(account):
        return True
    record = (emulator.roles if kind == "role" else emulator.users).get(account, name)
    return record is not None and record["Arn"] == principal
