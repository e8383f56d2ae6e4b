"""Resolves the intrinsic functions of one template.

Source: CloudFormation User Guide, "Intrinsic function reference" and "Pseudo parameters reference".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from rolechain.cloudformation import texts
from rolechain.cloudformation.parameter_values import is_list, stored_type
from rolechain.cloudformation.resources import UNPLACED, attribute_of, reference_to, stand_in
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import TRANSFORM, Json, Surroundings
from rolechain.cloudformation.unresolved import EmptyDefault, Unresolved, made_with
from rolechain.policy.logic import Ternary, all_of, any_of, negation

DEPTH_LIMIT = 60
"""How deep a value may be nested; IAM's grammar and CloudFormation's functions need far less."""
_LONGEST = 100_000
"""How long a text may become: a template within a stack set has 51,200 characters at most, and no value is longer."""


class _Removed:
    """The value of ``AWS::NoValue``: the property is omitted."""


_REMOVED = _Removed()


class Resolver:
    """Resolves the values of one template; what is not known becomes ``Unresolved``, and nothing raises.

    Args:
        body: the template.
        surroundings: the account, region, parameters and other stacks that its values depend on.

    Attributes:
        body: the template.
        around: the surroundings.
        account: the id of its account, or what stands in for one that is not known.
    """

    def __init__(self, body: Mapping[str, Json], surroundings: Surroundings) -> None:
        self.body = body
        self.around = surroundings
        self.account = surroundings.template.account or stand_in(surroundings.template.name)
        self._open: set[tuple[str, str]] = set()
        self._conditions: dict[str, Ternary] = {}
        self._asked: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[str, str], Json | None] = {}

    def placeholder(self, logical_id: str) -> str:
        """What stands in for a name that CloudFormation makes up for a resource."""
        return stand_in(self.around.template.name, logical_id)

    def section(self, name: str) -> Mapping[str, Json]:
        """A section of the template; empty where it is missing or no object, or where a macro may change all of it."""
        found = texts.section(self.body, name)
        return {} if name != "Resources" and TRANSFORM in found else found

    def resolve(self, value: Json, place: SourceLocation, depth: int = 0) -> Json:
        """``value`` with every function in it resolved.

        Args:
            value: JSON of the template.
            place: its location, which an unresolved value keeps.
            depth: how deep it is nested.
        """
        found = self._resolve(value, place, depth)
        return None if found is _REMOVED else found

    def _resolve(self, value: Json, place: SourceLocation, depth: int) -> Json:
        if isinstance(value, str):
            return _settled(value, place)
        if value is None or isinstance(value, (bool, int, float, Unresolved)):
            return value
        if depth > DEPTH_LIMIT:
            return Unresolved("value", "it is nested too deeply", place)
        if isinstance(value, Mapping):
            if len(value) == 1:
                name, argument = next(iter(value.items()))
                if name == "Ref" or (isinstance(name, str) and name.startswith("Fn::")):
                    if name not in _FUNCTIONS:
                        return Unresolved(name, "its value is known on deployment only", place)
                    found = _FUNCTIONS[name](self, argument, place, depth + 1)
                    return _settled(found, place) if isinstance(found, str) else found
            if TRANSFORM in value:
                return Unresolved(TRANSFORM, "what a macro makes of it is not known", place)
            resolved = ((key, self._resolve(item, place, depth + 1)) for key, item in value.items())
            return {str(key): item for key, item in resolved if item is not _REMOVED}
        if isinstance(value, (list, tuple)):
            items = (self._resolve(item, place, depth + 1) for item in value)
            return [item for item in items if item is not _REMOVED]
        return Unresolved("value", f"{type(value).__name__} is not JSON", place)

    def condition(self, name: Json, place: SourceLocation) -> Ternary:
        """Whether a condition of the template holds; None if it cannot be known."""
        conditions = self.section("Conditions")
        if isinstance(name, str) and name in self.around.template.conditions:
            return self.around.template.conditions[name]
        if not isinstance(name, str) or name not in conditions or ("condition", name) in self._open:
            return None
        if name not in self._conditions:
            self._open.add(("condition", name))
            try:
                self._conditions[name] = self._test(conditions[name], place, 0)
            finally:
                self._open.discard(("condition", name))
        return self._conditions[name]

    def asked_of(self, name: Json, place: SourceLocation) -> tuple[str, ...]:
        """The inputs that a condition depends on, as ``Unresolved.asks``."""
        if not isinstance(name, str):
            return ()
        if name not in self._asked:
            self._asked[name] = ()  # for a condition that refers to itself
            asks: dict[str, None] = {}
            parts = [self.section("Conditions").get(name)]
            for part in parts:
                if isinstance(part, (list, tuple)):
                    parts += part
                elif isinstance(part, Mapping):
                    for function, argument in part.items():
                        if function == "Condition":
                            asks |= dict.fromkeys(self.asked_of(argument, place))
                        elif function != "Fn::Equals":
                            parts.append(argument)
                        elif isinstance(compared := self.resolve(argument, place), list):
                            for value in compared:
                                asks |= dict.fromkeys(value.asks if isinstance(value, Unresolved) else ())
            self._asked[name] = tuple(asks)
        return self._asked[name]

    def _test(self, value: Json, place: SourceLocation, depth: int) -> Ternary:
        if depth > DEPTH_LIMIT or not isinstance(value, Mapping) or len(value) != 1:
            return {"true": True, "false": False}.get(str(value).lower())
        name, argument = next(iter(value.items()))
        if name == "Condition":
            return self.condition(argument, place)
        if not isinstance(argument, (list, tuple)):
            return None
        if name == "Fn::Equals" and len(argument) == 2:
            first, second = (self.resolve(item, place, depth + 1) for item in argument)
            return self._equal(first, second)
        answers = [self._test(item, place, depth + 1) for item in argument]
        if name == "Fn::And":
            return all_of(answers)
        if name == "Fn::Or":
            return any_of(answers)
        return negation(answers[0]) if name == "Fn::Not" and len(answers) == 1 else None

    def _equal(self, first: Json, second: Json) -> Ternary:
        if texts.holds_unknown((first, second)):
            return None
        if self.around.template.account is None and self.account in f"{first} {second}":
            return None
        left, right = texts.scalar(first), texts.scalar(second)
        return first == second if left is None or right is None else left == right

    def reference(self, argument: Json, place: SourceLocation, _: int) -> Json:
        """``Ref``."""
        if not isinstance(argument, str):
            return Unresolved("Ref", "it names nothing", place)
        if argument.startswith("AWS::"):
            return self._pseudo(argument, place)
        if argument in self.section("Parameters") or argument in self.around.template.parameters:
            return self._parameter(argument, place)
        return self._of_resource("Ref", argument, place, lambda: reference_to(self, argument, place))

    def _pseudo(self, name: str, place: SourceLocation) -> Json:
        around = self.around
        known: dict[str, Any] = {
            "AWS::NoValue": _REMOVED,
            "AWS::AccountId": self.account,
            "AWS::Partition": around.partition,
            "AWS::Region": around.template.region,
            "AWS::StackName": around.template.stack,
            "AWS::URLSuffix": "amazonaws.com.cn" if around.partition == "aws-cn" else "amazonaws.com",
        }
        found = known.get(name)
        if found is not None:
            return found
        asks, text = ((name,), UNPLACED) if name == "AWS::Region" else ((), None)
        return Unresolved(f"Ref {name}", "its value is known on deployment only", place, asks, text)

    def _parameter(self, name: str, place: SourceLocation) -> Json:
        declared = texts.section(self.section("Parameters"), name)
        kind = str(declared.get("Type", "String"))
        given, stored = self.around.template.parameters, self.around.template.stored
        is_given = name in given
        value = given[name] if is_given else declared.get("Default")
        if isinstance(value, Unresolved):
            return value
        if value is None or TRANSFORM in declared:
            asks = (name,) if self.around.by_user and declared and TRANSFORM not in declared else ()
            return Unresolved(f"Ref {name}", f"parameter {name} has no default", place, asks)
        text = texts.scalar(value)
        if (of_stored := stored_type(kind)) is not None:
            if text is None or text not in stored:
                return Unresolved(
                    f"Ref {name}",
                    f"parameter {name} is read from Systems Manager on deployment",
                    place,
                    (f"ssm:{text}",) if text and self.around.by_user else (),
                )
            kind, text, is_given = of_stored, stored[text], True
        if text is None:
            what = "what is given to" if is_given else "the default of"
            return Unresolved(f"Ref {name}", f"{what} parameter {name} is not a string", place)
        if not is_given:
            self.around.assume(f"assuming {name} = {text} ({place.template})")
            if not text.strip(" ,"):
                text = EmptyDefault.of(text, [name], [name] if self.around.by_user else ())
        if not is_list(kind):
            return text
        return [_settled(made_with(item.strip(), [text]), place) for item in text.split(",")]

    def attribute(self, argument: Json, place: SourceLocation, depth: int) -> Json:
        """``Fn::GetAtt``, as a list or as a text."""
        if isinstance(argument, str):
            argument = argument.split(".", 1)
        if not isinstance(argument, (list, tuple)) or len(argument) != 2 or not isinstance(argument[0], str):
            return Unresolved("Fn::GetAtt", "it names no attribute", place)
        logical_id, attribute = argument[0], self.resolve(argument[1], place, depth)
        what = f"Fn::GetAtt {logical_id}.{attribute}"
        if not isinstance(attribute, str):
            return Unresolved("Fn::GetAtt", "it names no attribute", place)

        def find() -> Json | None:
            if attribute.startswith("Outputs."):
                return self.around.nested(logical_id, attribute.removeprefix("Outputs."))
            return attribute_of(self, logical_id, attribute, place)

        return self._of_resource(what, logical_id, place, find)

    def _of_resource(
        self, what: str, logical_id: str, place: SourceLocation, find: Callable[[], Json | None]
    ) -> Json:
        if logical_id not in self.section("Resources"):
            return Unresolved(what, f"the template has no resource {logical_id}", place)
        if (what, logical_id) in self._open:
            return Unresolved(what, "it refers to itself", place)
        if (what, logical_id) not in self._found:
            self._open.add((what, logical_id))
            try:
                self._found[what, logical_id] = find()
            finally:
                self._open.discard((what, logical_id))
        found = self._found[what, logical_id]
        return Unresolved(what, "its value is known on deployment only", place) if found is None else found

    def _if(self, argument: Json, place: SourceLocation, depth: int) -> Json:
        if not isinstance(argument, (list, tuple)) or len(argument) != 3:
            return Unresolved("Fn::If", "it is not written as CloudFormation asks", place)
        holds = self.condition(argument[0], place)
        if holds is not None:
            return self._resolve(argument[1 if holds else 2], place, depth)
        both = [self._resolve(item, place, depth) for item in argument[1:]]
        if both[0] == both[1]:
            return both[0]
        asks = self.asked_of(argument[0], place)
        return Unresolved("Fn::If", f"condition {argument[0]} cannot be known", place, asks)


def _settled(text: str, place: SourceLocation) -> Json:
    """``text``, unless CloudFormation looks up a part of it on deployment."""
    if "{{resolve:" not in text:
        return text
    return Unresolved("dynamic reference", f"{text} is looked up on deployment", place)


def _join(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    if not isinstance(argument, (list, tuple)) or len(argument) != 2 or not isinstance(argument[0], str):
        return Unresolved("Fn::Join", "it is not written as CloudFormation asks", place)
    items = resolver.resolve(argument[1], place, depth)
    return _joined("Fn::Join", argument[0], items, place)


def _joined(function: str, separator: str, items: Json, place: SourceLocation) -> Json:
    if isinstance(items, Unresolved):
        return items
    parts: list[str] = []
    unplaced: Unresolved | None = None
    for item in items if isinstance(items, list) else [items]:
        if isinstance(item, Unresolved):
            if item.text is None:
                return item
            unplaced, item = unplaced or item, item.text
        if (text := texts.scalar(item)) is None:
            return Unresolved(function, "a part of it is not a string", place)
        parts.append(text)
    if sum(map(len, parts)) > _LONGEST:
        return Unresolved(function, f"it makes a text of more than {_LONGEST:,} characters", place)
    if unplaced:
        return replace(unplaced, text=separator.join(parts))
    return made_with(separator.join(parts), parts)


def _sub(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    template, own = argument, {}
    if isinstance(argument, (list, tuple)) and len(argument) == 2:
        template, own = argument
    if not isinstance(template, str) or not isinstance(own, Mapping):
        return Unresolved("Fn::Sub", "it is not written as CloudFormation asks", place)
    parts: list[Json] = []
    given: dict[str, Json] = {}
    for text, name in texts.substitutions(template):
        parts.append(text)
        if name is None:
            continue
        if name in own:
            if name not in given:
                given[name] = resolver.resolve(own[name], place, depth)
            parts.append(given[name])
        elif "." in name:
            parts.append(resolver.attribute(name, place, depth))
        else:
            parts.append(resolver.reference(name, place, depth))
    return _joined("Fn::Sub", "", parts, place)


def _select(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    if isinstance(argument, (list, tuple)) and len(argument) == 2:
        index, items = (resolver.resolve(item, place, depth) for item in argument)
        for part in (index, items):
            if isinstance(part, Unresolved):
                return part
        number = texts.scalar(index)
        if isinstance(items, list) and number is not None and number.isdecimal() and int(number) < len(items):
            return items[int(number)]
    return Unresolved("Fn::Select", "it selects nothing", place)


def _split(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    if isinstance(argument, (list, tuple)) and len(argument) == 2:
        separator, text = argument[0], resolver.resolve(argument[1], place, depth)
        if isinstance(text, Unresolved):
            return text
        if isinstance(separator, str) and separator and isinstance(text, str):
            return [made_with(item, [text]) for item in text.split(separator)]
    return Unresolved("Fn::Split", "it is not written as CloudFormation asks", place)


def _find_in_map(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    keys = resolver.resolve(argument, place, depth)
    if isinstance(keys, list) and len(keys) in (3, 4):
        found: Json = resolver.section("Mappings")
        for key in keys[:3]:
            if isinstance(key, Unresolved):
                return key
            is_known = isinstance(found, Mapping) and TRANSFORM not in found
            found = found.get(texts.scalar(key)) if is_known else None
        if texts.scalar(found) is not None or (
            # A mapping holds no functions.
            isinstance(found, list) and all(texts.scalar(item) is not None for item in found)
        ):
            return resolver.resolve(found, place, depth)
        if len(keys) == 4 and isinstance(keys[3], Mapping) and "DefaultValue" in keys[3]:
            return keys[3]["DefaultValue"]
    return Unresolved("Fn::FindInMap", "the template has no such mapping", place)


def _imported(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    name = resolver.resolve(argument, place, depth)
    found = resolver.around.imported(name) if isinstance(name, str) else None
    if found is None:
        asks = name.asks if isinstance(name, Unresolved) else (f"import:{name}",) * isinstance(name, str)
        return Unresolved("Fn::ImportValue", f"no template exports {name}, or several do", place, asks)
    return found


def _stack_output(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    """An output of another stack, in whatever account."""
    wanted = resolver.resolve(argument, place, depth)
    found = resolver.around.output(wanted) if isinstance(wanted, Mapping) else None
    if found is None:
        return Unresolved("Fn::GetStackOutput", "no template has that output", place)
    return found


def _length(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    items = resolver.resolve(argument, place, depth)
    if isinstance(items, Unresolved):
        return items
    return len(items) if isinstance(items, list) else Unresolved("Fn::Length", "it is given no list", place)


def _to_json_string(resolver: Resolver, argument: Json, place: SourceLocation, depth: int) -> Json:
    value = resolver.resolve(argument, place, depth)
    if (unknown := next(texts.unknowns(value), None)) is not None:
        return unknown
    if not isinstance(value, (Mapping, list)):
        return Unresolved("Fn::ToJsonString", "it is given no object or list", place)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


_FUNCTIONS: dict[str, Callable[[Resolver, Json, SourceLocation, int], Json]] = {
    "Ref": Resolver.reference,
    "Fn::GetAtt": Resolver.attribute,
    "Fn::Join": _join,
    "Fn::Sub": _sub,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::If": Resolver._if,
    "Fn::FindInMap": _find_in_map,
    "Fn::ImportValue": _imported,
    "Fn::GetStackOutput": _stack_output,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json_string,
}
