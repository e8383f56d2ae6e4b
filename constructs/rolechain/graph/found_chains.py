"""The chains that a role graph holds: which roles lead over accounts to which, and what of them a chain can say.

Everything that a policy grants and the chain does not say, and the other way round, is a note: a chain never looks
narrower than what was found.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rolechain.errors import ChainError, RolechainError
from rolechain.graph.access import admitted
from rolechain.graph.documents import statements_in
from rolechain.graph.edges import edges
from rolechain.graph.finding import Level
from rolechain.graph.found_keys import (
    Grant,
    entering,
    entrances_of,
    grants_of,
    keys_of_callee,
    listed,
    not_said,
    organization_of,
    units_of,
)
from rolechain.graph.permissions import assumable
from rolechain.graph.requests import Requests
from rolechain.graph.role_graph import PolicyRecord, RoleGraph, RoleRecord
from rolechain.graph.traversal import circles, reachable, turned
from rolechain.graph.values import OneValue
from rolechain.iam.arn import (
    account_of,
    iam_arn,
    is_arn,
    is_of_aws,
    name_of,
    partition_of,
    resource_of,
    resource_type_of,
)
from rolechain.iam.condition_keys import EXTERNAL_ID, ORGANIZATION, PRINCIPAL_ARN
from rolechain.iam.glob import matches
from rolechain.iam.partitions import FIRST_REGIONS
from rolechain.iam.sts_actions import ASSUME_ROLE
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance, inherited_values
from rolechain.model.role import ChainRole, Permission
from rolechain.statements.builder import permission_statements, trust_statements
from rolechain.statements.packing import PackingError, pack
from rolechain.statements.permissions_policy import hop_permission_statements
from rolechain.statements.revocation import time_of
from rolechain.statements.trust_policy import CALLER_SID

Json = dict[str, Any]
MOST = 2000
"""The most chains that are told apart."""
_DEFAULT_NAME = re.compile(r"(.+)-(?:(?:source|middle)(?:-[0-9]+)?|target)")


class TooManyChainsError(RolechainError, ValueError):
    """The roles lead to each other in more ways than can be told apart."""

    usage = True


@dataclass(frozen=True)
class Note:
    """Something about a role that its chain does not say.

    Attributes:
        role: the role's ARN.
        words: what it is.
        statement: the statement that it stands in, or that the chain would write, as JSON; empty where there is none.
    """

    role: str
    words: str
    statement: str = ""


@dataclass(frozen=True)
class FoundChain:
    """A chain that was found.

    Attributes:
        chain: the chain.
        notes: what it does not say, in the order of its roles.
    """

    chain: Chain
    notes: tuple[Note, ...] = ()

    @property
    def paths(self) -> int:
        """How many ways lead from a source to a target."""
        return len(self.chain.sources) * len(self.chain.targets)


@dataclass(frozen=True)
class Found:
    """What a graph holds.

    Attributes:
        chains: the chains, those with the most ways from a source to a target first.
        unsaid: what leads over accounts and cannot be said as a chain, in words.
    """

    chains: tuple[FoundChain, ...] = ()
    unsaid: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Shape:
    """The ARNs of the roles of a chain."""

    sources: tuple[str, ...]
    middle: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        return (*self.sources, *self.middle, *self.targets)

    def callers_of(self, role: str) -> Sequence[str]:
        """The roles before one of them."""
        if role in self.sources:
            return ()
        at = self.middle.index(role) if role in self.middle else len(self.middle)
        return self.middle[at - 1 : at] if at else self.sources

    def hops(self) -> Iterator[tuple[str, str]]:
        return ((caller, role) for role in self.roles for caller in self.callers_of(role))


def found_chains(
    graph: RoleGraph,
    *,
    roles: Collection[str] = (),
    existing: Collection[str] = (),
    whole: Collection[str] = (),
) -> Found:
    """The chains that the roles of a graph make.

    A chain goes from one account to another. Left out are roles that no role leads to or from, and roles that only
    roles of their own account may assume and that lead nowhere.

    Args:
        graph: the roles.
        roles: names or ARNs, of which each chain has one; empty for every chain.
        existing: names, ARNs or accounts of the roles that stay with their owners.
        whole: the accounts all of whose roles are in the graph.

    Raises:
        TooManyChainsError: there are more than ``MOST``.
    """
    finder = _Finder(graph, frozenset(existing), frozenset(whole))
    shapes = list(_shapes(finder.leads, frozenset(roles)))
    shapes.sort(key=lambda each: (-len(each.sources) * len(each.targets), each.roles))
    finder.said = {hop for shape in shapes for hop in shape.hops()}
    found = [finder.declared(shape) for shape in shapes]
    return Found(
        tuple(each for each in found if isinstance(each, FoundChain)),
        (*finder.unsaid(), *(each for each in found if isinstance(each, str))),
    )


def _shapes(leads: Mapping[str, Mapping[str, str]], wanted: Collection[str]) -> Iterator[_Shape]:
    """The roles of each chain; ``leads`` has the roles that a role may assume."""
    after = {role: list(callees) for role, callees in leads.items()}
    before = turned(after)
    _prune(after, before)
    if wanted:
        chosen = [role for role in {*after, *before} if _is_one(role, wanted)]
        near = {*chosen, *reachable(chosen, _following(after)), *reachable(chosen, _following(before))}
        after = {
            role: [each for each in found if each in near] for role, found in after.items() if role in near
        }
    part = {role: number for number, circle in enumerate(circles(after)) for role in circle}
    onwards: dict[str, list[str]] = {}
    around: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []
    for role, callees in after.items():
        inside = tuple(sorted(each for each in callees if role in part and part.get(each) == part[role]))
        onwards[role] = [each for each in callees if each not in inside]
        # A chain has no circle: each of its hops is one of its own.
        around += [(role, (), inside)] if inside else []
    inwards = turned(onwards)
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for source, middle, targets in (*around, *_ways(sorted(set(onwards) - set(inwards)), onwards)):
        groups.setdefault((middle, targets), []).append(source)
        if len(groups) > MOST:
            raise TooManyChainsError(f"there are more than {MOST:,} chains: name a role of one with --role")
    for (middle, targets), sources in groups.items():
        shape = _Shape(tuple(sorted(sources)), middle, targets)
        over_accounts = len({account_of(role) for role in shape.roles}) > 1
        if over_accounts and (not wanted or any(_is_one(role, wanted) for role in shape.roles)):
            yield shape


def _is_one(role: str, wanted: Collection[str]) -> bool:
    """Whether a role is among some that are given by ARN, name or account."""
    return not {role, name_of(role), account_of(role)}.isdisjoint(wanted)


def _prune(after: dict[str, list[str]], before: dict[str, list[str]]) -> None:
    """Leaves out the roles that lead nowhere and that only their own account uses."""
    ends = [role for role in before if not after.get(role)]
    while ends:
        role = ends.pop()
        if {account_of(each) for each in before[role]} != {account_of(role)}:
            continue
        for caller in before.pop(role):
            after[caller].remove(role)
            if not after[caller]:
                del after[caller]
                ends += [caller] if caller in before else []


def _following(after: Mapping[str, Iterable[str]]) -> Callable[[str], Iterable[str]]:
    return lambda role: after.get(role, ())


def _ways(
    starts: Iterable[str], onwards: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Each source, the roles in the middle, and the targets that lead nowhere from there."""
    ahead: list[tuple[str, tuple[str, ...]]] = [(start, ()) for start in starts]
    while ahead:
        source, middle = ahead.pop()
        callees = sorted(onwards.get(middle[-1] if middle else source, ()))
        if targets := tuple(each for each in callees if not onwards.get(each)):
            yield source, middle, targets
        ahead += [(source, (*middle, each)) for each in callees if onwards.get(each)]


