"""What a picture of a chain, or of any roles, shows: who is in it, who may assume whom, and what decides it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.administrators import Changer
from rolechain.graph.calls import EVERYTHING, request_between, requests_of
from rolechain.graph.documents import STS_ACTIONS, statements_in
from rolechain.graph.edges import edges
from rolechain.graph.role_graph import PolicyRecord, Principal, RoleGraph, RoleRecord
from rolechain.graph.unknown_keys import in_doubt, not_known
from rolechain.iam.arn import account_of, name_of, resource_of, root_of
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.policy import Decision, Policy, Request, Side, Verdict, decide
from rolechain.policy.context import Context
from rolechain.policy.elements import printable
from rolechain.proof import EntranceRecord, Finding, HopProof, Level, Proof
from rolechain.proof.report import counted, last_line

_SEVERITY = (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY, Verdict.UNKNOWN, Verdict.ALLOW)
_MOST_RESOURCES = 6
_MOST_ENTRANCES = 6
MARKS = {Verdict.ALLOW: "✓", Verdict.UNKNOWN: "?"}
"""What stands for a verdict; ``✗`` for every refusal."""


def mark(verdict: Verdict) -> str:
    """The sign of a verdict."""
    return MARKS.get(verdict, "✗")


class BoxKind(StrEnum):
    """What a box stands for."""

    ROLE = "role"
    ENTRANCE = "entrance"
    THIRD_PARTY = "third party"
    OPEN_DOOR = "open door"
    OUTSIDE = "outside of the templates"


class ArrowKind(StrEnum):
    """What an arrow stands for."""

    HOP = "hop"
    ENTRANCE = "entrance"
    REFUSED = "refused shortcut"
    OPEN = "open door"


@dataclass(frozen=True)
class ShownStatement:
    """A statement of one side of a hop.

    Attributes:
        text: the statement as JSON, of which long lists of resources are shortened.
        place: where it stands.
        decisive: whether it decides that side.
    """

    text: str
    place: str
    decisive: bool


@dataclass(frozen=True)
class Half:
    """One side of a hop: what the caller's policies, or the callee's trust policy, say to it.

    Attributes:
        verdict: what that side decides, whatever the other says.
        statements: its statements about the hop; none where no policy is at hand.
    """

    verdict: Verdict
    statements: tuple[ShownStatement, ...]


@dataclass(frozen=True)
class Box:
    """A principal, or several that are alike but for their accounts, names and external ids.

    Attributes:
        kind: what it stands for.
        name: what it is called.
        heading: the account, or what stands for one.
        members: the ARNs of those that it stands for, or who they are in words.
        findings: what is wrong, or not known, with its resource.
    """

    kind: BoxKind
    name: str
    heading: str
    members: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of its findings."""
        return tuple(sorted({each.rule for each in self.findings}))

    @property
    def title(self) -> str:
        """Its name, and how many it stands for."""
        return f"{self.name} × {len(self.members)}" if len(self.members) > 1 else self.name  # noqa: RUF001


@dataclass(frozen=True)
class Arrow:
    """Somebody who may assume a role, or may not.

    Attributes:
        kind: what it stands for.
        caller: the number of the caller's box.
        callee: the number of the callee's box.
        verdict: the decision.
        reason: why, in a line.
        index: the number of the hop, counted from 1; 0 for anything else.
        permission: the caller's side; None where it is not the caller's policies that decide.
        trust: the callee's side; None where it is not at hand.
    """

    kind: ArrowKind
    caller: int
    callee: int
    verdict: Verdict
    reason: str
    index: int = 0
    permission: Half | None = None
    trust: Half | None = None

    @property
    def label(self) -> str:
        """What stands beside it: the hop's number, then the verdict of either side, and the whole if it is another."""
        if self.kind is ArrowKind.ENTRANCE:
            return ""
        if self.kind is not ArrowKind.HOP:
            words = "refused" if self.kind is ArrowKind.REFUSED else "open"
            return f"{words}?" if self.verdict is Verdict.UNKNOWN else words
        sides = [half.verdict for half in (self.permission, self.trust) if half]
        whole = mark(self.verdict) if set(sides) != {self.verdict} else ""
        return " ".join(filter(None, (str(self.index or ""), "".join(map(mark, sides)), whole)))


