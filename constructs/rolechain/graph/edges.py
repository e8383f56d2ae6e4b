"""Every AssumeRole that the policies of the templates allow, by roles, users and permission sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from weakref import WeakKeyDictionary

from rolechain.cloudformation.resources import IDENTITY_CENTER
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import (
    ASSUME,
    CARRYING,
    CalleeFacts,
    admitted,
    carried,
    must_carry,
    principal_named,
)
from rolechain.graph.arn_sets import accounts_in, around_unknown
from rolechain.graph.calls import SESSION_NAME, request_between, session_of
from rolechain.graph.examples import example_of
from rolechain.graph.language import Language, Pattern, Position, glob_of, matching
from rolechain.graph.permissions import Permitted, kind_of, permissions
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import IdentityRecord, Principal, RoleGraph, RoleRecord
from rolechain.graph.values import ManyValues, OneValue, Values, only
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, is_arn, partition_of, resource_type_of, session_arn
from rolechain.iam.condition_keys import actions_for
from rolechain.iam.limits import is_unique_id
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.entry_principal import SERVICE_SESSION_VALUES, ServiceSessionValues
from rolechain.policy import Decision, Policy, Request, Side, Verdict, decide
from rolechain.policy.statement import Statement

PRINCIPAL_TAG = "aws:principaltag/"
_UNSHOWN = "it cannot be shown that a condition always refuses it"


@dataclass(frozen=True)
class Edge:
    """A principal that may assume a role of the templates, if it chooses everything that it may choose well.

    Attributes:
        caller: the role whose session calls, or the user.
        callee: the role that is assumed.
        decision: allowed, unknown, or refused for what services bring; None where the call lacks the permission for the
            tags or the source identity that it must carry.
        hindered: what is decided instead of those sessions that a service makes which brings something, where others
            make sessions as well; None where it is the same.
        trust: the statement of the callee's trust policy.
        permission: the statement of the caller's policies; None where it needs none, or none is known.
        entry: the statement of the trust policy, compiled.
        granting: what lets the caller call.
    """

    caller: Principal
    callee: RoleRecord
    decision: Decision | None
    hindered: Decision | None
    trust: SourceLocation
    permission: SourceLocation | None
    entry: Statement
    granting: Permitted


_known: WeakKeyDictionary[RoleGraph, list[Edge]] = WeakKeyDictionary()


def links(graph: RoleGraph) -> list[Edge]:
    """Every pair of roles of a graph of which both sides allow sts:AssumeRole, in the order of the callees."""
    if graph not in _known:
        _known[graph] = list(_of_callers(graph.roles, graph))
    return _known[graph]


def edges(graph: RoleGraph) -> list[Edge]:
    """Those of them that can be taken, or of which it is not known.

    A condition on what the caller is keeps it out, one on what it chooses does not.
    """
    return [edge for edge in links(graph) if edge.decision]


def identity_edges(graph: RoleGraph) -> list[Edge]:
    """Every role of a graph that its users, permission sets and principals outside of the templates may assume.

    A group calls nothing itself: its members have its permissions.
    """
    callers = [each for each in graph.identities if not each.is_group]
    return [edge for edge in _of_callers(callers, graph) if edge.decision]


def calls_of(edge: Edge, graph: RoleGraph) -> tuple[Requests, ...]:
    """The calls by which a caller may get into a role, and at least those: what both halves let it make."""
    caller, callee = edge.caller, edge.callee
    entering = admitted(callee.trust.policy, callee.callee, alone=True)
    facts = _facts(callee, graph)
    found: list[Requests] = []
    for statement in callee.trust.policy.allows:
        let_in = both(entering.get(statement.index, ()), [_session(caller, graph)])
        if let_in:
            named = tuple(_named(statement, caller))
            granted = permissions(caller, callee, facts, ASSUME, named=named)
            found += (one for each in granted for one in both(let_in, each.requests))
    return tuple(found)


def is_allowed(edge: Edge, requests: Iterable[Requests], graph: RoleGraph) -> bool:
    """Whether the decision allows a call of an edge's caller that some sets hold."""
    decision = _best(edge, request_between(edge.caller, edge.callee, graph), requests)
    return decision is not None and decision.allowed


