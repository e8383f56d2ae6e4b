"""A chain as the mapping that ``chain.yaml`` holds: what reading it gives is the same chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance, ServiceSessionValues
from rolechain.model.keys import CHAIN_KEYS, ENTRANCE_KEYS, ROLE_KEYS
from rolechain.model.role import ChainRole, Permission, Quotas
from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.model.shapes import defaults_of
from rolechain.model.stack_set import StackSet

Json = dict[str, Any]


def declaration_of(chain: Chain) -> Json:
    """The keys of a chain; those with their defaults are left out.

    ``source`` is a role where there is one and a list where there are several; ``middle`` and ``targets`` are lists.
    """
    found = _keys(chain, [key for key in CHAIN_KEYS if key not in ("source", "middle", "targets")])
    for key, roles in (("source", chain.sources), ("middle", chain.middle), ("targets", chain.targets)):
        listed = [_keys(role, ROLE_KEYS) for role in roles]
        if listed:
            found[key] = listed[0] if key == "source" and len(listed) == 1 else listed
    return found


def _keys(thing: Any, keys: Any) -> Json:
    """The keys of a thing that have not their default."""
    made: type = type(thing)
    defaults = defaults_of(made)
    values = {key: getattr(thing, key) for key in keys}
    if isinstance(thing, ChainRole) and thing.by_unit:
        del values["account"]
    return {key: _plain(value) for key, value in values.items() if value not in (defaults.get(key, ""), ())}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], SessionTag):
            return {tag.key: _allowed(tag) for tag in value}
        listed = [_plain(each) for each in value]
        return listed[0] if len(listed) == 1 else listed
    if isinstance(value, SourceIdentity):
        return _allowed(value)
    if isinstance(value, Entrance):
        return _entrance(value)
    if isinstance(value, Permission):
        return _keys(value, ("actions", "resources"))
    if isinstance(value, (Quotas, StackSet)):
        return _keys(value, [field.name for field in fields(value)])
    return dict(value) if isinstance(value, Mapping) else value


def _allowed(value: SessionTag | SourceIdentity) -> Any:
    if value.required and value.values:
        return _plain(value.values)
    values = {"values": _plain(value.values)} if value.values else {}
    return {**values, "required": value.required}


def _entrance(entrance: Entrance) -> Json:
    """An entrance without what is known of its service."""
    known = entrance.known or ServiceSessionValues()
    found = {entrance.kind: _plain((entrance.value, *entrance.others)), **_keys(entrance, ENTRANCE_KEYS)}
    for key, rest in (
        ("session_tags", tuple(tag for tag in entrance.tags if tag not in known.tags)),
        (
            "transitive_tag_keys",
            tuple(key for key in entrance.transitive_tag_keys if key not in known.transitive),
        ),
        ("source_identity", None if entrance.identity == known.identity else entrance.identity),
    ):
        found.pop(key, None)
        if rest:
            found[key] = _plain(rest)
    return found
