"""One step of a chain: a caller that assumes a callee."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rolechain.errors import ChainError, Problem
from rolechain.model.role import ChainRole
from rolechain.model.session_values import SessionTag, SourceIdentity


@dataclass(frozen=True)
class Hop:
    """One AssumeRole that a chain declares.

    Everything that the two halves of the hop and the call itself have to agree on is read from here.

    Attributes:
        caller: the role that calls.
        callee: the role that is assumed.
        index: its place on the way from the source role, counted from 1.
        inherited_tags: the session tags that an earlier hop made transitive.
        inherited_source_identity: the source identity that an earlier hop sets; None where none does.
        chosen: the values of the tags that the chain leaves open, by key.
        chosen_source_identity: the source identity, where the chain leaves it open.
    """

    caller: ChainRole
    callee: ChainRole
    index: int
    inherited_tags: tuple[SessionTag, ...] = ()
    inherited_source_identity: SourceIdentity | None = None
    chosen: Mapping[str, str] = field(default_factory=dict, hash=False, kw_only=True)
    chosen_source_identity: str | None = field(default=None, kw_only=True)

    @property
    def role_arn(self) -> str:
        """The ARN that the call names."""
        return self.callee.arn

    @property
    def external_id(self) -> str | None:
        """What the call passes as ``ExternalId``."""
        return self.callee.external_id

    @property
    def duration_seconds(self) -> int | None:
        """What the call passes as ``DurationSeconds``; None for an hour."""
        return self.callee.duration_seconds

    @property
    def policy(self) -> str | None:
        """What the call passes as ``Policy``."""
        return self.callee.policy  # type: ignore[return-value]  # JSON by now

    @property
    def policy_arns(self) -> Sequence[str]:
        """What the call passes as ``PolicyArns``."""
        return self.callee.policy_arns

    @property
    def inherited_tag_keys(self) -> tuple[str, ...]:
        """The keys of the inherited tags."""
        return tuple(tag.key for tag in self.inherited_tags)

    @property
    def carries_tags(self) -> bool:
        """Whether the session has tags that are passed or inherited, so that both sides allow sts:TagSession."""
        return bool(self.callee.tags or self.inherited_tags)

    @property
    def carries_source_identity(self) -> bool:
        """Whether a source identity is set or inherited, so that both sides allow sts:SetSourceIdentity."""
        return bool(self.callee.identity or self.inherited_source_identity)

    @property
    def tags(self) -> dict[str, str]:
        """What the call passes as ``Tags``: what the chain fixes, and what was chosen."""
        found = {
            tag.key: tag.fixed if tag.fixed is not None else self.chosen.get(tag.key)
            for tag in self.callee.tags
        }
        return {key: value for key, value in found.items() if value is not None}

    @property
    def transitive_tag_keys(self) -> tuple[str, ...]:
        """What the call passes as ``TransitiveTagKeys``."""
        return tuple(key for key in self.callee.transitive_tag_keys if key in self.tags)

    @property
    def source_identity(self) -> str | None:
        """What the call passes as ``SourceIdentity``: what the chain fixes, or what was chosen."""
        declared = self.callee.identity
        return (declared.fixed or self.chosen_source_identity) if declared else None

    @property
    def open_tags(self) -> tuple[SessionTag, ...]:
        """The tags that must be passed and whose value was not chosen yet."""
        return tuple(tag for tag in self.callee.tags if tag.required and tag.key not in self.tags)

    @property
    def lacks_source_identity(self) -> bool:
        """Whether a source identity must be set and was not chosen yet."""
        declared = self.callee.identity
        return declared is not None and declared.required and self.source_identity is None

    def choosing(self, tags: Mapping[str, str], source_identity: str | None) -> Hop:
        """The hop with values for what the chain leaves open; what does not concern this hop is left aside."""
        own = {tag.key for tag in self.callee.tags if tag.fixed is None}
        return replace(
            self,
            chosen={key: value for key, value in tags.items() if key in own},
            chosen_source_identity=source_identity if self.callee.identity else None,
        )


def choose(
    hops: Iterable[Hop], tags: Mapping[str, str] | None, source_identity: str | None
) -> tuple[Hop, ...]:
    """The hops, each with what was chosen for it.

    Args:
        hops: the hops of one way.
        tags: the values of tags that the chain does not fix, by key.
        source_identity: who is behind the session, where the chain does not fix it.

    Raises:
        ChainError: no hop of the way takes a value that was chosen.
    """
    hops = tuple(hops)
    if tags is None and source_identity is None:
        return hops
    tags = tags or {}
    if problems := [*_of_tags(hops, tags), *_of_identity(hops, source_identity)]:
        raise ChainError(problems)
    return tuple(hop.choosing(tags, source_identity) for hop in hops)


def _of_tags(hops: tuple[Hop, ...], chosen: Mapping[str, str]) -> Iterator[Problem]:
    declared = [tag for hop in hops for tag in hop.callee.tags]
    for key, value in chosen.items():
        place = ("session_tags", key)
        own = [tag for tag in declared if tag.key == key]
        if not own:
            known = ", ".join(dict.fromkeys(tag.key for tag in declared)) or "none"
            yield Problem(place, f"no hop of this way passes it: the chain declares {known}")
        for tag in own:
            if not isinstance(value, str) or not tag.allows(value):
                yield Problem(place, f"{value!r} is not allowed: the chain allows {', '.join(tag.values)}")


def _of_identity(hops: tuple[Hop, ...], chosen: str | None) -> Iterator[Problem]:
    if chosen is None:
        return
    declared = [hop.callee.identity for hop in hops if hop.callee.identity]
    if not declared:
        yield Problem(
            ("source_identity",), "no hop of this way sets one: declare source_identity in the chain"
        )
    for identity in declared:
        if not isinstance(chosen, str) or not identity.allows(chosen):
            allowed = ", ".join(identity.values)
            yield Problem(("source_identity",), f"{chosen!r} is not allowed: the chain allows {allowed}")
