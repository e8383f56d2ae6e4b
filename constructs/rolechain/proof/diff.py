"""Who gets in now and did not before, and who does not any more: two sets of templates, or of accounts, compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Template
from rolechain.graph.access import ASSUME, everybody, surely_allowed
from rolechain.graph.calls import request_between
from rolechain.graph.documents import statements_in
from rolechain.graph.edges import (
    PRINCIPAL_TAG,
    Edge,
    calls_of,
    edges,
    identity_edges,
    is_allowed,
    may_be_tagged,
)
from rolechain.graph.examples import Example, decided, example_of
from rolechain.graph.language import patience
from rolechain.graph.requests import Requests, beyond
from rolechain.graph.role_graph import PolicyRecord, RoleGraph, RoleRecord
from rolechain.graph.template_reader import role_graph_of
from rolechain.graph.trusted_access import TrustedAccess, shown, trusted_access
from rolechain.iam.condition_keys import is_of_moment
from rolechain.iam.sts_actions import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.policy import ContextValue, Decision, Policy, Verdict, decide
from rolechain.policy.statement import Statement

ManagedDocuments = Mapping[str, Mapping[str, Any]]

_RESOURCE_TAGS = ("aws:resourcetag/", "iam:resourcetag/")


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


def diff(
    old: Iterable[Template],
    new: Iterable[Template],
    documents: tuple[ManagedDocuments, ManagedDocuments] = ({}, {}),
) -> AccessDiff:
    """Compares who gets in by two sets of templates.

    A role is the same on both sides if its ARN is. A principal that is let in now, by a statement of a trust policy
    or by both halves of a hop, is new unless the old trust policy is shown to have let it in as well.

    Args:
        old: the templates as they were.
        new: the templates as they are.
        documents: of both sides, the documents of policies that no template holds, by ARN.
    """
    was, now = list(old), list(new)
    # A template that is gone takes its roles along; an account that was not read does not.
    read = {each.account for each in now if each.deployed}
    unread = {each.account for each in was if each.account} - read if read else ()
    with patience():
        before = role_graph_of(was, documents=documents[0])
        after = role_graph_of(now, documents=documents[1])
        known = set(_unknown(before))
        return AccessDiff(
            gained=tuple(_gained(before, after)),
            lost=tuple(change for change in _gained(after, before, "gone") if change.certain),
            unknown=(
                *(
                    (None, f"account {account} is not among those that were read")
                    for account in sorted(unread)
                ),
                *(
                    (place, message)
                    for place, message, written in _unknown(after)
                    if (place, message, written) not in known
                ),
            ),
        )


def _gained(old: RoleGraph, new: RoleGraph, since: str = "new") -> Iterator[AccessChange]:
    """Who gets in by ``new`` and not by ``old``, and what a role is that ``old`` does not have."""
    unsure: set[str] = set()
    for role in new.roles:
        found: dict[AccessChange, None] = {}
        brought: dict[AccessChange, None] = {}
        # Of several with one ARN it is not known which of them there is.
        for before in old.by_arn.get(role.arn, ()):
            was_made = _is_surely_made(old, before) or not _is_surely_made(new, role)
            if was_made and _canonical(before) == _canonical(role):
                continue
            surely = partial(_surely, before if was_made else None, role)
            changes = (_of_access(access, before, surely, since) for access in trusted_access(role))
            found |= {change: None for change in changes if change}
            brought |= dict.fromkeys(_of_carried(role, surely))
        if role.arn not in old.by_arn:
            changes = (_of_access(access, None, lambda _: (), since) for access in trusted_access(role))
            found = {change: None for change in changes if change}
        unsure |= {role.arn for change in found if not change.certain}
        yield from (*found, *brought)
    hops = {(edge.caller.arn, edge.callee.arn): edge for edge in (*edges(old), *identity_edges(old))}
    for edge in (*edges(new), *identity_edges(new)):
        before_it = hops.get((edge.caller.arn, edge.callee.arn))
        if before_it and _was_there(edge, before_it):
            yield from _widened(edge, before_it, old, new)
            continue
        change = _of_edge(edge, old)
        # Where the role itself may let in callers that are not known, that change reports it already.
        if change.certain or edge.callee.arn not in unsure:
            yield change


def _widened(edge: Edge, before: Edge, old: RoleGraph, new: RoleGraph) -> Iterator[AccessChange]:
    """A hop whose caller may make calls that its policies, or the tags of both, kept it from before."""
    if change := _by_tags(edge, before, old, new):
        yield change
        return
    now, then = ([_text(record.document) for record in _limiting(each)] for each in (edge, before))
    if sorted(now) == sorted(then) or not _is_certain(edge):
        return
    for one in beyond(calls_of(edge, new), calls_of(before, old)):
        statements = [*edge.callee.trust.policy.allows, *filter(None, [edge.granting.statement])]
        if example := example_of(one, statements, edge.callee.callee.constants):
            words = f"{edge.caller.arn} can assume {edge.callee.arn} by calls that its policies kept it from"
            certain = is_allowed(edge, [one], new)
            place = edge.permission or edge.trust
            decision = _decided(before, old, example.context)
            witness = (
                example.words
                if decision.allowed
                else f"{example.words}; on the other side: {decision.reason}"
            )
            yield AccessChange(edge.callee.arn, edge.caller.arn, words, place, certain, witness)
            return
    yield from _undenied(edge, before, old, new)


def _by_tags(edge: Edge, before: Edge, old: RoleGraph, new: RoleGraph) -> AccessChange | None:
    """A hop that the own tags of its roles allow now and did not before."""
    if (edge.caller.tags, edge.callee.tags) == (before.caller.tags, before.callee.tags):
        return None
    own = _RESOURCE_TAGS if may_be_tagged(before.caller) else (*_RESOURCE_TAGS, PRINCIPAL_TAG)
    allows = [*edge.callee.trust.policy.allows, *filter(None, [edge.granting.statement])]
    for one in calls_of(edge, new):
        if example := example_of(one, allows, edge.callee.callee.constants):
            chosen = {key: value for key, value in example.context.items() if not key.lower().startswith(own)}
            now, then = _decided(edge, new, chosen), _decided(before, old, chosen)
            if now.allowed and not then.allowed:
                words = f"{edge.caller.arn} can assume {edge.callee.arn} by tags of theirs"
                witness = f"{now.reason}; on the other side: {then.reason}"
                place = edge.permission or edge.trust
                return AccessChange(edge.callee.arn, edge.caller.arn, words, place, True, witness)
    return None


def _decided(edge: Edge, graph: RoleGraph, chosen: Mapping[str, ContextValue]) -> Decision:
    """What is decided about a hop's call with some values that the caller chooses."""
    base = request_between(edge.caller, edge.callee, graph)
    return decide(replace(base, context={**chosen, **base.context}))


