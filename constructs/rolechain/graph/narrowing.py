"""What a condition asks of a request, as the values that it leaves a key.

The conditions of an Allow are read so that they leave at least the requests that IAM lets in, those of a Deny so that
they leave at most the requests that IAM denies. A condition on a value that is not known, on a number, on an address,
or on what only the call brings therefore counts as met in an Allow, and as not met in a Deny. The time of a call is one
of the values: a statement with an end is open, whatever the time is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import ceil, floor

from rolechain.graph.language import (
    EVERY_TEXT,
    NO_TEXT,
    Language,
    Pattern,
    Position,
    arn_of,
    glob_of,
    matching,
    text_of,
)
from rolechain.graph.requests import Narrowing, all_or_none, asking
from rolechain.graph.values import ManyValues, OneValue, Values, WholeNumber, only
from rolechain.iam.condition_keys import (
    CURRENT_TIME,
    EPOCH_TIME,
    MULTIVALUED,
    NEVER_EMPTY,
    WHOLE_NUMBERS,
    Kind,
    is_of_moment,
)
from rolechain.iam.glob import GlobPart
from rolechain.policy import operators
from rolechain.policy.conditions import AnyCondition, Condition, NullCheck
from rolechain.policy.elements import Intrinsic
from rolechain.policy.logic import any_of
from rolechain.policy.statement import Statement
from rolechain.policy.variables import TextWithVariables, Variable
from rolechain.policy.variables import parse as parse_template

_EMPTY = Pattern(())
_STRINGS = ("stringequals", "stringequalsignorecase", "stringlike")
_TIMES = {CURRENT_TIME: ("date",), EPOCH_TIME: ("date", "numeric")}
"""The types of operators that compare the time of a call, by its two keys."""


def narrowing(
    condition: AnyCondition, kind: Kind, constants: Mapping[str, str], *, surely: bool
) -> Narrowing | bool:
    """What a condition asks of a caller of a kind.

    Args:
        condition: the condition.
        kind: the kind of caller.
        constants: the keys, in lower case, whose values the callee settles.
        surely: whether the values are such that the condition surely holds; else, such that it may.

    Returns:
        The key and what it may be; or whether it holds whatever the request.
    """
    if surely and any(map(is_of_moment, condition.keys - {CURRENT_TIME, EPOCH_TIME})):
        return False
    if isinstance(condition, NullCheck):
        wanted = None if condition.quantified else any_of(condition.absent)
        if wanted is None:
            return not surely
        if True in condition.absent and False in condition.absent:
            return True
        values: Values | bool = all_or_none(condition.lookup, present=not wanted, absent=wanted)
    elif isinstance(condition, Condition):
        if (exchanged := _exchanged(condition, constants)) is not None:
            key, text = exchanged
            return asking(kind, key, only(text), surely=surely)
        values = _of_values(condition, constants, surely=surely)
    else:
        return not surely
    if isinstance(values, bool):
        return values
    constant = constants.get(condition.lookup)
    if constant is not None and isinstance(values, OneValue):
        return constant in values.texts
    return asking(kind, condition.lookup, values, surely=surely)


def _exchanged(condition: Condition, constants: Mapping[str, str]) -> tuple[str, str] | None:
    """The key that a variable names and the text that it must have, where the condition's own key is settled."""
    constant = constants.get(condition.lookup)
    if constant is None or condition.name not in _STRINGS or len(condition.elements) != 1:
        return None
    (element,) = condition.elements
    if isinstance(element, Intrinsic):
        return None
    parts = parse_template(element, condition.variables).parts
    (part, *more) = parts or [None]
    if more or not isinstance(part, Variable) or part.default is not None or part.key in constants:
        return None
    return part.key, constant


