"""Two recordings of a large organization: what was changed between them is found, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import pytest

from rolechain.live import Account, template_of
from rolechain.live.template import document_by_arn
from rolechain.proof.diff import AccessDiff, diff
from tests.live.estate import ADMINISTRATOR, Estate, role_arn

Json = dict[str, Any]
STRANGER = "arn:aws:iam::444444444444:root"


def compare(old: Sequence[Account], new: Sequence[Account]) -> AccessDiff:
    one, other = ([template_of(account) for account in side] for side in (old, new))
    return diff(one, other, (document_by_arn(old), document_by_arn(new)))


def role(accounts: Sequence[Account], arn: str) -> Json:
    found: Json
    (found,) = (
        each
        for account in accounts
        if account.id in arn
        for each in account.details["RoleDetailList"]
        if each["Arn"] == arn
    )
    return found


def trust(accounts: Sequence[Account], arn: str) -> list[Json]:
    statements: list[Json] = role(accounts, arn)["AssumeRolePolicyDocument"]["Statement"]
    return statements


def _stranger(estate: Estate, accounts: Sequence[Account]) -> set[tuple[str, str]]:
    target = role_arn(estate.ids[5], "ship-end")
    trust(accounts, target).append(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": STRANGER}}
    )
    return {("444444444444", target)}


def _no_external_id(estate: Estate, accounts: Sequence[Account]) -> set[tuple[str, str]]:
    target = role_arn(estate.ids[6], "ship-end")
    del trust(accounts, target)[0]["Condition"]
    return {(role_arn(estate.ids[2], "hub", "/ops/"), target)}


def _another_address(estate: Estate, accounts: Sequence[Account]) -> set[tuple[str, str]]:
    reader = role_arn(estate.ids[39], "reader")
    del trust(accounts, reader)[1]["Condition"]["IpAddress"]
    return {(role_arn(estate.ids[4], "report"), reader)}


def _more_permissions(estate: Estate, accounts: Sequence[Account]) -> set[tuple[str, str]]:
    caller = role_arn(estate.ids[3], "left-over")
    target = role_arn(estate.ids[3], "break-glass")
    role(accounts, caller)["RolePolicyList"][0]["PolicyDocument"]["Statement"].append(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    )
    return {(caller, target)}


def _an_administrator(estate: Estate, accounts: Sequence[Account]) -> set[tuple[str, str]]:
    account = next(each for each in accounts if each.id == estate.ids[7])
    account.details["UserDetailList"][0]["AttachedManagedPolicies"] = [
        {"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR}
    ]
    return {(f"arn:aws:iam::{account.id}:user/robot", role_arn(account.id, "break-glass"))}


PLANTS = (_stranger, _no_external_id, _another_address, _more_permissions, _an_administrator)


@pytest.mark.parametrize("size", [60, 200])
def test_what_was_planted_is_found_and_nothing_else(size: int) -> None:
    """Whoever gets in now by one of several changes among thousands of roles; the other way round they are lost."""
    estate = Estate(size)
    before, after = estate.accounts, deepcopy(estate.accounts)
    planted: set[tuple[str, str]] = set()
    plants: tuple[Callable[..., set[tuple[str, str]]], ...] = PLANTS
    for plant in plants:
        planted |= plant(estate, after)
    found = compare(before, after)
    assert {(each.who, each.role) for each in found.gained} == planted
    assert (found.lost, found.unknown) == ((), ())
    closed = compare(after, before)
    assert {(each.who, each.role) for each in closed.lost} == planted
    assert (closed.gained, closed.unknown) == ((), ())
