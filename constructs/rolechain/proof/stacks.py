"""The stacks that templates become: each with its account, its nested stacks, and what it exports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rolechain.chain import Chain
from rolechain.partitions import partition_of
from rolechain.policy.logic import Ternary
from rolechain.proof.place import Place
from rolechain.proof.resolve import Resolver
from rolechain.proof.resources import ROLE, identity_of, properties_of
from rolechain.proof.stack_sets import STACK_SET, instances_of
from rolechain.proof.surroundings import Surroundings
from rolechain.proof.template import Json, Template

_NESTED = "AWS::CloudFormation::Stack"
_PART_OF_NAME = re.compile(r"[^\w.@-]+", re.ASCII)


@dataclass(frozen=True, eq=False)
class Stack:
    """A template with the values of where it is deployed.

    Attributes:
        template: the template.
        resolver: resolves its values.
        account: the id of its account; empty if that is not known.
    """

    template: Template
    resolver: Resolver
    account: str

    def resources(self, *kinds: str) -> Iterator[tuple[str, Mapping[str, Json], Ternary]]:
        """The resources of these types: logical id, properties, and whether it is made, as its Condition says.

        One that is known not to be made is left out.
        """
        for logical_id, resource in self.resolver.section("Resources").items():
            if not isinstance(logical_id, str) or not isinstance(resource, Mapping):
                continue
            if resource.get("Type") not in kinds:
                continue
            made: Ternary = True
            if "Condition" in resource:
                made = self.resolver.condition(resource["Condition"], Place(self.template.name, logical_id))
            if made is not False:
                yield logical_id, properties_of(self.resolver, logical_id)[1], made


class Stacks:
    """All stacks of a set of templates.

    Args:
        templates: the templates.
        chain: tells the partition, and the account of a template that holds one of the chain's roles.

    Attributes:
        all: the stacks in order, nested ones and those of stack sets behind their own.
        assumptions: what was taken for granted, in words, each once.
        unread: the nested stacks and stack sets whose template cannot be read: where, which of the two, and why.
    """

    def __init__(self, templates: Iterable[Template], chain: Chain | None) -> None:
        self.all: list[Stack] = []
        self.assumptions: dict[str, None] = {}
        self.unread: list[tuple[Place, str, str]] = []
        self._chain = chain
        self._declared: dict[tuple[str, str], list[str]] = {}
        for role in chain.roles if chain else ():
            self._declared.setdefault((role.path, role.role), []).append(role.account)
        self._children: dict[tuple[str, str], Stack] = {}
        self._exports: dict[str, list[tuple[Stack, Json]]] | None = None
        self._looking: set[str] = set()
        for template in templates:
            self._add(template, {})

    def _add(self, template: Template, parameters: Mapping[str, Json]) -> Stack:
        stack = self._stack(template, parameters)
        if not stack.account and (account := self._only_account(stack)):
            stack = self._stack(replace(template, account=account), parameters)
        self.all.append(stack)
        for logical_id, properties, _ in stack.resources(_NESTED, STACK_SET):
            place = Place(template.name, logical_id)
            if logical_id in template.nested:
                given = stack.resolver.resolve(properties.get("Parameters"), place)
                if given is not None and not isinstance(given, Mapping):
                    given = _none_known(template.nested[logical_id], given)
                child = replace(
                    stack.template,
                    name=f"{template.name}/{logical_id}",
                    body=template.nested[logical_id],
                    dependencies=(*template.dependencies, template.name),
                    nested={},
                    stack_name=None,
                )
                self._children[template.name, logical_id] = self._add(
                    child, given if isinstance(given, Mapping) else {}
                )
            elif stack.resolver.section("Resources")[logical_id].get("Type") == _NESTED:
                self.unread.append(
                    (place, "nested stack", "its template is not at hand: give its file to the proof")
                )
            else:
                found = instances_of(properties, stack.template, logical_id, stack.resolver, self._declared)
                if isinstance(found, str):
                    self.unread.append((place, "stack set", found))
                    continue
                for assumption in found.assumptions:
                    self.assumptions[assumption] = None
                for instance, values in found.stacks:
                    self._add(instance, values)
        return stack

    def _stack(self, template: Template, parameters: Mapping[str, Json]) -> Stack:
        name = _PART_OF_NAME.sub("-", template.name)
        partition = partition_of(template.region) if template.region else None
        if partition is None and self._chain is None and template.region is None:
            self.assumptions["assuming the partition aws where no region is known"] = None
        surroundings = Surroundings(
            stack=template.stack_name or template.name,
            account=template.account or f"<{name}>",
            account_known=template.account is not None,
            region=template.region,
            partition=partition or (self._chain.partition if self._chain else "aws"),
            parameters=parameters,
            imported=lambda export: self._imported(export, template),
            output=self._output,
            nested=lambda logical_id, output: self._nested_output(template.name, logical_id, output),
            assume=self._assume,
        )
        resolver = Resolver(template.body, surroundings, lambda logical_id: f"<{name}.{logical_id}>")
        return Stack(template, resolver, template.account or "")

    def _assume(self, words: str) -> None:
        self.assumptions[words] = None

    def _only_account(self, stack: Stack) -> str | None:
        """The account of the chain's roles in a stack whose own account is not known, if they agree on one."""
        accounts: set[str] = set()
        for logical_id, _, _ in stack.resources(ROLE):
            identity = identity_of(stack.resolver, logical_id, Place(stack.template.name, logical_id))
            if identity and identity.named:
                declared = self._declared.get((identity.path, identity.name), [])
                if len(declared) == 1:
                    accounts.update(declared)
        return accounts.pop() if len(accounts) == 1 else None

    def _imported(self, export: str, template: Template) -> Json | None:
        if self._exports is None:
            self._exports = {}
            for stack in self.all:
                for name, value in _exports_of(stack):
                    self._exports.setdefault(name, []).append((stack, value))
        near = [
            (stack, value)
            for stack, value in self._exports.get(export, [])
            if template.account in (None, stack.template.account)
            and template.region in (None, stack.template.region)
        ]
        return self._value(f"export {export}", *near[0]) if len(near) == 1 else None

    def _output(self, wanted: Mapping[str, Json]) -> Json | None:
        name, region = wanted.get("StackName"), wanted.get("Region")
        found = [
            stack
            for stack in self.all
            if name in (stack.template.stack_name, stack.template.name)
            and (region is None or stack.template.region in (None, region))
        ]
        return self._output_of(found[0], wanted.get("OutputName")) if len(found) == 1 else None

    def _nested_output(self, parent: str, logical_id: str, output: str) -> Json | None:
        child = self._children.get((parent, logical_id))
        return self._output_of(child, output) if child else None

    def _output_of(self, stack: Stack, name: Json) -> Json | None:
        found = stack.resolver.section("Outputs").get(name) if isinstance(name, str) else None
        if not isinstance(found, Mapping):
            return None
        return self._value(f"output {stack.template.name} {name}", stack, found.get("Value"))

    def _value(self, what: str, stack: Stack, value: Json) -> Json | None:
        if what in self._looking:
            return None
        self._looking.add(what)
        try:
            return stack.resolver.resolve(value, Place(stack.template.name, part="Outputs"))
        finally:
            self._looking.discard(what)


def _none_known(body: Mapping[str, Json], value: Json) -> Mapping[str, Json]:
    """``value`` for every parameter that a template declares."""
    declared = body.get("Parameters")
    return dict.fromkeys(declared if isinstance(declared, Mapping) else (), value)


def _exports_of(stack: Stack) -> Iterator[tuple[str, Json]]:
    place = Place(stack.template.name, part="Outputs")
    for output in stack.resolver.section("Outputs").values():
        export = output.get("Export") if isinstance(output, Mapping) else None
        name = stack.resolver.resolve(export.get("Name"), place) if isinstance(export, Mapping) else None
        if isinstance(name, str):
            yield name, output.get("Value")
