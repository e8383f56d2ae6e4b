"""Stacks: templates with their accounts, parameters, nested stacks and exports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from rolechain.cloudformation import language_extensions, sam, texts
from rolechain.cloudformation.resolver import Resolver
from rolechain.cloudformation.resources import ROLE, Identity, identity_of, properties_of
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stack_sets import STACK_SET, instances_of
from rolechain.cloudformation.template import (
    TRANSFORM,
    Json,
    Surroundings,
    Template,
    none_known,
    transforms_of,
)
from rolechain.cloudformation.unresolved import Unresolved
from rolechain.iam.partitions import partition_of
from rolechain.model.chain import Chain
from rolechain.policy.logic import Ternary, all_of

_NESTED = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource of a stack.

    Attributes:
        stack: the stack.
        logical_id: its logical id.
        kind: its type.
        properties: its properties, as the template holds them.
        made: whether it is made, as its Condition says; None if that cannot be known.
    """

    stack: Stack
    logical_id: str
    kind: str
    properties: Mapping[str, Json]
    made: Ternary

    @cached_property
    def place(self) -> SourceLocation:
        """Its location."""
        return SourceLocation(self.stack.template.name, self.logical_id)

    def part(self, name: str) -> SourceLocation:
        """The location of a part of it."""
        return SourceLocation(self.stack.template.name, self.logical_id, part=name)

    @property
    def account(self) -> str:
        """The id of the account that it is made in, or what stands in for one that is not known."""
        return self.stack.resolver.account

    @cached_property
    def identity(self) -> Identity | None:
        """How IAM names it; None for one that is not named by its properties alone."""
        return identity_of(self.stack.resolver, self.logical_id, self.place)

    def resolved(self, name: str) -> Json:
        """The value of a property; None where it has none."""
        return self.stack.resolver.resolve(self.properties.get(name), self.part(name))

    def listed(self, name: str) -> Sequence[Json]:
        """The items of a property; one that is no list as the only one, and none where it is missing or empty."""
        return texts.items_of(self.resolved(name) or None)

    def resolved_properties(self) -> Mapping[str, Json] | Unresolved:
        """All of its properties; ``Unresolved`` where a macro may change any of them."""
        found: Mapping[str, Json] | Unresolved = self.stack.resolver.resolve(
            dict(self.properties), self.place
        )
        return found


@dataclass(frozen=True, eq=False)
class Stack:
    """A template, deployed to an account.

    Attributes:
        template: the template, its loops expanded and what it declares in SAM translated.
        resolver: resolves its values.
        made: whether it is made, as the Condition of its resource says; None if that cannot be known.
        untranslated: why each resource of SAM that is still in the template cannot be translated, by logical id.
    """

    template: Template
    resolver: Resolver
    made: Ternary = True
    untranslated: Mapping[str, str] = field(default_factory=dict)

    def resources(self, *kinds: str) -> Iterator[Resource]:
        """The resources of these types, but for those that are known not to be made."""
        for logical_id, resource in self._typed.items() if self._types.intersection(kinds) else ():
            if (kind := resource["Type"]) not in kinds:
                continue
            made = self.made
            if "Condition" in resource:
                place = SourceLocation(self.template.name, logical_id)
                made = all_of((made, self.resolver.condition(resource["Condition"], place)))
            if made is not False:
                yield Resource(self, logical_id, kind, properties_of(self.resolver, logical_id)[1], made)

    @cached_property
    def _typed(self) -> Mapping[str, Mapping[str, Json]]:
        """The resources that have a type, by logical id."""
        return {
            logical_id: resource
            for logical_id, resource in self.resolver.section("Resources").items()
            if isinstance(logical_id, str) and isinstance(resource, Mapping)
            if isinstance(resource.get("Type"), str)
        }

    @cached_property
    def _types(self) -> frozenset[str]:
        return frozenset(str(resource["Type"]) for resource in self._typed.values())

    def asked_of(self, logical_id: str) -> tuple[str, ...]:
        """The inputs that the condition of a resource depends on, as ``Unresolved.asks``."""
        condition = texts.section(self.resolver.section("Resources"), logical_id).get("Condition")
        return self.resolver.asked_of(condition, SourceLocation(self.template.name, logical_id))