class _Finder:
    """Reads the chains of a graph.

    Attributes:
        leads: the roles that a role may assume, with what is not known of it; empty where it is known that it may.
        said: the hops of all chains.
    """

    def __init__(self, graph: RoleGraph, existing: Collection[str], whole: Collection[str]) -> None:
        self._graph = graph
        self._roles = {role.arn: role for role in graph.roles if is_arn(role.arn) and "<" not in role.arn}
        self._existing = existing
        self._names: set[str] = set()
        self._attached = Counter(record.name for role in graph.roles for record in role.policies)
        self._grants = {
            arn: tuple(grants_of(statements_in(role.trust.document), partition_of(arn)))
            for arn, role in self._roles.items()
        }
        self.said: set[tuple[str, str]] = set()
        self.leads: dict[str, dict[str, str]] = {}
        self._undecided = 0
        self._granting: dict[tuple[str, str], str] = {}
        for edge in edges(graph):
            caller, callee = edge.caller.arn, edge.callee.arn
            if edge.decision is None or caller == callee or not {caller, callee} <= self._roles.keys():
                continue
            record, granting = edge.granting.record, edge.granting.statement
            if record and granting and not granting.stands_in:
                for each in statements_in(record.document)[granting.index : granting.index + 1]:
                    self._granting[caller, callee] = _json(each)
            unsure = "" if edge.decision.allowed else edge.decision.reason
            if unsure and not any(caller in grant.arns for grant in self._grants[callee]):
                self._undecided += 1
            else:
                self.leads.setdefault(caller, {})[callee] = unsure
        for caller, callee in self._unread(whole):
            self.leads.setdefault(caller, {}).setdefault(callee, "")

    def _unread(self, whole: Collection[str]) -> Iterator[tuple[str, str]]:
        """The hops to roles that were not read, which a role may assume, and the hops from such roles of a chain."""
        named: dict[str, None] = {}
        for arn, role in self._roles.items():
            for callee in _callees(role, self._graph.organization or ""):
                known = callee in self._roles or account_of(callee) in whole
                if not known and partition_of(callee) == partition_of(arn):
                    named[callee] = None
                    yield arn, callee
        for arn, role in self._roles.items():
            entering = admitted(role.trust.policy, role.callee, alone=True)
            for statement in role.trust.policy.allows:
                of_chain = (statement.sid or "").startswith(CALLER_SID)
                for caller in sorted(_roles_in(entering[statement.index]) - self._roles.keys()):
                    if of_chain or caller in named:
                        yield caller, arn

    def unsaid(self) -> Iterator[str]:
        """What of the hops is not known, in words."""
        if self._undecided:
            yield f"pairs of roles of which it is not known whether one may assume the other: {self._undecided}"
        if unknown := [finding for finding in self._graph.unknown if finding.level is Level.ERROR]:
            first = f"{unknown[0].place}: {unknown[0].message}"
            yield f"places of which it is not known whom they let in: {len(unknown)}, the first is {first}"
        if roaming := [each for each in self._graph.identities if ":role/<" in each.arn]:
            words = f"policies that are attached to roles that are not known: {len(roaming)}"
            yield f"{words}, the first is {roaming[0].place}"
        ends = [(edge.callee.arn, edge.caller.arn) for edge in edges(self._graph)]
        if number := len({callee for callee, caller in ends if "<" in f"{callee}{caller}"}):
            yield (
                f"roles that are assumed and whose account or name, or their caller's, is not known: {number}; give "
                "--account, or read the accounts"
            )

    def declared(self, shape: _Shape) -> FoundChain | str:
        """The chain of some roles, or why none can be made of them."""
        home = {account_of(arn) for arn in shape.roles if arn in self._roles}
        into = [grant for arn in shape.sources for grant in self._grants.get(arn, ())]
        for arn in (*shape.middle, *shape.targets):
            into += entering(self._grants.get(arn, ()), shape.callers_of(arn))
        organization = organization_of(into, home)
        fields = {
            "name": self._name(shape),
            "organization": organization,
            "partition": partition_of(shape.roles[0]),
            "region": self._region(shape),
            "revoked_before": self._revoked_before(shape),
        }
        sources = [self._source(arn, shape, organization) for arn in shape.sources]
        tags, _ = inherited_values(entrance for role in sources for entrance in role.entrances)
        inherited = [tag.key for tag in tags]
        middle = []
        for arn in shape.middle:
            middle.append(self._callee(arn, shape, organization, inherited))
            inherited += middle[-1].transitive_tag_keys
        targets = [self._callee(arn, shape, organization, inherited) for arn in shape.targets]
        roles = {"source": sources, "middle": middle, "targets": targets}
        notes: list[Note] = []
        try:
            first = _made(fields, roles, notes)
            own = {key: [self._with_own(first, role, notes) for role in each] for key, each in roles.items()}
            chain = _made(fields, own, notes)
        except ChainError as error:
            way = " → ".join((*shape.sources[:1], *shape.middle, *shape.targets[:1]))
            return f"{way} is not said: {error.problems[0]}"
        self._names.add(chain.name.lower())
        for role in chain.roles:
            notes += self._notes(chain, role, shape)
        place = {role.arn: number for number, role in enumerate(chain.roles)}
        return FoundChain(chain, tuple(sorted(dict.fromkeys(notes), key=lambda note: place[note.role])))

    def _revoked_before(self, shape: _Shape) -> str | None:
        """The latest time before which each role that was read ends its sessions."""
        times = [
            {
                time
                for each in self._roles[arn].policies
                for time in map(time_of, statements_in(each.document or {}))
            }
            for arn in shape.roles
            if arn in self._roles
        ]
        return max(filter(None, set.intersection(*times)), default=None) if times else None

    def _units(self, arn: str) -> list[Grant]:
        """What the permissions of a role that was read allow."""
        documents = (record.document for record in self._roles[arn].policies)
        return [
            unit for each in documents for statement in statements_in(each) for unit in units_of(statement)
        ]

    def _region(self, shape: _Shape) -> str:
        places = (self._roles[arn].place.template for arn in shape.roles if arn in self._roles)
        regions = (self._graph.templates[place].region for place in places if place in self._graph.templates)
        return next(
            filter(None, regions), FIRST_REGIONS.get(partition_of(shape.roles[0]), FIRST_REGIONS["aws"])
        )

    def _name(self, shape: _Shape) -> str:
        """What the roles' names begin with, else the name of the role that reaches the targets."""
        names = [name_of(role) for role in shape.roles if role in self._roles]
        begun = Counter(found[1] for name in names if (found := _DEFAULT_NAME.fullmatch(name)))
        name = begun.most_common(1)[0][0] if begun else name_of((*shape.sources[:1], *shape.middle)[-1])
        name = re.sub(r"[^A-Za-z0-9-]+", "-", name).lstrip("-0123456789")[:60].rstrip("-") or "chain"
        numbered = (name, *(f"{name}-{number}" for number in range(2, MOST + 2)))
        return next(each for each in numbered if each.lower() not in self._names)

    def _plain(self, arn: str) -> Json:
        """The keys that every role has."""
        path, _, name = resource_of(arn).removeprefix("role").rpartition("/")
        found: Json = {
            "account": account_of(arn),
            "role": name,
            "path": f"{path}/",
            "partition": partition_of(arn),
        }
        role = self._roles.get(arn)
        found["existing"] = role is None or is_of_aws(arn) or _is_one(arn, self._existing)
        seconds = role and role.max_session_duration
        return {**found, "max_session_duration": seconds} if seconds else found

    def _source(self, arn: str, shape: _Shape, organization: str | None) -> ChainRole:
        found = self._plain(arn)
        if arn not in self._roles:
            into = entering(self._grants.get((*shape.middle, *shape.targets)[0], ()), [arn])
            found["third_party"] = bool(organization and into and not into[0].values(ORGANIZATION))
        if found["existing"]:
            return ChainRole(**found)
        together: dict[str, list[Entrance]] = {}
        role = ChainRole(**found)
        for entrance in entrances_of(self._grants[arn], role, organization):
            together.setdefault(repr(replace(entrance, value="")), []).append(entrance)
        entrances = []
        for first, *others in together.values():
            values = dict.fromkeys(each.value for each in others if each.value != first.value)
            entrances.append(replace(first, others=tuple(values)))
        # Nobody is let in as a chain would let them in: its owner goes on saying who is.
        return replace(role, assumed_by=entrances) if entrances else replace(role, existing=True)

    def _callee(
        self, arn: str, shape: _Shape, organization: str | None, inherited: Sequence[str]
    ) -> ChainRole:
        callers = shape.callers_of(arn)
        if arn in self._roles:
            keys = keys_of_callee(self._grants[arn], callers, organization, inherited)
            return ChainRole(**self._plain(arn), **keys)
        units = (unit for caller in callers if caller in self._roles for unit in self._units(caller))
        into = (each for each in units if (each.action, each.principal[1]) == (ASSUME_ROLE.lower(), arn))
        asked = {each for unit in into for each in unit.values(EXTERNAL_ID)}
        return ChainRole(**self._plain(arn), external_id=asked.pop() if len(asked) == 1 else None)

    def _with_own(self, chain: Chain, role: ChainRole, notes: list[Note]) -> ChainRole:
        """A role with the permissions that it has besides its hops, its managed policies and its boundary.

        It stays with its owner where the chain would let somebody in, or let it call, otherwise than it is: what is
        found must not be opened.
        """
        record = self._roles.get(role.arn)
        if role.existing or record is None:
            return role
        hops = chain.calls_of(role)
        written = {unit.meaning for each in _of_hops(chain, role) for unit in units_of(each)}
        of_hops = {
            hop: [unit for each in hop_permission_statements([hop]) for unit in units_of(each)]
            for hop in hops
        }
        there = self._units(role.arn)
        _, opened = self._not_said(chain, role)
        nobody = role in chain.sources and not role.assumed_by
        whole = written <= {unit.meaning for unit in there}
        refused = [
            hop
            for hop, units in of_hops.items()
            if not whole and not all(_may(each, there) for each in units)
        ]
        for hop in refused:
            words = f"stays with its owner, as it may assume {hop.role_arn} otherwise than the chain says"
            notes.append(Note(role.arn, words, self._granting.get((role.arn, hop.role_arn), "")))
        if refused or opened or nobody:
            none: Json = {"existing": True, "assumed_by": ()}
            return replace(role, **none)
        managed: list[str] = []
        permissions: list[Permission] = []
        units = [unit for several in of_hops.values() for unit in several]
        taken = written.union(*({unit.meaning, replace(unit, conditions=()).meaning} for unit in units))
        for policy in record.policies:
            kept = None
            if policy.document is not None and account_of(policy.name) != "aws":
                since = chain.revoked_before
                left = [one for one in statements_in(policy.document) if not since or time_of(one) != since]
                statements = [_besides(each, taken) for each in left]
                kept = [each for each in statements if each is not None]
            made = [_permission(each) for each in kept or ()]
            named = not policy.inline and _named(policy)
            if kept is None or (kept and named and (None in made or self._attached[policy.name] > 1)):
                if named:
                    managed.append(_short(policy.name, role, "aws"))
                else:
                    notes.append(Note(role.arn, f"has the policy {policy.name}, which is not known"))
                continue
            permissions += [each for each in made if each]
            notes += [
                Note(role.arn, "a permission that a chain cannot say", _json(each))
                for each, one in zip(kept, made, strict=True)
                if one is None
            ]
        boundary = (
            record.boundary and _named(record.boundary) and _short(record.boundary.name, role, role.account)
        )
        if record.boundary and not boundary:
            words = f"has the permissions boundary {record.boundary.name}, which is not known"
            notes.append(Note(role.arn, words))
        return replace(
            role,
            managed_policies=managed,
            permissions=tuple(dict.fromkeys(permissions)),
            permissions_boundary=boundary or None,
        )

    def _not_said(self, chain: Chain, role: ChainRole) -> tuple[list[Grant], list[Grant]]:
        document, entered = self._roles[role.arn].trust.document, role in chain.sources
        return not_said(document, trust_statements(chain, role), role.partition, entered=entered)

    def _notes(self, chain: Chain, role: ChainRole, shape: _Shape) -> Iterator[Note]:
        """What the chain does not say of one of its roles."""
        arn = role.arn
        for caller in shape.callers_of(arn):
            if unsure := self.leads[caller][arn]:
                yield Note(arn, f"whether {caller} may assume it is not known: {unsure}")
        for callee in self.leads.get(arn, ()):
            if (arn, callee) not in self.said:
                yield Note(arn, f"may also assume {callee}")
        if (record := self._roles.get(arn)) is None:
            yield Note(arn, "was not read: whom else it trusts, and what it may do, is not known")
            return
        tags = {
            key: value for key, value in record.tags.items() if not key.startswith(("rolechain:", "aws:"))
        }
        if tags:
            yield Note(arn, "has tags, which a chain does not say", _json(tags))
        if record.max_session_duration is None:
            yield Note(arn, "its maximum session duration is not known, and the chain takes 3,600 seconds")
        if record.trust.document is None:
            yield Note(arn, "its trust policy is not known")
        if (others := len(self._graph.by_arn[arn]) - 1) > 0:
            yield Note(arn, f"is made by {others + 1} templates, of which the last is said")
        if role.existing and (held := (*record.policies, *([record.boundary] if record.boundary else []))):
            yield Note(
                arn, "stays with its owner, and so do its policies", _json([each.name for each in held])
            )
        more, less = self._not_said(chain, role)
        there, written = statements_in(record.trust.document), trust_statements(chain, role)
        for grants, statements, words in (
            (more, there, "its trust policy lets in {} otherwise than the chain says"),
            (less, written, "stays with its owner, as the chain would let in {} otherwise"),
        ):
            for index in dict.fromkeys(grant.index for grant in grants):
                who = ", ".join(sorted({each.words for each in grants if each.index == index} - {""}))
                said = words.format(who) if who else "its trust policy has a statement that no chain has"
                yield Note(arn, said, _json(statements[index]))


