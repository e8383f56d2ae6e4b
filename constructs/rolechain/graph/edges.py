"""Every AssumeRole that the policies of the templates allow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import ASSUME, CARRYING, Callee, admitted, carried, must_carry
from rolechain.graph.caller_index import Index
from rolechain.graph.calls import request_between, session_of
from rolechain.graph.examples import example_of
from rolechain.graph.language import Language, Pattern, Position, glob_of, matching
from rolechain.graph.permitted import Permission, permissions
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.graph.values import ManyValues, OneValue, Values
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, is_arn, partition_of
from rolechain.iam.condition_keys import is_of_source_identity, is_of_tags
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.entry_principal import BROUGHT, Brought
from rolechain.policy import Decision, Request, Side, Verdict, decide
from rolechain.policy.statement import Statement

_PRINCIPAL_TAG = "aws:principaltag/"


@dataclass(frozen=True)
class Edge:
    """One role of the templates that may assume another, if it chooses everything that it may choose well.

    Attributes:
        caller: the role whose session calls.
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

    caller: RoleRecord
    callee: RoleRecord
    decision: Decision | None
    hindered: Decision | None
    trust: SourceLocation
    permission: SourceLocation | None
    entry: Statement
    granting: Permission


_known: WeakKeyDictionary[RoleGraph, list[Edge]] = WeakKeyDictionary()


def links(world: RoleGraph) -> list[Edge]:
    """Every pair of roles of a world of which both sides allow sts:AssumeRole, in the order of the callees."""
    if world not in _known:
        index = Index(world)
        _known[world] = [
            edge
            for callee in world.roles
            if is_arn(callee.arn)
            for caller, session_name in index.callers(callee)
            if is_arn(caller.arn) and (edge := _edge(caller, callee, session_name, world))
        ]
    return _known[world]


def edges(world: RoleGraph) -> list[Edge]:
    """Those of them that can be taken, or of which it is not known.

    A condition on what the caller is keeps it out, one on what it chooses does not.
    """
    return [edge for edge in links(world) if edge.decision]


def _edge(caller: RoleRecord, callee: RoleRecord, session_name: str, world: RoleGraph) -> Edge | None:
    base = replace(request_between(caller, callee, world), caller=session_of(caller.arn, session_name))
    admission = admitted(callee.trust.policy, callee.callee)
    alone = admitted(callee.trust.policy, callee.callee, alone=True)
    session = _session(caller, session_name, world)
    account = account_of(callee.arn)
    organization = world.organization if world.organization and account in world.home else ""
    facts = Callee(partition_of(callee.arn), account, organization)
    first: Edge | None = None
    for statement in callee.trust.policy.allows:
        if not (entering := both(alone.get(statement.index, ()), [session])):
            continue
        named = _names(statement, caller, session_name)
        for permission in permissions(caller, callee, facts, ASSUME, named=named):
            if not both(entering, permission.requests):
                continue
            requests = both(both(admission.get(statement.index, ()), [session]), permission.requests)
            for action, is_of in CARRYING:
                if any(must_carry(each, is_of) for each in requests):
                    others = permissions(caller, callee, facts, action, named=named)
                    requests = carried(requests, is_of, (one for other in others for one in other.requests))
            edge = _decided(caller, callee, base, requests, statement, permission)
            if edge.decision and edge.decision.allowed:
                return edge
            if first is None or (edge.decision and not first.decision):
                first = edge
    return first


def _session(caller: RoleRecord, session_name: str, world: RoleGraph) -> Requests:
    """Every request that a session of a role may make."""
    values: dict[str, Values] = {
        keys_of.PRINCIPAL_ARN: OneValue(Language(frozenset({caller.arn})), absent=False),
        keys_of.USER_ID: OneValue(matching([glob_of(f"*:{session_name}")]), absent=True),
    }
    if world.organization and caller.account in world.home:
        path = Pattern([*map(Position, f"{world.organization}/"), Position(repeated=True)])
        values[keys_of.ORGANIZATION_PATHS] = ManyValues(matching([path]), (), absent=False)
    if not _may_be_tagged(caller):
        for key, value in caller.tags.items():
            texts = Language(frozenset({value}))
            values[f"{_PRINCIPAL_TAG}{key.lower()}"] = OneValue(texts, absent=False)
    return Requests("role", values)


