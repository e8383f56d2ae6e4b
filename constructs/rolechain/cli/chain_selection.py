"""The part of a chain that the options select, and what its AssumeRole calls pass. No botocore."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from rolechain.cli.aws_config import StaticKeys
from rolechain.cli.options import UsageError
from rolechain.cli.scope import scope_of
from rolechain.errors import ChainError, NoSuchTargetError, Problem, did_you_mean
from rolechain.iam.arn import name_of
from rolechain.model.chain import Chain
from rolechain.model.hop import Hop as DeclaredHop
from rolechain.model.hop import choose
from rolechain.model.role import ChainRole
from rolechain.runtime.entry import (
    asks_for_mfa,
    closed_entrance,
    entered_by,
    role_of,
    source_of,
    way_in,
    ways_in,
)
from rolechain.runtime.hop import Hop, as_hop, legal_session_name

_OPTIONS = {"session_tags": "--session-tag", "source_identity": "--source-identity"}


class MfaDevice(NamedTuple):
    """The MFA device of the IAM user who starts.

    Attributes:
        serial: its ARN or serial number.
        code: the six digits that it shows; None to ask on the terminal.
        everywhere: whether a code is passed to a source role that does not ask for MFA too.
    """

    serial: str
    code: str | None
    everywhere: bool

    def token_code(self) -> str:
        """The six digits."""
        if self.code:
            return self.code
        if not sys.stdin.isatty():
            raise UsageError(
                f"the source role is assumed with a code of {self.serial}, and there is no terminal to ask for it: "
                "add --mfa-code"
            )
        return getpass.getpass(f"Enter MFA code for {self.serial}: ").strip()


def mfa_device(arguments: argparse.Namespace, keys: StaticKeys | None) -> MfaDevice | None:
    """The device that the options name, else that of the profile with these keys; none where they are a session's."""
    if keys and keys.temporary:
        return None
    if arguments.mfa_serial:
        return MfaDevice(arguments.mfa_serial, arguments.mfa_code, everywhere=True)
    if keys and keys.mfa_serial:
        return MfaDevice(keys.mfa_serial, arguments.mfa_code, everywhere=False)
    if arguments.mfa_code:
        raise UsageError("--mfa-code is a code of a device that is not known: add --mfa-serial")
    return None


def selected_chain(arguments: argparse.Namespace, *, to_target: bool = False) -> Chain:
    """The chain that ``--chain`` names, reduced to the source role that ``--source`` names, if it names one.

    With ``to_target`` it is reduced to the target that ``--target`` names as well.
    """
    chain = Chain.load(arguments.chain)
    if (wanted := arguments.source) is not None:
        found = [role for role in chain.sources if wanted in (role.arn, role.role, role.account)]
        if len(found) != 1:
            problem = "several source roles" if found else "no source role"
            known = _names(found or chain.sources)
            raise UsageError(
                f"chain {chain.name} has {problem} {wanted!r}: name one of {known} with --source"
            )
        chain = replace(chain, sources=found)
    if to_target and arguments.target is not None:
        role = _named_role(chain, arguments.target)
        if (role.member_of or role) not in chain.targets:
            raise UsageError(f"{role.arn} is not a target of chain {chain.name}: name one with --target")
        chain = replace(chain, targets=[role])
    return chain


def in_every_account(target: ChainRole) -> str:
    """What a target by organizational unit is, as messages begin that ask for one of its accounts."""
    return f"{target.role} is in every account of {', '.join(target.organizational_units)}"


def _named_role(chain: Chain, target: str) -> ChainRole:
    try:
        return chain.target(target)
    except NoSuchTargetError as error:
        raise UsageError(str(error)) from error


def _names(roles: Sequence[ChainRole]) -> str:
    return ", ".join(role.alias or role.arn for role in roles)


