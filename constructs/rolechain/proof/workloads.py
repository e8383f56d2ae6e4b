"""What runs code as a role in the templates, and what lets others start it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rolechain.proof import texts
from rolechain.proof.escalation import RUNNING
from rolechain.proof.place import Place
from rolechain.proof.resolve import Unresolved
from rolechain.proof.resources import INSTANCE_PROFILE, identity_of
from rolechain.proof.stacks import Stack
from rolechain.proof.template import Json
from rolechain.proof.world import OpenWorkload, Workload

_PERMISSION, _URL = "AWS::Lambda::Permission", "AWS::Lambda::Url"
_SOURCES = ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")


def workloads_of(stack: Stack) -> Iterator[Workload]:
    """The resources of a stack that run code as a role."""
    resolver = stack.resolver
    profiles = _instance_profiles(stack)
    for kind, runner in RUNNING.items():
        for logical_id, properties, _ in stack.resources(kind):
            place = Place(stack.template.name, logical_id)
            identity = identity_of(resolver, logical_id, place)
            value: Json = properties
            for key in runner.role.split("."):
                resolved = resolver.resolve(value, place)
                value = resolved.get(key) if isinstance(resolved, Mapping) else resolved
            if value is None:
                continue
            for role in _roles(resolver.resolve(value, place), profiles):
                arn = identity.arn if identity else ""
                yield Workload(place, kind, arn, resolver.around.account, role)


def _instance_profiles(stack: Stack) -> Mapping[str, Json]:
    """The roles of the stack's instance profiles, by the profile's ARN and by its name."""
    found: dict[str, Json] = {}
    for logical_id, properties, _ in stack.resources(INSTANCE_PROFILE):
        place = Place(stack.template.name, logical_id)
        roles = stack.resolver.resolve(properties.get("Roles"), place)
        if identity := identity_of(stack.resolver, logical_id, place):
            found |= {identity.arn: roles, identity.name: roles}
    return found


def _roles(value: Json, profiles: Mapping[str, Json]) -> Iterator[str | None]:
    """The roles that a property names: by ARN, by name, by an instance profile, or in a list; None for an unknown."""
    if isinstance(value, Mapping):
        value = value.get("Arn", value.get("Name"))
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and item in profiles:
            yield from _roles(profiles[item], {})
        elif isinstance(item, str) and ":instance-profile/" not in item:
            yield item
        else:
            yield None


def openings_of(stack: Stack) -> Iterator[OpenWorkload]:
    """What lets anybody, another account or any customer of a service call a function of a stack.

    Source: AWS Lambda Developer Guide, "Working with resource-based IAM policies in Lambda" and "Control access to
    Lambda function URLs".
    """
    resolver = stack.resolver
    for logical_id, properties, _ in stack.resources(_PERMISSION):
        place = Place(stack.template.name, logical_id)
        found = resolver.resolve(dict(properties), place)
        who = _who(found, resolver.around.account)
        if who:
            function, action = texts.scalar(found.get("FunctionName")), found.get("Action")
            yield OpenWorkload(
                place, resolver.around.account, function, who, f"{action} on {function or 'a function'}"
            )
    for logical_id, properties, _ in stack.resources(_URL):
        place = Place(stack.template.name, logical_id)
        found = resolver.resolve(dict(properties), place)
        function, kind = texts.scalar(found.get("TargetFunctionArn")), found.get("AuthType")
        if kind != "AWS_IAM":
            known = "of AuthType NONE" if kind == "NONE" else "whose AuthType is not known"
            yield OpenWorkload(place, resolver.around.account, function, "anybody", f"a function URL {known}")


def _account(source: Json) -> str:
    """The account of what a service calls for; empty where none is named."""
    text = texts.scalar(source) or ""
    return text.split(":")[4] if text.count(":") >= 5 else text


def _who(permission: Mapping[str, Json], account: str) -> str | None:
    """Whom a permission lets call a function; None where it is the account itself, or a service on its behalf."""
    principal = permission.get("Principal")
    if isinstance(principal, Unresolved) or principal is None:
        return f"somebody, {principal}," if principal else None
    name = str(principal)
    if name == "*":
        return "anybody" if permission.get("PrincipalOrgID") is None else "anybody of an organization"
    if name.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        held = any(permission.get(key) is not None for key in _SOURCES)
        others = {_account(permission.get(key)) for key in ("SourceAccount", "SourceArn")} - {account, ""}
        if others:
            return f"{name} on behalf of {', '.join(sorted(others))}"
        return None if held else f"any customer of {name}"
    own = name == account or (name.startswith("arn:") and name.split(":")[4:5] == [account])
    return None if own else name
