"""What the call of a declared hop sends, in each way that the chain allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rolechain.hop import Hop
from rolechain.policy import ContextValue
from rolechain.policy.carried import IDENTITY, REQUEST_TAG, SET_IDENTITY, TAG_KEYS, TRANSITIVE_TAG_KEYS
from rolechain.policy.request import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.session_tag import SessionTag
from rolechain.source_identity import SourceIdentity

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


def as_declared(hop: Hop) -> Iterator[Sent]:
    """Each way to make a hop's call: the usual one first, then one for every other value, or none, of each thing."""
    choices = _choices(hop)
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


def _choices(hop: Hop) -> dict[str, list[str | None]]:
    """What each thing that a call carries may be, by condition key; None where it may be left out."""
    choices = {REQUEST_TAG + tag.key: _values(tag) for tag in hop.callee.tags}
    choices |= {_PRINCIPAL_TAG + tag.key: _values(tag) for tag in hop.inherited_tags}
    identities = ((SET_IDENTITY, hop.callee.identity), (IDENTITY, hop.inherited_source_identity))
    return choices | {key: _values(identity) for key, identity in identities if identity}


def _values(declared: SessionTag | SourceIdentity) -> list[str | None]:
    allowed: list[str | None] = [_one_of(value) for value in declared.values] or [_ANY]
    return allowed if declared.required else [*allowed, None]


def _one_of(pattern: str) -> str:
    """A text that matches a pattern of ``*`` and ``?``."""
    return pattern.replace("*", _ANY).replace("?", _ANY[0])


def _sent(hop: Hop, values: Mapping[str, str]) -> Sent:
    own = (key for key in hop.callee.transitive_tag_keys if REQUEST_TAG + key in values)
    inherited = (key for key in hop.inherited_tag_keys if _PRINCIPAL_TAG + key in values)
    return Sent(values, (*own, *inherited))
