"""What a template makes without showing it: by macros, included files, loops, modules and custom resources.

Source: CloudFormation User Guide, "Transform reference", "Fn::ForEach" and "Using modules".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from rolechain.cloudformation import texts
from rolechain.cloudformation.language_extensions import LOOP
from rolechain.cloudformation.resolver import Resolver
from rolechain.cloudformation.sam import APPLICATION, CONNECTORS, makes_role
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stack_sets import STACK_SET
from rolechain.cloudformation.stacks import Stack, Stacks
from rolechain.cloudformation.template import TRANSFORM, Json, names_of_transforms, transforms_of
from rolechain.cloudformation.unresolved import Unresolved
from rolechain.graph.finding import Level
from rolechain.iam.arn import account_of, name_of
from rolechain.iam.limits import NAME
from rolechain.model.chain import Chain

if TYPE_CHECKING:
    from rolechain.graph.policy_reader import PolicyReader

_CUSTOM = (
    "AWS::CloudFormation::CustomResource",
    "AWS::ServiceCatalog::CloudFormationProvisionedProduct",
    APPLICATION,
)
_INCLUDE = "AWS::Include"
_IAM, _MODULE = "AWS::IAM::", "::MODULE"
_SPOKEN_OF = re.compile(r"role-?name", re.IGNORECASE)
_PROCESSED = (
    "give what CloudFormation makes of it: aws cloudformation get-template --template-stage Processed"
)
TEMPLATE_TOO = "give the file of its template too: its roles are then read as those of a stack of its own"


def report_opaque(stacks: Stacks, chain: Chain | None, policies: PolicyReader) -> None:
    """Reports the resources of stacks that cannot be seen and may be about roles.

    Args:
        stacks: the stacks.
        chain: the chain that is proven; a resource that is given the ARN of one of its roles may change it.
        policies: takes what is not known.
    """
    arns = [role.arn for role in chain.roles] if chain else []
    for stack in stacks.all:
        unread = {place.logical_id for place, _, _ in stacks.unread if place.template == stack.template.name}
        _report_hidden(stack, policies)
        _report_told(stack, policies, arns, unread)
    for place, kind, reason in stacks.unread:
        words = f"{place.logical_id} is a {kind} whose roles are not known: {reason}"
        policies.report(place, words, Level.WARNING, remediation=None if chain else TEMPLATE_TOO)


def _report_hidden(stack: Stack, policies: PolicyReader) -> None:
    """Reports what a template does not show of its resources.

    What leaves trust policies alone counts as what is not known beside them: a macro where the template shows no
    resource that is, or makes, one of IAM, and a role that SAM makes, unless its trust policy is given.
    """
    name, resolver, untranslated = stack.template.name, stack.resolver, stack.untranslated
    resources = resolver.section("Resources")
    level = Level.ERROR if any(map(_may_be_of_iam, _types(resources))) else policies.beside
    for macro in (*_macros(resolver), *names_of_transforms(resources.get(TRANSFORM))):
        if macro != _INCLUDE:
            words = f"the macro {macro} may change every resource of {name}"
            policies.report(SourceLocation(name), words, level, remediation=_PROCESSED)
    for logical_id, resource in resources.items():
        if not isinstance(logical_id, str):
            continue
        place = SourceLocation(name, logical_id)
        if logical_id.startswith("Fn::"):
            about_roles = logical_id.startswith(LOOP) and any(map(_may_be_of_iam, _types(resource)))
            level = Level.ERROR if about_roles else Level.WARNING
            policies.report(place, f"the resources that {logical_id} makes are not known", level, roams=True)
        elif isinstance(resource, Mapping):
            kind = resource["Type"] if isinstance(resource.get("Type"), str) else _IAM
            if logical_id in untranslated and (makes_role(kind) or CONNECTORS in resource):
                words = f"the roles that SAM makes of {logical_id} are not known: {untranslated[logical_id]}"
                corrected: str | None = f"write the template as SAM takes it, or {_PROCESSED}"
                level = policies.beside if _trusts_its_service(resource, resolver) else Level.ERROR
                if "pip install" in untranslated[logical_id]:
                    corrected, level = f"install it, or {_PROCESSED}", Level.ERROR
                elif kind == APPLICATION:
                    corrected, level = TEMPLATE_TOO, Level.WARNING
                policies.report(place, words, level, roams=True, remediation=corrected)
            elif kind.endswith(_MODULE):
                words = f"the resources that the module {kind} makes are not known"
                policies.report(place, words, Level.WARNING, remediation=_PROCESSED)
            elif (TRANSFORM in resource or kind.startswith((_IAM, "AWS::CloudFormation::Stack"))) and (
                function := _changing(resource)
            ):
                words = f"what {function} makes of {logical_id} is not known"
                policies.report(place, words, roams=True)


def may_change(logical_id: str, resolver: Resolver) -> bool:
    """Whether a macro or a function may make something else of a resource."""
    resources = resolver.section("Resources")
    if any(_macros(resolver)) or TRANSFORM in resources:
        return True
    resource = texts.section(resources, logical_id)
    return TRANSFORM in resource or bool(_changing(resource))


def _trusts_its_service(resource: Mapping[str, Json], resolver: Resolver) -> bool:
    """Whether the role that SAM makes of a resource lets in the resource's service alone, whatever else it is."""
    whole = isinstance(resource.get("Properties"), Mapping) and "Fn::" not in "".join(map(str, resource))
    parts = texts.objects_in((resource, resolver.section("Globals")))
    return whole and not any({"AssumeRolePolicyDocument", TRANSFORM} & part.keys() for part in parts)


