"""What the chain declares of its callers, and what its trust policies ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from rolechain.graph.access import ENTERING, admitted
from rolechain.graph.permissions import may_call
from rolechain.graph.requests import beyond, both
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.sts_actions import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy.conditions import Condition, NullCheck, UnknownCondition
from rolechain.policy.elements import Intrinsic, listed
from rolechain.proof.declared import Declared
from rolechain.proof.revocation import ends_older
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement
from rolechain.proof.rules.rule import Violation, Violations, rule
from rolechain.statements.builder import trust_statements
from rolechain.statements.revocation import deny_before
from rolechain.statements.statement_json import Conditions


@rule(
    "RC35",
    "what the chain declares of its callers (organization and unit, external id, session tags, source identity, MFA) "
    "stands as conditions in the trust policies, a declared permissions boundary on its role, and the declared end of "
    "older sessions as a Deny of each role",
    prevents="a declared guard that nothing enforces",
    source="IAM User Guide, How to use an external ID; Pass session tags in AWS STS; AWS guardrail IAM-STS-3",
)
def enforced(context: RuleContext) -> Violations:
    if context.chain is None:
        return
    declared = Declared(context.chain)
    for entry in context.trust:
        if entry.arn not in declared.roles or entry.statement.effect == "Deny":
            continue
        if declared.writes(entry.role, entry.statement):
            continue
        for action in ENTERING:
            first: dict[str, Condition | NullCheck] = {}
            for condition in _missing(entry, declared, action):
                first.setdefault(_without(condition), condition)
            for what, condition in first.items():
                yield entry.violation(f"lets callers in {what}", f"add {json.dumps(_element(condition))}")
        for action in (TAG_SESSION, SET_SOURCE_IDENTITY):
            yield from _carrying(entry, declared, action, context)
    yield from _unbounded(context)
    yield from _unrevoked(context)


def _unrevoked(context: RuleContext) -> Violations:
    since = context.chain.revoked_before if context.chain else None
    for role in context.graph.roles if since else ():
        if since and role.arn in context.declared and not role.imported and not ends_older(role, since):
            message = f"{role.arn} does not end its sessions issued before {since}"
            yield Violation(role.place, message, f"add to its policies {json.dumps(deny_before(since))}")


def _carrying(entry: LocatedStatement, declared: Declared, action: str, context: RuleContext) -> Violations:
    """Tags, or source identities, that a caller may pass and that are not declared, whatever its own side says."""
    role = entry.role
    written = [
        each
        for each in trust_statements(declared.chain, declared.roles[role.arn])
        if action in each["Action"]
    ]
    callers = [caller for caller, callee in declared.hops if callee == role.arn]
    whats = dict.fromkeys(_beside(each) for each in _missing(entry, declared, action.lower()))
    what = "with session tags" if action == TAG_SESSION else "with a source identity"
    if not declared.allowed(role, action.lower()):
        able = _may_carry(entry, declared, action, callers, context)
        whats = dict.fromkeys([f"{what}, of which the chain declares none"] if able else [])
    elif not whats and _of_others(entry, declared, action.lower()):
        whats = dict.fromkeys([f"{what}, which the chain declares of others alone"])
    who = listed(sorted(callers)) if callers else "callers"
    for what in whats:
        yield entry.violation(
            f"lets {who} in {what}",
            f"write as the statements of {action}: {json.dumps(written)}"
            if written
            else f"leave {action} out of the trust policy",
        )


def _of_others(entry: LocatedStatement, declared: Declared, action: str) -> bool:
    """Whether somebody who gets in may carry what the chain declares of somebody else."""
    left = beyond(entry.requests(action), declared.allowed(entry.role, action))
    policy, callee = entry.record.policy, entry.role.callee
    entering = (admitted(policy, callee, each, alone=True).values() for each in ENTERING)
    return any(both(left, requests) for by_statement in entering for requests in by_statement)


def _may_carry(
    entry: LocatedStatement, declared: Declared, action: str, callers: list[str], context: RuleContext
) -> bool:
    """Whether an action is allowed on both sides to a declared caller, or may be where its own side is not known."""
    who = [one for entering in ENTERING for one in declared.who(entry.role, entering)]
    requests = both(entry.requests(action.lower()), who)
    role = declared.roles[entry.arn]
    if requests and (role.trust in ("account", "organization") or role in declared.chain.sources):
        return True
    return any(
        may_call(caller, entry.role, action.lower(), requests)
        for arn in callers
        for caller in context.graph.by_arn.get(arn, ())
    )


def _missing(entry: LocatedStatement, declared: Declared, action: str) -> Iterator[Condition | NullCheck]:
    """The declared guards of an action's callers that a statement does not enforce."""
    requests = entry.requests(action)
    for condition in declared.unenforced(entry.role, requests, action) if requests else ():
        if not _is_unresolved(entry, condition.lookup):
            yield condition