def _undenied(edge: Edge, before: Edge, old: RoleGraph, new: RoleGraph) -> Iterator[AccessChange]:
    """A hop that a Deny of the caller's policies refused by what no set holds, such as the time, and that is gone."""
    kept = [text for record in _limiting(edge) for text in _denies(record)]
    gone = {
        text: statement
        for record in _limiting(before)
        for text, statement in _denies(record).items()
        if text not in kept and statement.actions.match(ASSUME) is not False
    }
    # What the sets hold was compared already.
    gone = {text: each for text, each in gone.items() if any(map(is_of_moment, each.keys))}
    if not gone:
        return
    allows = [*edge.callee.trust.policy.allows, *filter(None, [edge.granting.statement])]
    words = (
        f"{edge.caller.arn} can assume {edge.callee.arn} by calls that a Deny of its policies kept it from"
    )
    place, witness = edge.permission or edge.trust, ""
    for one in calls_of(edge, new):
        if example := example_of(one, [*allows, *gone.values()], edge.callee.callee.constants):
            now, then = _decided(edge, new, example.context), _decided(before, old, example.context)
            if now.allowed and then.verdict is Verdict.EXPLICIT_DENY:
                keys = {key.lower() for each in gone.values() for key in each.keys}
                chosen = [f"{key} {value}" for key, value in example.context.items() if key.lower() in keys]
                witness = f"{edge.caller.arn} with {', '.join(chosen)}; on the other side: {then.reason}"
                break
    yield AccessChange(edge.callee.arn, edge.caller.arn, words, place, bool(witness), witness)


