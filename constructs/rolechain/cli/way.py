"""The way over a chain that the options choose, with what its calls pass. No botocore."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rolechain.cli.chain_options import UsageError, arns, chain_from_source
from rolechain.errors import ChainError, Problem
from rolechain.iam.arn import name_of
from rolechain.model.chain import Chain
from rolechain.model.hop import Hop as DeclaredHop
from rolechain.model.hop import choose
from rolechain.model.role import ChainRole
from rolechain.runtime.entry import entered_by, role_of, source_of, way_in, ways_in
from rolechain.runtime.hop import Hop, as_hop
from rolechain.runtime.session_name import legal_session_name

_OPTIONS = {"session_tags": "--session-tag", "source_identity": "--source-identity"}


@dataclass(frozen=True)
class Way:
    """A chain with what was chosen for those who walk it.

    Attributes:
        chain: the chain; of its source roles only the one that is named, if one is.
        session_tags: the values of the session tags that it leaves open, by key.
        source_identity: who is behind the session.
        session_name: what the sessions are called, as STS accepts it; None for the default.
        several_sources: whether a source role has to be named to mean the same chain again.
    """

    chain: Chain
    session_tags: Mapping[str, str]
    source_identity: str | None
    session_name: str | None
    several_sources: bool = False

    @classmethod
    def of(cls, arguments: argparse.Namespace, chain: Chain | None = None) -> Way:
        """The way that the options mean.

        Args:
            arguments: those of ``add_chain_options`` and ``add_session_options``.
            chain: the part of the chain that is meant, if it is known.

        Raises:
            ChainError: the chain cannot be read.
            UsageError: it has no such source role, or a session tag is given twice.
        """
        tags: dict[str, str] = {}
        for key, value in arguments.session_tag:
            if key in tags:
                raise UsageError(f"--session-tag gives {key} twice: leave one of the two out")
            tags[key] = value
        name = legal_session_name(arguments.session_name) if arguments.session_name else None
        chain = chain or chain_from_source(arguments)
        several = arguments.source is not None or len(chain.sources) > 1
        return cls(chain, tags, arguments.source_identity, name, several)

    def chosen(self, hops: Iterable[DeclaredHop]) -> tuple[DeclaredHop, ...]:
        """Some hops with what was chosen for them.

        Raises:
            UsageError: a value is missing, not allowed, or asked for by none of them.
        """
        try:
            chosen = choose(hops, self.session_tags, self.source_identity)
        except ChainError as error:
            raise UsageError("; ".join(dict.fromkeys(map(_of_option, error.problems)))) from error
        if missing := dict.fromkeys(each for hop in chosen for each in _missing(hop)):
            raise UsageError(f"chain {self.chain.name} asks for {' and '.join(missing)}")
        return chosen

    def hops_to(self, role: ChainRole) -> tuple[Hop, ...]:
        """The calls that lead from the source role to a role further on; raises as ``chosen`` does."""
        return self._calls(self.chain.hops_to(role))

    def hops_to_each(self, roles: Sequence[ChainRole]) -> tuple[tuple[Hop, ...], tuple[Hop, ...]]:
        """The calls that some targets share, and the last one to each; raises as ``chosen`` does."""
        ways = [self.chain.hops_to(role) for role in roles]
        shared = ways[0][:-1]
        calls = self._calls([*shared, *(way[-1] for way in ways)])
        return calls[: len(shared)], calls[len(shared) :]

    def going_on(
        self, arn: str, hops: tuple[Hop, ...], wanted: str, *, later: Sequence[Hop] = ()
    ) -> tuple[Hop, ...]:
        """The calls by which a session takes a way: all and the way in from outside, else those after its own role.

        Args:
            arn: the session's ARN.
            hops: the calls from the source role on.
            wanted: where the way leads, as an error says it.
            later: the calls that follow, whichever of them is meant.

        Returns:
            None where the session is of the last role already.

        Raises:
            UsageError: no hop leads on from the session's role, what was given is passed by none that is left, or it
                is not clear which source role is entered.
        """
        standing = role_of(self.chain, arn)
        if standing is None or standing in self.chain.sources:
            return (*self.way_in(arn), *hops)
        already = f"the session that it starts from is of {standing.arn} already"
        other = "start from another session with --profile"
        reached = [hop.role_arn for hop in hops]
        if standing.arn not in reached:
            raise UsageError(
                f"chain {self.chain.name} leads to {wanted} by no hop from here: {already}; {other}"
            )
        left = hops[reached.index(standing.arn) + 1 :]
        if lost := ", ".join(self._lost(arn, (*left, *later))):
            raise UsageError(f"{lost}: no hop that is left passes it: {already}; {other}, or leave it out")
        return left

    def _lost(self, arn: str, left: Sequence[Hop]) -> Iterable[str]:
        """What was given and is passed by none of some calls."""
        for key in self.session_tags:
            if not any(key in (hop.tags or {}) for hop in left):
                yield f"--session-tag {key}"
        if self.source_identity and not any(hop.source_identity for hop in left):
            yield "--source-identity"
        if self.session_name and not left and self.session_name != name_of(arn):
            yield "--session-name"

    def kept_ways(self, hops: tuple[Hop, ...]) -> Iterable[tuple[Hop, ...]]:
        """Every way over some calls that needs no look at the session.

        Those that begin at a later role are none where a value was given, which they may not pass.
        """
        yield from ((*way_in, *hops) for way_in in self.ways_in())
        if not self.session_tags and not self.source_identity:
            yield from (hops[passed:] for passed in range(1, len(hops)))

    def way_in(self, arn: str) -> tuple[Hop, ...]:
        """The call that leads a session with an ARN into a source role; none where it is of one already.

        Raises:
            UsageError: it is not clear which source role.
        """
        if source_of(self.chain, arn):
            return ()
        found = entered_by(self.chain, arn)
        if len(found) != 1:
            raise UsageError(
                f"chain {self.chain.name} has several source roles, and it is not clear at which {arn} enters: "
                f"name one of {arns(found or self.chain.sources)} with --source"
            )
        return (self._named(way_in(found[0], arn)),)

    def ways_in(self) -> tuple[tuple[Hop, ...], ...]:
        """Every way in that needs no look at the session: from inside, and by each call into the one source role."""
        outside = ways_in(self.chain.source) if len(self.chain.sources) == 1 else ()
        return (*((self._named(hop),) for hop in outside), ())

    def _calls(self, hops: Iterable[DeclaredHop]) -> tuple[Hop, ...]:
        return tuple(self._named(as_hop(hop)) for hop in self.chosen(hops))

    def _named(self, hop: Hop) -> Hop:
        return replace(hop, session_name=self.session_name) if self.session_name else hop


def _of_option(problem: Problem) -> str:
    """A problem with what was chosen, in the command's words."""
    option, *key = map(str, problem.place)
    return f"{' '.join([_OPTIONS[option], *key])}: {problem.message}"


def _missing(hop: DeclaredHop) -> Iterable[str]:
    for tag in hop.open_tags:
        allowed = f" ({', '.join(tag.values)})" if tag.values else ""
        yield f"the session tag {tag.key}{allowed}: give it with --session-tag {tag.key}=VALUE"
    if hop.lacks_source_identity and hop.callee.identity:
        values = hop.callee.identity.values
        allowed = f" ({', '.join(values)})" if values else ""
        yield f"a source identity{allowed}: give it with --source-identity NAME"
