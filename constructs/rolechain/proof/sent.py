"""What the call of a declared hop sends: in each way that the chain allows, and in ways that it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rolechain.hop import Hop
from rolechain.policy import ContextValue
from rolechain.policy.hop_trust import IDENTITY, REQUEST_TAG, SET_IDENTITY, TAG_KEYS, TRANSITIVE_TAG_KEYS
from rolechain.policy.request import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.proof.witness import FRESH, instance
from rolechain.session_tag import SessionTag
from rolechain.source_identity import SourceIdentity

_PRINCIPAL_TAG = "aws:PrincipalTag/"


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


def otherwise(hop: Hop) -> Iterator[tuple[str, str, Sent]]:
    """Calls that send what the chain does not allow: what is wrong, in words; the action that it concerns; the call."""
    usual = next(as_declared(hop))
    if not usual.actions:
        return
    for tag in hop.callee.tags:
        if tag.values and not tag.allows(FRESH):
            yield (
                f"with another value of the session tag {tag.key}",
                TAG_SESSION,
                _with(usual, REQUEST_TAG + tag.key),
            )
    if TAG_SESSION in usual.actions:
        yield "with session tags that are not declared", TAG_SESSION, _with(usual, REQUEST_TAG + FRESH)
    handed_on = {*hop.callee.transitive_tag_keys, *hop.inherited_tag_keys}
    for tag in hop.callee.tags:
        if tag.key not in handed_on:
            wrong = replace(usual, transitive=(*usual.transitive, tag.key))
            yield f"making the session tag {tag.key} transitive", TAG_SESSION, wrong
    if own := [tag.key for tag in hop.callee.tags if tag.required and tag.key in handed_on]:
        wrong = replace(usual, transitive=hop.inherited_tag_keys)
        yield f"without making the session tag {' or '.join(own)} transitive", TAG_SESSION, wrong
    identity = hop.callee.identity
    if identity and identity.values and not identity.allows(FRESH):
        yield "with another source identity", SET_SOURCE_IDENTITY, _with(usual, SET_IDENTITY)


def _choices(hop: Hop) -> dict[str, list[str | None]]:
    """What each thing that a call carries may be, by condition key; None where it may be left out."""
    choices = {REQUEST_TAG + tag.key: _values(tag) for tag in hop.callee.tags}
    choices |= {_PRINCIPAL_TAG + tag.key: _values(tag) for tag in hop.inherited_tags}
    identities = ((SET_IDENTITY, hop.callee.identity), (IDENTITY, hop.inherited_source_identity))
    return choices | {key: _values(identity) for key, identity in identities if identity}


def _values(declared: SessionTag | SourceIdentity) -> list[str | None]:
    allowed: list[str | None] = [instance(value) for value in declared.values] or [FRESH]
    return allowed if declared.required else [*allowed, None]


def _sent(hop: Hop, values: Mapping[str, str]) -> Sent:
    own = (key for key in hop.callee.transitive_tag_keys if REQUEST_TAG + key in values)
    inherited = (key for key in hop.inherited_tag_keys if _PRINCIPAL_TAG + key in values)
    return Sent(values, (*own, *inherited))


def _with(usual: Sent, key: str) -> Sent:
    return replace(usual, values={**usual.values, key: FRESH})
