"""Templates for snapshots: what changes with every release of CDK or every file is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from rolechain.testing.assertions import Synthesizable

Json = Any
TemplateBodies = dict[str, dict[str, Json]]
"""The bodies of templates, by their names."""
Synth = Callable[[Synthesizable | Callable[[Any], object]], TemplateBodies]
"""The fixture ``synth``: gives the normalised templates of an app or a stage, or of the app that a function fills."""

_ASSET_HASH = re.compile(r"[0-9a-f]{64}")
_OF_CDK = {
    "Parameters": {"BootstrapVersion"},
    "Rules": {"CheckBootstrapVersion"},
    "Conditions": {"CDKMetadataAvailable"},
    "Resources": {"CDKMetadata"},
}
"""The names that CDK adds to every template, by section."""


def normalised(template: Mapping[str, Json]) -> dict[str, Json]:
    """A template without metadata, asset hashes and what CDK adds to every one.

    Sections that are empty then are left out; each hash stands as ``<hash>``.
    """
    found: dict[str, Json] = {}
    for name, section in template.items():
        if name == "Metadata":
            continue
        if isinstance(section, Mapping):
            kept = {key: value for key, value in section.items() if key not in _OF_CDK.get(name, ())}
            if not kept:
                continue
            section = {key: _bare(value) for key, value in kept.items()} if name == "Resources" else kept
        found[name] = _without_hashes(section)
    return found


def _bare(resource: Json) -> Json:
    if not isinstance(resource, Mapping):
        return resource
    return {key: value for key, value in resource.items() if key != "Metadata"}


def _without_hashes(value: Json) -> Json:
    if isinstance(value, str):
        return _ASSET_HASH.sub("<hash>", value)
    if isinstance(value, Mapping):
        return {_ASSET_HASH.sub("<hash>", key): _without_hashes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_hashes(item) for item in value]
    return value
