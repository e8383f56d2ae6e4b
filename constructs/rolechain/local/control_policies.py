"""Service control policies on every call, not on AssumeRole alone.

Resource control policies act on AssumeRole only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rolechain.iam.condition_keys import principal_keys
from rolechain.local import emulator, request_context
from rolechain.local.errors import ServiceError, denial
from rolechain.local.organizations import ServedOrganization
from rolechain.local.principals import principal_of
from rolechain.policy import Decision, Effect, Side, Verdict


def denial_of(
    key_id: str,
    action: str,
    resource: str,
    service_context: Mapping[str, Any],
    organization: ServedOrganization,
) -> str | None:
    """The text of the denial of a call by a service control policy, or None where none denies it."""
    account = emulator.request_account()
    organization.enroll(account)
    levels = organization.policies_above(account, "SERVICE_CONTROL_POLICY")
    if levels is None or organization.is_management(account):
        return None
    try:
        principal = principal_of(key_id)
    except ServiceError:
        # A federated user, or a key that ministack knows and IAM does not: described by its account alone.
        keys, caller = principal_keys(account, organization=organization.id), account
    else:
        keys, caller = request_context.of_call(principal, organization), principal.caller.arn
    context = keys | {key: value for key, value in service_context.items() if value is not None}
    judged = [{policy.judge(action, resource, context) for policy in level} for level in levels]
    if any(Effect.DENY in level for level in judged):
        verdict = Verdict.EXPLICIT_DENY
    elif any(Effect.UNKNOWN in level for level in judged):
        verdict = Verdict.UNKNOWN
    else:
        every = all(Effect.ALLOW in level for level in judged)
        verdict = Verdict.ALLOW if every else Verdict.IMPLICIT_DENY
    reason = "a service control policy holds what it does not know"
    decision = Decision(verdict, Side.SERVICE_CONTROL_POLICY, action, reason)
    return None if verdict is Verdict.ALLOW else denial(caller, resource, decision)