def _limiting(edge: Edge) -> tuple[PolicyRecord, ...]:
    """The policies of a hop's caller, and its boundary."""
    caller = edge.caller
    return (*caller.policies, *([caller.boundary] if caller.boundary else []))


def _denies(record: PolicyRecord) -> dict[str, Statement]:
    """The Deny statements of a policy, by their text."""
    texts = [_text(each) for each in statements_in(record.document)]
    return {texts[each.index]: each for each in record.policy.denies if each.index < len(texts)}


def _was_there(edge: Edge, before: Edge) -> bool:
    """Whether a hop could be taken before as surely as now."""
    # A boundary that is not at hand is taken to leave everything.
    unknown, same = _unknown_boundary(before), _unknown_boundary(before) == _unknown_boundary(edge)
    return (same or not unknown) and (_is_certain(before) or not _is_certain(edge))


def _unknown_boundary(edge: Edge) -> str:
    boundary = edge.caller.boundary
    return boundary.name if boundary and boundary.document is None else ""


def _is_certain(edge: Edge) -> bool:
    return edge.decision is not None and edge.decision.allowed


def _is_surely_made(graph: RoleGraph, role: RoleRecord) -> bool:
    """Whether nothing of a role's resource but its policies is unknown, such as the Condition that makes it."""
    return all(finding.place != role.place for finding in graph.unknown)


def _unknown(graph: RoleGraph) -> Iterator[tuple[SourceLocation | None, str, str]]:
    """What cannot be resolved: its place, why, and how it is written with all that it refers to."""
    for finding in graph.unknown:
        place = finding.place
        template = graph.templates.get(place.template) if place else None
        yield place, finding.message, _written(template, place.logical_id) if place and template else ""


def _written(template: Template, logical_id: str) -> str:
    """A resource as JSON, with the parameters, mappings and conditions that it names."""
    body = template.body
    sections = [body.get(name) for name in ("Parameters", "Mappings", "Conditions")]
    named = {
        json.dumps(str(key)): value
        for section in sections
        if isinstance(section, Mapping)
        for key, value in section.items()
    }
    resources = body.get("Resources")
    text = _text(resources.get(logical_id) if isinstance(resources, Mapping) else None)
    while found := next((key for key in named if key.strip('"') in text), None):
        text += _text({found: named.pop(found)})
    return text


def _of_access(
    access: TrustedAccess,
    before: RoleRecord | None,
    surely: Callable[[str], tuple[Requests, ...]],
    since: str,
) -> AccessChange | None:
    role = access.role
    if not beyond(access.requests, surely(access.action)):
        return None
    # Callers that are not among those that may have been let in were surely kept out.
    kept_out = beyond(
        access.requests, everybody(before.trust.policy, before.callee, access.action) if before else ()
    )
    example = shown(role, access.statement, kept_out) or (
        _kept_out_by_deny(access, before) if before else None
    )
    of_role = "" if before else f", which is {since},"
    return AccessChange(
        role.arn,
        access.who,
        f"{role.arn}{of_role} lets in {access.words}",
        access.place,
        example is not None,
        example.words if example else "",
    )


_PLACE = ("template", "logical_id", "part", "statement")


