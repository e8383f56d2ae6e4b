"""What the conditions of a trust statement ask of whoever gets in, in the words of a person."""

from __future__ import annotations

import re
from typing import NamedTuple

from rolechain.iam import condition_keys as keys_of
from rolechain.policy.conditions import Condition, NullCheck
from rolechain.policy.statement import Statement

_WHO = (keys_of.PRINCIPAL_ARN, keys_of.PRINCIPAL_ACCOUNT, keys_of.ORGANIZATION, keys_of.ORGANIZATION_PATHS)
_GLOBAL = re.compile(r"(aws|sts|iam):.*")
_PHRASES = {
    keys_of.EXTERNAL_ID: "with the external id {}",
    keys_of.SESSION_NAME: "with the session name {}",
    keys_of.SET_SOURCE_IDENTITY: "with the source identity {}",
    keys_of.SOURCE_IDENTITY: "with the source identity {}",
    "aws:sourceip": "from {}",
    "aws:vpcsourceip": "from {}",
    "aws:sourcevpc": "from VPC {}",
    "aws:sourcevpce": "from VPC endpoint {}",
    "aws:sourceaccount": "for account {}",
    "aws:sourcearn": "for {}",
    "aws:sourceorgid": "for organization {}",
    "aws:requestedregion": "in region {}",
}


class ConditionWords(NamedTuple):
    """The conditions of a statement.

    Attributes:
        within: the organization and its units, with a blank before; empty where none is asked for.
        claims: what a token must carry.
        beside: everything else, with a comma before; empty likewise.
    """

    within: str
    claims: str
    beside: str


def words_of(statement: Statement) -> ConditionWords:
    """The conditions of a statement that allows."""
    within: list[str] = []
    claims: list[str] = []
    beside: list[str] = []
    for condition in statement.conditions:
        if isinstance(condition, NullCheck):
            beside.append(f"if {condition.key} is {'absent' if True in condition.absent else 'present'}")
        elif isinstance(condition, Condition):
            values = " or ".join(condition.values)
            plain = (
                not condition.negated and not condition.if_exists and condition.quantifier != "ForAllValues"
            )
            if condition.lookup == keys_of.ORGANIZATION and plain:
                within.append(f" in organization {values}")
            elif condition.lookup == keys_of.ORGANIZATION_PATHS and plain:
                within.append(f" in organizational unit {values}")
            elif condition.lookup in _WHO and not condition.negated:
                continue
            elif not _GLOBAL.fullmatch(condition.lookup) and plain:
                claims.append(f"{condition.key} {values}")
            else:
                beside.append(_phrase(condition, values, plain=plain))
    return ConditionWords("".join(within), " and ".join(claims), "".join(f", {each}" for each in beside))


def _phrase(condition: Condition, values: str, *, plain: bool) -> str:
    key = condition.lookup
    if plain and key in _PHRASES:
        return _PHRASES[key].format(values)
    if plain and key == keys_of.MFA_PRESENT and values.lower() == "true":
        return "with MFA"
    if plain and key.startswith(keys_of.REQUEST_TAG):
        return f"with the session tag {condition.key.split('/', 1)[1]} {values}"
    return f"if {condition.operator} {condition.key} {values}"
