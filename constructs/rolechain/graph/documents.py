"""Resolved policy documents, compiled once each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from rolechain.cloudformation.texts import holds_unknown, scalar, unknowns
from rolechain.cloudformation.unresolved import Unresolved
from rolechain.graph.access import CARRYING, ENTERING
from rolechain.policy import Policy, PolicyError
from rolechain.policy.elements import PolicyVariableError, load, shown

STS_ACTIONS = (*ENTERING, *(action for action, _ in CARRYING))
"""The actions that let somebody into a role or belong to such a call, in lower case."""


class Compiled(NamedTuple):
    """A document, compiled.

    Attributes:
        policy: the policy; unknown where the document cannot be read.
        problem: why it cannot be read, if so.
        refused: whether that is a reason for IAM to refuse it.
        unresolved: the first value of each statement that is not known, by the statement's place in the document;
            that of the document as a whole by None.
    """

    policy: Policy
    problem: str | None
    unresolved: Mapping[int | None, Unresolved]
    refused: bool = False


class Documents:
    """Compiles documents; one that was seen before is not read again."""

    def __init__(self) -> None:
        self._seen: dict[str, Compiled] = {}

    def compile(self, document: Any, name: str, most: int | None = None) -> Compiled:
        """``document`` as a policy.

        Args:
            document: resolved JSON, or a JSON text.
            name: what to call it where it cannot be read.
            most: how many characters IAM takes at most; None where that does not matter.
        """
        key = document
        if not isinstance(document, str):
            key = json.dumps(
                document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_marked
            )
        if most is not None and len(key) > most:
            problem = f"it has {len(key):,} characters, and IAM takes {most:,} at most"
            return Compiled(Policy.unknown(name), problem, {}, refused=True)
        found = self._seen.get(key) or _compile(document, name)
        if found.policy.missing is None:
            self._seen[key] = found
        return found


def _marked(value: Any) -> list[str]:
    """What stands in a key for a value that is not known; no text of a template is like it."""
    return ["", str(value), *(value.asks if isinstance(value, Unresolved) else ())]


def parsed(document: Any) -> Mapping[str, Any] | None:
    """A document as an object, whether it stands as one or as JSON text; None if it is neither."""
    if isinstance(document, str):
        try:
            document = load(document)
        except PolicyError:
            return None
    return document if isinstance(document, Mapping) else None


def statements_in(document: Mapping[str, Any] | None) -> list[Any]:
    """The statements of a document as they stand in it."""
    listed = (document or {}).get("Statement", [])
    return list(listed) if isinstance(listed, (list, tuple)) else [listed]


def _compile(document: Any, name: str) -> Compiled:
    if isinstance(document, Unresolved):
        return Compiled(Policy.unknown(f"{name}, {document},"), None, {None: document})
    try:
        element = load(document) if isinstance(document, str) else document
        if not isinstance(element, Mapping):
            what = "missing" if element is None else shown(element)
            raise PolicyError(f"it is {what}: write a policy document")
    except PolicyError as error:
        return Compiled(Policy.unknown(name), str(error), {}, refused=True)
    unresolved: dict[int | None, Unresolved] = {}
    for key, value in element.items():
        if key != "Statement" and (found := next(markers(value), None)):
            unresolved[None] = found
    statements = statements_in(element)
    for index, statement in enumerate(statements):
        if listed := list(markers(statement)):
            asks = dict.fromkeys(name for marker in listed for name in marker.asks)
            unresolved[index] = replace(listed[0], asks=tuple(asks))
    if "Statement" in element and not isinstance(document, str):
        element = {**element, "Statement": [_as_deployed(each) for each in statements]}
    try:
        policy = Policy.parse(_without_markers(element) if holds_unknown(element) else element)
    except PolicyError as error:
        refused = not isinstance(error, PolicyVariableError)
        return Compiled(Policy.unknown(name), str(error), unresolved, refused)
    return Compiled(policy, None, unresolved)


def _as_deployed(statement: Any) -> Any:
    """A statement with its Sid as a text, as CloudFormation writes a number."""
    sid = scalar(statement.get("Sid")) if isinstance(statement, Mapping) else None
    return statement if sid is None else {**statement, "Sid": sid}


def markers(value: Any) -> Iterator[Unresolved]:
    """Everything in ``value`` that is not known; a Sid says nothing and is left out."""
    return unknowns(value, without=("Sid",))


def _without_markers(value: Any) -> Any:
    """``value`` with intrinsics, which a policy takes for unknown, in place of the markers."""
    if isinstance(value, Unresolved):
        name = value.function
        known = name if name.startswith("Fn::") else "Ref" if name.startswith("Ref") else "Fn::Unresolved"
        return {known: str(value.place or "")}
    if isinstance(value, Mapping):
        return {key: _without_markers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_markers(item) for item in value]
    return value
