"""The diagram of a chain from its proof, or of any templates from their audit."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.diagram.diagram import MARKS, Arrow, ArrowKind, Box, BoxKind, Diagram, Half, ShownStatement
from rolechain.graph.administrators import Changer
from rolechain.graph.calls import EVERYTHING, request_between, requests_of
from rolechain.graph.documents import STS_ACTIONS, statements_in
from rolechain.graph.edges import Edge, edges
from rolechain.graph.role_graph import PolicyRecord, Principal, RoleRecord
from rolechain.graph.unknown_keys import in_doubt, not_known
from rolechain.iam.arn import account_of, name_of, resource_of, root_of
from rolechain.iam.limits import ACCOUNT
from rolechain.model.chain import Chain
from rolechain.policy import Decision, Policy, Request, Side, Verdict, decide
from rolechain.policy.context import Context
from rolechain.policy.elements import printable
from rolechain.proof import EntranceRecord, Finding, Level, Proof
from rolechain.proof.report import counted, last_line

_SEVERITY = (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY, Verdict.UNKNOWN, Verdict.ALLOW)
_MOST_RESOURCES = 6
_MOST_ENTRANCES = 12


def diagram_of_chain(chain: Chain, proof: Proof, *, source: str = "") -> Diagram:
    """The picture of a chain that was proven.

    Args:
        chain: the chain.
        proof: its proof, which holds the graph that it was made from.
        source: where the templates come from, with a blank before.
    """
    drawing = _Drawing(proof, chain)
    for declared in chain.roles:
        drawing.principal(declared.arn, BoxKind.THIRD_PARTY if declared.third_party else BoxKind.ROLE)
    for hop, proven in zip(chain.hops(), proof.hops, strict=True):
        requests = list(requests_of(hop, drawing.graph, chain.region))
        drawing.hop(hop.caller.arn, hop.callee.arn, proven.verdict, proven.reason, hop.index, requests)
    drawing.shortcuts(chain)
    drawing.entrances(proof.entrances)
    summary = last_line(chain.name, proof, source=source)
    return drawing.diagram(f"chain {chain.name}", summary)


def diagram_of_graph(proof: Proof, title: str) -> Diagram:
    """The picture of any templates, from their audit; no chain is declared.

    Roles that take part in no AssumeRole of another role or account, such as those of services alone, are left out.
    """
    drawing = _Drawing(proof, None)
    for hop in proof.hops:
        if hop.verdict in MARKS:
            drawing.hop(hop.caller, hop.callee, hop.verdict, hop.reason, 0, [])
    for access in proof.entrances:
        if not access.words.startswith("the service "):
            drawing.principal(access.role)
    drawing.entrances([each for each in proof.entrances if drawing.has(each.role)])
    roles = drawing.graph.roles
    left = sum(not drawing.has(role.arn) for role in roles)
    errors = sum(each.level is Level.ERROR for each in proof.findings)
    diagram = drawing.diagram(title, f"{counted(len(roles), 'role')}, {counted(errors, 'error')}")
    words = f"{counted(left, 'role')} that no other role or account assumes" if left else ""
    return replace(diagram, left_out=words)


class _Drawing:
    """Collects boxes and arrows by what they stand for, and puts together what is alike."""

    def __init__(self, proof: Proof, chain: Chain | None) -> None:
        if proof.graph is None:
            raise ValueError("the proof holds no role graph: draw one that prove or audit returned")
        self.graph = proof.graph
        self._proof = proof
        self._is_judged = chain is not None
        self._declared = {role.arn: role for role in chain.roles} if chain else {}
        self._third_parties = {
            value
            for role in (chain.sources if chain else ())
            for entrance in role.entrances
            if entrance.third_party
            for value in (entrance.value, account_of(entrance.value))
            if value
        }
        self._principals: dict[str, Principal] = {}
        for each in self.graph.principals:
            self._principals.setdefault(each.arn, each)
        self._findings: dict[tuple[str, str], list[Finding]] = {}
        for found in proof.findings:
            if found.place:
                place = (found.place.template, found.place.logical_id)
                self._findings.setdefault(place, []).append(found)
        self._edges: dict[tuple[str, str], Edge] = {}
        for edge in edges(self.graph):
            pair = (edge.caller.arn, edge.callee.arn)
            if pair not in self._edges or (edge.decision and edge.decision.allowed):
                self._edges[pair] = edge
        self._boxes: dict[str, Box] = {}
        self._arrows: list[tuple[str, str, Arrow]] = []

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
        heading = account if ACCOUNT.fullmatch(account) else "account not known"
        if account.startswith("<"):  # what stands for the account of a template
            heading = f"account of {account.strip('<>')}"
        name = self._proof.names.get(arn) or (name_of(arn) if resource_of(arn) else arn)
        findings = tuple(self._findings_of(known)) if known else ()
        self._boxes[arn] = Box(kind, printable(name), printable(heading), (printable(arn),), findings)

    def hop(
        self,
        caller: str,
        callee: str,
        verdict: Verdict,
        reason: str,
        index: int,
        requests: Sequence[Request],
    ) -> None:
        """Adds a hop, with both of its sides; ``requests`` are the calls that it is decided by."""
        self.principal(caller)
        self.principal(callee)
        halves = self._halves(caller, callee, verdict, requests)
        arrow = Arrow(ArrowKind.HOP, 0, 0, verdict, printable(reason), index, *halves)
        self._arrows.append((caller, callee, arrow))

    def shortcuts(self, chain: Chain) -> None:
        """Adds each way past a role of a chain, and each AssumeRole of its roles that it does not declare."""
        hops = {(hop.caller.arn, hop.callee.arn) for hop in chain.hops()}
        order = chain.positions
        past = [
            (caller.arn, callee.arn)
            for number, callers in enumerate(order)
            for callees in order[number + 2 :]
            for callee in callees
            for caller in callers
        ]
        sources = {role.arn for role in chain.sources}
        undeclared = {each.place for each in self._proof.entrances if not each.declared}
        for caller, callee in dict.fromkeys((*past, *self._edges)):
            # Others who may assume a source role are among those whom it lets in.
            enters = callee in sources and caller not in self._declared
            if (caller, callee) in hops or callee not in self._declared or enters:
                continue
            self.principal(caller)
            kind, verdict, reason = ArrowKind.REFUSED, Verdict.UNKNOWN, "a role of it is not in the templates"
            one, other = self._principals.get(caller), self._principals.get(callee)
            if edge := self._edges.get((caller, callee)):
                is_open = edge.trust in undeclared or callee in sources
                kind = ArrowKind.OPEN if is_open else ArrowKind.ENTRANCE
                if edge.decision:
                    verdict, reason = edge.decision.verdict, edge.decision.reason
            elif one and isinstance(other, RoleRecord):
                # No call gets through, whatever its caller chooses; the reason is that of one that chooses nothing.
                verdict = Verdict.IMPLICIT_DENY
                reason = decide(request_between(one, other, self.graph)).reason
            halves = self._halves(caller, callee, verdict, ())
            self._arrows.append((caller, callee, Arrow(kind, 0, 0, verdict, printable(reason), 0, *halves)))

    def entrances(self, entrances: Sequence[EntranceRecord]) -> None:
        """Adds those whom trust policies let in; many of one role share a box."""
        drawn = {(caller, callee) for caller, callee, _ in self._arrows} & self._edges.keys()
        groups: dict[tuple[str, BoxKind], dict[str, EntranceRecord]] = {}
        for each in entrances:
            if (each.who, each.role) in drawn:
                continue
            kind = BoxKind.ENTRANCE
            if self._is_judged and not each.declared:
                kind = BoxKind.OPEN_DOOR
            elif each.who in self._third_parties or account_of(each.who) in self._third_parties:
                kind = BoxKind.THIRD_PARTY
            groups.setdefault((each.role, kind), {}).setdefault(printable(each.words), each)
        for (role, kind), by_words in groups.items():
            several = [list(by_words.values())] if len(by_words) > _MOST_ENTRANCES else None
            for group in several or [[each] for each in by_words.values()]:
                self._entrance(role, kind, group)

    def _entrance(self, role: str, kind: BoxKind, group: Sequence[EntranceRecord]) -> None:
        words = tuple(printable(each.words) for each in group)
        key = "\n".join((kind, *words))
        name = words[0] if len(words) == 1 else "principals"
        self._boxes.setdefault(key, Box(kind, name, kind.value, words))
        half = Half(Verdict.ALLOW, tuple(_trust(self._principals[role], [each.place for each in group])))
        reason = f"{printable(name_of(role))} lets in {words[0]}"
        arrow = ArrowKind.OPEN if kind is BoxKind.OPEN_DOOR else ArrowKind.ENTRANCE
        self._arrows.append((key, role, Arrow(arrow, 0, 0, Verdict.ALLOW, reason, trust=half)))

    def _halves(
        self, caller_arn: str, callee_arn: str, verdict: Verdict, requests: Sequence[Request]
    ) -> tuple[Half | None, Half | None]:
        """Both sides of a call, each decided whatever the other says; None where the policies are not at hand."""
        caller, callee = self._principals.get(caller_arn), self._principals.get(callee_arn)
        if caller is None or not isinstance(callee, RoleRecord):
            return None, None
        edge = self._edges.get((caller_arn, callee_arn))
        permission, trust = (edge.permission, edge.trust) if edge else (None, None)
        verdicts = [verdict, verdict]
        if verdict is not Verdict.ALLOW:
            tags = getattr(caller, "tags_known", True) and callee.tags_known
            calls = requests or [request_between(caller, callee, self.graph)]
            doubted = [in_doubt(each, not_known(each, tags=tags)) for each in calls]
            of_caller, of_callee = (
                min(map(side, doubted), key=lambda each: _SEVERITY.index(each.verdict))
                for side in (_callers_side, _callees_side)
            )
            verdicts = [of_caller.verdict, of_callee.verdict]
            if of_caller.side is Side.IDENTITY_POLICY and of_caller.policy is not None and not permission:
                permission = replace(caller.policies[of_caller.policy].place, statement=of_caller.statement)
            elif of_caller.allowed and not permission:
                permission = _allowing(caller, calls[0])
            if of_callee.side is Side.TRUST_POLICY and not trust:
                trust = replace(callee.trust.place, statement=of_callee.statement)
        return (
            Half(verdicts[0], tuple(_permissions(caller, callee, permission))),
            Half(verdicts[1], tuple(_trust(callee, [trust]))),
        )

    def _findings_of(self, principal: Principal) -> list[Finding]:
        return self._findings.get((principal.place.template, principal.place.logical_id), [])

    def diagram(self, title: str, summary: str) -> Diagram:
        """All of it, with what is alike put together."""
        alike: dict[Hashable, list[str]] = {}
        around: dict[str, list[tuple[str, str, Arrow]]] = {}
        for caller, callee, arrow in self._arrows:
            around.setdefault(caller, []).append(("to", callee, arrow))
            around.setdefault(callee, []).append(("from", caller, arrow))
        for key, box in self._boxes.items():
            alike.setdefault(self._likeness(key, box, around.get(key, ())), []).append(key)
        number_of = {key: number for number, keys in enumerate(alike.values()) for key in keys}
        boxes = []
        for keys in alike.values():
            together = [self._boxes[key] for key in keys]
            accounts = {each.heading for each in together}
            heading = together[0].heading if len(accounts) == 1 else f"{len(accounts)} accounts"
            members = tuple(member for each in together for member in each.members)
            boxes.append(replace(together[0], heading=heading, members=members))
        arrows: dict[Hashable, Arrow] = {}
        for one, other, arrow in self._arrows:
            placed = replace(arrow, caller=number_of[one], callee=number_of[other])
            arrows.setdefault((placed.caller, placed.callee, arrow.kind, arrow.verdict), placed)
        changers = tuple(dict.fromkeys(map(self._changer, self._proof.changers or ())))
        return Diagram(
            printable(title),
            printable(summary),
            self._proof.proven,
            tuple(boxes),
            tuple(arrows.values()),
            changers,
        )

    def _likeness(self, key: str, box: Box, around: Iterable[tuple[str, str, Arrow]]) -> Hashable:
        """What a role shares with those that are drawn as one with it: all but its account, name and external id."""
        role = self._principals.get(key)
        if not isinstance(role, RoleRecord) or not role.name:
            return key
        declared = self._declared.get(key)
        own = {
            role.account: "<account>",
            role.name: "<name>",
            (declared and declared.external_id) or "": "<external id>",
        }
        words = sorted((re.escape(each) for each in own if each), key=len, reverse=True)
        pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])")

        def normal(value: object) -> str:
            text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
            return pattern.sub(lambda match: own[match[0]], text)

        return (
            box.kind,
            role.path,
            normal(role.trust.document),
            tuple(sorted(normal(each.document) for each in role.policies)),
            normal(role.boundary.document) if role.boundary else None,
            tuple(
                sorted(
                    (*way, each.kind, each.verdict, each.index, normal(each.reason)) for *way, each in around
                )
            ),
            tuple(normal([each.rule, each.level.value, each.message]) for each in self._findings_of(role)),
        )

    def _changer(self, changer: Changer) -> tuple[str, bool]:
        names = self._proof.names
        verb = "change" if changer.rule == "RC38" else "act as"
        first = names.get(changer.roles[0]) or name_of(changer.roles[0])
        roles = first if len(changer.roles) == 1 else counted(len(changer.roles), "role")
        ways = ", ".join(dict.fromkeys(means.words for means in changer.means))
        said = (", as is declared" if changer.declared else "") + (
            "" if changer.surely else ", which is not known"
        )
        who = names.get(changer.who, changer.who)
        return printable(f"{who} may {verb} {roles}{said}: {ways}"), changer.declared


def _callees_side(request: Request) -> Decision:
    """What the callee's trust policy decides where the caller may call everything."""
    callee = replace(request.callee, rcps=None)
    own = replace(request, identity_policies=(EVERYTHING,), permissions_boundary=None, session_policies=None)
    return decide(replace(own, callee=callee, scps=None))


