"""The resources of a template, as they are written there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Json


@dataclass(frozen=True)
class Resource:
    """A resource of a template, as it is written there.

    Attributes:
        template: the template's name.
        logical_id: its logical id.
        type: ``AWS::IAM::Role`` and the like.
        properties: its properties; empty where it has none that can be read.
        element: the whole of it.
    """

    template: str
    logical_id: str
    type: str
    properties: Mapping[str, Json]
    element: Mapping[str, Json]

    def place(self, part: str = "") -> SourceLocation:
        """The place of the resource, or of a part of it."""
        return SourceLocation(self.template, self.logical_id, part=part)


def resources_of(template: str, body: object) -> Iterator[Resource]:
    """The resources that stand in the body of a template."""
    listed = body.get("Resources") if isinstance(body, Mapping) else None
    for logical_id, element in listed.items() if isinstance(listed, Mapping) else ():
        if isinstance(element, Mapping) and isinstance(kind := element.get("Type"), str):
            properties = element.get("Properties")
            yield Resource(
                template,
                str(logical_id),
                kind,
                properties if isinstance(properties, Mapping) else {},
                element,
            )


def inline_template(resource: Resource) -> Json:
    """The template that stands in a stack set, as text or object; None where none stands there that can be read."""
    body = resource.properties.get("TemplateBody")
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None  # YAML, perhaps: the proof says what cannot be read


def stack_set_resources(resource: Resource) -> Iterator[Resource]:
    """The resources of the template that stands in a stack set."""
    yield from resources_of(resource.template, inline_template(resource))
