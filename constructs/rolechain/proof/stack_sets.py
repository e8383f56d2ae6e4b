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
        stacks: its template with the values that its parameters are given, once for each account and for each
            set of values; once without an account where none is known.
        assumptions: what was taken for granted, in words.
    """

    stacks: tuple[tuple[Template, Mapping[str, Json]], ...]
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
    groups = resolver.resolve(properties.get("StackInstancesGroup"), place)
    given = _parameters(resolver.resolve(properties.get("Parameters"), place), body, place)
    by_units = sorted({account for role in _named_roles(body) for account in declared.get(role, ())})
    name = f"{parent.name}/{logical_id}"
    template = replace(parent, name=name, body=body, account=None, region=None, nested={}, stack_name=None)
    stacks: list[tuple[Template, Mapping[str, Json]]] = []
    assumptions: dict[str, None] = {}
    for group in groups if isinstance(groups, list) else ():
        if not isinstance(group, Mapping):
            continue
        accounts, reaches_units = _targets(group)
        regions = _texts(group.get("Regions"))
        parameters = given | _parameters(group.get("ParameterOverrides"), body, place)
        if reaches_units and by_units:
            accounts += [account for account in by_units if account not in accounts]
            assumptions[
                f"assuming stack set {logical_id} ({parent.name}) reaches {', '.join(by_units)} by its "
                "organizational units"
            ] = None
        for account in accounts:
            instance = replace(
                template, name=f"{name}/{account}", account=account, region=regions[0] if regions else None
            )
            # The same stack in another region makes the same roles: which rules about it is for RC33 to say.
            if not any(known.account == account and values == parameters for known, values in stacks):
                stacks.append((instance, parameters))
    return Instances(tuple(stacks) or ((template, given),), tuple(assumptions))


def _targets(group: Mapping[str, Json]) -> tuple[list[str], bool]:
    """The accounts that a group names, and whether it reaches more of them by organizational units."""
    targets = group.get("DeploymentTargets")
    targets = targets if isinstance(targets, Mapping) else {}
    kind = targets.get("AccountFilterType", "NONE")
    accounts = [] if kind == "DIFFERENCE" else _texts(targets.get("Accounts"))
    return list(dict.fromkeys(accounts)), bool(
        targets.get("OrganizationalUnitIds")
    ) and kind != "INTERSECTION"


def _texts(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _parameters(listed: Json, body: Mapping[str, Json], place: Place) -> dict[str, Json]:
    """The values that parameters are given; where one cannot be told, none of the body's parameters is known."""
    items = [] if listed is None else listed if isinstance(listed, list) else [listed]
    given: dict[str, Json] = {}
    for item in items:
        key = item.get("ParameterKey") if isinstance(item, Mapping) else None
        if not isinstance(key, str):
            declared = body.get("Parameters")
            unknown = Unresolved("Parameters", "which values its stack set gives is not known", place)
            return dict.fromkeys(declared if isinstance(declared, Mapping) else (), unknown)
        given[key] = item.get("ParameterValue")
    return given


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
