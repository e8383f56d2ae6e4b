"""What IAM refuses when a policy is written: malformed documents, and documents beyond its quotas.

Source: IAM API Reference, CreateRole, UpdateAssumeRolePolicy, PutRolePolicy, CreatePolicy and AttachRolePolicy; IAM
User Guide, "IAM and STS quotas". The quotas are those that an account has by default.
"""

from __future__ import annotations

from collections.abc import Mapping

from rolechain.iam.limits import (
    INLINE_POLICY_CHARACTERS,
    MANAGED_POLICY_CHARACTERS,
    POLICIES_OF_ROLE,
    TRUST_POLICY_CHARACTERS,
    length_of_document,
)
from rolechain.local import emulator
from rolechain.local.errors import ServiceError
from rolechain.policy import Policy, PolicyError
from rolechain.policy.elements import load

Parameters = Mapping[str, str]


def install() -> None:
    """Asks for the problem of each policy that a call to IAM writes or attaches, before IAM writes it."""
    for action in ("CreateRole", "UpdateAssumeRolePolicy"):
        emulator.before_iam_call(action, _check_trust)
    for action in ("PutRolePolicy", "PutUserPolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion"):
        emulator.before_iam_call(action, _check_permissions)
    for action in ("CreatePolicy", "CreatePolicyVersion"):
        emulator.before_iam_call(action, _check_managed)
    emulator.before_iam_call("PutRolePolicy", _check_inline)
    emulator.before_iam_call("AttachRolePolicy", _check_attached)


def _check_trust(given: Parameters) -> None:
    document = given.get("AssumeRolePolicyDocument") or given.get("PolicyDocument", "")
    if _length(document) > TRUST_POLICY_CHARACTERS:
        raise _exceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_CHARACTERS}")


def _check_permissions(given: Parameters) -> None:
    try:
        policy = Policy.parse(given.get("PolicyDocument", ""))
    except PolicyError as error:
        raise ServiceError("MalformedPolicyDocument", f"Syntax errors in policy. ({error})") from None
    if any(statement.principals or statement.not_principal for statement in policy.statements):
        raise ServiceError("MalformedPolicyDocument", "Policy document should not specify a principal.")


def _check_managed(given: Parameters) -> None:
    if _length(given.get("PolicyDocument", "")) > MANAGED_POLICY_CHARACTERS:
        raise _exceeded(f"Cannot exceed quota for PolicySize: {MANAGED_POLICY_CHARACTERS}")


def _check_inline(given: Parameters) -> None:
    """The inline policies of a role count together, without the one that is replaced."""
    name = given.get("RoleName", "")
    role = emulator.roles.get(emulator.request_account(), name) or {}
    written = {given.get("PolicyName"): given.get("PolicyDocument", "")}
    if sum(map(_length, (role.get("InlinePolicies", {}) | written).values())) > INLINE_POLICY_CHARACTERS:
        raise _exceeded(f"Maximum policy size of {INLINE_POLICY_CHARACTERS} bytes exceeded for role {name}")


def _check_attached(given: Parameters) -> None:
    role = emulator.roles.get(emulator.request_account(), given.get("RoleName", "")) or {}
    attached = role.get("AttachedPolicies", [])
    if given.get("PolicyArn") not in attached and len(attached) >= POLICIES_OF_ROLE:
        raise _exceeded(f"Cannot exceed quota for PoliciesPerRole: {POLICIES_OF_ROLE}")


def _length(document: str) -> int:
    """The length of a document; 0 if it is not JSON, for which it is refused elsewhere."""
    try:
        return length_of_document(load(document))
    except PolicyError:
        return 0


def _exceeded(message: str) -> ServiceError:
    return ServiceError("LimitExceeded", message, 409)
