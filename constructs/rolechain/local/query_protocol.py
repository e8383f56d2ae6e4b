"""The query protocol of STS and CloudFormation: the parameters of a call and its answer, by botocore's model."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.loaders import create_loader
from botocore.model import ServiceModel

from rolechain.iam.limits import is_tag_text
from rolechain.local.emulator import Response
from rolechain.local.errors import ServiceError
from rolechain.local.principals import timestamp


def parameters(query: Mapping[str, list[str]], body: bytes) -> dict[str, str]:
    """The parameters of a request, in its query and in the form in its body."""
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in {**query, **form}.items()}


def read(
    service: str, operation: str, given: Mapping[str, str], maximum: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """The parameters of a call that a form holds: lists, mappings, truth values, and text, which numbers stay.

    Args:
        service: the service's name in botocore.
        operation: the operation.
        given: the form.
        maximum: the maximums that the model lacks, by the name of the parameter.

    Raises:
        ServiceError: one or more of them are not as the model says.
    """
    shape = model(service).operation_model(operation).input_shape
    values: dict[str, Any] = (_parsed(shape, given, "") if shape else None) or {}
    if problems := list(_problems(shape, values, "", maximum or {}) if shape else ()):
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise ServiceError("ValidationError", count + "; ".join(problems))
    return values


def form(value: Any, name: str = "") -> dict[str, str]:
    """The form of values as JSON has them, which ``read`` reads."""
    if isinstance(value, dict):
        parts = {f"{name}.{key}".lstrip("."): part for key, part in value.items()}
    elif isinstance(value, list):
        parts = {f"{name}.member.{number}": part for number, part in enumerate(value, 1)}
    else:
        return {name: str(value).lower() if isinstance(value, bool) else str(value)}
    return {key: text for at, part in parts.items() for key, text in form(part, at).items()}


def response(service: str, operation: str, result: Mapping[str, Any]) -> Response:
    """The answer to a call that went well; what is None, or not in the model, is left out."""
    described = model(service)
    shape = described.operation_model(operation).output_shape
    held = _element(f"{operation}Result", shape, result) if shape else ""
    namespace = described.metadata["xmlNamespace"]
    return (
        200,
        {"Content-Type": "text/xml"},
        (
            f'<{operation}Response xmlns="{namespace}">{held}'
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
        ).encode(),
    )


def page(name: str, items: Sequence[Any], given: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The page of a listing that a call asks for, under the listing's name, with the token of the next page.

    Args:
        name: the name.
        items: the listing.
        given: the parameters of the call; its token must be a number.
        most: how many are on a page if the call does not say.
    """
    start = int(given.get("NextToken", 0))
    end = start + int(given.get("MaxResults", most))
    return {name: items[start:end], "NextToken": str(end) if end < len(items) else None}


@functools.cache
def model(service: str) -> ServiceModel:
    """Botocore's model of a service."""
    return ServiceModel(create_loader().load_service_model(service, "service-2"))


def _element(name: str, shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        members = shape.members.items()
        held = "".join(_element(key, part, value[key]) for key, part in members if value.get(key) is not None)
    elif shape.type_name == "list":
        held = "".join(_element("member", shape.member, item) for item in value)
    elif shape.type_name == "timestamp":
        held = timestamp(value)
    else:
        held = escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{held}</{name}>"


def _parsed(shape: Any, form: Mapping[str, str], name: str) -> Any:
    """The value of a shape in a form of the query protocol: text, or lists and mappings of texts; None for nothing."""
    if shape.type_name == "structure":
        prefix = f"{name}." if name else ""
        members = {key: _parsed(member, form, prefix + key) for key, member in shape.members.items()}
        return {key: value for key, value in members.items() if value not in (None, [])} or None
    if shape.type_name == "list":
        items: list[Any] = []
        while (item := _parsed(shape.member, form, f"{name}.member.{len(items) + 1}")) is not None:
            items.append(item)
        return items
    value = form.get(name)
    return value.lower() == "true" if value and shape.type_name == "boolean" else value


def _problems(shape: Any, value: Any, name: str, maximums: Mapping[str, int]) -> Iterator[str]:
    """The constraints of the model that a value breaks, in AWS's words."""
    limits, kind = shape.metadata, shape.type_name
    if kind == "structure":
        prefix = f"{name}." if name else ""
        for key, member in shape.members.items():
            at = f"{prefix}{key[0].lower()}{key[1:]}"
            if key in value:
                yield from _problems(member, value[key], at, maximums)
            elif key in shape.required_members:
                yield f"Value null at '{at}' failed to satisfy constraint: Member must not be null"
        return
    if kind == "boolean":
        return
    size: int = len(value)
    if kind == "integer":
        if not re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
            raise ServiceError("MalformedInput", f"'{value}' at '{name}' is not a number")
        size = int(value)
    measure = "value" if kind == "integer" else "length"
    broken = []
    if size < limits.get("min", size):
        broken.append(f"must have {measure} greater than or equal to {limits['min']}")
    maximum = maximums.get(name[0].upper() + name[1:], limits.get("max", size))
    if size > maximum:
        broken.append(f"must have {measure} less than or equal to {maximum}")
    if not _matches(limits.get("pattern"), value):
        broken.append(f"must satisfy regular expression pattern: {limits['pattern']}")
    if getattr(shape, "enum", None) and value not in shape.enum:
        broken.append(f"must satisfy enum value set: [{', '.join(shape.enum)}]")
    shown = "" if kind == "list" else f" '{value}'"
    for constraint in broken:
        yield f"Value{shown} at '{name}' failed to satisfy constraint: Member {constraint}"
    for number, item in enumerate(value if kind == "list" else (), 1):
        yield from _problems(shape.member, item, f"{name}.{number}.member", maximums)


def _matches(pattern: str | None, value: str) -> bool:
    """Whether a text matches a pattern of the model, which is Java's."""
    # Python has neither the code points of an ARN's pattern, nor the categories of a tag's.
    if pattern is None or r"\u10000" in pattern:
        return True
    return is_tag_text(value) if r"\p{" in pattern else bool(re.fullmatch(pattern, value, re.ASCII))
