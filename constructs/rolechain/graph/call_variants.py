"""What the call of a declared hop sends, in each way that the chain allows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from rolechain.graph.language import Language, Pattern, TooLarge, glob_of, matching, text_of
from rolechain.iam.glob import has_wildcard
from rolechain.iam.sts_actions import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.hop import Hop
from rolechain.model.session_tag import SessionTag
from rolechain.model.source_identity import SourceIdentity
from rolechain.policy import ContextValue, Policy
from rolechain.policy.conditions import Condition
from rolechain.statements.trust_policy import (
    IDENTITY,
    REQUEST_TAG,
    SET_IDENTITY,
    TAG_KEYS,
    TRANSITIVE_TAG_KEYS,
)

_PRINCIPAL_TAG = "aws:PrincipalTag/"
_ANY = "q7zk"
"""Stands for a value that the chain leaves open."""


@dataclass(frozen=True)
class Sent:
    """The tags and the source identity of one call.

    Attributes:
        values: what is passed and inherited, by condition key.
        transitive: the keys of the tags that the session hands on.
    """

    values: Mapping[str, str]
    transitive: tuple[str, ...]

    @property
    def actions(self) -> tuple[str, ...]:
        """What the call needs besides sts:AssumeRole."""
        tags = any(key.startswith((REQUEST_TAG, _PRINCIPAL_TAG)) for key in self.values)
        identity = SET_IDENTITY in self.values or IDENTITY in self.values
        return (TAG_SESSION,) * tags + (SET_SOURCE_IDENTITY,) * identity

    @property
    def context(self) -> dict[str, ContextValue]:
        """The condition keys of the call."""
        context: dict[str, ContextValue] = dict(self.values)
        if passed := [key.removeprefix(REQUEST_TAG) for key in self.values if key.startswith(REQUEST_TAG)]:
            context[TAG_KEYS] = passed
        if self.transitive:
            context[TRANSITIVE_TAG_KEYS] = self.transitive
        return context


Named = Mapping[str, Collection[Pattern]]
"""What policies name as values of condition keys, in lower case."""


def named_by(policies: Iterable[Policy]) -> Named:
    """The values that conditions on texts name."""
    found: dict[str, dict[Pattern, None]] = {}
    for condition in (each for policy in policies for one in policy.statements for each in one.conditions):
        if isinstance(condition, Condition) and condition.name.startswith("string"):
            for element in condition.elements:
                if isinstance(element, str) and "${" not in element:
                    is_like = condition.name.endswith("like")
                    ignores_case = condition.name.endswith("ignorecase")
                    pattern = glob_of(element) if is_like else text_of(element, ignores_case=ignores_case)
                    found.setdefault(condition.lookup, {})[pattern] = None
    return found


def as_declared(hop: Hop, named: Named) -> Iterator[Sent]:
    """Each way to make a hop's call: the usual one first, then one for every other value, or none, of each thing.

    Of the values that the chain leaves open, one of each kind is tried that policies tell apart.
    """
    choices = _choices(hop, named)
    usual = {key: values[0] for key, values in choices.items() if values[0] is not None}
    yield _sent(hop, usual)
    for key, values in choices.items():
        for value in values[1:]:
            others = {name: usual[name] for name in usual if name != key}
            yield _sent(hop, others if value is None else others | {key: value})
    # AWS does not say whether what is inherited counts among the tags of the request: the hop works either way.
    inherited = {REQUEST_TAG + tag.key: usual.get(_PRINCIPAL_TAG + tag.key) for tag in hop.inherited_tags}
    if inherited:
        yield _sent(hop, usual | {key: value for key, value in inherited.items() if value is not None})


def _choices(hop: Hop, named: Named) -> dict[str, list[str | None]]:
    """What each thing that a call carries may be, by condition key; None where it may be left out."""
    declared: dict[str, SessionTag | SourceIdentity | None] = {
        **{REQUEST_TAG + tag.key: tag for tag in hop.callee.tags},
        **{_PRINCIPAL_TAG + tag.key: tag for tag in hop.inherited_tags},
        SET_IDENTITY: hop.callee.identity,
        IDENTITY: hop.inherited_source_identity,
    }
    return {key: _values(each, named.get(key.lower(), ())) for key, each in declared.items() if each}


def _values(declared: SessionTag | SourceIdentity, named: Collection[Pattern]) -> list[str | None]:
    shortest = "?*" if isinstance(declared, SessionTag) else "??*"
    values = declared.values or ("*",)
    found = dict.fromkeys(text for value in values for text in _texts(value, shortest, named))
    allowed: list[str | None] = [*(found or map(_one_of, values))]
    return allowed if declared.required else [*allowed, None]


def _texts(pattern: str, shortest: str, named: Collection[Pattern]) -> Iterator[str]:
    """Texts that match a pattern of ``*`` and ``?``: one that nothing names, and one of each that is named."""
    usual = _one_of(pattern)
    if not named or not has_wildcard([pattern]):
        yield usual
        return
    possible = matching([glob_of(pattern)]) & matching([glob_of(shortest)])
    for texts in (Language(without=frozenset(named)), *(matching([each]) for each in named)):
        with suppress(TooLarge):
            text = usual if usual in texts else (possible & texts).example()
            if text is not None:
                yield text


def _one_of(pattern: str) -> str:
    """A text that matches a pattern of ``*`` and ``?``."""
    return pattern.replace("*", _ANY).replace("?", _ANY[0])


def _sent(hop: Hop, values: Mapping[str, str]) -> Sent:
    own = (key for key in hop.callee.transitive_tag_keys if REQUEST_TAG + key in values)
    inherited = (key for key in hop.inherited_tag_keys if _PRINCIPAL_TAG + key in values)
    return Sent(values, (*own, *inherited))