class Stacks:
    """All stacks of a set of templates.

    Args:
        templates: the templates.
        chain: tells the partition, and the account of a template that holds one of the chain's roles.

    Attributes:
        all: the stacks in order, nested ones and those of stack sets behind their own.
        elsewhere: what stack sets may deploy to accounts that are not known.
        assumptions: what was taken for granted, in words, each once.
        unread: the nested stacks and stack sets whose template cannot be read: where, which of the two, and why.
    """

    def __init__(self, templates: Iterable[Template], chain: Chain | None) -> None:
        self.all: list[Stack] = []
        self.elsewhere: list[Stack] = []
        self.assumptions: dict[str, None] = {}
        self.unread: list[tuple[SourceLocation, str, str]] = []
        self._chain = chain
        self._declared: dict[tuple[str, str], list[str]] = {}
        for role in chain.roles if chain else ():
            self._declared.setdefault((role.path, role.role), []).append(role.account)
        # Beside a target by organizational unit, one of that name has a stack of its own.
        members: dict[tuple[str, str], list[str]] = {}
        for role in chain.targets if chain else ():
            if role.member_of:
                members.setdefault((role.path, role.role), []).append(role.account)
        self._by_stack_sets = {**self._declared, **members}
        self._children: dict[tuple[str, str], Stack | None] = {}
        self._exports: dict[str, list[tuple[Stack, Json]]] = {}
        self._exporting = 0
        self._values: dict[tuple[int, str], Json | None] = {}
        self._looking: set[tuple[int, str]] = set()
        self._top: list[Stack] = []
        # A stack may need an export or output of a stack that is listed after it.
        for template in _apart(templates):
            self._top.append(self._placed(template, by_user=True))
        for stack in self._top:
            self._add(stack)
        self._top = []

    def _add(self, stack: Stack) -> None:
        self.all.append(stack)
        self._values = {}
        template = stack.template
        for resource in stack.resources(_NESTED, STACK_SET):
            logical_id, made = resource.logical_id, resource.made
            properties = resource.properties
            if logical_id in template.nested and resource.kind == _NESTED:
                self._child(stack, logical_id, made)
            elif resource.kind == _NESTED:
                reason = "its template is not at hand: give its file to the proof"
                self.unread.append((resource.place, "nested stack", reason))
            else:
                if logical_id in template.nested:
                    properties = {**properties, "TemplateBody": json.dumps(template.nested[logical_id])}
                found = instances_of(properties, template, logical_id, stack.resolver, self._by_stack_sets)
                if isinstance(found, str):
                    self.unread.append((resource.place, "stack set", found))
                    continue
                self.assumptions |= dict.fromkeys(found.assumptions)
                for instance in found.stacks:
                    self._add(self._placed(instance, made, found.excepted))
                self.elsewhere += (self._stack(instance, made) for instance in found.elsewhere)

    def _child(self, stack: Stack, logical_id: str, made: Ternary) -> Stack | None:
        """A nested stack; None while its own parameters are looked up."""
        template = stack.template
        key = (template.name, logical_id)
        if key not in self._children:
            self._children[key] = None
            body, place = template.nested[logical_id], SourceLocation(template.name, logical_id)
            given = stack.resolver.resolve(
                properties_of(stack.resolver, logical_id)[1].get("Parameters") or {}, place
            )
            parameters = given if isinstance(given, Mapping) else none_known(body, given)
            child = template.child(logical_id, body, parameters)
            child = replace(child, dependencies=(*template.dependencies, template.name))
            nested = self._placed(child, made)
            self._children[key] = nested
            self._add(nested)
        return self._children[key]

    def _placed(
        self,
        template: Template,
        made: Ternary = True,
        excepted: frozenset[str] = frozenset(),
        *,
        by_user: bool = False,
    ) -> Stack:
        stack = self._stack(template, made, by_user=by_user)
        if not template.account and (account := self._only_account(stack)) and account not in excepted:
            return self._stack(replace(template, account=account), made, by_user=by_user)
        return stack

    def _stack(self, template: Template, made: Ternary, *, by_user: bool = False) -> Stack:
        partition = partition_of(template.region) if template.region else None
        if partition is None and self._chain is None and template.region is None:
            self.assumptions["assuming the partition aws where no region is known"] = None
        surroundings = Surroundings(
            template=template,
            partition=partition or (self._chain.partition if self._chain else "aws"),
            by_user=by_user,
            imported=lambda export: self._imported(export, template),
            output=self._output,
            nested=lambda logical_id, output: self._nested_output(stack, logical_id, output),
            assume=lambda words: self.assumptions.update({words: None}),
        )

        body = template.body
        untranslated: Mapping[str, str] = {}
        applied = list(transforms_of(body))
        if language_extensions.LANGUAGE_EXTENSIONS in applied:
            resolver = Resolver(body, surroundings)
            body = language_extensions.expanded(
                body, lambda value: resolver.resolve(value, SourceLocation(template.name))
            )
        # CloudFormation refuses these types without the transform, so a template with them is a SAM template.
        if sam.is_declared_in(body):
            body, untranslated = sam.translated(
                body, template.parameters, surroundings.partition, template.region
            )
        if body is not template.body:
            template = replace(template, body=body, source=template.body)
        # The name is bound for the lookups of the surroundings.
        stack = Stack(template, Resolver(body, surroundings), made, untranslated)
        return stack

    def _only_account(self, stack: Stack) -> str | None:
        """The account of the chain's roles in a stack whose own account is not known, if they agree on one."""
        accounts: set[str] = set()
        for role in stack.resources(ROLE):
            if role.identity and role.identity.named:
                declared = self._declared.get((role.identity.path, role.identity.name), [])
                if len(declared) == 1:
                    accounts.update(declared)
        return accounts.pop() if len(accounts) == 1 else None

    def _imported(self, export: str, template: Template) -> Json | None:
        stacks = self._known()
        if self._exporting != len(stacks):
            self._exporting = len(stacks)
            self._exports = {}
            for stack in stacks:
                for name, value in _exports_of(stack):
                    self._exports.setdefault(name, []).append((stack, value))
        near = [
            (stack, value)
            for stack, value in self._exports.get(export, [])
            if template.account in (None, stack.template.account)
            and template.region in (None, stack.template.region)
        ]
        return self._value(f"export {export}", *near[0]) if len(near) == 1 else None

    def _known(self) -> list[Stack]:
        """The stacks that are read so far, and those at the top that are still to be."""
        return list(dict.fromkeys((*self._top, *self.all))) if self._top else self.all

    def _output(self, wanted: Mapping[str, Json]) -> Json | None:
        name, region = wanted.get("StackName"), wanted.get("Region")
        found = [
            stack
            for stack in self._known()
            if name in (stack.template.stack_name, stack.template.name)
            and (region is None or stack.template.region in (None, region))
        ]
        return self._output_of(found[0], wanted.get("OutputName")) if len(found) == 1 else None

    def _nested_output(self, parent: Stack, logical_id: str, output: str) -> Json | None:
        known = logical_id in parent.template.nested
        child = self._child(parent, logical_id, parent.made) if known else None
        return child and self._output_of(child, output)

    def _output_of(self, stack: Stack, name: Json) -> Json | None:
        found = stack.resolver.section("Outputs").get(name) if isinstance(name, str) else None
        if not isinstance(found, Mapping) or not _is_made(stack, found):
            return None
        return self._value(f"output {name}", stack, found.get("Value"))

    def _value(self, what: str, stack: Stack, value: Json) -> Json | None:
        key = (id(stack), what)
        if key in self._looking:
            return None
        if key not in self._values:
            self._looking.add(key)
            try:
                found = stack.resolver.resolve(value, SourceLocation(stack.template.name, part="Outputs"))
            finally:
                self._looking.discard(key)
            self._values[key] = found
        return self._values[key]


