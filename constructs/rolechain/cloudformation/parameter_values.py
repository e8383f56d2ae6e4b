"""The values of template parameters, validated against the declaration of each parameter.

Source: CloudFormation User Guide, "CloudFormation template Parameters syntax" and "Specify existing resources at
runtime with CloudFormation-supplied parameter types".
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from rolechain.cloudformation import texts
from rolechain.cloudformation.template import TRANSFORM, Json, Template
from rolechain.errors import RolechainError

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_STORED = "AWS::SSM::Parameter::Value<"


class ParameterError(RolechainError, ValueError):
    """A value is given that no template declares or that its parameter does not take, or a region that is none."""

    usage = True


def stored_type(kind: str) -> str | None:
    """The type of the value that a parameter of type ``kind`` reads from Systems Manager; None if it reads none."""
    return kind.removeprefix(_STORED).removesuffix(">") if kind.startswith(_STORED) else None


def is_list(kind: str) -> bool:
    """Whether a parameter of type ``kind`` is a list, given as one text with commas."""
    return kind == "CommaDelimitedList" or kind.startswith("List<")


def with_values(templates: Iterable[Template], values: Mapping[str, Json]) -> list[Template]:
    """The templates, each with the values of the parameters that it declares.

    Args:
        templates: the templates.
        values: the values by the parameter's name, or by the name under which Systems Manager holds one: a text, a
            number, true or false, or a list of those.

    Raises:
        ParameterError: no template declares such a parameter, or one does not take its value.
    """
    given = []
    named: dict[str, None] = {}
    for template in templates:
        declared = _declared(template)
        own = {
            name: _checked(template, name, declared[name], values[name])
            for name in declared
            if name in values
        }
        parameters = {**template.parameters, **own}
        keys = (
            texts.scalar(parameters.get(name, parameter.get("Default")))
            for name, parameter in declared.items()
            if stored_type(str(parameter.get("Type")))
        )
        names = [key for key in keys if key is not None]
        named |= dict.fromkeys((*declared, *names))
        stored = {
            name: _text(name, values[name], "List<String>")
            for name in names
            if name in values and name not in declared
        }
        given.append(replace(template, parameters=parameters, stored={**template.stored, **stored}))
    for name in values:
        if name not in named:
            known = f"give one of {', '.join(named)}" if named else "remove it"
            raise ParameterError(f"no template declares the parameter {name}: {known}")
    return given


def _declared(template: Template) -> dict[str, Mapping[str, Json]]:
    """The parameters of a template; where a macro may change all of them, none."""
    found = texts.section(template.body, "Parameters")
    return {
        name: each for name, each in found.items() if isinstance(each, Mapping) and TRANSFORM not in found
    }


def _checked(template: Template, name: str, declared: Mapping[str, Json], value: Json) -> str:
    kind = str(declared.get("Type", "String"))
    text = _text(name, value, kind)
    if stored_type(kind):
        return text
    items = [item.strip() for item in text.split(",")] if is_list(kind) else [text]
    for item in items:
        if problem := _problem(kind, declared, item):
            is_secret = str(declared.get("NoEcho")).lower() == "true"
            shown = "a value" if is_secret else repr(item)
            raise ParameterError(f"parameter {name} of {template.name} does not take {shown}: {problem}")
    return text


def _text(name: str, value: Json, kind: str) -> str:
    if isinstance(value, (list, tuple)) and is_list(kind):
        items = [texts.scalar(item) for item in value]
        known = [item for item in items if item is not None]
        if len(known) == len(items):
            return ",".join(known)
    text = texts.scalar(value)
    if text is None:
        what = "list" if isinstance(value, (list, tuple)) else type(value).__name__
        raise ParameterError(f"parameter {name} of type {kind} takes no {what}: give a text")
    return text


def _problem(kind: str, declared: Mapping[str, Json], item: str) -> str | None:
    """Why CloudFormation refuses a value, or an item of a list, and what to give; None if it takes it."""
    allowed = declared.get("AllowedValues")
    if isinstance(allowed, list) and item not in (known := [texts.scalar(each) for each in allowed]):
        return f"give one of its AllowedValues {', '.join(map(str, known))}"
    pattern = declared.get("AllowedPattern")
    if isinstance(pattern, str) and _matches(pattern, item) is False:
        return f"give one that its AllowedPattern {pattern} matches"
    if kind in ("Number", "List<Number>"):
        number = _number(item)
        if number is None:
            return "give a number"
        size, least, most, what = number, "MinValue", "MaxValue", "a number"
    else:
        size, least, most, what = Decimal(len(item)), "MinLength", "MaxLength", "a text"
    for limit, word in ((least, "at least"), (most, "at most")):
        bound = _number(texts.scalar(declared.get(limit)))
        if bound is not None and (size < bound if limit == least else size > bound):
            return f"give {what} of {word} {bound}{'' if what == 'a number' else ' characters'}"
    return None


def _number(text: str | None) -> Decimal | None:
    return Decimal(text) if text is not None and _NUMBER.fullmatch(text) else None


def _matches(pattern: str, text: str) -> bool | None:
    """Whether a pattern matches all of a text; None where it is written as Java alone reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)  # of a set within a set
        try:
            return re.fullmatch(pattern, text) is not None
        except (re.error, FutureWarning):
            return None
