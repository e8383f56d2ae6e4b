"""Every AssumeRole that the policies of the templates allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from rolechain.policy import Decision, Verdict
from rolechain.policy.context import Context
from rolechain.proof.calls import request_between, session_of
from rolechain.proof.generous import Attempt, most_generous
from rolechain.proof.index import ASSUME, Index
from rolechain.proof.narrow import narrowed
from rolechain.proof.place import Place
from rolechain.proof.world import PolicyRecord, RoleRecord, World

_CHOSEN_TAGS = "aws:principaltag/"


@dataclass(frozen=True)
class Edge:
    """One role of the templates that can assume another, if it chooses everything that it may choose well.

    Attributes:
        caller: the role whose session calls.
        callee: the role that is assumed.
        decision: allowed, or unknown; what is denied is no edge.
        trust: the statement of the callee's trust policy.
        permission: the statement of the caller's policies; None where it needs none, or none is known.
    """

    caller: RoleRecord
    callee: RoleRecord
    decision: Decision
    trust: Place
    permission: Place | None


_known: WeakKeyDictionary[World, list[Edge]] = WeakKeyDictionary()


def edges(world: World) -> list[Edge]:
    """Every edge among the roles of a world, in the order of the callees.

    An edge is tried with the most generous request that its caller can make: a condition on what the caller is
    keeps it out, one on what it chooses does not.
    """
    if world not in _known:
        index = Index(world)
        _known[world] = [
            edge
            for callee in world.roles
            for caller, session_name in index.callers(callee)
            if (edge := _edge(caller, callee, session_name, world))
        ]
    return _known[world]


def _edge(caller: RoleRecord, callee: RoleRecord, session_name: str, world: World) -> Edge | None:
    request = request_between(caller, callee, world)
    if _may_be_tagged(caller):
        context = {key: value for key, value in request.context.items() if not _is_principal_tag(key)}
        request = replace(request, context=context)
    attempt = most_generous(replace(request, caller=session_of(caller.arn, session_name)))
    if attempt.decision.verdict not in (Verdict.ALLOW, Verdict.UNKNOWN):
        return None
    return Edge(
        caller,
        callee,
        attempt.decision,
        _trust_place(callee.trust, attempt.decision),
        _permission_place(caller, callee, attempt),
    )


def _is_principal_tag(key: str) -> bool:
    return key.lower().startswith(_CHOSEN_TAGS)


def _may_be_tagged(role: RoleRecord) -> bool:
    """Whether whoever makes a session of the role may give it tags, which then stand for the role's own."""
    return any(
        statement.actions.match("sts:tagsession") is not False for statement in role.trust.policy.allows
    )


def _trust_place(trust: PolicyRecord, decision: Decision) -> Place:
    known = decision.side == "trust_policy" and not trust.policy.missing
    return replace(trust.place, statement=decision.statement if known else None)


def _permission_place(caller: RoleRecord, callee: RoleRecord, attempt: Attempt) -> Place | None:
    for place, answer in _granting(caller, callee, Context.of(attempt.context)):
        if answer is not False:
            return place
    return None


def _granting(
    caller: RoleRecord, callee: RoleRecord, context: Context
) -> Iterator[tuple[Place, bool | None]]:
    for record in caller.policies:
        for statement in narrowed(record.policy, callee.arn).allows:
            if record.policy.missing:
                yield record.place, None
            else:
                yield (
                    replace(record.place, statement=statement.index),
                    statement.applies(ASSUME, callee.arn, context),
                )