@dataclass(frozen=True)
class Diagram:
    """A picture before it is laid out.

    Attributes:
        title: the name of what it shows.
        summary: what was proven or found, in a line.
        good: whether nothing is wrong.
        boxes: who is in it.
        arrows: who may assume whom.
        changers: who may change the chain, in words, each with whether that is as declared.
        left_out: what is not drawn, in words; empty where all is.
    """

    title: str
    summary: str
    good: bool
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    changers: tuple[tuple[str, bool], ...] = ()
    left_out: str = ""

    def accounts(self) -> Iterator[tuple[str, Iterable[int]]]:
        """The numbers of the boxes of each account; of what stands for several accounts, each by itself."""
        found: dict[Hashable, list[int]] = {}
        for number, box in enumerate(self.boxes):
            found.setdefault(number if len(box.members) > 1 else box.heading, []).append(number)
        for numbers in found.values():
            yield self.boxes[numbers[0]].heading, numbers


def words_of(arrow: Arrow, diagram: Diagram) -> str:
    """An arrow in a line: who may assume whom, or may not."""
    caller, callee = diagram.boxes[arrow.caller].title, diagram.boxes[arrow.callee].title
    if arrow.kind is ArrowKind.HOP:
        number = f" {arrow.index}" if arrow.index else ""
        return f"hop{number}: {caller} → {callee}, {verdict_words(arrow.verdict)}"
    if arrow.kind is ArrowKind.REFUSED:
        refused = "not known to be refused" if arrow.verdict is Verdict.UNKNOWN else "refused"
        return f"shortcut: {caller} → {callee}, {refused}"
    return f"{arrow.kind.value}: {caller} → {callee}"


def verdict_words(verdict: Verdict) -> str:
    """A verdict with its sign."""
    words = {Verdict.ALLOW: "allowed", Verdict.UNKNOWN: "not known", Verdict.EXPLICIT_DENY: "denied"}
    return f"{mark(verdict)} {words.get(verdict, 'refused')}"


def diagram_of_chain(chain: Chain, proof: Proof, *, source: str = "") -> Diagram:
    """The picture of a chain that was proven.

    Args:
        chain: the chain.
        proof: its proof, which holds the graph that it was made from.
        source: where the templates come from, with a blank before.
    """
    drawing = _Drawing(proof, chain)
    for declared in chain.roles:
        third = BoxKind.THIRD_PARTY if declared.third_party else BoxKind.ROLE
        drawing.principal(declared.arn, third)
    for hop, proven in zip(chain.hops(), proof.hops, strict=True):
        requests = list(requests_of(hop, drawing.graph, chain.region))
        drawing.hop(proven, hop.index, requests)
    drawing.shortcuts(chain)
    drawing.entrances(proof.entrances)
    return drawing.diagram(
        f"chain {chain.name}", last_line(chain.name, proof, source=source), good=proof.proven
    )


def diagram_of_graph(proof: Proof, title: str) -> Diagram:
    """The picture of any templates, from their audit; no chain is declared.

    Roles that take part in no AssumeRole of another role or account, such as those of services alone, are left out.
    """
    drawing = _Drawing(proof, None)
    for hop in proof.hops:
        if hop.verdict in MARKS:
            drawing.hop(hop, 0, [])
    services = {each.place for each in proof.entrances if each.words.startswith("the service ")}
    for access in proof.entrances:
        if access.place not in services:
            drawing.principal(access.role)
    drawing.entrances([each for each in proof.entrances if drawing.has(each.role)])
    left = sum(not drawing.has(role.arn) for role in drawing.graph.roles)
    errors = sum(each.level is Level.ERROR for each in proof.findings)
    summary = f"{counted(len(drawing.graph.roles), 'role')}, {counted(errors, 'error')}"
    words = f"{counted(left, 'role')} that no other role or account assumes" if left else ""
    return replace(drawing.diagram(title, summary, good=proof.proven), left_out=words)


