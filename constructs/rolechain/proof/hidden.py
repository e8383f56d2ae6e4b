"""What a template makes without showing it: by macros, included files, loops, modules and custom resources.

Source: CloudFormation User Guide, "Transform reference", "Fn::ForEach" and "Using modules".
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from rolechain.proof.finding import Level
from rolechain.proof.place import Place
from rolechain.proof.resolve import TRANSFORM, Resolver, Unresolved
from rolechain.proof.template import Json

_CUSTOM = ("AWS::CloudFormation::CustomResource", "AWS::ServiceCatalog::CloudFormationProvisionedProduct")
_LOOP, _INCLUDE = "Fn::ForEach::", "AWS::Include"
_IAM = "AWS::IAM::"


class Hidden(NamedTuple):
    """Something that cannot be seen.

    Attributes:
        place: where.
        words: what is not known.
        level: an error where it may well be about roles.
        roams: whether it may be about any role of its account, and not only about those of its place.
    """

    place: Place
    words: str
    level: Level
    roams: bool = False


def hidden(name: str, resolver: Resolver) -> Iterator[Hidden]:
    """What a template does not show of its resources.

    Args:
        name: the template's.
        resolver: resolves its values.
    """
    resources = resolver.section("Resources")
    for macro in (*_macros(resolver), *_named(resources.get(TRANSFORM))):
        if macro != _INCLUDE:
            yield Hidden(Place(name), f"the macro {macro} may change every resource of {name}", Level.ERROR)
    for logical_id, resource in resources.items():
        if not isinstance(logical_id, str):
            continue
        place = Place(name, logical_id)
        if logical_id.startswith("Fn::"):
            about_roles = logical_id.startswith(_LOOP) and any(map(_may_be_of_iam, _types(resource)))
            level = Level.ERROR if about_roles else Level.WARNING
            yield Hidden(place, f"the resources that {logical_id} makes are not known", level, roams=True)
        elif isinstance(resource, Mapping):
            kind, properties = resource.get("Type"), resource.get("Properties")
            kind = kind if isinstance(kind, str) else _IAM
            if kind.endswith("::MODULE"):
                yield Hidden(
                    place, f"the resources that the module {kind} makes are not known", Level.WARNING
                )
            elif kind.startswith((_IAM, "AWS::CloudFormation::Stack")) and _loops(properties):
                words = f"what {_LOOP.removesuffix('::')} makes of {logical_id} is not known"
                yield Hidden(place, words, Level.ERROR, roams=True)
            elif kind.startswith((_IAM, "AWS::CloudFormation::Stack")) and (
                TRANSFORM in resource or (isinstance(properties, Mapping) and TRANSFORM in properties)
            ):
                words = f"what {TRANSFORM} makes of {logical_id} is not known"
                yield Hidden(place, words, Level.ERROR, roams=True)


def touched(name: str, resolver: Resolver, arns: Collection[str]) -> Iterator[Hidden]:
    """The resources of others than AWS that are told of a role, which they may change: custom, private, and products.

    One that is told of something that only the deployment knows may be told of any role, if a property says so.

    Args:
        name: the template's.
        resolver: resolves its values.
        arns: the ARNs of the roles.
    """
    for logical_id, resource in resolver.section("Resources").items():
        kind = resource.get("Type") if isinstance(resource, Mapping) else None
        if not isinstance(kind, str) or (kind.startswith("AWS::") and not kind.startswith(_CUSTOM)):
            continue
        place = Place(name, str(logical_id))
        properties = resolver.resolve(resource.get("Properties"), place)
        if arns and (key := next(_unknown_roles(properties), None)):
            words = f"{logical_id}, a {kind}, is told by {key} of a role that is not known, and may change it"
            yield Hidden(place, words, Level.ERROR, roams=True)
        # Quotes within a text stand escaped: a name is told from a longer one by what surrounds it.
        told = json.dumps(properties, default=str)
        for arn in arns:
            _, _, _, _, account, path = arn.split(":", 5)
            role = path.rsplit("/", 1)[-1]
            is_named = account == resolver.around.account and re.search(
                rf'["\\/]{re.escape(role)}["\\]', told
            )
            if arn in told or is_named:
                words = f"{logical_id}, a {kind}, is told of {arn}, and what it does to it is not known"
                yield Hidden(place, words, Level.ERROR, roams=True)


def _unknown_roles(value: Json, key: str = "") -> Iterator[str]:
    """The properties whose names speak of a role and whose values are not known."""
    if isinstance(value, Unresolved):
        if "role" in key.lower():
            yield key
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _unknown_roles(item, str(name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _unknown_roles(item, key)


def _loops(value: Json) -> bool:
    """Whether a loop stands anywhere in a value."""
    if isinstance(value, Mapping):
        return any(str(key).startswith(_LOOP) or _loops(item) for key, item in value.items())
    return isinstance(value, (list, tuple)) and any(map(_loops, value))


def _types(value: Json) -> Iterator[Json]:
    """Whatever stands as a Type anywhere in a loop."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            if "Type" in item:
                yield item["Type"]
            waiting += item.values()
        elif isinstance(item, (list, tuple)):
            waiting += item


def _may_be_of_iam(kind: Json) -> bool:
    return not isinstance(kind, str) or kind.startswith(_IAM) or "${" in kind


def _macros(resolver: Resolver) -> Iterator[str]:
    """The macros of a whole template that are not AWS's own; AWS's leave roles alone, but for what they include."""
    for macro in (*_named(resolver.body.get("Transform")), *_named(resolver.body.get(TRANSFORM))):
        if macro == _INCLUDE or not macro.startswith("AWS::"):
            yield f"{_INCLUDE} at its top" if macro == _INCLUDE else macro


def _named(transforms: Json) -> Iterator[str]:
    for transform in (
        transforms if isinstance(transforms, list) else [] if transforms is None else [transforms]
    ):
        name = transform.get("Name") if isinstance(transform, Mapping) else transform
        yield name if isinstance(name, str) else "that is not named"
