"""The role graph with a value that nobody has in place of each one that is not resolved.

A rule takes an unresolved value for one that lets anybody in. What it finds then may be false: a condition on an
external id may name the right one. So each rule that finds something in a policy with an unresolved value is asked
again with a value in its place that keeps everybody out, and what it finds both times holds whatever the value is.
RC00 says what is not resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rolechain.cloudformation.unresolved import Unresolved
from rolechain.graph.documents import Documents
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord, RoleGraph, RoleRecord
from rolechain.iam.arn import iam_arn
from rolechain.policy.elements import intrinsic_of

WORD = "unresolved"
"""A part of every value that stands in for another, none of which is shown."""

_ACCOUNT = f"<{WORD}>"
_ROLE = iam_arn("aws", _ACCOUNT, f"role/{WORD}")
_ELEMENTS: Mapping[str, Any] = {
    "Principal": {"AWS": _ROLE},
    "AWS": _ROLE,
    "Service": f"{WORD}.amazonaws.com",
    "Federated": iam_arn("aws", _ACCOUNT, f"oidc-provider/{WORD}.example"),
    "Action": f"sts:{WORD}",
    "Resource": _ROLE,
    # No request meets it, as every call of STS is encrypted.
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
_VALUES = {
    "orgid": f"o-{WORD}0",
    "orgpaths": f"o-{WORD}0/r-{WORD}/ou-{WORD}-{WORD}/",
    "account": _ACCOUNT,
    "arn": _ROLE,
}
"""Values of condition keys by what the key ends with."""


def closed(graph: RoleGraph) -> tuple[RoleGraph, frozenset[tuple[str, str]]]:
    """The role graph, and the resources whose policies hold what is not resolved, by template and logical id."""
    places: set[tuple[str, str]] = set()

    def of(
        principal: RoleRecord | IdentityRecord, before: tuple[PolicyRecord, ...]
    ) -> tuple[PolicyRecord, ...]:
        after = tuple(map(_closed_policy, before))
        changed = [one for one, now in zip(before, after, strict=True) if now is not one]
        places.update(one.place.resource for one in (principal, *changed) if changed)
        return after

    roles = []
    for role in graph.roles:
        trust, *policies = after = of(role, (role.trust, *role.policies))
        same = after == (role.trust, *role.policies)
        roles.append(role if same else replace(role, trust=trust, policies=tuple(policies)))
    identities = [replace(each, policies=of(each, each.policies)) for each in graph.identities]
    if not places:
        return graph, frozenset()
    return replace(graph, roles=tuple(roles), identities=tuple(identities)), frozenset(places)


def _closed_policy(record: PolicyRecord) -> PolicyRecord:
    if record.document is None or record.policy.missing is not None:
        return record
    document = {name: _filled(each, name) for name, each in record.document.items()}
    if document == record.document:
        return record
    policy = Documents().compile(document, record.name).policy
    return record if policy.missing is not None else replace(record, document=document, policy=policy)


def _filled(value: Any, name: str) -> Any:
    """A part of a document that stands under a name."""
    if _is_unresolved(value):
        return _ELEMENTS.get(name, value)
    if isinstance(value, (list, tuple)):
        return [_filled(each, name) for each in value]
    if not isinstance(value, Mapping):
        return value
    if name == "Condition":
        return {operator: _block(block, operator.lower()) for operator, block in value.items()}
    return {key: _filled(each, key) for key, each in value.items()}


def _block(block: Any, operator: str) -> Any:
    if _is_unresolved(block):
        return {"aws:SecureTransport": "false"}
    if not isinstance(block, Mapping) or ("string" not in operator and "arn" not in operator):
        return block
    return {key: _value(value, key.lower()) for key, value in block.items()}


def _value(value: Any, key: str) -> Any:
    if isinstance(value, (list, tuple)):
        return [_value(each, key) for each in value]
    if not _is_unresolved(value):
        return value
    return next((text for end, text in _VALUES.items() if key.endswith(end)), WORD)


def _is_unresolved(value: Any) -> bool:
    return isinstance(value, Unresolved) or intrinsic_of(value) is not None
