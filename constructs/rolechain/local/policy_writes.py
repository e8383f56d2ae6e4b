"""What IAM refuses: parameters that are not as its model says, malformed policies, and policies beyond its quotas.

Source: IAM API Reference, CreateRole, UpdateAssumeRolePolicy, PutRolePolicy, CreatePolicy and AttachRolePolicy; IAM
User Guide, "IAM and STS quotas".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rolechain.iam.arn import account_of
from rolechain.iam.limits import (
    GROUP_INLINE_CHARACTERS,
    INLINE_POLICY_CHARACTERS,
    MANAGED_POLICY_CHARACTERS,
    USER_INLINE_CHARACTERS,
    length_of_document,
)
from rolechain.local import emulator, query_protocol
from rolechain.local.errors import ServiceError
from rolechain.local.trust_principals import NO_ACTIONS
from rolechain.model.role import Quotas
from rolechain.policy import Policy, PolicyError
from rolechain.policy.elements import load

Parameters = Mapping[str, str]
_SID = re.compile(r"[0-9A-Za-z]*")


def install(quotas: Quotas) -> None:
    """Asks for the problem of each call to IAM, and of the policy that it writes or attaches, before IAM does it."""
    for action in ("CreateRole", "UpdateAssumeRolePolicy"):
        emulator.before_iam_call(action, partial(_check_trust, quotas.role_trust_policy_length))
    for action in ("PutRolePolicy", "PutUserPolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion"):
        emulator.before_iam_call(action, _check_permissions)
    for action in ("CreatePolicy", "CreatePolicyVersion"):
        emulator.before_iam_call(action, _check_managed)
    _limit_inline("Role", INLINE_POLICY_CHARACTERS, _inline_of_role)
    _limit_inline("User", USER_INLINE_CHARACTERS, lambda *key: emulator.user_inline_policies.get(*key) or {})
    _limit_inline("Group", GROUP_INLINE_CHARACTERS, emulator.group_inline_policies)
    for action in ("AttachRolePolicy", "AttachUserPolicy", "AttachGroupPolicy"):
        emulator.before_iam_call(action, _check_exists)
    check_quota = partial(_check_quota, quotas.managed_policies_per_role)
    emulator.before_iam_call("AttachRolePolicy", partial(_check_attached, check_quota))
    emulator.before_attachment(check_quota)
    for action in query_protocol.model("iam").operation_names:
        emulator.before_iam_call(action, partial(query_protocol.read, "iam", action))


def _check_trust(most: int, given: Parameters) -> None:
    document = given.get("AssumeRolePolicyDocument") or given.get("PolicyDocument", "")
    if _length(document) > most:
        raise _exceeded(f"Cannot exceed quota for ACLSizePerRole: {most}")


def _check_permissions(given: Parameters) -> None:
    try:
        policy = Policy.parse(given.get("PolicyDocument", ""))
    except PolicyError as error:
        raise _malformed(f"Syntax errors in policy. ({error})") from None
    if any(statement.principals or statement.not_principal for statement in policy.statements):
        raise _malformed("Policy document should not specify a principal.")
    for statement in policy.statements:
        if not statement.actions.written:
            raise _malformed(NO_ACTIONS)
        if statement.resources is None or not statement.resources.written:
            raise _malformed("Policy statement must contain resources.")
        if not _SID.fullmatch(statement.sid or ""):
            raise _malformed(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
                "[0-9A-Za-z]*"
            )
        for resource in statement.resources.written:
            if resource != "*" and not resource.startswith(("arn:", "*", "?", "$")):
                raise _malformed(f'Resource {resource} must be in ARN format or "*".')


def _check_managed(given: Parameters) -> None:
    if _length(given.get("PolicyDocument", "")) > MANAGED_POLICY_CHARACTERS:
        raise _exceeded(f"Cannot exceed quota for PolicySize: {MANAGED_POLICY_CHARACTERS}")


def _limit_inline(kind: str, most: int, inline: Callable[[str, str], Mapping[str, str]]) -> None:
    """Holds the inline policies of a role, user or group to its quota, without the one that is replaced."""

    def check(given: Parameters) -> None:
        name = given.get(f"{kind}Name", "")
        held = inline(emulator.request_account(), name)
        others = [text for key, text in held.items() if key != given.get("PolicyName")]
        if sum(map(_length, (*others, given.get("PolicyDocument", "")))) > most:
            raise _exceeded(f"Maximum policy size of {most} bytes exceeded for {kind.lower()} {name}")

    emulator.before_iam_call(f"Put{kind}Policy", check)


def _inline_of_role(account: str, name: str) -> Mapping[str, str]:
    found: Mapping[str, str] = (emulator.roles.get(account, name) or {}).get("InlinePolicies", {})
    return found


def _check_exists(given: Parameters) -> None:
    arn = given.get("PolicyArn", "")
    # ministack does not hold every policy of AWS's own.
    if account_of(arn) != "aws" and not emulator.policy_exists(arn):
        raise ServiceError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404)


def _check_attached(check_quota: Callable[[Mapping[str, Any], str], None], given: Parameters) -> None:
    role = emulator.roles.get(emulator.request_account(), given.get("RoleName", ""))
    check_quota(role or {}, given.get("PolicyArn", ""))


def _check_quota(most: int, entity: Mapping[str, Any], arn: str) -> None:
    attached = entity.get("AttachedPolicies", [])
    if "RoleName" in entity and arn not in attached and len(attached) >= most:
        raise _exceeded(f"Cannot exceed quota for PoliciesPerRole: {most}")


def _length(document: str) -> int:
    """The length of a document; 0 if it is not JSON, for which it is refused elsewhere."""
    try:
        return length_of_document(load(document))
    except PolicyError:
        return 0


def _malformed(message: str) -> ServiceError:
    return ServiceError("MalformedPolicyDocument", message)


def _exceeded(message: str) -> ServiceError:
    return ServiceError("LimitExceeded", message, 409)