def _is_made(stack: Stack, output: Mapping[str, Json]) -> bool:
    """Whether an output is made, or may be."""
    place = SourceLocation(stack.template.name, part="Outputs")
    made = "Condition" not in output or stack.resolver.condition(output["Condition"], place) is not False
    return made and TRANSFORM not in output


def _apart(templates: Iterable[Template]) -> Iterator[Template]:
    """Templates of which each has a name of its own: stacks of one name may stand in several accounts and regions."""
    taken: set[str] = set()
    for template in templates:
        where = ", ".join(part for part in (template.account, template.region) if part)
        name, number = template.name, 1
        while name in taken:
            name = f"{template.name} ({where if where and number == 1 else number})"
            number += 1
        taken.add(name)
        stack_name = template.stack_name or (template.name if name != template.name else None)
        yield template if name == template.name else replace(template, name=name, stack_name=stack_name)


def _exports_of(stack: Stack) -> Iterator[tuple[str, Json]]:
    place = SourceLocation(stack.template.name, part="Outputs")
    for output in stack.resolver.section("Outputs").values():
        export = output.get("Export") if isinstance(output, Mapping) and _is_made(stack, output) else None
        name = stack.resolver.resolve(export.get("Name"), place) if isinstance(export, Mapping) else None
        if isinstance(name, str):
            yield name, output.get("Value")