def _is_unresolved(entry: LocatedStatement, key: str) -> bool:
    """Whether what a statement asks of a key, in lower case, is not resolved and may be what is declared."""
    conditions = entry.statement.conditions
    return any(isinstance(each, UnknownCondition) for each in conditions) or any(
        isinstance(each, Intrinsic)
        for condition in entry.by_key.get(key, ())
        if isinstance(condition, Condition)
        for each in condition.elements
    )


_WITHOUT = {
    keys_of.ORGANIZATION: "that belong to no organization or to another than {}",
    keys_of.ORGANIZATION_PATHS: "of other organizational units than {}",
    keys_of.EXTERNAL_ID: "without the external id {}",
    keys_of.SET_SOURCE_IDENTITY: "without the source identity as declared",
    keys_of.SOURCE_IDENTITY: "without the source identity as declared",
    keys_of.PRINCIPAL_ARN: "that are IAM users",
    keys_of.MFA_PRESENT: "without MFA",
    keys_of.MFA_AGE: "whose MFA is older than {} seconds",
    keys_of.CURRENT_TIME: "after {}",
}


def _without(condition: Condition | NullCheck) -> str:
    """What callers lack where a declared condition is not enforced."""
    if condition.lookup.startswith(keys_of.REQUEST_TAG):
        return f"without the session tag {condition.key.split('/', 1)[1]} as declared"
    written = condition.values if isinstance(condition, Condition) else ()
    values = " or ".join(written)
    if condition.lookup == keys_of.ORGANIZATION_PATHS:
        values = ", ".join(value.split("/", 1)[-1].removesuffix("/*") for value in written)
    return _WITHOUT.get(condition.lookup, f"without {condition.key} as declared").format(values)


def _beside(condition: Condition | NullCheck) -> str:
    """What callers may pass besides where a declared condition is not enforced."""
    key = condition.lookup
    if key.startswith(keys_of.REQUEST_TAG):
        return f"with another value of the session tag {condition.key.split('/', 1)[1]}"
    if key == keys_of.TAG_KEYS:
        return "with session tags that are not declared"
    if key == keys_of.TRANSITIVE_TAG_KEYS:
        if isinstance(condition, Condition) and condition.quantifier == "ForAnyValue":
            return f"without making the session tag {' or '.join(condition.values)} transitive"
        return "making session tags transitive that are not declared so"
    if key == keys_of.SET_SOURCE_IDENTITY:
        return "with another source identity"
    return _without(condition)


def _element(condition: Condition | NullCheck) -> Conditions:
    if isinstance(condition, NullCheck):
        return {"Null": {condition.key: str(condition.absent[0]).lower()}}
    values: str | list[str] = list(condition.values) if len(condition.values) > 1 else condition.values[0]
    return {condition.operator: {condition.key: values}}


def _unbounded(context: RuleContext) -> Violations:
    for role in context.graph.roles:
        declared = context.declared.get(role.arn)
        wanted = declared.boundary_arn if declared and not role.imported else None
        if wanted and (role.boundary is None or role.boundary.name != wanted):
            found = role.boundary.name if role.boundary else "none"
            yield Violation(
                replace(role.place, part="PermissionsBoundary"),
                f"{role.arn} is declared with the permissions boundary {wanted} and has {found}",
                f"write PermissionsBoundary: {wanted}",
            )
