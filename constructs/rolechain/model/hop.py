"""One step of a chain: a caller that assumes a callee."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rolechain.errors import ChainError, Problem
from rolechain.model.entry_principal import inherited_values
from rolechain.model.role import ChainRole
from rolechain.model.session_values import SessionTag, SourceIdentity


@dataclass(frozen=True)
class Hop:
    """One AssumeRole that a chain declares.

    The trust policy of the callee, the permissions of the caller and the call itself are all derived from it.

    Attributes:
        caller: the role that calls.
        callee: the role that is assumed.
        index: its position on the path from the source role, counted from 1.
        inherited_tags: the session tags that an earlier hop made transitive.
        inherited_source_identity: the source identity that an earlier hop sets, if any.
        revoked_before: the time before which the chain's sessions are ended, if any.
        chosen: the values of the tags that the chain leaves open, by key.
        chosen_source_identity: the source identity, where the chain leaves it open.
    """

    caller: ChainRole
    callee: ChainRole
    index: int
    inherited_tags: tuple[SessionTag, ...] = ()
    inherited_source_identity: SourceIdentity | None = None
    revoked_before: str | None = None
    chosen: Mapping[str, str] = field(default_factory=dict, hash=False, kw_only=True)
    chosen_source_identity: str | None = field(default=None, kw_only=True)

    @property
    def role_arn(self) -> str:
        """The ARN that the call names."""
        return self.callee.arn

    @property
    def external_id(self) -> str | None:
        """``ExternalId`` of the call."""
        return self.callee.external_id

    @property
    def duration_seconds(self) -> int | None:
        """``DurationSeconds`` of the call; None for an hour."""
        return self.callee.duration_seconds

    @property
    def policy(self) -> str | None:
        """``Policy`` of the call."""
        return self.callee.policy  # type: ignore[return-value]  # ChainRole makes it JSON

    @property
    def policy_arns(self) -> Sequence[str]:
        """``PolicyArns`` of the call."""
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
        """``Tags`` of the call: the values that the chain fixes, and those that were chosen."""
        found = {
            tag.key: tag.fixed if tag.fixed is not None else self.chosen.get(tag.key)
            for tag in self.callee.tags
        }
        return {key: value for key, value in found.items() if value is not None}

    @property
    def transitive_tag_keys(self) -> tuple[str, ...]:
        """``TransitiveTagKeys`` of the call."""
        return tuple(key for key in self.callee.transitive_tag_keys if key in self.tags)

    @property
    def source_identity(self) -> str | None:
        """``SourceIdentity`` of the call: the value that the chain fixes, or the one that was chosen."""
        declared = self.callee.identity
        return (declared.fixed or self.chosen_source_identity) if declared else None

    @property
    def open_tags(self) -> tuple[SessionTag, ...]:
        """The required tags without a value."""
        return tuple(tag for tag in self.callee.tags if tag.required and tag.key not in self.tags)

    @property
    def lacks_source_identity(self) -> bool:
        """Whether a required source identity has no value."""
        declared = self.callee.identity
        return declared is not None and declared.required and self.source_identity is None

    def choosing(self, tags: Mapping[str, str], source_identity: str | None) -> Hop:
        """The hop with values that the chain leaves open; values of other hops are ignored."""
        own = {tag.key for tag in self.callee.tags if tag.fixed is None}
        return replace(
            self,
            chosen={key: value for key, value in tags.items() if key in own},
            chosen_source_identity=source_identity if self.callee.identity else None,
        )


def choose(
    hops: Iterable[Hop],
    tags: Mapping[str, str] | None,
    source_identity: str | None,
    *,
    entering: bool = False,
) -> tuple[Hop, ...]:
    """The hops, each with the values chosen for it.

    Args:
        hops: the hops of one path.
        tags: the values of tags that the chain does not fix, by key.
        source_identity: the source identity, where the chain does not fix it.
        entering: whether the call into the source role takes values too, as its entrances declare.

    Raises:
        ChainError: no hop of the path takes a value that was given.
    """
    hops = tuple(hops)
    if tags is None and source_identity is None:
        return hops
    tags = {} if tags is None else tags
    if problems := list(_refused(hops, tags, source_identity, entering)):
        raise ChainError(problems)
    return tuple(hop.choosing(tags, source_identity) for hop in hops)


def _refused(
    hops: tuple[Hop, ...], tags: Mapping[str, str], source_identity: str | None, entering: bool
) -> Iterator[Problem]:
    if not isinstance(tags, Mapping):
        yield Problem(("session_tags",), f"{tags!r} holds no values by key: write {{key: value}}")
        return
    sources = dict.fromkeys(hop.caller for hop in hops if entering and hop.index == 1)
    entered, entering_as = inherited_values(
        (entrance for source in sources for entrance in source.entrances), transitive=False
    )
    called = [tag for hop in hops for tag in hop.callee.tags]
    declared = [*called, *entered]
    for key, value in tags.items():
        place = ("session_tags", key)
        # One entrance of several is used, so the hop that passes it again decides.
        own = [tag for tag in called if tag.key == key] or [tag for tag in entered if tag.key == key]
        if not own:
            known = ", ".join(dict.fromkeys(tag.key for tag in declared)) or "none"
            yield Problem(place, f"no hop of this path passes it: the chain declares {known}")
        for tag in own:
            if not isinstance(value, str) or not tag.allows(value):
                yield Problem(place, f"{value!r} is not allowed: the chain allows {', '.join(tag.values)}")
    if source_identity is None:
        return
    identities = [hop.callee.identity for hop in hops if hop.callee.identity] or (
        [entering_as] if entering_as else []
    )
    at = ("source_identity",)
    if not identities:
        yield Problem(at, "no hop of this path sets one: declare source_identity in the chain")
    for identity in identities:
        if not isinstance(source_identity, str) or not identity.allows(source_identity):
            allowed = ", ".join(identity.values)
            yield Problem(at, f"{source_identity!r} is not allowed: the chain allows {allowed}")