def _callers_side(request: Request) -> Decision:
    """What the caller's policies decide where the callee trusts its account."""
    trusting = {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": root_of(request.caller.arn)}}
    trust_policy = Policy.parse({"Version": "2012-10-17", "Statement": [trusting]})
    callee = replace(request.callee, rcps=None, trust_policy=trust_policy)
    return decide(replace(request, callee=callee, scps=None))


def _allowing(caller: Principal, request: Request) -> SourceLocation | None:
    """The first statement of a caller's policies that allows a call by itself."""
    for record in caller.policies:
        for statement in record.policy.allows:
            if _callers_side(replace(request, identity_policies=(Policy((statement,)),))).allowed:
                return record.place_of(statement)
    return None


def _permissions(
    caller: Principal, callee: RoleRecord, decisive: SourceLocation | None
) -> Iterator[ShownStatement]:
    """The statements of a caller's policies and boundary that may be about a call of a role."""
    for record in (*caller.policies, *([caller.boundary] if caller.boundary else [])):
        for statement in record.policy.statements:
            about = any(statement.actions.match(action) is not False for action in STS_ACTIONS)
            on = statement.resources and statement.resources.match(callee.arn, Context.of({})) is not False
            if statement.stands_in or (about and on):
                yield _shown(record, statement.index, [decisive], callee.arn)


def _trust(callee: Principal, decisive: Iterable[SourceLocation | None]) -> Iterator[ShownStatement]:
    if isinstance(callee, RoleRecord):
        for statement in callee.trust.policy.statements:
            yield _shown(callee.trust, statement.index, decisive, callee.arn)


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
