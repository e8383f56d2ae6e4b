"""The condition keys of a hop's call that are not known beforehand, and requests with conditions on them set aside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from rolechain.iam.condition_keys import is_said
from rolechain.policy import Policy, Request
from rolechain.policy.conditions import Condition, NullCheck, UnknownCondition
from rolechain.policy.resources import parse as parse_resources
from rolechain.policy.statement import Statement

_ANYTHING = parse_resources("*", variables=False, negated=False)


def not_known(request: Request, *, tags: bool) -> frozenset[str]:
    """The condition keys, in lower case, that policies ask for and that the call may bring with whatever value.

    Args:
        request: the call.
        tags: whether all tags of its roles are known.
    """
    found = request.keys
    if not found:
        return found
    given = {key.lower() for key in request.context}
    return frozenset(key for key in found - given if not is_said(key) or (not tags and "tag/" in key))


def as_written(request: Request, keys: Collection[str]) -> set[str]:
    """Keys, in lower case, as policies write them."""
    statements = (statement for policy in request.policies for statement in policy.statements)
    conditions = (condition for statement in statements for condition in statement.conditions)
    names = {each.lookup: each.key for each in conditions if isinstance(each, (Condition, NullCheck))}
    return {names.get(key, key) for key in keys}


def in_doubt(request: Request, keys: Collection[str]) -> Request:
    """A request of whose conditions on keys, in lower case, it is not known whether it meets them."""
    return _changed(request, keys, _doubted)


def at_best(request: Request, keys: Collection[str]) -> Request:
    """A request that meets conditions on keys, in lower case, where they allow, and not where they deny."""
    return _changed(request, keys, _met)


def _changed(
    request: Request, keys: Collection[str], change: Callable[[Statement, Collection[str]], Statement | None]
) -> Request:
    def changed(policy: Policy) -> Policy:
        if policy.keys.isdisjoint(keys):
            return policy
        statements = (change(each, keys) for each in policy.statements)
        return Policy(tuple(each for each in statements if each), policy.missing)

    def levels(above: Sequence[Sequence[Policy]] | None) -> tuple[tuple[Policy, ...], ...] | None:
        return None if above is None else tuple(tuple(map(changed, level)) for level in above)

    boundary, sessions, callee = request.permissions_boundary, request.session_policies, request.callee
    return replace(
        request,
        callee=replace(callee, trust_policy=changed(callee.trust_policy), rcps=levels(callee.rcps)),
        scps=levels(request.scps),
        identity_policies=tuple(map(changed, request.identity_policies)),
        permissions_boundary=changed(boundary) if boundary else None,
        session_policies=None if sessions is None else tuple(map(changed, sessions)),
    )


def _doubted(statement: Statement, keys: Collection[str]) -> Statement:
    conditions = tuple(
        each
        if each.keys.isdisjoint(keys)
        else UnknownCondition(f"only the call brings {', '.join(sorted(each.keys.intersection(keys)))}")
        for each in statement.conditions
    )
    resources = statement.resources
    if resources is None or resources.keys.isdisjoint(keys):
        return replace(statement, conditions=conditions)
    named = UnknownCondition("its resources depend on what only the call brings")
    return replace(statement, resources=_ANYTHING, conditions=(*conditions, named))


def _met(statement: Statement, keys: Collection[str]) -> Statement | None:
    kept = tuple(each for each in statement.conditions if each.keys.isdisjoint(keys))
    if statement.effect == "Deny" and len(kept) < len(statement.conditions):
        return None
    return replace(statement, conditions=kept)
