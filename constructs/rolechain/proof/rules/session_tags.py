"""What a session carries on: tags and the source identity.

Whether a hop passes them the chain declares. Of other roles it is read from the templates: from a trust policy that
asks for it, and from a policy that grants its action by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import ASSUME
from rolechain.graph.finding import Level
from rolechain.graph.traversal import reachable
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import root_of
from rolechain.iam.limits import (
    SESSION_TAGS,
    SOURCE_IDENTITY,
    SOURCE_IDENTITY_CHARACTERS,
    SOURCE_IDENTITY_CHARACTERS_BEFORE,
    TAG_KEY_CHARACTERS,
    TAG_VALUE_CHARACTERS,
    source_identity_characters_here,
)
from rolechain.iam.sts_actions import SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.entry_principal import SERVICE_SESSION_VALUES, ServiceSessionValues
from rolechain.model.hop import Hop
from rolechain.model.session_values import ADVICE
from rolechain.policy.context import Context
from rolechain.policy.elements import UNRESOLVED
from rolechain.policy.statement import Statement
from rolechain.proof.rules.context import AssumeRoleEdge, RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement, located_statements
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC09",
    "sts:TagSession is allowed on both sides of every hop that passes or inherits session tags",
    prevents="AccessDenied",
    source="IAM User Guide, Pass session tags in AWS STS",
)
def tag_session(context: RuleContext) -> Violations:
    tagged = [edge for edge in context.edges if _tags_of(edge.entry) or _by_name(context, edge, TAG_SESSION)]
    heirs = _after(context, [edge for edge in tagged if _transitive(edge.entry)])
    brought = _brought_by_services(context, lambda service: service.transitive)
    declared = _declared(context, lambda hop: hop.carries_tags)
    yield from _not_allowed(context, TAG_SESSION, "session tags", [*declared, *tagged, *heirs], brought)


@rule(
    "RC10",
    "sts:SetSourceIdentity is allowed on both sides of every hop from the one where the source identity is set",
    prevents="AccessDenied",
    source="IAM User Guide, Monitor and control actions taken with assumed roles",
)
def set_source_identity(context: RuleContext) -> Violations:
    first = [
        edge
        for edge in context.edges
        if edge.entry.requires(keys_of.SET_SOURCE_IDENTITY)
        or edge.entry.requires(keys_of.SOURCE_IDENTITY)
        or _by_name(context, edge, SET_SOURCE_IDENTITY)
    ]
    brought = _brought_by_services(context, lambda service: service.identity)
    declared = _declared(context, lambda hop: hop.carries_source_identity)
    carrying = [*declared, *first, *_after(context, first)]
    yield from _not_allowed(context, SET_SOURCE_IDENTITY, "a source identity", carrying, brought)


@rule(
    "RC11",
    "no trust policy asks for a source identity where people switch roles in the console",
    prevents="the console's switch role fails, as it sets no source identity",
    source="IAM User Guide, Monitor and control actions taken with assumed roles",
    levels="warning",
)
def console_sets_no_identity(context: RuleContext) -> Violations:
    for entry in context.entries:
        declared = context.declared.get(entry.arn)
        if declared and (declared.identity or any(entrance.identity for entrance in declared.entrances)):
            continue  # the chain says so, and the runtime sets it
        named = entry.everyone or entry.aws
        if named and entry.statement.actions.match(ASSUME) and entry.requires(keys_of.SET_SOURCE_IDENTITY):
            yield entry.violation(
                "asks for sts:SourceIdentity, which the console does not set",
                "keep it where programs call, and use aws:SourceIdentity or aws:PrincipalTag where people switch roles",
            )


@rule(
    "RC12",
    "no hop passes a tag key that it inherits as transitive",
    prevents="AssumeRole fails",
    source="IAM User Guide, Pass session tags in AWS STS: role chaining",
)
def inherited_tag(context: RuleContext) -> Violations:
    for first in context.edges:
        inherited = {key.lower(): key for key in _transitive(first.entry)}
        for edge in _after(context, [first]) if inherited else ():
            for key in _tags_of(edge.entry) & inherited.keys():
                yield edge.entry.violation(
                    f"asks for the tag {inherited[key]} with the call, and the caller's session "
                    f"inherits it as transitive from the hop into {first.callee.arn}",
                    f"ask for aws:PrincipalTag/{inherited[key]} instead of aws:RequestTag/{inherited[key]}",
                )


@rule(
    "RC13",
    "a session has 50 tags at most, with keys of 128 and values of 256 characters; a source identity has 2 to "
    f"{SOURCE_IDENTITY_CHARACTERS} characters, {SOURCE_IDENTITY_CHARACTERS_BEFORE} where an older SDK sets it, and "
    "does not begin with aws:",
    prevents="the call is rejected, or the role cannot be created",
    source="STS API Reference, AssumeRole: Tags, SourceIdentity; IAM User Guide, Tags for IAM resources",
    levels="error warning",
)
def tag_limits(context: RuleContext) -> Violations:
    for entry in context.entries:
        tags = {
            key.removeprefix(keys_of.REQUEST_TAG): list(filter(entry.is_known, entry.pinned(key)))
            for key in entry.statement.keys
            if key.startswith(keys_of.REQUEST_TAG)
        }
        for value in entry.pinned(keys_of.TAG_KEYS):
            tags.setdefault(value.lower(), [])
        required = [key for key in tags if entry.requires(keys_of.REQUEST_TAG + key)]
        pairs = [(key, value) for key, values in tags.items() for value in (values or [""])]
        yield from _tag_faults(entry.place, entry.arn, pairs, len(required))
        for value in filter(entry.is_known, entry.pinned(keys_of.SET_SOURCE_IDENTITY)):
            shortest = value.replace("*", "").replace("?", "x")
            new = range(SOURCE_IDENTITY_CHARACTERS_BEFORE + 1, SOURCE_IDENTITY_CHARACTERS + 1)
            if len(shortest) in new and source_identity_characters_here() < len(shortest):
                yield entry.violation(
                    f"asks for a source identity of {len(shortest)} characters, and SDKs before boto3 "
                    f"1.44.8 send {SOURCE_IDENTITY_CHARACTERS_BEFORE} at most",
                    "update the SDK of every caller, or ask for a shorter one",
                    Level.WARNING,
                )
            legal = SOURCE_IDENTITY.fullmatch(value.replace("*", "xx").replace("?", "x"))
            if (not legal or value.startswith("aws:")) and not value.startswith(UNRESOLVED):
                yield entry.violation(
                    f"asks for the source identity {value!r}, which no call can set", ADVICE
                )
    for role in context.graph.roles:
        tagged = [(key, value) for key, value in role.tags.items() if isinstance(value, str)]
        yield from _tag_faults(role.place, role.arn, tagged, len(role.tags))


def _tag_faults(place: SourceLocation, arn: str, tags: Iterable[tuple[str, str]], count: int) -> Violations:
    if count > SESSION_TAGS:
        yield Violation(place, f"{arn} has or asks for {count} tags", f"keep to {SESSION_TAGS}")
    for key, value in tags:
        if not 1 <= len(key) <= TAG_KEY_CHARACTERS:
            message = f"{arn} has a tag key of {len(key)} characters"
            yield Violation(place, message, f"keep to {TAG_KEY_CHARACTERS}")
        if len(value) > TAG_VALUE_CHARACTERS:
            message = f"{arn} has a value of {len(value)} characters for tag {key}"
            yield Violation(place, message, f"keep to {TAG_VALUE_CHARACTERS}")


def _declared(context: RuleContext, carries: Callable[[Hop], bool]) -> list[AssumeRoleEdge]:
    """The edges that are hops of the chain which carry something on."""
    hops = {
        (hop.caller.arn, hop.callee.arn)
        for hop in (context.chain.hops() if context.chain else ())
        if carries(hop)
    }
    return [edge for edge in context.edges if (edge.caller.arn, edge.callee.arn) in hops] if hops else []


def _after(context: RuleContext, first: Iterable[AssumeRoleEdge]) -> list[AssumeRoleEdge]:
    """Every edge that a session may make after one of ``first``, nearest first."""
    return reachable(first, lambda edge: context.edges_by_caller.get(edge.callee.arn, ()))


def _brought_by_services(
    context: RuleContext, what: Callable[[ServiceSessionValues], object]
) -> list[tuple[LocatedStatement, str]]:
    """The statements that let a service in whose sessions are known to bring something that later hops inherit."""
    return [
        (entry, service)
        for entry in context.entries
        for service in entry.services
        if what(SERVICE_SESSION_VALUES.get(service, ServiceSessionValues()))
    ]


def _not_allowed(
    context: RuleContext,
    action: str,
    what: str,
    carrying: Iterable[AssumeRoleEdge],
    brought: list[tuple[LocatedStatement, str]],
) -> Violations:
    """Where an action is not allowed: to a service that brings something, or on a side of an edge that carries it."""
    for entry, service in brought:
        trust = located_statements(entry.role, entry.role.trust)
        if not any(each.requests(action.lower()) and service in each.services for each in trust):
            added = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action}
            yield Violation(
                entry.place,
                f"{service} brings {what} into {entry.arn}, and its trust policy does not allow {action}",
                f"add to the trust policy: {json.dumps(added)}",
            )
    roles = dict.fromkeys(entry.arn for entry, _ in brought)
    first = [edge for arn in roles for edge in context.edges_by_caller.get(arn, ())]
    for edge in dict.fromkeys([*carrying, *first, *_after(context, first)]):
        yield from _missing(edge, action, what)


def _tags_of(entry: LocatedStatement) -> set[str]:
    """The keys of the tags that a call must pass, in lower case."""
    keys = entry.statement.keys
    asked = {
        key[len(keys_of.REQUEST_TAG) :]
        for key in keys
        if key.startswith(keys_of.REQUEST_TAG) and entry.requires(key)
    }
    for key in keys & {keys_of.TAG_KEYS, keys_of.TRANSITIVE_TAG_KEYS}:
        if entry.requires(key):
            asked |= {value.lower() for value in entry.pinned(key)}
    return asked


def _transitive(entry: LocatedStatement) -> list[str]:
    key = keys_of.TRANSITIVE_TAG_KEYS
    return list(entry.pinned(key)) if entry.requires(key) else []


def _by_name(context: RuleContext, edge: AssumeRoleEdge, action: str) -> bool:
    """Whether the caller is granted an action by its name, or in a declared hop the callee's trust names it."""
    name = action.lower()
    allows = [statement for record in edge.caller.policies for statement in record.policy.allows]
    if _names(allows, name) and _names(_permitting(edge, name), name):
        return True
    if not (context.chain and edge.callee.arn in context.hop_roles and edge.caller.arn in context.declared):
        return False
    return _names(edge.callee.trust.policy.allows, name) and _names(_trusting(edge, name), name)