def _facts(callee: RoleRecord, graph: RoleGraph) -> CalleeFacts:
    account = account_of(callee.arn)
    organization = graph.organization if graph.organization and account in graph.home else ""
    return CalleeFacts(partition_of(callee.arn), account, organization)


def _of_callers(principals: Iterable[Principal], graph: RoleGraph) -> Iterator[Edge]:
    callers = _Callers(principals)
    for callee in graph.roles:
        # Many users differ in nothing that a policy asks about.
        alike: dict[tuple[object, ...] | None, Edge | None] = {}
        for caller in callers.of(callee) if is_arn(callee.arn) else ():
            key = _alike(caller, callee)
            if not key or key not in alike:
                edge = alike[key] = _edge(caller, callee, graph)
            elif edge := alike[key]:
                if decision := edge.decision:
                    words = decision.reason.replace(edge.caller.arn, caller.arn)
                    decision = Decision(decision.verdict, decision.side, decision.action, words)
                edge = replace(edge, caller=caller, decision=decision)
            if edge:
                yield edge


def _alike(caller: Principal, callee: RoleRecord) -> tuple[object, ...] | None:
    """What decides about a user's calls to a role; None where it is something of the user's own."""
    if not isinstance(caller, IdentityRecord) or resource_type_of(caller.arn) != "user" or caller.outside:
        return None
    policies = [record.policy for record in caller.policies]
    boundary = caller.boundary.policy if caller.boundary else None
    trust = callee.trust.policy
    named = (each.principals.aws for each in trust.statements if each.principals)
    if any(each.keys for each in (trust, *policies, *([boundary] if boundary else []))):
        return None
    return None if any(caller.arn in each for each in named) else (caller.account, *policies, boundary)


class _Callers:
    """Principals by what they may assume, so that no pair is tried for nothing."""

    def __init__(self, principals: Iterable[Principal]) -> None:
        self._by_arn: dict[str, list[Principal]] = {}
        self._by_resource: dict[str, list[Principal]] = {}
        self._by_account: dict[str, list[Principal]] = {}
        self._of_wide_resource: dict[str, list[Principal]] = {}
        self._unnamed: list[tuple[Principal, OneValue]] = []
        named: dict[Policy, tuple[frozenset[str], bool]] = {}
        for role in principals:
            if not is_arn(role.arn):
                continue
            self._by_arn.setdefault(role.arn, []).append(role)
            if role.account and (arns := _possible_arns(role)):
                self._unnamed.append((role, OneValue(arns, absent=False)))
            self._by_account.setdefault(account_of(role.arn), []).append(role)
            policies = [record.policy for record in role.policies]
            named |= {each: _callees_named(each) for each in policies if each not in named}
            found = [named[each] for each in policies]
            if any(is_wide for _, is_wide in found):
                self._of_wide_resource.setdefault(account_of(role.arn), []).append(role)
            for arn in frozenset().union(*(arns for arns, _ in found)):
                self._by_resource.setdefault(arn, []).append(role)

    def of(self, callee: RoleRecord) -> Iterable[Principal]:
        """The principals that may get into a role, each once: those that it lets in and that may call it."""
        found: dict[Principal, None] = {}
        entering = admitted(callee.trust.policy, callee.callee, alone=True)
        for statement in callee.trust.policy.allows:
            for requests in entering.get(statement.index, ()):
                values = requests.values.get(keys_of.PRINCIPAL_ARN)
                if requests.kind not in ("role", "user") or not isinstance(values, OneValue):
                    continue
                unnamed = self._unnamed
                found |= {each: None for each, arns in unnamed if requests.where(keys_of.PRINCIPAL_ARN, arns)}
                if values.texts.values is not None:
                    named = (self._by_arn.get(arn, ()) for arn in sorted(values.texts.values))
                    found |= dict.fromkeys(chain.from_iterable(named))
                else:
                    permitted = self._permitted(callee, statement, accounts_in(values.texts))
                    found |= {role: None for role in permitted if role.arn in values.texts}
        return found

    def _permitted(
        self, callee: RoleRecord, statement: Statement, accounts: frozenset[str] | None
    ) -> Iterator[Principal]:
        """The principals of accounts, or of any, that may call a role which a statement does not name one by one."""
        principals = statement.principals
        if principals is None or principals.everyone or principals.unknown:
            # Within an account, being named is enough.
            yield from self._by_account.get(account_of(callee.arn), ())
        elif all(map(is_unique_id, principals.aws)):
            # No role that a template makes has an id before.
            return
        yield from self._by_resource.get(callee.arn, ())
        wide = self._of_wide_resource
        for account in wide if accounts is None else sorted(accounts & wide.keys()):
            yield from wide[account]


