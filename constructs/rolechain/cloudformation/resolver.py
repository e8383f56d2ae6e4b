"""Resolves the intrinsic functions of one template.

Source: CloudFormation User Guide, "Intrinsic function reference" and "Pseudo parameters reference".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rolechain.cloudformation import intrinsics, texts
from rolechain.cloudformation.parameter_values import is_list, stored_type
from rolechain.cloudformation.resources import UNPLACED, attribute_of, reference_to
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import TRANSFORM, Json, Surroundings
from rolechain.cloudformation.unresolved import EmptyDefault, Unresolved, made_with
from rolechain.policy.logic import Ternary, all_of, any_of, negation

__all__ = ["TRANSFORM", "Resolver", "Unresolved"]

DEPTH_LIMIT = 60
"""How deep a value may be nested; IAM's grammar and CloudFormation's functions need far less."""


class _Removed:
    """The value of ``AWS::NoValue``: the property is omitted."""


_REMOVED = _Removed()


class Resolver:
    """Resolves the values of one template; what is not known becomes ``Unresolved``, and nothing raises.

    Args:
        body: the template.
        surroundings: the account, region, parameters and other stacks that its values depend on.
        placeholder: gives a placeholder for a name that CloudFormation generates, by logical id.

    Attributes:
        body: the template.
    """

    def __init__(
        self, body: Mapping[str, Json], surroundings: Surroundings, placeholder: Callable[[str], str]
    ) -> None:
        self.around = surroundings
        self.placeholder = placeholder
        self.body = body
        self._open: set[tuple[str, str]] = set()
        self._conditions: dict[str, Ternary] = {}
        self._asked: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[str, str], Json | None] = {}

    def section(self, name: str) -> Mapping[str, Json]:
        """A section of the template; empty where it is missing or no object, or where a macro may change all of it."""
        found = self.body.get(name)
        if not isinstance(found, Mapping) or (name != "Resources" and TRANSFORM in found):
            return {}
        return found

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
        if isinstance(name, str) and name in self.around.conditions:
            return self.around.conditions[name]
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
        if not self.around.account_known and self.around.account in f"{first} {second}":
            return None
        left, right = texts.scalar(first), texts.scalar(second)
        return first == second if left is None or right is None else left == right

    def reference(self, argument: Json, place: SourceLocation, _: int) -> Json:
        """``Ref``."""
        if not isinstance(argument, str):
            return Unresolved("Ref", "it names nothing", place)
        if argument.startswith("AWS::"):
            return self._pseudo(argument, place)
        if argument in self.section("Parameters") or argument in self.around.parameters:
            return self._parameter(argument, place)
        return self._of_resource("Ref", argument, place, lambda: reference_to(self, argument, place))

    def _pseudo(self, name: str, place: SourceLocation) -> Json:
        around = self.around
        known: dict[str, Any] = {
            "AWS::NoValue": _REMOVED,
            "AWS::AccountId": around.account,
            "AWS::Partition": around.partition,
            "AWS::Region": around.region,
            "AWS::StackName": around.stack,
            "AWS::URLSuffix": "amazonaws.com.cn" if around.partition == "aws-cn" else "amazonaws.com",
        }
        found = known.get(name)
        if found is not None:
            return found
        asks, text = ((name,), UNPLACED) if name == "AWS::Region" else ((), None)
        return Unresolved(f"Ref {name}", "its value is known on deployment only", place, asks, text)

    def _parameter(self, name: str, place: SourceLocation) -> Json:
        declared = self.section("Parameters").get(name)
        declared = declared if isinstance(declared, Mapping) else {}
        kind = str(declared.get("Type", "String"))
        is_given = name in self.around.parameters
        value = self.around.parameters[name] if is_given else declared.get("Default")
        if isinstance(value, Unresolved):
            return value
        if value is None or TRANSFORM in declared:
            asks = (name,) if self.around.by_user and declared and TRANSFORM not in declared else ()
            return Unresolved(f"Ref {name}", f"parameter {name} has no default", place, asks)
        text = texts.scalar(value)
        if (stored := stored_type(kind)) is not None:
            if text is None or text not in self.around.stored:
                return Unresolved(
                    f"Ref {name}",
                    f"parameter {name} is read from Systems Manager on deployment",
                    place,
                    (f"ssm:{text}",) if text and self.around.by_user else (),
                )
            kind, text, is_given = stored, self.around.stored[text], True
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


_FUNCTIONS: dict[str, Callable[[Resolver, Json, SourceLocation, int], Json]] = {
    "Ref": Resolver.reference,
    "Fn::GetAtt": Resolver.attribute,
    "Fn::Join": intrinsics.join,
    "Fn::Sub": intrinsics.sub,
    "Fn::Select": intrinsics.select,
    "Fn::Split": intrinsics.split,
    "Fn::If": Resolver._if,
    "Fn::FindInMap": intrinsics.find_in_map,
    "Fn::ImportValue": intrinsics.imported,
    "Fn::GetStackOutput": intrinsics.stack_output,
    "Fn::Length": intrinsics.length,
    "Fn::ToJsonString": intrinsics.to_json_string,
}
