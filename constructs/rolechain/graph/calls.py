"""The calls between roles as requests: who calls, and what is known of caller and callee."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rolechain.graph.call_variants import ANY, Sent, as_declared, named_by
from rolechain.graph.policy_about import narrowed
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.iam.arn import account_of
from rolechain.iam.condition_keys import PERHAPS
from rolechain.model.hop import Hop
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request

SESSION_NAME = "rolechain"
"""Stands for the session name, which only the call itself settles."""

EVERYTHING = Policy.parse(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
"""The policy of a caller that may do whatever the other side lets it."""

_STS_ALWAYS: dict[str, ContextValue] = {
    "aws:SecureTransport": "true",
    "aws:PrincipalIsAWSService": "false",
    "aws:ViaAWSService": "false",
}


def session_of(role_arn: str, session_name: str = SESSION_NAME) -> Caller:
    """A session of a role as caller."""
    _, partition, _, _, account, resource = role_arn.split(":", 5)
    name = resource.rsplit("/", 1)[-1]
    arn = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"
    return Caller("role-session", arn, account, role_arn)


def request_between(caller: RoleRecord, callee: RoleRecord, world: RoleGraph) -> Request:
    """The call of one role of the templates to another, with what caller and callee are and nothing that is chosen.

    Args:
        caller: the role whose session calls.
        callee: the role that is assumed.
        world: tells which accounts are known to belong to one organization.
    """
    caller_account, callee_account = account_of(caller.arn), account_of(callee.arn)
    context = _STS_ALWAYS | {
        "aws:PrincipalArn": caller.arn,
        "aws:PrincipalAccount": caller_account,
        "aws:PrincipalType": "AssumedRole",
        "aws:ResourceAccount": callee_account,
    }
    if world.organization and caller_account in world.home:
        context["aws:PrincipalOrgID"] = world.organization
    if world.organization and callee_account in world.home:
        context["aws:ResourceOrgID"] = world.organization
    for key, value in caller.tags.items():
        context[f"aws:PrincipalTag/{key}"] = value
    for key, value in callee.tags.items():
        context |= {f"aws:ResourceTag/{key}": value, f"iam:ResourceTag/{key}": value}
    return Request(
        caller=session_of(caller.arn),
        callee=Callee(callee.arn, callee.trust.policy),
        context=context,
        identity_policies=tuple(narrowed(record.policy, callee.arn) for record in caller.policies),
        permissions_boundary=narrowed(caller.boundary.policy, callee.arn) if caller.boundary else None,
    )


def request_of(hop: Hop, sent: Sent, world: RoleGraph, region: str | None = None) -> Request | None:
    """The call of a declared hop.

    Args:
        hop: the hop.
        sent: the tags and the source identity that it carries.
        world: the roles.
        region: the chain's region.

    Returns:
        The request; None where caller or callee is not in the templates.
    """
    callers, callees = world.by_arn.get(hop.caller.arn), world.by_arn.get(hop.callee.arn)
    if not callers or not callees:
        return None
    request = request_between(callers[0], callees[0], world)
    said: dict[str, ContextValue] = {"sts:RoleSessionName": SESSION_NAME}
    if region:
        said["aws:RequestedRegion"] = region
    if hop.external_id:
        said["sts:ExternalId"] = hop.external_id
    if hop.callee.organizational_units and "aws:PrincipalOrgID" in request.context:
        # Where an account lies is not in the templates: it is taken to lie where the chain wants it.
        said["aws:PrincipalOrgPaths"] = [_path(world, hop.callee.organizational_units[0])]
    return replace(
        request,
        context={**request.context, **said, **sent.context},
        actions=(*request.actions, *sent.actions),
        session_policies=tuple(record.policy for record in world.session_policies.get(hop.caller.arn, ()))
        or None,
    )


def requests_of(hop: Hop, world: RoleGraph, region: str | None = None) -> Iterator[Request]:
    """The calls that the runtime may send for a declared hop: the usual one first, then every other that is allowed.

    There are none where caller or callee is not in the templates.
    """
    plain = request_of(hop, Sent({}, ()), world, region)
    named = named_by(policies_of(plain)) if plain else {}
    requests = (request_of(hop, sent, world, region) for sent in as_declared(hop, named))
    found = [request for request in requests if request]
    yield from found
    for request in found[:1]:
        asked = frozenset().union(*(policy.keys for policy in policies_of(request)))
        for other in _otherwise(hop, request, world):
            if not asked.isdisjoint(map(str.lower, other)):
                yield replace(request, context={**request.context, **other})


def policies_of(request: Request) -> tuple[Policy, ...]:
    """The policies of both sides of a hop, the session's among them."""
    boundary = (request.permissions_boundary,) if request.permissions_boundary else ()
    sessions = request.session_policies or ()
    return (request.callee.trust_policy, *request.identity_policies, *boundary, *sessions)


def _otherwise(hop: Hop, request: Request, world: RoleGraph) -> Iterator[Mapping[str, ContextValue]]:
    """What the usual call of a hop may bring in place of what it brings."""
    yield {"sts:RoleSessionName": f"{SESSION_NAME}-{ANY}"}
    yield from ({key: value} for key, value in PERHAPS.items())
    if "aws:PrincipalOrgPaths" in request.context:
        for unit in hop.callee.organizational_units[1:]:
            yield {"aws:PrincipalOrgPaths": [_path(world, unit)]}


def _path(world: RoleGraph, unit: str) -> str:
    return f"{world.organization}/{unit.rstrip('/')}/"