def _names(statements: Iterable[Statement], action: str) -> bool:
    """Whether statements name an action, at most with a wildcard at its end."""
    prefix = action[: len("sts:tag")]
    return any(
        name.lower().startswith(prefix) for statement in statements for name in statement.actions.written
    )


def _permitting(edge: AssumeRoleEdge, action: str) -> list[Statement]:
    """The statements of the caller that allow an action, in lower case, or may."""
    return [
        located.statement
        for record in edge.caller.policies
        for located in located_statements(edge.caller, record)
        if _may_allow(located, action)
        and (resources := located.statement.resources) is not None
        and resources.match(edge.callee.arn, Context({})) is not False
    ]


def _trusting(edge: AssumeRoleEdge, action: str) -> list[Statement]:
    """The statements of the callee's trust policy that allow the caller an action, in lower case, or may."""
    arn = edge.caller.arn
    return [
        located.statement
        for located in located_statements(edge.callee, edge.callee.trust)
        if _may_allow(located, action) and located.names(arn) and located.lets_role_in(arn, action)
    ]


def _may_allow(located: LocatedStatement, action: str) -> bool:
    return located.statement.effect != "Deny" and located.statement.actions.match(action) is not False


def _missing(edge: AssumeRoleEdge, action: str, what: str) -> Violations:
    caller_arn, callee_arn = edge.caller.arn, edge.callee.arn
    missing = any(record.policy.missing is not None for record in edge.caller.policies)
    hop = f"the hop from {caller_arn} to {callee_arn} carries {what}"
    if not missing and not _permitting(edge, action.lower()):
        statement = {"Effect": "Allow", "Action": action, "Resource": callee_arn}
        yield Violation(
            edge.permission or edge.caller.place,
            f"{hop}, and no policy of the caller allows {action}",
            f"add to the caller: {json.dumps(statement)}",
        )
    if edge.callee.trust.policy.missing is None and not _trusting(edge, action.lower()):
        root = root_of(caller_arn)
        added = {
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": action,
            "Condition": {"ArnEquals": {"aws:PrincipalArn": caller_arn}},
        }
        yield Violation(
            edge.callee.trust.place,
            f"{hop}, and the trust policy of the callee does not allow {action}",
            f"add to the trust policy: {json.dumps(added)}",
        )
