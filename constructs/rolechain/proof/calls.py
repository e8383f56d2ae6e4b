"""The calls between roles as requests: who calls, and what is known of caller and callee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rolechain.hop import Hop
from rolechain.policy import Callee, Caller, ContextValue, Request
from rolechain.proof.narrow import narrowed
from rolechain.proof.witness import FRESH, instance
from rolechain.proof.world import RoleRecord, World

SESSION_NAME = "rolechain"
"""Stands for the session name, which only the call itself settles."""

_STS_ALWAYS: dict[str, ContextValue] = {
    "aws:SecureTransport": "true",
    "aws:PrincipalIsAWSService": "false",
    "aws:ViaAWSService": "false",
}


def account_of(arn: str) -> str:
    """The account of an ARN; empty where it has none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def session_of(role_arn: str, session_name: str = SESSION_NAME) -> Caller:
    """A session of a role as caller."""
    _, partition, _, _, account, resource = role_arn.split(":", 5)
    name = resource.rsplit("/", 1)[-1]
    arn = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"
    return Caller("role-session", arn, account, role_arn)


def request_between(caller: RoleRecord, callee: RoleRecord, world: World) -> Request:
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


def request_of(hop: Hop, world: World, region: str | None = None) -> Request | None:
    """The call that the runtime sends for a declared hop.

    Args:
        hop: the hop.
        world: the roles.
        region: the chain's region.

    Returns:
        The request; None where caller or callee is not in the templates.
    """
    callers, callees = world.by_arn.get(hop.caller.arn), world.by_arn.get(hop.callee.arn)
    if not callers or not callees:
        return None
    request = request_between(callers[0], callees[0], world)
    sent: dict[str, ContextValue] = {"sts:RoleSessionName": SESSION_NAME}
    if region:
        sent["aws:RequestedRegion"] = region
    if hop.external_id:
        sent["sts:ExternalId"] = hop.external_id
    if hop.callee.organizational_units and "aws:PrincipalOrgID" in request.context:
        # Where an account lies is not in the templates: it is taken to lie where the chain wants it.
        unit = hop.callee.organizational_units[0].rstrip("/")
        sent["aws:PrincipalOrgPaths"] = [f"{world.organization}/{unit}/"]
    carried = (("sts:TagSession", hop.carries_tags), ("sts:SetSourceIdentity", hop.carries_source_identity))
    return replace(
        request,
        context={**request.context, **sent, **_of_session(hop)},
        actions=(*request.actions, *(action for action, carries in carried if carries)),
    )


def _of_session(hop: Hop) -> dict[str, ContextValue]:
    """The tags and the source identity that a hop passes and inherits; what is left open has a value that fits."""
    passed = {tag.key: hop.tags.get(tag.key, _one_of(tag.values)) for tag in hop.callee.tags}
    context: dict[str, ContextValue] = {f"aws:RequestTag/{key}": value for key, value in passed.items()}
    context |= {f"aws:PrincipalTag/{tag.key}": _one_of(tag.values) for tag in hop.inherited_tags}
    if passed:
        context["aws:TagKeys"] = list(passed)
    if transitive := [*hop.callee.transitive_tag_keys, *hop.inherited_tag_keys]:
        context["sts:TransitiveTagKeys"] = transitive
    if hop.callee.identity:
        context["sts:SourceIdentity"] = hop.source_identity or _one_of(hop.callee.identity.values)
    if hop.inherited_source_identity:
        context["aws:SourceIdentity"] = _one_of(hop.inherited_source_identity.values)
    return context


def _one_of(values: Sequence[str]) -> str:
    """A value that is allowed."""
    return instance(values[0]) if values else FRESH
