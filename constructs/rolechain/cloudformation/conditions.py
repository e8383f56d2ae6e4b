"""What the conditions of a template depend on, their other branches, and which of them exclude each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from rolechain.cloudformation import texts
from rolechain.cloudformation.parameter_values import ParameterError, stored_type, with_values
from rolechain.cloudformation.resolver import Resolver
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stacks import Stacks
from rolechain.cloudformation.template import Json, Template
from rolechain.cloudformation.unresolved import Unresolved

_KINDS = ("AWS::IAM::", "AWS::Serverless::", "AWS::CloudFormation::Stack", "AWS::SSO::")
"""The types whose conditions bear on roles."""


_ANY = ("q7zk", "73519", "735190000000")
"""Values that no template compares with; none of them is shown."""


class Branch(NamedTuple):
    """A template as it is where a condition is not as its parameters' defaults make it.

    Attributes:
        words: under which condition that is.
        template: the template.
        is_known: whether the defaults say what the condition is.
    """

    words: str
    template: Template
    is_known: bool


def branches(template: Template) -> Iterator[Branch]:
    """The other branch of each condition that parameters decide whose values the user does not give, one at a time.

    A parameter is given a value by which the condition is another, so that the conditions that depend on it as well
    change with it. Where no single parameter decides, the condition alone is taken to be another.
    """
    conditions = texts.section(template.body, "Conditions")
    if not (used := _used(template.body, conditions)):
        return
    resolver = Stacks([template], None).all[0].resolver
    place = SourceLocation(template.name)
    for name in used:
        parameters = [
            each
            for each in _parameters(conditions.get(name), conditions, template.body)
            if each not in template.parameters
        ]
        known = resolver.condition(name, place)
        for wanted in (True, False) if parameters else ():
            if wanted is not known:
                which = "parameter" if len(parameters) == 1 else "parameters"
                verb = "holds" if wanted else "does not hold"
                words = f"if condition {name} ({which} {', '.join(parameters)}) {verb}"
                other = _decided(template, resolver, name, parameters, wanted=wanted)
                yield Branch(words, other, known is not None)


def _decided(
    template: Template, resolver: Resolver, name: str, parameters: Sequence[str], *, wanted: bool
) -> Template:
    """The template with a parameter by which a condition is as wanted, or else with the condition itself."""
    place = SourceLocation(template.name)
    for parameter in parameters:
        for value in _candidates(template.body, parameter):
            try:
                (other,) = with_values([template], {parameter: value})
            except ParameterError:
                continue
            around = replace(resolver.around, template=other, assume=set[str]().add)
            trial = Resolver(resolver.body, around)
            if trial.condition(name, place) is not wanted:
                continue
            if value not in _ANY:
                return other
            # Any other value decides likewise: the conditions are known by it, and the value is not.
            held = {each: trial.condition(each, place) for each in trial.section("Conditions")}
            anything = Unresolved(f"Ref {parameter}", f"parameter {parameter} may be anything else", place)
            return replace(
                template,
                parameters={**template.parameters, parameter: anything},
                conditions={each: holds for each, holds in held.items() if holds is not None},
            )
    # By which values it is as wanted is not known; those of the defaults it is not.
    reason = f"condition {name} {'holds' if wanted else 'does not hold'} by it"
    unknown = {each: Unresolved(f"Ref {each}", reason, place) for each in parameters}
    return replace(
        template,
        parameters={**template.parameters, **unknown},
        conditions={**template.conditions, name: wanted},
    )


def _candidates(body: Mapping[str, Json], parameter: str) -> Iterator[str]:
    """Values by which a parameter may decide a condition: any at all, what it may be, and what is compared."""
    declared = body["Parameters"][parameter]
    if not isinstance(declared, Mapping) or stored_type(str(declared.get("Type"))):
        return
    allowed = declared.get("AllowedValues")
    mappings = body.get("Mappings")
    compared = (*_texts(body.get("Conditions")), *(_texts(mappings) if mappings else ()))
    for value in dict.fromkeys((*_ANY, *(allowed if isinstance(allowed, list) else ()), "", *compared)):
        if (text := texts.scalar(value)) is not None:
            yield text


def _texts(value: Json) -> Iterator[str]:
    """The texts in a value, and the keys of its objects."""
    for item in texts.within(value):
        for each in item if isinstance(item, Mapping) else (item,):
            if (text := texts.scalar(each)) is not None:
                yield text


def _used(body: Mapping[str, Json], conditions: Mapping[str, Json]) -> list[str]:
    """The conditions that resources name which bear on roles, in the order of the template."""
    about_roles = [
        each
        for each in texts.section(body, "Resources").values()
        if isinstance(each, Mapping) and str(each.get("Type")).startswith(_KINDS)
    ]
    named: set[str] = set()
    for item in texts.objects_in(about_roles):
        chosen = item.get("Fn::If")
        found = (item.get("Condition"), chosen[0] if isinstance(chosen, list) and chosen else None)
        named |= {each for each in found if isinstance(each, str)}
    return [name for name in conditions if name in named]


def _parameters(value: Json, conditions: Mapping[str, Json], body: Mapping[str, Json]) -> list[str]:
    found: set[str] = set()
    expressions, seen = [value], set()
    for item in (each for expression in expressions for each in texts.objects_in(expression)):
        reference, name = item.get("Ref"), item.get("Condition")
        found |= {reference} if isinstance(reference, str) else set()
        found.update(texts.names_in(item.get("Fn::Sub")))
        if isinstance(name, str) and name not in seen:
            seen.add(name)
            expressions.append(conditions.get(name))
    return [name for name in texts.section(body, "Parameters") if name in found]


_CONDITION = "condition"
Requirement = tuple[str, str, bool]
"""What must be so where a condition holds: what is compared, with what, and whether it is equal."""


def requirements(
    name: Json, conditions: Mapping[str, Json], *, holds: bool = True, depth: int = 0
) -> frozenset[Requirement]:
    """What surely is so where a condition holds, or does not."""
    expression = conditions.get(name) if isinstance(name, str) else None
    own = frozenset({(_CONDITION, str(name), holds)})
    return own | _required(expression, conditions, holds, depth)


def _required(value: Json, conditions: Mapping[str, Json], holds: bool, depth: int) -> frozenset[Requirement]:
    if depth > 20 or not isinstance(value, Mapping) or len(value) != 1:
        return frozenset()
    function, argument = next(iter(value.items()))
    if function == "Condition":
        return requirements(argument, conditions, holds=holds, depth=depth + 1)
    if not isinstance(argument, (list, tuple)):
        return frozenset()
    if function == "Fn::Not" and len(argument) == 1:
        return _required(argument[0], conditions, not holds, depth + 1)
    if function == "Fn::Equals" and len(argument) == 2:
        first, second = sorted(argument, key=lambda each: texts.scalar(each) is not None)
        text = texts.scalar(second)
        if texts.scalar(first) is None and text is not None:
            return frozenset({(json.dumps(first, sort_keys=True, default=str), text, holds)})
    if function == ("Fn::And" if holds else "Fn::Or"):
        parts = (_required(each, conditions, holds, depth + 1) for each in argument)
        return frozenset().union(*parts)
    return frozenset()


def exclude(ones: frozenset[Requirement], others: frozenset[Requirement]) -> bool:
    """Whether what two conditions of one stack require cannot be so at once."""
    return any(
        # A parameter is equal to one value alone; several conditions may hold.
        (one[2] is not other[2]) if one[1] == other[1] else (one[0] != _CONDITION and one[2] and other[2])
        for one in ones
        for other in others
        if one[0] == other[0]
    )
