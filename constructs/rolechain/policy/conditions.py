"""The Condition element: operators AND, keys of an operator AND, values of a key OR.

Source: IAM User Guide, "Conditions with multiple context keys or values" and "Condition operators".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rolechain.iam.condition_keys import MULTIVALUED
from rolechain.policy.context import Context
from rolechain.policy.elements import Intrinsic, PolicyError, intrinsic_of, mapping, shown, texts
from rolechain.policy.logic import Ternary, all_of, any_of, negation
from rolechain.policy.operators import OPERATORS, boolean
from rolechain.policy.variables import Test

Quantifier = Literal["ForAllValues", "ForAnyValue"]
Holds = Callable[[Context], Ternary]
"""Whether a request with a context meets a condition."""

_NAME = re.compile(r"(?:(forallvalues|foranyvalue):)?(\w+?)(ifexists)?", re.ASCII)
_QUANTIFIERS: dict[str | None, Quantifier | None] = {
    None: None,
    "forallvalues": "ForAllValues",
    "foranyvalue": "ForAnyValue",
}


@dataclass(frozen=True)
class Condition:
    """One key under one operator.

    Attributes:
        operator: the operator as the document writes it.
        key: the condition key, likewise.
        values: the values as the document writes them.
        elements: the same, with ``Intrinsic`` in place of a value that is not known.
        variables: whether the document takes policy variables.
        lookup: the key in lower case.
        keys: every condition key that it depends on, in lower case.
        negated: whether it holds where no value matches.
        if_exists: whether it holds where the key is absent.
        name: the operator without a set operator and IfExists, in lower case.
        quantifier: the set operator, if any.
        holds: whether a request with a context meets the condition.
    """

    operator: str
    key: str
    values: tuple[str, ...]
    elements: tuple[str | Intrinsic, ...]
    variables: bool
    lookup: str
    keys: frozenset[str]
    negated: bool
    if_exists: bool
    name: str
    quantifier: Quantifier | None
    holds: Holds


@dataclass(frozen=True)
class NullCheck:
    """The operator ``Null``: whether a key is absent, or present.

    Attributes:
        key: the condition key as the document writes it.
        lookup: the key in lower case.
        keys: the same, as a set.
        absent: the values, ``true`` for an absent key; None for a value that is not known.
        quantified: whether a set operator precedes it, which AWS does not document.
    """

    key: str
    lookup: str
    keys: frozenset[str]
    absent: tuple[Ternary, ...]
    quantified: bool

    def holds(self, context: Context) -> Ternary:
        """Whether a request with this context meets it."""
        is_absent = context.find(self.lookup) is None
        return None if self.quantified else any_of(None if a is None else a == is_absent for a in self.absent)


@dataclass(frozen=True)
class UnknownCondition:
    """A condition that is not known.

    Attributes:
        reason: why it is not known.
        keys: empty.
    """

    reason: str
    keys: frozenset[str] = frozenset()

    def holds(self, _: Context) -> Ternary:
        """Not known."""
        return None


AnyCondition = Condition | NullCheck | UnknownCondition


def parse(element: Any, variables: bool) -> tuple[AnyCondition, ...]:
    """The conditions of a statement, all of which must hold.

    Args:
        element: the Condition element.
        variables: whether the document takes policy variables.

    Raises:
        PolicyError: an operator does not exist, or does not take a value.
    """
    conditions: list[AnyCondition] = []
    seen: set[tuple[str, str]] = set()
    if intrinsic := intrinsic_of(element):
        return (UnknownCondition(f"its Condition is {intrinsic}"),)
    for operator, keys in mapping(element, "Condition").items():
        if intrinsic := intrinsic_of(keys):
            conditions.append(UnknownCondition(f"its Condition {operator} is {intrinsic}"))
            continue
        for key, value in mapping(keys, f"Condition {operator}").items():
            try:
                conditions.append(_condition(operator, key, value, variables))
            except PolicyError as error:
                raise type(error)(f"Condition {operator} {key}: {error}") from None
            if (operator.lower(), key.lower()) in seen:
                reason = f"its Condition {operator} names {key} twice, which AWS does not document"
                conditions = [UnknownCondition(reason)]
            seen.add((operator.lower(), key.lower()))
    return tuple(conditions)


def _condition(operator: str, key: str, value: Any, variables: bool) -> AnyCondition:
    match = _NAME.fullmatch(operator.lower())
    quantifier = _QUANTIFIERS[match[1]] if match else None
    name, if_exists = (match[2], bool(match[3])) if match else ("", False)
    values = texts(value, "the value", scalars=True)
    if not values:
        return UnknownCondition(f"its Condition {operator} gives {key} no value, which AWS does not document")
    lookup = key.lower()
    if name == "null" and not if_exists:
        return NullCheck(key, lookup, frozenset({lookup}), tuple(map(_absence, values)), bool(quantifier))
    kind = OPERATORS.get(name)
    if kind is None:
        raise PolicyError("there is no such operator: write one such as StringEquals or ArnLike")
    comparisons = [kind.compare(item, variables) for item in values]
    tests = [comparison.test for comparison in comparisons]

    def one_of(given: str, context: Context) -> Ternary:
        return any_of(test(given, context) for test in tests)

    test = tests[0] if len(tests) == 1 else one_of
    return Condition(
        operator=operator,
        key=key,
        values=tuple(map(str, values)),
        elements=tuple(values),
        variables=variables,
        lookup=lookup,
        keys=frozenset({lookup}).union(*(comparison.keys for comparison in comparisons)),
        negated=kind.negated,
        if_exists=if_exists,
        name=name,
        quantifier=quantifier,
        holds=_of_set(lookup, test, kind.negated, if_exists, quantifier)
        if quantifier
        else _of_one(lookup, test, kind.negated, if_exists),
    )


def _of_one(lookup: str, test: Test, negated: bool, if_exists: bool) -> Holds:
    compared = _not(test) if negated else test
    absent = negated or if_exists
    multivalued = MULTIVALUED.fullmatch(lookup) is not None

    def holds(context: Context) -> Ternary:
        given = context.find(lookup)
        if given is None:
            return absent
        if len(given) == 1 and not multivalued:
            return compared(given[0], context)
        # AWS does not document how an operator without a set operator compares a multivalued key, or several values.
        # Under every reading, it is not met where no value matches.
        matched = any_of(test(value, context) for value in given)
        return False if matched is False and not negated else None

    return holds


def _of_set(lookup: str, test: Test, negated: bool, if_exists: bool, quantifier: Quantifier) -> Holds:
    compared = _not(test) if negated else test
    for_all = quantifier == "ForAllValues"
    combine = all_of if for_all else any_of

    def holds(context: Context) -> Ternary:
        given = context.find(lookup)
        if given is None and if_exists and not for_all:
            return None  # an absent key: false for ForAnyValue, true for IfExists
        # AWS counts an empty string as no value here.
        if given is None or not any(given):
            return for_all
        return combine(compared(value, context) for value in given)

    return holds


def _not(test: Test) -> Test:
    return lambda given, context: negation(test(given, context))


def _absence(value: str | Intrinsic) -> Ternary:
    if isinstance(value, Intrinsic):
        return None
    absent = boolean(value)
    if absent is None:
        raise PolicyError(
            f"{shown(value)} is not a boolean: write true where the key must be absent, or false"
        )
    return absent