def _of_values(condition: Condition, constants: Mapping[str, str], *, surely: bool) -> Values | bool:
    key = condition.lookup
    absent = _absent(condition, surely=surely)
    if key in WHOLE_NUMBERS:
        return _of_number(condition, absent=absent, surely=surely)
    least, most = _bounds(condition, constants)
    if condition.negated:
        least, most = _complement(most, widen=False), _complement(least, widen=True)
    texts = least if surely else most
    if condition.quantifier:
        # A set operator counts the empty text as no value.
        if surely and condition.quantifier == "ForAnyValue":
            texts &= Language(without=frozenset({_EMPTY}))
        elif (
            not surely
            and condition.quantifier == "ForAllValues"
            and key not in NEVER_EMPTY
            and "" not in texts
        ):
            texts = _with_empty(texts)
    if MULTIVALUED.fullmatch(key) is None:
        return OneValue(texts, absent)
    if condition.quantifier == "ForAllValues":
        return ManyValues(texts, (), absent)
    if condition.quantifier == "ForAnyValue":
        return ManyValues(EVERY_TEXT, (texts,), absent)
    # AWS does not say what an operator without a set operator makes of several values.
    if surely:
        return ManyValues(NO_TEXT, (), absent)
    return ManyValues(EVERY_TEXT, () if condition.negated else (texts,), absent)


def _with_empty(texts: Language) -> Language:
    """A set with the empty text in it, or all texts where that cannot be written."""
    if texts.values is not None:
        return Language(texts.values | {""})
    return EVERY_TEXT if texts.without or len(texts.within) != 1 else matching({*texts.within[0], _EMPTY})


def _absent(condition: Condition, *, surely: bool) -> bool:
    """Whether a request without the key meets a condition."""
    if condition.quantifier == "ForAllValues":
        return True
    if condition.quantifier == "ForAnyValue":
        return condition.if_exists and not surely
    return condition.negated or condition.if_exists


def _complement(texts: Language, *, widen: bool) -> Language:
    """The texts that are not in a set; where they cannot be written as one, all or none."""
    rests = list(texts.complements())
    if not rests:
        return NO_TEXT
    return rests[0] if len(rests) == 1 else EVERY_TEXT if widen else NO_TEXT


def _bounds(condition: Condition, constants: Mapping[str, str]) -> tuple[Language, Language]:
    """What the values of a condition surely match, and what they may match."""
    least: list[Pattern] = []
    most: list[Pattern] = []
    everything = False
    for element in condition.elements:
        found = (None, None) if isinstance(element, Intrinsic) else _patterns(condition, element, constants)
        if found is not None:
            sure, possible = found
            least += [sure] if sure else []
            most += [possible] if possible else []
            everything = everything or not possible
    return matching(least), EVERY_TEXT if everything else matching(most)


def _patterns(
    condition: Condition, element: str, constants: Mapping[str, str]
) -> tuple[Pattern | None, Pattern | None] | None:
    """What a value of a condition surely matches, None for nothing, and what it may match, None for everything.

    None for a value that matches nothing at all.
    """
    name = condition.name
    if name == "bool":
        wanted = operators.boolean(element)
        pattern = None if wanted is None else text_of(str(wanted).lower(), ignores_case=True)
        return pattern, pattern
    if name.startswith("arn"):
        return _arn_patterns(_settled(parse_template(element, condition.variables), constants))
    if not name.startswith("string"):
        return None, None
    template = _settled(parse_template(element, condition.variables), constants)
    wildcards = name.endswith("like")
    positions: list[Position] = []
    for part in template.parts:
        if isinstance(part, Variable):
            positions.append(Position(repeated=True))
        elif part.literal or not wildcards:
            positions += text_of(part.text, ignores_case=name.endswith("ignorecase")).positions
        else:
            positions += glob_of(part.text).positions
    pattern = Pattern(positions)
    return None if template.keys else pattern, pattern