def _changing(resource: Mapping[str, Json]) -> str | None:
    """The function that stands where a resource's or its properties' names do, or the loop anywhere in these."""
    properties = resource.get("Properties")
    names = (*resource, *(properties if isinstance(properties, Mapping) else ()))
    found = next((str(name) for name in names if str(name).startswith("Fn::")), None)
    loop = LOOP.removesuffix("::")
    loops = any(str(key).startswith(LOOP) for item in texts.objects_in(properties) for key in item)
    return loop if (found or "").startswith(LOOP) or loops else found


def _report_told(
    stack: Stack, policies: PolicyReader, arns: Collection[str], unread: Collection[str]
) -> None:
    """Reports resources that refer to a role and may change it: custom, private, products, and stacks that are unread.

    A property whose value is known on deployment only may refer to any role, if its name holds that word.
    """
    name, resolver = stack.template.name, stack.resolver
    for logical_id, kind, properties in _resources(resolver):
        is_looped = logical_id.startswith(LOOP) and kind.startswith("AWS::CloudFormation::Stack")
        is_stack = logical_id in unread or is_looped
        if kind.startswith("AWS::") and not (is_stack or kind.startswith(_CUSTOM) or kind.endswith(_MODULE)):
            continue
        # A stack set deploys to other accounts than its own.
        own, elsewhere = SourceLocation(name, logical_id), SourceLocation(f"{name}/{logical_id}")
        place = elsewhere if kind == STACK_SET else own
        resolved = resolver.resolve(properties, place)
        told = "\n".join(_told(properties, resolver, place))
        key = "Properties" if isinstance(resolved, Unresolved) else next(_unknown_roles(resolved), None)
        if key is None and _SPOKEN_OF.search(told) and texts.holds_unknown(resolved):
            key = "RoleName"
        if arns and key and not is_stack:
            words = f"{logical_id}, a {kind}, is told by {key} of a role that is not known, and may change it"
            policies.report(place, words, roams=True)
        for arn in arns:
            role = name_of(arn)
            is_near = kind == STACK_SET or account_of(arn) == resolver.account
            is_named = is_near and re.search(rf"(?<!{NAME}){re.escape(role)}(?!{NAME})", told, re.IGNORECASE)
            if arn in told or is_named:
                words = f"{logical_id}, a {kind}, is told of {arn}, and what it does to it is not known"
                policies.report(place, words, roams=True)


def _resources(resolver: Resolver) -> Iterator[tuple[str, str, Json]]:
    """The resources of a template, those within loops by the loop's name: logical id, type and properties."""
    for logical_id, resource in resolver.section("Resources").items():
        waiting = [resource]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Mapping) and isinstance(kind := item.get("Type"), str):
                yield str(logical_id), kind, item.get("Properties")
            elif str(logical_id).startswith(LOOP):
                waiting += (
                    item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
                )


def _told(value: Json, resolver: Resolver, place: SourceLocation) -> Iterator[str]:
    """Every text of a value, and what each name in it stands for, whatever of the whole is not known."""
    for item in texts.within(value):
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            if len(item) == 1 and isinstance(found := resolver.resolve(item, place), str):
                yield found
            for name in texts.names_in(item.get("Fn::Sub")):
                yield name
                function = "Fn::GetAtt" if "." in name else "Ref"
                if isinstance(found := resolver.resolve({function: name}, place), str):
                    yield found


def _unknown_roles(value: Json, key: str = "") -> Iterator[str]:
    """The properties with role in their name whose values are not known."""
    if isinstance(value, Unresolved):
        if "role" in key.lower():
            yield key
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _unknown_roles(item, str(name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _unknown_roles(item, key)


def _types(value: Json) -> Iterator[Json]:
    """Whatever stands as a Type anywhere in a loop."""
    return (item["Type"] for item in texts.objects_in(value) if "Type" in item)


def _may_be_of_iam(kind: Json) -> bool:
    return not isinstance(kind, str) or kind.startswith((_IAM, STACK_SET)) or makes_role(kind) or "${" in kind


def _macros(resolver: Resolver) -> Iterator[str]:
    """The macros of a whole template that are not AWS's own; AWS's leave roles alone, but for what they include."""
    for macro in transforms_of(resolver.body):
        if macro == _INCLUDE or not macro.startswith("AWS::"):
            yield f"{_INCLUDE} at its top" if macro == _INCLUDE else macro