def _callees_named(policy: Policy) -> tuple[frozenset[str], bool]:
    """The ARNs that a policy names for AssumeRole, and whether it names more than single ones."""
    about = [each for each in policy.allows if each.actions.match(ASSUME) is not False]
    resources = [each.resources for each in about if each.resources]
    named = (each.exact for each in resources if not each.negated)
    return frozenset().union(*named), any(each.negated or each.tests for each in resources)


def _possible_arns(caller: Principal) -> Language | None:
    """What the ARN of a principal may be that has one of its own on deployment only; None for any other."""
    if not isinstance(caller, IdentityRecord):
        return None
    if IDENTITY_CENTER in caller.arn:
        # The path holds the region of IAM Identity Center as well, but for us-east-1.
        before, _, name = caller.arn.rpartition("/")
        begins, ends = [*map(Position, f"{before}/")], [*around_unknown(name, "/")]
        region = [Position(repeated=True, excluded="/_"), Position("/")]
        return matching([Pattern([*begins, *ends]), Pattern([*begins, *region, *ends])])
    if caller.outside:
        before, _, name = caller.arn.rpartition("/")
        return matching([glob_of(f"{before}/{name}"), glob_of(f"{before}/*/{name}")])
    return None


def _edge(caller: Principal, callee: RoleRecord, graph: RoleGraph) -> Edge | None:
    session = _session(caller, graph)
    edge = _edge_of(caller, callee, graph, session)
    if (arns := _possible_arns(caller)) is None or (edge and edge.decision and edge.decision.allowed):
        return edge
    any_arn = {**session.values, keys_of.PRINCIPAL_ARN: OneValue(arns, absent=False)}
    perhaps = _edge_of(caller, callee, graph, replace(session, values=any_arn))
    return perhaps and replace(perhaps, decision=_unknown("the caller's ARN is known on deployment only"))


def _edge_of(caller: Principal, callee: RoleRecord, graph: RoleGraph, session: Requests) -> Edge | None:
    base = request_between(caller, callee, graph)
    every, some = (replace(base, actions=(*base.actions, *brought)) for brought in _brought(caller))
    admission = admitted(callee.trust.policy, callee.callee)
    alone = admitted(callee.trust.policy, callee.callee, alone=True)
    facts = _facts(callee, graph)
    first: Edge | None = None
    # A statement that names somebody says more of the pair than one that lets everybody in, wherever either stands.
    for statement in sorted(
        callee.trust.policy.allows, key=lambda each: each.principals is None or each.principals.everyone
    ):
        if not (entering := both(alone.get(statement.index, ()), [session])):
            continue
        named = tuple(_named(statement, caller))
        for permission in permissions(caller, callee, facts, ASSUME, named=named):
            if not both(entering, permission.requests):
                continue
            requests = both(both(admission.get(statement.index, ()), [session]), permission.requests)
            for action, is_of in CARRYING:
                if any(must_carry(each, is_of) for each in requests):
                    others = permissions(caller, callee, facts, action, named=named)
                    requests = carried(requests, is_of, (one for other in others for one in other.requests))
            record, granting = permission.record, permission.statement
            place = record.place_of(granting) if record and granting else None
            trust = callee.trust.place_of(statement)
            edge = Edge(caller, callee, None, None, trust, place, statement, permission)
            edge = replace(edge, decision=_best(edge, every, requests))
            if every != some and (hindered := _best(edge, some, requests)) and not hindered.allowed:
                edge = replace(edge, hindered=hindered)
            if edge.decision and edge.decision.allowed:
                return edge
            if first is None or (edge.decision and not first.decision):
                first = edge
    return first