def _arn_patterns(template: TextWithVariables) -> tuple[Pattern | None, Pattern | None] | None:
    if template.keys:
        return None, None
    texts = [part for part in template.parts if isinstance(part, GlobPart)]
    whole = "".join(part.text for part in texts)
    if not whole.startswith("arn:") or any(part.literal and set(part.text) & set("*?") for part in texts):
        return None, None
    pattern = arn_of(whole)
    return None if pattern is None else (pattern, pattern)


def _settled(template: TextWithVariables, constants: Mapping[str, str]) -> TextWithVariables:
    """A text with the variables replaced whose values the callee settles."""
    parts = (
        GlobPart(constants[part.key], literal=True)
        if isinstance(part, Variable) and part.key in constants
        else part
        for part in template.parts
    )
    return replace(template, parts=tuple(parts))


def _of_number(condition: Condition, *, absent: bool, surely: bool) -> Values | bool:
    ranges = list(_ranges(condition))
    if not surely and (condition.negated or not ranges or len(ranges) < len(condition.elements)):
        return WholeNumber(0, None, absent)
    if surely and (condition.negated or len(ranges) != 1):
        return WholeNumber(1, 0, absent)
    highs = [high for _, high in ranges]
    high = None if None in highs else max(high for high in highs if high is not None)
    return WholeNumber(max(0, min(low for low, _ in ranges)), high, absent)


def _ranges(condition: Condition) -> Iterator[tuple[int, int | None]]:
    kind = "date" if condition.name.startswith("date") else "numeric"
    if kind not in _TIMES.get(condition.lookup, ("numeric",)):
        return
    read = operators.date if kind == "date" else operators.number
    for element in condition.elements:
        wanted = None if isinstance(element, Intrinsic) else read(element)
        if wanted is None:
            continue
        below, above = floor(wanted), ceil(wanted)
        ranges: dict[str, tuple[int, int | None]] = {
            "lessthan": (0, above - 1),
            "lessthanequals": (0, below),
            "greaterthan": (below + 1, None),
            "greaterthanequals": (above, None),
            "equals": (above, below),
        }
        if found := ranges.get(condition.name.removeprefix(kind)):
            yield found


def written(
    statement: Statement, key: str, constants: Mapping[str, str], only: Condition | None = None
) -> list[Pattern]:
    """What the conditions of a statement on a key, in lower case, name as its values; wildcards alone name nothing.

    A condition of a Deny names whom it keeps out as well as whom it leaves.

    Args:
        statement: the statement.
        key: the key.
        constants: the keys, in lower case, whose values the callee settles.
        only: the one condition that is asked about; None for all.
    """
    return [
        sure
        for condition in ([only] if only else statement.conditions)
        if isinstance(condition, Condition) and condition.lookup == key
        if statement.effect != "Allow" or not condition.negated
        for element in condition.elements
        if isinstance(element, str) and (found := _patterns(condition, element, constants)) is not None
        if (sure := found[0]) is not None and any(position.text for position in sure.positions)
    ]


def names_variable(statement: Statement, key: str, variable: str) -> bool:
    """Whether a statement is never met but where a key, in lower case, has the value of another one."""
    return any(
        all(isinstance(each, str) and each.lower() == f"${{{variable}}}" for each in condition.elements)
        for condition in statement.conditions
        if isinstance(condition, Condition) and condition.lookup == key and not condition.quantifier
        if condition.name == "stringequals" and not condition.if_exists and condition.variables
    )


def unlike(key: str, patterns: Iterable[Pattern]) -> tuple[Values, ...]:
    """The requests that lack a key, in lower case, or have a value of it that is like none of ``patterns``."""
    others = Language(without=frozenset(patterns))
    if MULTIVALUED.fullmatch(key):
        return ManyValues(NO_TEXT, (), absent=True), ManyValues(EVERY_TEXT, (others,), absent=False)
    return (OneValue(others, absent=True),)


def lacking(key: str) -> Values:
    """The requests that lack a key, in lower case."""
    return all_or_none(key, present=False, absent=True)
