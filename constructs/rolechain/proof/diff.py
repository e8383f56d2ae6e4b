"""Who gets in now and did not before, and who does not any more: two sets of templates, or of accounts, compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Template
from rolechain.graph.access import everybody, surely_allowed
from rolechain.graph.documents import statements_in
from rolechain.graph.edges import Edge, edges
from rolechain.graph.language import patience
from rolechain.graph.requests import Requests, beyond
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.graph.template_reader import role_graph_of
from rolechain.graph.trusted_access import TrustedAccess, shown, trusted_access
from rolechain.iam.sts_actions import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy import Policy


@dataclass(frozen=True)
class AccessChange:
    """Somebody who may assume a role on one side and not on the other.

    Attributes:
        role: the role's ARN.
        who: the caller's ARN, account, pattern, service or provider; ``*`` for everyone.
        words: what changed, in words.
        place: the statement that lets it in, on the side where it gets in.
        certain: whether it is shown; otherwise it cannot be ruled out.
        witness: a request that gets in on that side alone, or what decides a hop, in words; empty where none is shown.
    """

    role: str
    who: str
    words: str
    place: SourceLocation
    certain: bool
    witness: str = ""


@dataclass(frozen=True)
class AccessDiff:
    """What changed between two sets of templates.

    Attributes:
        gained: who gets in now and did not before, or may.
        lost: who got in before and does not any more.
        unknown: what cannot be resolved on the new side and could before, or was not there: its place and why.
    """

    gained: tuple[AccessChange, ...]
    lost: tuple[AccessChange, ...]
    unknown: tuple[tuple[SourceLocation | None, str], ...]

    def to_json(self) -> dict[str, Any]:
        """The same as one document for a machine."""
        return {
            "gained": [_json(each) for each in self.gained],
            "lost": [_json(each) for each in self.lost],
            "unknown": [{"place": str(place or ""), "message": message} for place, message in self.unknown],
        }


def diff(old: Iterable[Template], new: Iterable[Template]) -> AccessDiff:
    """Compares who gets in by two sets of templates.

    A role is the same on both sides if its ARN is. Whoever is let in now, as far as it cannot be shown that the old
    trust policy let it in as well, is new: by a statement of a trust policy, and by both halves of a hop.

    Args:
        old: the templates as they were.
        new: the templates as they are.
    """
    with patience():
        before, after = role_graph_of(old), role_graph_of(new)
        known = {finding.message for finding in before.unknown}
        return AccessDiff(
            gained=tuple(_gained(before, after)),
            lost=tuple(change for change in _gained(after, before) if change.certain),
            unknown=tuple(
                (finding.place, finding.message) for finding in after.unknown if finding.message not in known
            ),
        )


def _gained(old: RoleGraph, new: RoleGraph) -> Iterator[AccessChange]:
    """Who gets in by ``new`` and not by ``old``."""
    unsure: set[str] = set()
    for role in new.roles:
        before = next(iter(old.by_arn.get(role.arn, ())), None)
        if before is not None and _canonical(before) == _canonical(role):
            continue
        for access in trusted_access(role):
            if change := _of_access(access, before):
                unsure |= set() if change.certain else {role.arn}
                yield change
        if before is not None:
            yield from _of_carried(role, before)
    hops = {(edge.caller.arn, edge.callee.arn) for edge in edges(old)}
    for edge in edges(new):
        change = _of_edge(edge)
        # Of a role that lets in somebody who is not known, this is said already.
        if (edge.caller.arn, edge.callee.arn) not in hops and (
            change.certain or edge.callee.arn not in unsure
        ):
            yield change


def _of_access(access: TrustedAccess, before: RoleRecord | None) -> AccessChange | None:
    role = access.role
    outside = beyond(access.requests, _surely(before, role, access.action) if before else ())
    if not outside:
        return None
    # Whoever is not among those that may have been let in was surely kept out.
    kept_out = beyond(
        access.requests, everybody(before.trust.policy, before.callee, access.action) if before else ()
    )
    example = shown(role, access.statement, kept_out)
    since = "" if before else ", which is new,"
    return AccessChange(
        role.arn,
        access.who,
        f"{role.arn}{since} lets in {access.words}",
        access.place,
        example is not None,
        example.words if example else "",
    )


_CARRIED = {TAG_SESSION.lower(): "session tags", SET_SOURCE_IDENTITY.lower(): "a source identity"}


def _of_carried(role: RoleRecord, before: RoleRecord) -> Iterator[AccessChange]:
    """What callers may bring now and might not before; a condition elsewhere may ask for just that."""
    for action, what in _CARRIED.items():
        now = everybody(role.trust.policy, role.callee, action)
        if beyond(now, _surely(before, role, action)):
            words = f"{role.arn} lets its callers pass {what} that it may not have let them pass"
            yield AccessChange(role.arn, "*", words, role.trust.place, certain=False)


def _surely(before: RoleRecord, role: RoleRecord, action: str) -> tuple[Requests, ...]:
    """Who was surely let in before, as far as the Deny statements of then hold now as well."""
    if not set(_denies(before)) <= set(_denies(role)):
        return ()
    return surely_allowed(Policy(tuple(before.trust.policy.allows)), before.callee, action)


def _denies(role: RoleRecord) -> list[str]:
    statements = statements_in(role.trust.document)
    return [
        _text(statement)
        for statement in statements
        if not isinstance(statement, Mapping) or statement.get("Effect") != "Allow"
    ]


def _of_edge(edge: Edge) -> AccessChange:
    certain = edge.decision is not None and edge.decision.allowed
    can = "can" if certain else "may be able to"
    return AccessChange(
        edge.callee.arn,
        edge.caller.arn,
        f"{edge.caller.arn} {can} assume {edge.callee.arn}",
        edge.permission or edge.trust,
        certain,
        edge.decision.reason if edge.decision else "",
    )


def _canonical(role: RoleRecord) -> str:
    return "\n".join(sorted(_text(statement) for statement in statements_in(role.trust.document)))


def _text(statement: Any) -> str:
    return json.dumps(statement, sort_keys=True, default=str)


def _json(change: AccessChange) -> dict[str, Any]:
    place = change.place
    return {
        "role": change.role,
        "who": change.who,
        "words": change.words,
        "certain": change.certain,
        "witness": change.witness,
        "template": place.template,
        "logical_id": place.logical_id,
        "part": place.part,
        "statement": place.statement,
    }