@dataclass(frozen=True)
class _Raw:
    """An arrow between single principals, before those that are alike are put together."""

    caller: str
    callee: str
    arrow: Arrow


class _Drawing:
    """Collects boxes and arrows by what they stand for, and puts together what is alike."""

    def __init__(self, proof: Proof, chain: Chain | None) -> None:
        if proof.graph is None:
            raise ValueError("the proof holds no role graph: draw one that prove or audit returned")
        self.graph: RoleGraph = proof.graph
        self._proof = proof
        self._declared: Mapping[str, ChainRole] = {role.arn: role for role in chain.roles} if chain else {}
        self._third_parties = {
            value
            for role in (chain.sources if chain else ())
            for entrance in role.entrances
            if entrance.third_party
            for value in (entrance.value, account_of(entrance.value))
        }
        self._judged = chain is not None
        self._boxes: dict[str, Box] = {}
        self._raw: list[_Raw] = []

    @cached_property
    def _principals(self) -> Mapping[str, Principal]:
        found: dict[str, Principal] = {}
        for each in self.graph.principals:
            found.setdefault(each.arn, each)
        return found

    @cached_property
    def _findings(self) -> Mapping[tuple[str, str], list[Finding]]:
        found: dict[tuple[str, str], list[Finding]] = {}
        for each in self._proof.findings:
            if each.place:
                found.setdefault((each.place.template, each.place.logical_id), []).append(each)
        return found

    @cached_property
    def _edges(
        self,
    ) -> Mapping[tuple[str, str], tuple[SourceLocation, SourceLocation | None, Decision | None]]:
        return {
            (each.caller.arn, each.callee.arn): (each.trust, each.permission, each.decision)
            for each in edges(self.graph)
        }

    def has(self, key: str) -> bool:
        """Whether something has a box."""
        return key in self._boxes

    def principal(self, arn: str, kind: BoxKind = BoxKind.ROLE) -> None:
        """Adds a role, a user or a pattern of ARNs."""
        if arn in self._boxes:
            return
        known = self._principals.get(arn)
        if known is None and arn not in self._declared:
            kind = BoxKind.OUTSIDE
        account = account_of(arn)
        name = self._proof.names.get(arn) or (name_of(arn) if resource_of(arn) else arn)
        heading = account if re.fullmatch(r"\d{12}", account) else "account not known"
        if account.startswith("<"):  # what stands for the account of a template
            heading = f"account of {account.strip('<>')}"
        findings = tuple(self._of(known)) if known else ()
        self._boxes[arn] = Box(kind, printable(name), printable(heading), (printable(arn),), findings)

    def hop(self, proven: HopProof, index: int, requests: Sequence[Request]) -> None:
        """Adds a hop, with both of its sides."""
        for arn in (proven.caller, proven.callee):
            self.principal(arn)
        caller, callee = (self._principals.get(arn) for arn in (proven.caller, proven.callee))
        permission = trust = None
        if caller and isinstance(callee, RoleRecord):
            permission, trust = self._halves(proven, caller, callee, requests)
        arrow = Arrow(ArrowKind.HOP, 0, 0, proven.verdict, printable(proven.reason), index, permission, trust)
        self._raw.append(_Raw(proven.caller, proven.callee, arrow))

    def shortcuts(self, chain: Chain) -> None:
        """Adds each way past a role of a chain, and each AssumeRole of its roles that it does not declare."""
        hops = {(hop.caller.arn, hop.callee.arn) for hop in chain.hops()}
        order = (chain.sources, *((role,) for role in chain.middle), chain.targets)
        pairs = [
            (caller.arn, callee.arn)
            for number, callers in enumerate(order)
            for callees in order[number + 2 :]
            for callee in callees
            for caller in callers
        ]
        sources = {role.arn for role in chain.sources}
        unread = {each.place for each in self._proof.entrances if not each.declared}
        for caller, callee in dict.fromkeys((*pairs, *self._edges)):
            edge = self._edges.get((caller, callee))
            if (caller, callee) in hops or callee not in self._declared:
                continue
            if callee in sources and caller not in self._declared:
                continue  # it is one of those whom the source role lets in
            self.principal(caller)
            if edge is None:
                self._refused(caller, callee)
                continue
            trust, permission, decision = edge
            is_open = trust in unread or callee in sources
            kind = ArrowKind.OPEN if is_open else ArrowKind.ENTRANCE
            verdict = decision.verdict if decision else Verdict.UNKNOWN
            record = self._principals[callee]
            assert isinstance(record, RoleRecord)  # noqa: S101 - an edge ends in a role
            halves = (
                Half(verdict, tuple(self._permissions(self._principals[caller], record, permission))),
                Half(verdict, tuple(self._trust(record, trust))),
            )
            reason = printable(decision.reason) if decision else ""
            self._raw.append(_Raw(caller, callee, Arrow(kind, 0, 0, verdict, reason, 0, *halves)))

    def _refused(self, caller: str, callee: str) -> None:
        one, other = self._principals.get(caller), self._principals.get(callee)
        verdict, reason = Verdict.UNKNOWN, "a role of it is not in the templates"
        permission = trust = None
        if one and isinstance(other, RoleRecord):
            request = request_between(one, other, self.graph)
            decision = decide(request)
            verdict, reason = Verdict.IMPLICIT_DENY, printable(decision.reason)
            if decision.verdict is Verdict.EXPLICIT_DENY:
                verdict = decision.verdict
            permission = Half(_side(request, trust=False).verdict, tuple(self._permissions(one, other, None)))
            trust = Half(_side(request, trust=True).verdict, tuple(self._trust(other, None)))
        arrow = Arrow(ArrowKind.REFUSED, 0, 0, verdict, reason, 0, permission, trust)
        self._raw.append(_Raw(caller, callee, arrow))

    def entrances(self, entrances: Sequence[EntranceRecord]) -> None:
        """Adds those whom trust policies let in; many of one role share a box."""
        by_role: dict[tuple[str, bool], dict[str, EntranceRecord]] = {}
        drawn = {(raw.caller, raw.callee) for raw in self._raw} & self._edges.keys()
        for each in entrances:
            if (each.who, each.role) not in drawn:
                by_role.setdefault((each.role, each.declared), {}).setdefault(printable(each.words), each)
        for (role, declared), by_words in by_role.items():
            self.principal(role)
            groups = [[each] for each in by_words.values()]
            if len(groups) > _MOST_ENTRANCES:
                groups = [list(by_words.values())]
            for group in groups:
                self._entrance(role, group, declared=declared)

    def _entrance(self, role: str, group: Sequence[EntranceRecord], *, declared: bool) -> None:
        first = group[0]
        kind = BoxKind.ENTRANCE
        if self._judged and not declared:
            kind = BoxKind.OPEN_DOOR
        elif {first.who, account_of(first.who)} & self._third_parties:
            kind = BoxKind.THIRD_PARTY
        words = tuple(printable(each.words) for each in group)
        name = words[0] if len(words) == 1 else f"{len(words)} principals"
        key = "\n".join((kind, *words))
        self._boxes.setdefault(key, Box(kind, name, kind.value, words))
        if len(words) > 1:
            self._boxes[key] = replace(self._boxes[key], name="principals")
        trusting = self._principals[role]
        assert isinstance(trusting, RoleRecord)  # noqa: S101 - a role lets them in
        half = Half(Verdict.ALLOW, tuple(self._trust(trusting, *(each.place for each in group))))
        arrow = ArrowKind.OPEN if kind is BoxKind.OPEN_DOOR else ArrowKind.ENTRANCE
        reason = f"{self._boxes[role].name} lets in {words[0]}"
        self._raw.append(_Raw(key, role, Arrow(arrow, 0, 0, Verdict.ALLOW, reason, trust=half)))

    def _halves(
        self, proven: HopProof, caller: Principal, callee: RoleRecord, requests: Sequence[Request]
    ) -> tuple[Half, Half]:
        edge = self._edges.get((proven.caller, proven.callee))
        trust, permission = (edge[0], edge[1]) if edge else (None, None)
        verdicts = [Verdict.ALLOW, Verdict.ALLOW]
        if proven.verdict is not Verdict.ALLOW:
            listed = list(requests) or [request_between(caller, callee, self.graph)]
            tags_known = caller.arn not in self.graph.by_arn or all(
                role.tags_known for role in (*self.graph.by_arn[caller.arn], callee)
            )
            doubted = [in_doubt(each, not_known(each, tags=tags_known)) for each in listed]
            sides = [_worst(_side(each, trust=is_trust) for each in doubted) for is_trust in (False, True)]
            verdicts = [side.verdict for side in sides]
            if permission is None and sides[0].side is Side.IDENTITY_POLICY and sides[0].policy is not None:
                record = caller.policies[sides[0].policy]
                permission = replace(record.place, statement=sides[0].statement)
            if trust is None and sides[1].side is Side.TRUST_POLICY:
                trust = replace(callee.trust.place, statement=sides[1].statement)
        return (
            Half(verdicts[0], tuple(self._permissions(caller, callee, permission))),
            Half(verdicts[1], tuple(self._trust(callee, trust))),
        )

    def _permissions(
        self, caller: Principal, callee: RoleRecord, decisive: SourceLocation | None
    ) -> Iterator[ShownStatement]:
        nothing = Context.of({})
        for record in (*caller.policies, *([caller.boundary] if caller.boundary else [])):
            for statement in record.policy.statements:
                about = any(statement.actions.match(action) is not False for action in STS_ACTIONS)
                on = statement.resources and statement.resources.match(callee.arn, nothing) is not False
                if about and on:
                    yield _shown(record, statement.index, [decisive], callee.arn)

    def _trust(self, callee: RoleRecord, *decisive: SourceLocation | None) -> Iterator[ShownStatement]:
        for statement in callee.trust.policy.statements:
            yield _shown(callee.trust, statement.index, decisive, callee.arn)

    def _of(self, principal: Principal) -> list[Finding]:
        return self._findings.get((principal.place.template, principal.place.logical_id), [])

    def diagram(self, title: str, summary: str, *, good: bool) -> Diagram:
        """All of it, with what is alike put together."""
        into: dict[str, list[tuple[str, Arrow]]] = {}
        out: dict[str, list[tuple[str, Arrow]]] = {}
        for raw in self._raw:
            out.setdefault(raw.caller, []).append((raw.callee, raw.arrow))
            into.setdefault(raw.callee, []).append((raw.caller, raw.arrow))
        numbers: dict[Hashable, int] = {}
        boxes: list[list[Box]] = []
        number_of: dict[str, int] = {}
        for key, box in self._boxes.items():
            alike = self._likeness(key, box, into.get(key, ()), out.get(key, ()))
            number_of[key] = numbers.setdefault(alike, len(boxes))
            if number_of[key] == len(boxes):
                boxes.append([])
            boxes[number_of[key]].append(box)
        arrows: dict[tuple[int, int, ArrowKind, Verdict], Arrow] = {}
        for raw in self._raw:
            caller, callee = number_of[raw.caller], number_of[raw.callee]
            key_of = (caller, callee, raw.arrow.kind, raw.arrow.verdict)
            arrows.setdefault(key_of, replace(raw.arrow, caller=caller, callee=callee))
        words = tuple(dict.fromkeys(map(self._changer, self._proof.changers or ())))
        return Diagram(
            printable(title),
            printable(summary),
            good,
            tuple(map(_together, boxes)),
            tuple(arrows.values()),
            words,
        )

    def _likeness(
        self, key: str, box: Box, into: Iterable[tuple[str, Arrow]], out: Iterable[tuple[str, Arrow]]
    ) -> Hashable:
        """What a principal shares with those that are drawn as one with it."""
        role = self._principals.get(key)
        if not isinstance(role, RoleRecord) or not role.name:
            return key
        normal = self._without_names(role)
        records = (role.trust, *role.policies, *([role.boundary] if role.boundary else []))
        documents = sorted(normal(json.dumps(each.document, sort_keys=True, default=str)) for each in records)
        arrows = sorted(
            (way, other, each.kind, each.verdict, each.index, normal(each.reason))
            for way, listed in (("in", into), ("out", out))
            for other, each in listed
        )
        found = sorted((each.rule, each.level.value, normal(each.message)) for each in self._of(role))
        return (box.kind, tuple(documents), tuple(arrows), tuple(found))

    def _without_names(self, role: RoleRecord) -> Callable[[str], str]:
        """Replaces what is a role's own in a text: its account, its name and its external id."""
        declared = self._declared.get(role.arn)
        external_id = declared.external_id if declared else None
        own = {role.account: "<account>", role.name: "<name>", external_id or "": "<external id>"}
        words = sorted((re.escape(each) for each in own if each), key=len, reverse=True)
        pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])")
        return lambda text: pattern.sub(lambda match: own[match[0]], text)

    def _changer(self, changer: Changer) -> tuple[str, bool]:
        verb = "change" if changer.rule == "RC38" else "act as"
        names = [self._proof.names.get(arn) or name_of(arn) for arn in changer.roles]
        roles = names[0] if len(names) == 1 else counted(len(names), "role")
        ways = ", ".join(dict.fromkeys(means.words for means in changer.means))
        unknown = "" if changer.surely else ", which is not known"
        declared = ", as is declared" if changer.declared else ""
        who = self._proof.names.get(changer.who, changer.who)
        return printable(f"{who} may {verb} {roles}{declared}{unknown}: {ways}"), changer.declared