def _made(fields: Mapping[str, Any], roles: dict[str, Any], notes: list[Note]) -> Chain:
    """The chain; a role that a chain refuses stays with its owner, without keys, and is noted.

    Raises:
        ChainError: it is refused all the same.
    """
    while True:
        try:
            return Chain(**fields, **roles)
        except ChainError as error:
            # One role at a time: what else is wrong may follow from it.
            for problem in reversed(error.problems):
                group, *place = map(str, problem.place)
                # Of one source the place has no number.
                at = int(place[0]) if place and place[0].isdecimal() else 0
                role = roles[group][at] if group in roles else None
                if role and role != (bare := _bare(role)):
                    break
            else:
                raise
            words = f"stays with its owner, as a chain refuses {problem.where}: {problem.message}"
            notes.append(Note(bare.arn, words))
            roles[group][at] = bare


def _bare(role: ChainRole) -> ChainRole:
    return ChainRole(role.account, role=role.role, path=role.path, partition=role.partition, existing=True)


def _callees(role: RoleRecord, organization: str) -> Iterator[str]:
    """The roles that a role's policies name one by one and let it assume, and no Deny and no boundary keeps it from."""
    for statement in (each for record in role.policies for each in record.policy.allows if each.effect):
        if statement.resources and any(map(_is_one_role, statement.resources.written)):
            for entry, requests in assumable(role, statement, organization):
                if requests and _is_one_role(entry):
                    yield entry


