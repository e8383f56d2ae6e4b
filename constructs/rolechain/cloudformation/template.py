"""CloudFormation templates, and the environment in which they are deployed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rolechain.cloudformation.texts import items_of, section

Json = Any
_STACK_NAME = re.compile(r"[a-z][a-z\d-]*", re.ASCII | re.IGNORECASE)
TRANSFORM = "Fn::Transform"
"""The only function that may have sibling keys: a macro that may change them."""


@dataclass(frozen=True)
class Template:
    """One stack's template, and where it is deployed.

    Attributes:
        name: the stack's name, or the file's.
        body: the template as parsed JSON.
        account: the id of the account that it is deployed to; None if that is not known.
        region: the region; None if that is not known.
        dependencies: the names of the templates that are deployed before it.
        file: the file that it was read from, for the report.
        stack_name: the stack's name, where ``name`` is another.
        nested: the templates of its nested stacks, and of stack sets that are assets, by the logical id of each; one
            that is not at hand is left out.
        parameters: the values that its parameters are given, by name.
        stored: what Systems Manager holds where it is deployed, by name.
        conditions: what its conditions are taken to be, whatever they are made of, by name.
        source: the template as it is written, where ``body`` is what AWS's transforms make of it.
        deployed: whether it says what an account holds already, where no order of deployment matters.
    """

    name: str
    body: Mapping[str, Json]
    account: str | None = None
    region: str | None = None
    dependencies: tuple[str, ...] = field(default=())
    file: str | None = None
    stack_name: str | None = None
    nested: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    source: Mapping[str, Json] | None = None
    deployed: bool = False

    @property
    def stack(self) -> str | None:
        """The stack's name; None if that is not known, as where ``name`` is none that CloudFormation takes."""
        return self.stack_name or (self.name if _STACK_NAME.fullmatch(self.name) else None)

    def child(self, logical_id: str, body: Mapping[str, Json], parameters: Mapping[str, Json]) -> Template:
        """The template of a stack that a resource of this one makes, which shares none of its parameters."""
        return replace(
            self,
            name=f"{self.name}/{logical_id}",
            body=body,
            nested={},
            stack_name=None,
            parameters=parameters,
            conditions={},
        )


def none_known(body: Mapping[str, Json], value: Json) -> dict[str, Json]:
    """``value`` for every parameter that a template declares."""
    return dict.fromkeys(section(body, "Parameters"), value)


def transforms_of(body: Mapping[str, Json]) -> Iterator[str]:
    """The names of the macros that change the whole of a template, in the order in which they run."""
    for name in ("Transform", TRANSFORM):
        yield from names_of_transforms(body.get(name))


def names_of_transforms(transforms: Json) -> Iterator[str]:
    """The names in a ``Transform`` or an ``Fn::Transform``."""
    for transform in items_of(transforms):
        name = transform.get("Name") if isinstance(transform, Mapping) else transform
        yield name if isinstance(name, str) else "that is not named"


@dataclass(frozen=True)
class Surroundings:
    """The environment in which a template's values are resolved.

    Attributes:
        template: the template, which tells its region, parameters and conditions as far as they are known.
        partition: its partition.
        by_user: whether the user gives its parameters, and no other stack.
        imported: looks up an export of another stack by its name.
        output: looks up an output of another stack, given the argument of Fn::GetStackOutput.
        nested: looks up an output of a nested stack, by logical id and name.
        assume: takes an assumption, in words.
    """

    template: Template
    partition: str
    by_user: bool
    imported: Callable[[str], Json | None]
    output: Callable[[Mapping[str, Json]], Json | None]
    nested: Callable[[str, str], Json | None]
    assume: Callable[[str], None]