def _together(boxes: Sequence[Box]) -> Box:
    """One box for several that are alike."""
    first = boxes[0]
    if len(boxes) == 1:
        return first
    accounts = {each.heading for each in boxes}
    return replace(
        first,
        heading=first.heading if len(accounts) == 1 else f"{len(accounts)} accounts",
        members=tuple(member for each in boxes for member in each.members),
    )


def _side(request: Request, *, trust: bool) -> Decision:
    """What one side decides where the other allows everything, the organization's policies aside."""
    callee = replace(request.callee, rcps=None)
    request = replace(request, scps=None, callee=callee)
    if trust:
        return decide(
            replace(
                request, identity_policies=(EVERYTHING,), permissions_boundary=None, session_policies=None
            )
        )
    trusting = {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": root_of(request.caller.arn)}}
    open_policy = Policy.parse({"Version": "2012-10-17", "Statement": [trusting]})
    return decide(replace(request, callee=replace(callee, trust_policy=open_policy)))


def _worst(decisions: Iterable[Decision]) -> Decision:
    return min(decisions, key=lambda decision: _SEVERITY.index(decision.verdict))


def _shown(
    record: PolicyRecord, index: int, decisive: Iterable[SourceLocation | None], callee: str
) -> ShownStatement:
    elements = statements_in(record.document) if record.document is not None else []
    if index >= len(elements):
        text = f"the document of {record.name} is not at hand"
        return ShownStatement(printable(text), printable(str(record.place)), record.place in decisive)
    element = elements[index]
    resources = element.get("Resource") if isinstance(element, Mapping) else None
    if isinstance(resources, (list, tuple)) and len(resources) > _MOST_RESOURCES:
        kept = [each for each in resources if each == callee] or list(resources[:_MOST_RESOURCES])
        element = {**element, "Resource": [*kept, f"… and {len(resources) - len(kept)} more"]}
    text = json.dumps(element, ensure_ascii=False, indent=2, default=str)
    place = replace(record.place, statement=index)
    lines = "\n".join(map(printable, text.split("\n")))
    return ShownStatement(lines, printable(str(place)), place in decisive)
