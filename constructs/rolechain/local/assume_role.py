"""AssumeRole as AWS does it: checked, decided by ``rolechain.policy``, answered with working credentials."""

from __future__ import annotations

import json
import secrets
import string
import time
import zlib

from rolechain.iam.arn import name_of, session_arn
from rolechain.iam.condition_keys import actions_for
from rolechain.iam.denials import denial as iam_denial
from rolechain.iam.limits import CHAINED_SECONDS, folded
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY
from rolechain.local import emulator, mfa, request_context, trust_principals
from rolechain.local.errors import ServiceError, denial
from rolechain.local.organizations import ServedOrganization
from rolechain.local.parameters import DEFAULT_DURATION, AssumeRoleCall
from rolechain.local.principals import AuthenticatedPrincipal, policy_of
from rolechain.model.session_policy import problems_of
from rolechain.policy import Callee, Request, decide

_PACKED_BYTES = 2048
_KEY_LETTERS = string.ascii_uppercase + "234567"


def assume(
    call: AssumeRoleCall, principal: AuthenticatedPrincipal, organization: ServedOrganization
) -> dict[str, object]:
    """The result of one AssumeRole call.

    Raises:
        ServiceError: the call is not allowed, or asks for what a session cannot have.
    """
    _check_chain(call, principal)
    with_mfa = mfa.authenticate(
        principal.caller.account, principal.user_name, call.serial_number, call.token_code
    )
    role = emulator.roles.get(call.account, name_of(call.role_arn))
    if role is None or role["Arn"] != call.role_arn:
        raise _denied(iam_denial(principal.caller.arn, ASSUME_ROLE, call.role_arn))
    decision = decide(_request(call, principal, role, organization, with_mfa))
    if not decision.allowed:
        raise _denied(denial(principal.caller.arn, call.role_arn, decision))
    _check_role(call, role)
    return _session(call, principal, role)


def _check_chain(call: AssumeRoleCall, principal: AuthenticatedPrincipal) -> None:
    if principal.chained and (call.duration or 0) > CHAINED_SECONDS:
        raise ServiceError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        )
    inherited = {folded(key) for key in principal.transitive_tags}
    if inherited & {folded(key) for key in call.tags}:
        raise ServiceError(
            "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
            "from the calling session.",
        )
    if principal.source_identity and call.source_identity not in (None, principal.source_identity):
        raise _denied(iam_denial(principal.caller.arn, SET_SOURCE_IDENTITY, call.role_arn))


def _request(
    call: AssumeRoleCall,
    principal: AuthenticatedPrincipal,
    role: emulator.Record,
    organization: ServedOrganization,
    with_mfa: bool,
) -> Request:
    of_service = principal.caller.kind == "service"
    context = request_context.of_assume_role(call, principal, role, organization, mfa=with_mfa)
    trust = trust_principals.without_empty(role["AssumeRolePolicyDocument"])
    return Request(
        caller=principal.caller,
        callee=Callee(
            role["Arn"],
            policy_of(trust, f"the trust policy of {role['Arn']}"),
            rcps=organization.policies_above(call.account, "RESOURCE_CONTROL_POLICY"),
            in_management_account=organization.is_management(call.account),
        ),
        context=context,
        actions=actions_for(map(str.lower, context)),
        identity_policies=principal.identity_policies,
        permissions_boundary=principal.permissions_boundary,
        session_policies=principal.session_policies,
        scps=None
        if of_service
        else organization.policies_above(principal.caller.account, "SERVICE_CONTROL_POLICY"),
    )


def _check_role(call: AssumeRoleCall, role: emulator.Record) -> None:
    if (call.duration or DEFAULT_DURATION) > int(role["MaxSessionDuration"]):
        raise ServiceError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    if call.policy is not None and (problem := next(problems_of(call.policy), None)):
        raise ServiceError("MalformedPolicyDocument", problem)
    if any(emulator.managed_policy(arn, call.account) is None for arn in call.policy_arns):
        raise ServiceError(
            "ValidationError",
            "At least one Policy ARN in the PolicyArns parameter does not match an existing IAM Managed Policy ARN.",
        )


def _session(
    call: AssumeRoleCall, principal: AuthenticatedPrincipal, role: emulator.Record
) -> dict[str, object]:
    packed = 0
    if call.policy is not None or call.policy_arns or call.tags:
        # How full the packed policies and tags are; AWS's packing is not published, so this is an estimate.
        content = json.dumps([call.policy, call.policy_arns, call.tags], separators=(",", ":")).encode()
        packed = -(-len(zlib.compress(content, 9)) * 100 // _PACKED_BYTES)
    if packed > 100:
        raise ServiceError(
            "PackedPolicyTooLarge",
            f"Packed policy consumes {packed}% of allotted space, please use smaller policy.",
        )
    key_id = "ASIA" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(16))
    secret, token = secrets.token_urlsafe(30), secrets.token_urlsafe(120)
    ends = float(int(time.time()) + (call.duration or DEFAULT_DURATION))
    arn = session_arn(role["Arn"], call.session_name)
    user_id = f"{role['RoleId']}:{call.session_name}"
    source_identity = principal.source_identity or call.source_identity
    tags = {**call.tags, **principal.transitive_tags}
    transitive = {folded(key) for key in call.transitive_tag_keys}
    session = {
        "Arn": arn,
        "UserId": user_id,
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": ends,
        "AccountId": call.account,
        "SourcePrincipalArn": principal.caller.arn,
        "SessionTags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "SessionPolicies": None,
        "SourceIdentity": source_identity,
        "TransitiveTags": {key: value for key, value in call.tags.items() if folded(key) in transitive}
        | dict(principal.transitive_tags),
    }
    if call.policy is not None or call.policy_arns:
        session["SessionPolicies"] = {"Policy": call.policy, "PolicyArns": list(call.policy_arns)}
    # A session without a type is a workload's own, whose next hop is not chained.
    if principal.caller.kind != "service":
        session["PrincipalType"] = "AssumedRole"
    emulator.register_session(key_id, session)
    return {
        "AssumedRoleUser": {"Arn": arn, "AssumedRoleId": user_id},
        "Credentials": {
            "AccessKeyId": key_id,
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": ends,
        },
        "PackedPolicySize": packed or None,
        "SourceIdentity": source_identity,
    }


def _denied(message: str) -> ServiceError:
    return ServiceError("AccessDenied", message, 403)
