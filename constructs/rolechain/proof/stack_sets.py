"""Stack sets: one template in many accounts.

Source: CloudFormation User Guide, "AWS::CloudFormation::StackSet".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from rolechain.proof.place import Place
from rolechain.proof.resolve import Resolver, Unresolved
from rolechain.proof.template import Json, Template

STACK_SET = "AWS::CloudFormation::StackSet"


class Instances(NamedTuple):
    """What a stack set deploys.

    Attributes:
        templates: its template once for each account; once without an account where none is known.
        parameters: the values that its parameters are given.
        assumptions: what was taken for granted, in words.
    """

    templates: tuple[Template, ...]
    parameters: Mapping[str, Json]
    assumptions: tuple[str, ...]


def instances_of(
    properties: Mapping[str, Json],
    parent: Template,
    logical_id: str,
    resolver: Resolver,
    declared: Mapping[tuple[str, str], Iterable[str]],
) -> Instances | str:
    """The stacks of a stack set; in words, why its template cannot be read.

    Args:
        properties: the resource's properties.
        parent: the template that holds it.
        logical_id: its logical id.
        resolver: resolves the parent's values.
        declared: the accounts in which a chain declares a role, by the role's path and name.
    """
    place = Place(parent.name, logical_id)
    body = resolver.resolve(properties.get("TemplateBody"), place)
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return "its TemplateBody is no JSON: write the template as JSON"
    if isinstance(body, Unresolved):
        return f"its TemplateBody is {body}"
    if not isinstance(body, Mapping):
        return "it has no inline TemplateBody: write the template there, or give its file to the proof"
    accounts, units, regions = _targets(resolver.resolve(properties.get("StackInstancesGroup"), place))
    assumptions: list[str] = []
    if units:
        found = sorted({account for role in _named_roles(body) for account in declared.get(role, ())})
        accounts += [account for account in found if account not in accounts]
        if found:
            assumptions.append(
                f"assuming stack set {logical_id} ({parent.name}) reaches {', '.join(found)} by its "
                "organizational units"
            )
    name = f"{parent.name}/{logical_id}"
    template = replace(
        parent,
        name=name,
        body=body,
        account=None,
        region=regions[0] if regions else None,
        nested={},
        stack_name=None,
    )
    templates = [replace(template, name=f"{name}/{account}", account=account) for account in accounts]
    return Instances(
        tuple(templates) or (template,), _parameters(properties, resolver, place), tuple(assumptions)
    )


def _targets(groups: Json) -> tuple[list[str], bool, list[str]]:
    """The accounts, whether organizational units are named, and the regions."""
    accounts: dict[str, None] = {}
    units, regions = False, dict[str, None]()
    for group in groups if isinstance(groups, list) else ():
        if not isinstance(group, Mapping):
            continue
        targets = group.get("DeploymentTargets")
        targets = targets if isinstance(targets, Mapping) else {}
        chosen = targets.get("AccountFilterType", "NONE") not in ("DIFFERENCE",)
        for account in _texts(targets.get("Accounts")) if chosen else ():
            accounts[account] = None
        narrowed = targets.get("AccountFilterType") == "INTERSECTION"
        units = units or (bool(targets.get("OrganizationalUnitIds")) and not narrowed)
        regions.update(dict.fromkeys(_texts(group.get("Regions"))))
    return list(accounts), units, list(regions)


def _texts(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _parameters(properties: Mapping[str, Json], resolver: Resolver, place: Place) -> dict[str, Json]:
    listed = resolver.resolve(properties.get("Parameters"), place)
    return {
        item["ParameterKey"]: item.get("ParameterValue")
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, Mapping) and isinstance(item.get("ParameterKey"), str)
    }


def _named_roles(body: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Path and name of each role that the body names by a plain text."""
    resources = body.get("Resources")
    found = []
    for resource in resources.values() if isinstance(resources, Mapping) else ():
        properties = resource.get("Properties") if isinstance(resource, Mapping) else None
        if isinstance(properties, Mapping) and resource.get("Type") == "AWS::IAM::Role":
            name, path = properties.get("RoleName"), properties.get("Path", "/")
            if isinstance(name, str) and isinstance(path, str):
                found.append((path, name))
    return found
