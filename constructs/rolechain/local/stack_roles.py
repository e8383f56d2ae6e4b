"""Roles that a CloudFormation stack makes: what ministack leaves out when it makes them."""

from __future__ import annotations

from typing import Any

from rolechain.local import emulator, query_protocol

_TYPE = "AWS::IAM::Role"
_NOBODY = {"Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
Made = tuple[str, dict[str, Any]]


def install() -> None:
    """Keeps a stack's role from losing its boundary, taking another's name, or being trusted anew unasked."""
    handlers = emulator.stack_handlers(_TYPE)
    create, update = handlers["create"], handlers["update"]

    def create_role(logical_id: str, properties: dict[str, Any], stack_name: str) -> Made:
        account, name = emulator.request_account(), properties.get("RoleName")
        if name and emulator.roles.get(account, name):
            raise ValueError(f"Role with name {name} already exists.")
        if name:
            query_protocol.read("iam", "GetRole", {"RoleName": name})
        _check_boundary(properties)
        return _with_boundary(create(logical_id, properties, stack_name), properties)

    def update_role(
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
    ) -> Made:
        _check_boundary(new)
        role = emulator.roles.get(emulator.request_account(), physical_id)
        trust = "AssumeRolePolicyDocument"
        kept = role.get(trust) if role is not None and old.get(trust) == new.get(trust) else None
        # What did not change is not written again: a principal that was deleted meanwhile stays an orphan.
        unwritten = {**new, trust: _NOBODY} if kept else new
        made: Made = update(physical_id, old, unwritten, stack_name, logical_id)
        if role is not None and kept and made[0] == physical_id:
            role[trust] = kept
        return _with_boundary(made, new)

    handlers["create"], handlers["update"] = create_role, update_role


def _check_boundary(properties: dict[str, Any]) -> None:
    boundary = properties.get("PermissionsBoundary")
    problem = emulator.boundary_problem(boundary) if boundary else None
    if problem:
        # CloudFormation takes the text of a ValueError for the reason that the resource failed.
        raise ValueError(problem)


def _with_boundary(made: Made, properties: dict[str, Any]) -> Made:
    role = emulator.roles.get(emulator.request_account(), made[0])
    if role is not None:
        role["PermissionsBoundary"] = properties.get("PermissionsBoundary")
    return made