def _is_one_role(arn: str) -> bool:
    return resource_type_of(arn) == "role" and not set(arn) & set("*?<$")


def _roles_in(entering: Iterable[Requests]) -> set[str]:
    """The roles that are let in by their ARNs."""
    found: set[str] = set()
    for requests in entering:
        arns = requests.values.get(PRINCIPAL_ARN)
        if requests.kind == "role" and isinstance(arns, OneValue):
            found |= {each for each in arns.texts.values or () if _is_one_role(each)}
    return found


def _of_hops(chain: Chain, role: ChainRole) -> list[Json]:
    """The statements that the chain writes for the hops of a role."""
    try:
        return [statement for policy in pack(chain, role).hops for statement in policy.statements]
    except PackingError:
        return permission_statements(chain, role)


def _may(unit: Grant, units: Iterable[Grant]) -> bool:
    """Whether a role's permissions hold a unit, or one without conditions that is as wide."""
    wide = ((each.action, each.principal[1]) for each in units if not each.conditions)
    return any(each.meaning == unit.meaning for each in units) or any(
        matches(action, unit.action) and matches(resource, unit.principal[1]) for action, resource in wide
    )


def _besides(statement: Any, taken: Collection[object]) -> Any:
    """A statement of a role's permissions without its hops; None where it holds nothing else."""
    units = units_of(statement)
    left = {unit.principal[1] for unit in units if unit.meaning not in taken}
    if len(left) == len({unit.principal for unit in units}):
        return statement
    return (
        {**statement, "Resource": [each for each in listed(statement["Resource"]) if each in left]}
        if left
        else None
    )


def _permission(statement: Any) -> Permission | None:
    """A statement as a permission of a chain, which has no conditions."""
    if not (units := units_of(statement)) or units[0].conditions:
        return None
    actions, resources = ([str(each) for each in listed(statement[key])] for key in ("Action", "Resource"))
    lowered = (":".join((service.lower(), *rest)) for service, *rest in (each.split(":") for each in actions))
    return Permission(list(lowered), resources)


def _named(policy: PolicyRecord) -> bool:
    """Whether a managed policy's ARN is known."""
    return is_arn(policy.name) and "<" not in policy.name


def _short(arn: str, role: ChainRole, account: str) -> str:
    """The name of a managed policy of an account, or the ARN of another's."""
    return arn.removeprefix(iam_arn(role.partition, account, "policy/"))


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
