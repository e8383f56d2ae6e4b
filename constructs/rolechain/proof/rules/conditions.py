"""Conditions that look as if they close a statement, and do not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rolechain.iam.condition_keys import MULTIVALUED
from rolechain.iam.condition_keys import ORGANIZATION_PATHS as PATHS
from rolechain.iam.limits import ORGANIZATION as ORGANIZATION_ID
from rolechain.policy.conditions import Condition, NullCheck
from rolechain.policy.context import Context
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement
from rolechain.proof.rules.rule import Violation, Violations, rule

_ORGANIZATION_KEYS = frozenset(
    f"aws:{whose}{what}" for whose in ("principal", "resource", "source") for what in ("orgid", "orgpaths")
)
_NOTHING = Context({})
_STEPS = re.compile(
    r"((/r-[a-z0-9]{4,32}(/\*)?|/\*)(/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32})*)?(/|/\*|\*)?", re.ASCII
)


def _guarding(context: RuleContext) -> Iterator[tuple[LocatedStatement, Condition]]:
    """Every condition under which somebody may assume a role, or a role may assume others."""
    for located in (*context.entries, *context.permissions):
        for condition in located.statement.conditions:
            if isinstance(condition, Condition):
                yield located, condition


@rule(
    "RC24",
    "aws:PrincipalOrgPaths stands under ForAnyValue:StringLike, with the organization's id in it",
    prevents="a wrong organizational unit, or one of somebody else's organization, gets in",
    source="IAM User Guide, AWS global condition context keys: aws:PrincipalOrgPaths",
)
def organization_path(context: RuleContext) -> Violations:
    organization = context.organization
    for located, condition in _guarding(context):
        if condition.lookup != PATHS:
            continue
        remediation = (
            f'write {{"ForAnyValue:StringLike": {{"aws:PrincipalOrgPaths": "{organization or "o-<id>"}/r-<root>/'
            'ou-<unit>/*"}}'
        )
        operator = condition.operator.lower()
        exact = operator == "foranyvalue:stringequals" and not any("*" in value for value in condition.values)
        if operator != "foranyvalue:stringlike" and not exact:
            yield Violation(
                located.place,
                f"aws:PrincipalOrgPaths stands under {condition.operator}, which does not compare it path by path",
                remediation,
            )
        for value in condition.values:
            head = re.split(r"[/*?]", value, maxsplit=1)[0]
            if organization and ORGANIZATION_ID.fullmatch(head) and head != organization:
                message = f"the path {value} lies in organization {head}, and the chain's is {organization}"
            elif not ORGANIZATION_ID.fullmatch(head) or value[len(head) : len(head) + 1] not in ("/", ""):
                message = f"the path {value} does not begin with the id of one organization"
            elif not _STEPS.fullmatch(value[len(head) :]):
                message = f"the path {value} does not lead over whole ids to an organizational unit"
            else:
                continue
            yield Violation(located.place, message, remediation)


@rule(
    "RC25",
    "no key of the organization stands under an operator with IfExists where access is allowed",
    prevents="principals of accounts that belong to no organization get in, as they do not bring the key",
    source="IAM User Guide, Condition operators: …IfExists",
)
def open_without_organization(context: RuleContext) -> Violations:
    for located, condition in _guarding(context):
        key = condition.lookup
        if condition.if_exists and key in _ORGANIZATION_KEYS and not _needs(located, key):
            yield Violation(
                located.place,
                f"{condition.operator} {condition.key} lets in principals that belong to no organization",
                f"write {re.sub('(?i)ifexists$', '', condition.operator)}",
            )


@rule(
    "RC26",
    "no key of one value stands under ForAllValues where access is allowed",
    prevents="a request that does not bring the key gets in",
    source="IAM User Guide, Multivalued context keys",
)
def open_without_key(context: RuleContext) -> Violations:
    for located, condition in _guarding(context):
        key = condition.lookup
        if condition.quantifier != "ForAllValues" or MULTIVALUED.fullmatch(key):
            continue
        if not _needs(located, key):
            operator = condition.operator.split(":", 1)[-1]
            yield Violation(
                located.place,
                f"{condition.operator} {condition.key} is met by a request that does not bring the key",
                f"write {operator}: {condition.key} has one value",
            )


def _needs(located: LocatedStatement, key: str) -> bool:
    """Whether a statement's own conditions are never met where ``key``, in lower case, is absent."""
    return any(map(needs_key, located.by_key.get(key, ())))


def needs_key(condition: Condition | NullCheck) -> bool:
    """Whether a condition is never met where its key is absent."""
    return condition.holds(_NOTHING) is False
