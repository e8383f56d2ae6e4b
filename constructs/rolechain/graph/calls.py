"""The calls between roles as requests: who calls, what is known of both, and what a declared hop's call carries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from rolechain.graph.language import Language, Pattern, TooLarge, glob_of, matching, text_of
from rolechain.graph.role_graph import Principal, RoleGraph, RoleRecord
from rolechain.iam.arn import account_of, resource_type_of, session_arn
from rolechain.iam.condition_keys import PERHAPS, RESOURCE_ORGANIZATION_PATHS, principal_keys
from rolechain.iam.glob import has_wildcard
from rolechain.iam.sts_actions import actions_of
from rolechain.model.hop import Hop
from rolechain.model.role import ChainRole
from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request
from rolechain.policy.conditions import Condition
from rolechain.statements.trust_policy import (
    IDENTITY,
    REQUEST_TAG,
    SET_IDENTITY,
    TAG_KEYS,
    TRANSITIVE_TAG_KEYS,
)

SESSION_NAME = "rolechain"
"""Stands for the session name, which only the call itself settles."""

_RUNTIME_SESSION_NAME = "rolechain-<user>@<host>"
"""Stands for the name that the runtime makes up; STS takes no such characters, so that no policy names it."""

OTHER_VALUE = "<any other value>"
"""Stands for what the chain leaves open of a value, where no policy names it; STS takes no such characters."""

_RESOURCE_PATHS = "aws:ResourceOrgPaths"
_PRINCIPAL_TAG = "aws:PrincipalTag/"

EVERYTHING = Policy.parse(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
"""The policy of a caller that may do whatever the other side lets it."""


def session_of(role_arn: str, session_name: str = SESSION_NAME) -> Caller:
    """A session of a role as caller."""
    return Caller("role-session", session_arn(role_arn, session_name), account_of(role_arn), role_arn)


def request_between(caller: Principal, callee: RoleRecord, graph: RoleGraph) -> Request:
    """The call of a principal to a role, with what caller and callee are and nothing that is chosen.

    Args:
        caller: the role whose session calls, or the user.
        callee: the role that is assumed.
        graph: tells which accounts are known to belong to one organization.
    """
    caller_account, callee_account = account_of(caller.arn), account_of(callee.arn)
    organization = graph.organization if caller_account in graph.home else None
    context: dict[str, ContextValue] = {
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
        "aws:ResourceAccount": callee_account,
        **principal_keys(caller.arn, organization=organization, tags=caller.tags),
    }
    if graph.organization and callee_account in graph.home:
        context["aws:ResourceOrgID"] = graph.organization
    for key, value in callee.tags.items():
        context |= {f"aws:ResourceTag/{key}": value, f"iam:ResourceTag/{key}": value}
    is_user = resource_type_of(caller.arn) == "user"
    calling = Caller("user", caller.arn, caller_account) if is_user else session_of(caller.arn)
    of_caller, of_callee = (graph.limits.get(each) for each in (caller_account, callee_account))
    limited = Callee(callee.arn, callee.trust.policy)
    if of_caller:
        calling = replace(calling, in_management_account=of_caller.in_management_account)
        context |= _place("aws:Principal", of_caller.path)
    if of_callee:
        limited = replace(limited, rcps=of_callee.rcps, in_management_account=of_callee.in_management_account)
        context |= _place("aws:Resource", of_callee.path)
    return Request(
        caller=calling,
        callee=limited,
        context=context,
        identity_policies=tuple(record.policy for record in caller.policies),
        permissions_boundary=caller.boundary.policy if caller.boundary else None,
        scps=of_caller.scps if of_caller else None,
    )


def _place(prefix: str, path: str) -> dict[str, ContextValue]:
    """Where an account stands in its organization, as the keys of a caller or a resource tell it."""
    if not path:
        return {}
    return {f"{prefix}OrgID": path.partition("/")[0], f"{prefix}OrgPaths": [path]}


def requests_of(hop: Hop, graph: RoleGraph, region: str | None = None) -> Iterator[Request]:
    """The calls that the runtime may send for a declared hop: the usual one first, then every other that is allowed.

    There are none where caller or callee is not in the templates.

    Args:
        hop: the hop.
        graph: the roles.
        region: the chain's region.
    """
    callers, callees = graph.by_arn.get(hop.caller.arn), graph.by_arn.get(hop.callee.arn)
    if not callers or not callees:
        return
    request = request_between(callers[0], callees[0], graph)
    known: dict[str, ContextValue] = {"sts:RoleSessionName": SESSION_NAME}
    if region:
        known["aws:RequestedRegion"] = region
    if hop.external_id:
        known["sts:ExternalId"] = hop.external_id
    # Where an account lies is not in the templates: it is taken to lie where the chain wants it.
    is_placed = "aws:PrincipalOrgPaths" in request.context or "aws:PrincipalOrgID" not in request.context
    in_units = () if is_placed else hop.callee.caller_organizational_units
    paths: list[Mapping[str, ContextValue]]
    paths = [{"aws:PrincipalOrgPaths": [f"{graph.organization}/{unit.rstrip('/')}/"]} for unit in in_units]
    limits = tuple(record.policy for record in graph.session_policies.get(hop.caller.arn, ()))
    known |= paths[0] if paths else {}
    plain = replace(request, context={**request.context, **known}, session_policies=limits or None)
    if unit := hop.callee.member_of:
        places = list(_places(unit, plain, graph.organization or ""))
        plain = replace(plain, context={**plain.context, **places[0]})
        paths = [{}, *paths[1:], *places[1:]]
    usual, *others = _carried(hop, _named_by(plain.policies))
    first = _carrying(plain, hop, usual)
    yield first
    yield from (_carrying(plain, hop, values) for values in others)
    in_place: list[Mapping[str, ContextValue]] = [{"sts:RoleSessionName": _RUNTIME_SESSION_NAME}]
    in_place += ({key: value} for key, value in PERHAPS.items())
    for other in (*in_place, *paths[1:]):
        if not first.keys.isdisjoint(map(str.lower, other)):
            yield replace(first, context={**first.context, **other})


def _places(unit: ChainRole, request: Request, organization: str) -> Iterator[dict[str, ContextValue]]:
    """Where an account of a target's units may lie, as far as policies tell places apart.

    Where the account was read, or where the policies name no unit below, it is one of the units or below it.
    """
    if _RESOURCE_PATHS in request.context:
        yield {}
        return
    units = [f"{organization}/{each.rstrip('/')}/" for each in unit.organizational_units]
    named = (
        element.rstrip("*")
        for policy in request.policies
        for statement in policy.statements
        for condition in statement.conditions
        if isinstance(condition, Condition) and condition.lookup == RESOURCE_ORGANIZATION_PATHS
        for element in condition.elements
        if isinstance(element, str) and element.rstrip("*").startswith(tuple(units))
    )
    for path in dict.fromkeys((*units, *named)):
        yield {_RESOURCE_PATHS: [path]}
        yield {_RESOURCE_PATHS: [f"{path}ou-<any>-<other>/"]}


Carried = Mapping[str, str]
"""The session tags and the source identity of a call, passed and inherited, by condition key."""

Named = Mapping[str, Collection[Pattern]]
"""What policies name as values of condition keys, in lower case."""


def _named_by(policies: Iterable[Policy]) -> Named:
    found: dict[str, dict[Pattern, None]] = {}
    for condition in (each for policy in policies for one in policy.statements for each in one.conditions):
        if isinstance(condition, Condition) and condition.name.startswith("string"):
            for element in condition.elements:
                if isinstance(element, str) and "${" not in element:
                    is_like = condition.name.endswith("like")
                    ignores_case = condition.name.endswith("ignorecase")
                    pattern = glob_of(element) if is_like else text_of(element, ignores_case=ignores_case)
                    found.setdefault(condition.lookup, {})[pattern] = None
    return found


def _carried(hop: Hop, named: Named) -> Iterator[Carried]:
    """What a hop's call may carry: the usual first, then each other value, or none, of one thing at a time.

    Of the values that the chain leaves open, one of each kind is tried that policies tell apart.
    """
    declared: dict[str, SessionTag | SourceIdentity | None] = {
        **{REQUEST_TAG + tag.key: tag for tag in hop.callee.tags},
        **{_PRINCIPAL_TAG + tag.key: tag for tag in hop.inherited_tags},
        SET_IDENTITY: hop.callee.identity,
        IDENTITY: hop.inherited_source_identity,
    }
    choices = {key: _values(each, named.get(key.lower(), ())) for key, each in declared.items() if each}
    usual = {key: values[0] for key, values in choices.items() if values[0] is not None}
    yield usual
    for key, values in choices.items():
        others = {name: value for name, value in usual.items() if name != key}
        for value in values[1:]:
            yield others if value is None else others | {key: value}
    # AWS does not say whether what is inherited counts among the tags of the request: the hop works either way.
    inherited = {tag.key: usual.get(_PRINCIPAL_TAG + tag.key) for tag in hop.inherited_tags}
    if inherited:
        yield usual | {REQUEST_TAG + key: value for key, value in inherited.items() if value is not None}


def _values(declared: SessionTag | SourceIdentity, named: Collection[Pattern]) -> list[str | None]:
    """The values of a tag or a source identity to try; None where it may be left out."""
    shortest = "?*" if isinstance(declared, SessionTag) else "??*"
    values = declared.values or ("*",)
    found = dict.fromkeys(text for value in values for text in _texts(value, shortest, named))
    allowed: list[str | None] = [*(found or map(_one_of, values))]
    return allowed if declared.required else [*allowed, None]


def _texts(pattern: str, shortest: str, named: Collection[Pattern]) -> Iterator[str]:
    """Texts that match a pattern of ``*`` and ``?``: one that no policy names, and one of each that is named."""
    usual = _one_of(pattern)
    if not named or not has_wildcard([pattern]):
        yield usual
        return
    possible = matching([glob_of(pattern)]) & matching([glob_of(shortest)])
    for texts in (Language(without=frozenset(named)), *(matching([each]) for each in named)):
        with suppress(TooLarge):
            text = usual if usual in texts else (possible & texts).example()
            if text is not None:
                yield text


def _one_of(pattern: str) -> str:
    return pattern.replace("*", OTHER_VALUE).replace("?", "a")


def _carrying(request: Request, hop: Hop, carried: Carried) -> Request:
    """A hop's call with what it carries: the condition keys that follow, and the actions that it needs."""
    context: dict[str, ContextValue] = {**request.context, **carried}
    if passed := [key.removeprefix(REQUEST_TAG) for key in carried if key.startswith(REQUEST_TAG)]:
        context[TAG_KEYS] = passed
    own = (key for key in hop.callee.transitive_tag_keys if REQUEST_TAG + key in carried)
    inherited = (key for key in hop.inherited_tag_keys if _PRINCIPAL_TAG + key in carried)
    if transitive := (*own, *inherited):
        context[TRANSITIVE_TAG_KEYS] = transitive
    actions = actions_of(
        tags=any(key.startswith((REQUEST_TAG, _PRINCIPAL_TAG)) for key in carried),
        source_identity=SET_IDENTITY in carried or IDENTITY in carried,
    )
    return replace(request, context=context, actions=actions)