def _picked(roles: Sequence[ChainRole]) -> ChainRole:
    """The role that the user picks on the terminal, by its number or by a name that ``--target`` takes."""
    names = [role.alias or role.role for role in roles]
    for number, (name, role) in enumerate(zip(names, roles, strict=True), 1):
        print(f"{number:>4}  {name:<{max(map(len, names))}}  {role.arn}", file=sys.stderr)
    while True:
        print("target: ", end="", file=sys.stderr, flush=True)
        if not (line := sys.stdin.readline()):
            raise UsageError("no target was picked: name one with --target")
        wanted = line.strip()
        if wanted.isdecimal() and 0 < int(wanted) <= len(roles):
            return roles[int(wanted) - 1]
        found = [role for role in roles if wanted in (role.alias, role.account, role.arn)]
        if len(found) == 1:
            return found[0]
        near = did_you_mean(wanted, [role.alias for role in roles if role.alias])
        print(f"write a number from 1 to {len(roles)}, or a target's name{near}", file=sys.stderr)


@dataclass(frozen=True)
class ChainSelection:
    """A chain with the values of the options for its calls.

    Attributes:
        chain: the chain; of its source roles only the one that is named, if one is.
        target: the role that ``--target`` names, if it names one.
        session_tags: the values of the session tags that the chain leaves open, by key.
        source_identity: the source identity.
        session_name: the sessions' name, as STS accepts it; None for the default.
        scope: the session policy that the last hop passes, as JSON; None for what the chain declares.
        several_sources: whether a source role has to be named to select the same chain again.
    """

    chain: Chain
    target: str | None
    session_tags: Mapping[str, str]
    source_identity: str | None
    session_name: str | None
    scope: str | None = None
    several_sources: bool = False

    @classmethod
    def of(cls, arguments: argparse.Namespace, *, to_target: bool = False) -> ChainSelection:
        """What the options select; arguments and errors as those of ``selected_chain``."""
        tags: dict[str, str] = {}
        for key, value in arguments.session_tag:
            if key in tags:
                raise UsageError(f"--session-tag gives {key} twice: remove one of the two")
            tags[key] = value
        name = legal_session_name(arguments.session_name) if arguments.session_name else None
        chain = selected_chain(arguments, to_target=to_target)
        several = arguments.source is not None or len(chain.sources) > 1
        scope = scope_of(getattr(arguments, "scope", []))
        return cls(chain, arguments.target, tags, arguments.source_identity, name, scope, several)

    @cached_property
    def role(self) -> ChainRole:
        """The role that ``--target`` names, the chain's only target, or the one that is picked on a terminal."""
        if self.target is not None:
            return _named_role(self.chain, self.target)
        if len(self.chain.targets) > 1:
            if sys.stdin.isatty() and sys.stderr.isatty():
                return _picked(self.chain.targets)
            raise UsageError(
                f"chain {self.chain.name} has several targets: name one of {_names(self.chain.targets)} with --target"
            )
        role = self.chain.targets[0]
        if role.by_unit:
            raise UsageError(f"{in_every_account(role)}: name one of the accounts with --target")
        return role

    def chosen(self, hops: Iterable[DeclaredHop], *, entering: bool = False) -> tuple[DeclaredHop, ...]:
        """Some hops with what was chosen for them; values of the call into the source role alone need ``entering``."""
        try:
            chosen = choose(hops, self.session_tags, self.source_identity, entering=entering)
        except ChainError as error:
            raise UsageError("; ".join(dict.fromkeys(map(_of_option, error.problems)))) from error
        if missing := dict.fromkeys(each for hop in chosen for each in _missing(hop)):
            raise UsageError(f"chain {self.chain.name} asks for {' and '.join(missing)}")
        return chosen

    def hops_to(self, role: ChainRole) -> tuple[Hop, ...]:
        """The calls that lead from the source role to a role further on; raises as ``chosen`` does."""
        calls = self._calls(self.chain.hops_to(role))
        if self.scope and not calls:
            raise UsageError(f"--scope narrows the last hop, and no hop leads to {role.arn}: remove it")
        return (*calls[:-1], *map(self._scoped, calls[-1:]))

    def hops_to_each(self, roles: Sequence[ChainRole]) -> tuple[tuple[Hop, ...], tuple[Hop, ...]]:
        """The calls that some targets share, and the last one to each; raises as ``chosen`` does."""
        ways = [self.chain.hops_to(role) for role in roles]
        shared = ways[0][:-1]
        calls = self._calls([*shared, *(way[-1] for way in ways)])
        return calls[: len(shared)], tuple(map(self._scoped, calls[len(shared) :]))

    def remaining_hops(
        self,
        arn: str,
        hops: tuple[Hop, ...],
        wanted: str,
        *,
        later: Sequence[Hop] = (),
        device: MfaDevice | None = None,
    ) -> tuple[Hop, ...]:
        """The calls that the session of an ARN has to make: from outside the chain the one into the source role too.

        Args:
            arn: the session's ARN; of the last role, it has no call to make.
            hops: the calls from the source role on.
            wanted: where they lead, as an error says it.
            later: calls of which one follows.
            device: the MFA device whose code the call into the source role passes.
        """
        standing = role_of(self.chain, arn)
        already = f"the session that it starts from is {f'of {standing.arn} already' if standing else arn}"
        other = "start from another session with --profile"
        reached = [hop.role_arn for hop in hops]
        if standing is None or standing in self.chain.sources:
            left = (*self._way_in(arn, device), *hops)
        elif standing.arn in reached:
            left = hops[reached.index(standing.arn) + 1 :]
        else:
            raise UsageError(
                f"chain {self.chain.name} leads to {wanted} by no hop from here: {already}; {other}"
            )
        # A closed entrance takes no value, and AWS's refusal is told with the time at which it closed.
        closed = any(closed_entrance(source, arn) for source in self.chain.sources)
        if not closed and (lost := ", ".join(self._lost(arn, (*left, *later)))):
            raise UsageError(f"{lost}: no hop that is left passes it: {already}; {other}, or remove it")
        return left

    def _lost(self, arn: str, left: Sequence[Hop]) -> Iterable[str]:
        """The options whose value none of the calls passes."""
        yield from self._lost_values(left)
        if self.scope and not left:
            yield "--scope"
        if self.session_name and not left and self.session_name != name_of(arn):
            yield "--session-name"

    def _lost_values(self, left: Sequence[Hop]) -> Iterable[str]:
        for key in self.session_tags:
            if not any(key in (hop.tags or {}) for hop in left):
                yield f"--session-tag {key}"
        if self.source_identity and not any(hop.source_identity for hop in left):
            yield "--source-identity"

    def cached_ways(self, hops: tuple[Hop, ...], device: MfaDevice | None) -> Iterable[tuple[Hop, ...]]:
        """The calls that a session may have made for some hops, wherever it started.

        Those that begin at a later role are left out where a value was given, which they may not pass.
        """
        sources = self.chain.sources
        outside = ways_in(sources[0], self.session_tags, self.source_identity) if len(sources) == 1 else ()
        ways = [*((self._entering(sources[0], hop, device), *hops) for hop in outside), hops]
        yield from (way for way in ways if not any(self._lost_values(way)))
        if not self.session_tags and not self.source_identity:
            yield from (hops[passed:] for passed in range(1, len(hops)))

    def _way_in(self, arn: str, device: MfaDevice | None) -> tuple[Hop, ...]:
        """The call that leads a session into a source role; none where it is of one already."""
        if source_of(self.chain, arn):
            return ()
        found = entered_by(self.chain, arn)
        if len(found) != 1:
            raise UsageError(
                f"chain {self.chain.name} has several source roles, and it is not clear which one {arn} assumes: "
                f"name one of {_names(found or self.chain.sources)} with --source"
            )
        call = way_in(found[0], arn, self.session_tags, self.source_identity)
        return (self._entering(found[0], call, device),)

    def _entering(self, source: ChainRole, hop: Hop, device: MfaDevice | None) -> Hop:
        if device and (device.everywhere or asks_for_mfa(source)):
            hop = replace(hop, serial_number=device.serial, token_code=device.token_code)
        return self._named(hop)

    def _calls(self, hops: Iterable[DeclaredHop]) -> tuple[Hop, ...]:
        return tuple(self._named(as_hop(hop)) for hop in self.chosen(hops, entering=True))

    def _scoped(self, hop: Hop) -> Hop:
        if self.scope is None:
            return hop
        if hop.policy is not None:
            raise UsageError(
                f"the hop into {hop.role_arn} passes a policy of its own, and STS takes one: remove --scope"
            )
        if hop.policy_arns:
            raise UsageError(
                f"the hop into {hop.role_arn} passes policy_arns, and --scope would add to what they allow: remove "
                "--scope"
            )
        try:
            return replace(hop, policy=self.scope)
        except ChainError as error:
            raise UsageError(f"--scope: {'; '.join(each.message for each in error.problems)}") from error

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