def _kept_out_by_deny(access: TrustedAccess, before: RoleRecord) -> Example | None:
    """A request that gets in now, and that a Deny of before refused by what no set holds, such as the time."""
    role = access.role
    statements = [access.statement, *role.trust.policy.allows, *before.trust.policy.denies]
    keys = Policy(tuple(before.trust.policy.denies)).keys
    for one in access.requests:
        example = example_of(one, statements, role.callee.constants)
        if example and decided(example, role.arn, role.trust.policy):
            chosen = ", ".join(
                f"{key} {value}" for key, value in example.context.items() if key.lower() in keys
            )
            if decided(example, role.arn, before.trust.policy) is False:
                return replace(example, words=f"{example.words} with {chosen}")
    return None


_CARRIED = {TAG_SESSION.lower(): "session tags", SET_SOURCE_IDENTITY.lower(): "a source identity"}


def _of_carried(role: RoleRecord, surely: Callable[[str], tuple[Requests, ...]]) -> Iterator[AccessChange]:
    """What callers may bring now and might not before; a condition elsewhere may ask for just that."""
    for action, what in _CARRIED.items():
        now = everybody(role.trust.policy, role.callee, action)
        if beyond(now, surely(action)):
            words = f"{role.arn} lets its callers pass {what} that it may not have let them pass"
            yield AccessChange(role.arn, "*", words, role.trust.place, certain=False)


def _surely(before: RoleRecord | None, role: RoleRecord, action: str) -> tuple[Requests, ...]:
    """Who was surely let in before, as far as the Deny statements of then hold now as well."""
    if before is None or not set(_statements(before, "Deny")) <= set(_statements(role, "Deny")):
        return ()
    if _tags_asked(before) != _tags_asked(role):
        return ()
    found = surely_allowed(Policy(tuple(before.trust.policy.allows)), before.callee, action)
    return tuple(each for each in found if not each.doubts)


def _statements(role: RoleRecord, effect: str = "") -> list[str]:
    """The statements of a trust policy but those of the other effect, as text."""
    found = []
    for statement in statements_in(role.trust.document):
        is_other = effect and isinstance(statement, Mapping) and statement.get("Effect") == "Allow"
        text = _text(statement)
        # The version says whether a variable is one.
        version = str((role.trust.document or {}).get("Version")) if "${" in text else ""
        found += [] if is_other else [text + version]
    return sorted(found)


def _tags_asked(role: RoleRecord) -> str:
    """The role's own tags, where its trust policy asks for them."""
    asks = "resourcetag/" in _text(role.trust.document).lower()
    return f"{sorted(role.tags.items())} {role.tags_known}" if asks else ""


def _of_edge(edge: Edge, old: RoleGraph) -> AccessChange:
    """A hop that is new, with what decides it, and what decided it on the old side if both roles are there."""
    callers = [each for each in old.principals if each.arn == edge.caller.arn]
    bases = [
        request_between(caller, callee, old)
        for caller in callers[:1]
        for callee in old.by_arn.get(edge.callee.arn, ())[:1]
    ]
    refused = [found.reason for found in map(decide, bases) if not found.allowed]
    certain = _is_certain(edge)
    can = "can" if certain else "may be able to"
    return AccessChange(
        edge.callee.arn,
        edge.caller.arn,
        f"{edge.caller.arn} {can} assume {edge.callee.arn}",
        edge.permission or edge.trust,
        certain,
        "; on the other side: ".join([edge.decision.reason if edge.decision else "", *refused]),
    )


def _canonical(role: RoleRecord) -> str:
    return "\n".join([*_statements(role), _tags_asked(role)])


def _text(statement: Any) -> str:
    return json.dumps(statement, sort_keys=True, default=str)


def _json(change: AccessChange) -> dict[str, Any]:
    found = vars(change) | {name: getattr(change.place, name) for name in _PLACE}
    return {name: value for name, value in found.items() if name != "place"}