def _may_be_tagged(role: RoleRecord) -> bool:
    """Whether whoever makes a session of the role may give it tags, which then stand for the role's own."""
    return any(
        statement.actions.match(TAG_SESSION.lower()) is not False for statement in role.trust.policy.allows
    )


def _brought(role: RoleRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The actions that every call of a role's sessions needs as services bring something, and those that some need."""
    allows = [each for each in role.trust.policy.allows if each.actions.match(ASSUME) is not False]
    services = {name for each in allows for name in (each.principals.services if each.principals else ())}
    alone = all(
        each.principals is not None and len(each.principals.written) == len(each.principals.services)
        for each in allows
    )
    found = [BROUGHT.get(name, Brought()) for name in services]
    by_action = {
        TAG_SESSION: [bool(each.transitive) for each in found],
        SET_SOURCE_IDENTITY: [bool(each.identity) for each in found],
    }
    some = tuple(action for action, bring in by_action.items() if any(bring))
    return tuple(action for action in some if alone and all(by_action[action])), some


def _names(statement: Statement, caller: RoleRecord, session_name: str) -> bool:
    """Whether a trust statement names a role or a session of it, and not its account alone."""
    principals = statement.principals
    if principals is None or principals.everyone or principals.unknown or caller.arn in principals.aws:
        return True
    ids = any(name.startswith("AROA") for name in principals.aws)
    return ids or session_of(caller.arn, session_name).arn in principals.aws


def _decided(
    caller: RoleRecord,
    callee: RoleRecord,
    base: Request,
    requests: tuple[Requests, ...],
    statement: Statement,
    permission: Permission,
) -> Edge:
    trust = replace(callee.trust.place, statement=None if statement.stands_in else statement.index)
    record, granting = permission.record, permission.statement
    place = None
    if record and granting:
        place = replace(record.place, statement=None if record.policy.missing else granting.index)
    statements = [statement, *([granting] if granting else []), *callee.trust.policy.allows]
    every, some = _brought(caller)
    decision = _best(caller, replace(base, actions=(*base.actions, *every)), requests, statements)
    hindered = None
    if every != some:
        hindered = _best(caller, replace(base, actions=(*base.actions, *some)), requests, statements)
        hindered = None if hindered and hindered.allowed else hindered
    return Edge(caller, callee, decision, hindered, trust, place, statement, permission)


def _best(
    caller: RoleRecord, base: Request, requests: tuple[Requests, ...], statements: list[Statement]
) -> Decision | None:
    """What is decided about the examples of a set; None where it is empty."""
    decision: Decision | None = None
    for one in requests:
        example = example_of(one, statements, {})
        if example is None:
            return _unshown()
        fixed = {
            key: value
            for key, value in base.context.items()
            if not (key.lower().startswith(_PRINCIPAL_TAG) and _may_be_tagged(caller))
        }
        lowered = {key.lower() for key in fixed}
        chosen = {key: value for key, value in example.context.items() if key not in lowered}
        actions = list(base.actions)
        actions += [TAG_SESSION] if any(map(is_of_tags, chosen)) else []
        actions += [SET_SOURCE_IDENTITY] if any(map(is_of_source_identity, chosen)) else []
        found = decide(replace(base, context={**fixed, **chosen}, actions=tuple(dict.fromkeys(actions))))
        if found.allowed or (found.action in base.actions[1:] and found.verdict is Verdict.IMPLICIT_DENY):
            return found
        decision = decision or (found if found.verdict is Verdict.UNKNOWN else _unshown())
    return decision


def _unshown() -> Decision:
    return Decision(
        Verdict.UNKNOWN,
        Side.TRUST_POLICY,
        ASSUME_ROLE,
        "it cannot be shown that a condition always refuses it",
    )