def _session(caller: Principal, graph: RoleGraph) -> Requests:
    """Every request that a session of a role, or a user, may make."""
    values: dict[str, Values] = {keys_of.PRINCIPAL_ARN: only(caller.arn)}
    if graph.organization and caller.account in graph.home:
        path = Pattern([*map(Position, f"{graph.organization}/"), Position(repeated=True)])
        values[keys_of.ORGANIZATION_PATHS] = ManyValues(matching([path]), (), absent=False)
    if not may_be_tagged(caller):
        values |= {f"{PRINCIPAL_TAG}{key.lower()}": only(value) for key, value in caller.tags.items()}
    return Requests(kind_of(caller), values)


def may_be_tagged(role: Principal) -> bool:
    """Whether a session of the role may be given tags, which then replace the role's own."""
    if isinstance(role, IdentityRecord):
        return kind_of(role) == "role"
    return any(
        statement.actions.match(TAG_SESSION.lower()) is not False for statement in role.trust.policy.allows
    )


def _brought(role: Principal) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The actions that every call of a role's sessions needs as services bring something, and those that some need."""
    if isinstance(role, IdentityRecord):
        return (), ()
    allows = [each for each in role.trust.policy.allows if each.actions.match(ASSUME) is not False]
    services = {name for each in allows for name in (each.principals.services if each.principals else ())}
    alone = all(
        each.principals is not None and len(each.principals.written) == len(each.principals.services)
        for each in allows
    )
    found = [SERVICE_SESSION_VALUES.get(name, ServiceSessionValues()) for name in services]
    by_action = {
        TAG_SESSION: [bool(each.transitive) for each in found],
        SET_SOURCE_IDENTITY: [bool(each.identity) for each in found],
    }
    some = tuple(action for action, bring in by_action.items() if any(bring))
    return tuple(action for action in some if alone and all(by_action[action])), some


def _named(statement: Statement, caller: Principal) -> Iterator[Requests]:
    """The calls of a principal that a trust statement lets in by naming it or its session, not its account alone."""
    principals = statement.principals
    if principals is None or principals.everyone or principals.unknown or caller.arn in principals.aws:
        yield Requests(kind_of(caller))
        return
    for name in sorted(principals.aws):
        if is_unique_id(name) or name.startswith(session_arn(caller.arn, "")):
            yield from principal_named(name, partition_of(caller.arn), frozenset({caller.arn}))


def _best(edge: Edge, base: Request, requests: Iterable[Requests]) -> Decision | None:
    """What is decided about the examples of a set of an edge's calls; None where it is empty."""
    caller, granting = edge.caller, edge.granting.statement
    statements = [edge.entry, *([granting] if granting else []), *edge.callee.trust.policy.allows]
    decision: Decision | None = None
    for one in requests:
        example = example_of(one, statements, {})
        if example is None:
            return _unknown(_UNSHOWN)
        _, _, name = str(example.context.get(keys_of.USER_ID, "")).partition(":")
        if kind_of(caller) == "role":
            base = replace(base, caller=session_of(caller.arn, name or SESSION_NAME))
        fixed = {
            key: value
            for key, value in base.context.items()
            if not (key.lower().startswith(PRINCIPAL_TAG) and may_be_tagged(caller))
        }
        lowered = {key.lower() for key in fixed}
        chosen = {key: value for key, value in example.context.items() if key not in lowered}
        actions = tuple(dict.fromkeys((*base.actions, *actions_for(chosen))))
        found = decide(replace(base, context={**fixed, **chosen}, actions=actions))
        if found.allowed or (found.action in base.actions[1:] and found.verdict is Verdict.IMPLICIT_DENY):
            return found
        decision = decision or (found if found.verdict is Verdict.UNKNOWN else _unknown(_UNSHOWN))
    return decision


def _unknown(reason: str) -> Decision:
    return Decision(Verdict.UNKNOWN, Side.TRUST_POLICY, ASSUME_ROLE, reason)
