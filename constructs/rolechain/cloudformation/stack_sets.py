"""Stack sets: one template in many accounts.

Source: CloudFormation User Guide, "AWS::CloudFormation::StackSet".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from rolechain.cloudformation.resolver import Resolver
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Json, Template, none_known
from rolechain.cloudformation.texts import holds_unknown, items_of, section
from rolechain.cloudformation.unresolved import Unresolved
from rolechain.policy import PolicyError
from rolechain.policy.elements import load

STACK_SET = "AWS::CloudFormation::StackSet"


class Instances(NamedTuple):
    """The stacks that a stack set deploys.

    Attributes:
        stacks: its template with the values that its parameters are given, once for each account, for each region
            that may make a difference, and for each set of values; once without an account where none is known.
        elsewhere: the same of accounts that are not known, beside those.
        excepted: the accounts that it leaves out.
        assumptions: the assumptions, in words.
    """

    stacks: tuple[Template, ...]
    elsewhere: tuple[Template, ...]
    excepted: frozenset[str]
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
    place = SourceLocation(parent.name, logical_id)
    body = resolver.resolve(properties.get("TemplateBody"), place)
    if isinstance(body, str):
        try:
            body = load(body)
        except PolicyError:
            return "its TemplateBody is not JSON: write the template as JSON"
    if isinstance(body, Unresolved):
        return f"its TemplateBody is {body}"
    if not isinstance(body, Mapping):
        return "it has no inline TemplateBody: write the template there, or give its file to the proof"
    groups = resolver.resolve(properties.get("StackInstancesGroup"), place)
    given = _parameters(resolver.resolve(properties.get("Parameters"), place), body, place)
    by_units = sorted({account for role in _named_roles(body) for account in declared.get(role, ())})
    template = replace(parent.child(logical_id, body, given), account=None, region=None, stored={})
    # Where neither the region nor a role's name stands, the stack is the same in every region.
    text = json.dumps((body, given, groups), default=str)
    is_regional = "AWS::Region" in text or "RoleName" in text
    first: dict[str, str | None] = {}
    seen: dict[str, list[Mapping[str, Json]]] = {}
    stacks: list[Template] = []
    elsewhere: list[Template] = []
    left_out: set[str] = set()
    assumptions: dict[str, None] = {}
    for group in groups if isinstance(groups, list) else [groups]:
        parameters = given
        accounts, excepted, reaches_others = _targets(group)
        regions: list[str | None] = [None]
        if isinstance(group, Mapping):
            parameters = given | _parameters(group.get("ParameterOverrides"), body, place)
            regions = [*dict.fromkeys(_texts(group.get("Regions")))] or [None]
        others = [each for each in by_units if each not in accounts and each not in excepted]
        left_out.update(excepted)
        if reaches_others:
            elsewhere.append(replace(template, region=regions[0], parameters=parameters))
        if reaches_others and others:
            accounts += others
            assumptions[
                f"assuming stack set {logical_id} ({parent.name}) reaches {', '.join(others)} by its "
                "organizational units"
            ] = None
        for account in accounts:
            for region in regions if is_regional else regions[:1]:
                last = account if first.setdefault(account, region) == region else f"{account}/{region}"
                if parameters not in (known := seen.setdefault(last, [])):
                    known.append(parameters)
                    name = f"{template.name}/{last}"
                    here = replace(template, name=name, account=account, region=region, parameters=parameters)
                    stacks.append(here)
    if not stacks:
        stacks, elsewhere = elsewhere or [template], []
    return Instances(tuple(stacks), tuple(elsewhere), frozenset(left_out), tuple(assumptions))


def _targets(group: Json) -> tuple[list[str], list[str], bool]:
    """The accounts that a group names, those that it leaves out, and whether it may reach more of them."""
    targets = group.get("DeploymentTargets") if isinstance(group, Mapping) else group
    if targets is None:
        return [], [], False
    if not isinstance(targets, Mapping):
        return [], [], True
    kind, listed = targets.get("AccountFilterType", "NONE"), targets.get("Accounts")
    accounts = list(dict.fromkeys(_texts(listed)))
    if kind == "DIFFERENCE":
        return [], accounts, True
    unknown = "AccountsUrl" in targets or any(
        holds_unknown(targets.get(name)) for name in ("AccountFilterType", "Accounts")
    )
    units = bool(targets.get("OrganizationalUnitIds")) and kind != "INTERSECTION"
    return accounts, [], units or unknown


def _texts(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _parameters(listed: Json, body: Mapping[str, Json], place: SourceLocation) -> dict[str, Json]:
    """The values that parameters are given; where one cannot be told, none of the body's parameters is known."""
    given: dict[str, Json] = {}
    for item in items_of(listed):
        key = item.get("ParameterKey") if isinstance(item, Mapping) else None
        if not isinstance(key, str):
            unknown = Unresolved("Parameters", "which values its stack set gives is not known", place)
            return none_known(body, unknown)
        given[key] = item.get("ParameterValue")
    return given


def _named_roles(body: Mapping[str, Json]) -> list[tuple[str, str]]:
    found = []
    for resource in section(body, "Resources").values():
        properties = section(resource, "Properties")
        if properties and resource.get("Type") == "AWS::IAM::Role":
            name, path = properties.get("RoleName"), properties.get("Path", "/")
            if isinstance(name, str) and isinstance(path, str):
                found.append((path, name))
    return found
