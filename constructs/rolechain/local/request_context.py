"""The condition keys of a call: those of the caller, of the moment, and of AssumeRole's own parameters.

Names and availability are those of the IAM User Guide, 'AWS global condition context keys' and 'Keys
available for AWS STS'.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from rolechain.local import emulator
from rolechain.local.organizations import ServedOrganization
from rolechain.local.parameters import AssumeRoleCall
from rolechain.local.principals import AuthenticatedPrincipal, timestamp
from rolechain.policy import ContextValue
from rolechain.policy.request import parameter_keys

Context = dict[str, ContextValue]


def of_call(principal: AuthenticatedPrincipal, organization: ServedOrganization) -> Context:
    """The keys that every call has: who makes it, and when and how it is made."""
    now = time.time()
    account = principal.caller.account
    # A service belongs to no account, and a third party's account to no organization.
    member = bool(account) and organization.has(account)
    known = (organization.id, organization.path_of(account)) if member else (None, None)
    return principal.condition_keys(*known) | {
        "aws:CurrentTime": timestamp(now),
        "aws:EpochTime": str(int(now)),
        "aws:SourceIp": "127.0.0.1",
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
        "aws:RequestedRegion": emulator.request_region(),
    }


def of_resource(account: str, tags: Mapping[str, str], organization: ServedOrganization) -> Context:
    """The keys that describe what a call is made on."""
    keys: Context = {"aws:ResourceAccount": account}
    if organization.has(account):
        keys |= {
            "aws:ResourceOrgID": organization.id,
            "aws:ResourceOrgPaths": [organization.path_of(account)],
        }
    return keys | {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def of_assume_role(
    call: AssumeRoleCall,
    principal: AuthenticatedPrincipal,
    role: emulator.Record,
    organization: ServedOrganization,
    *,
    mfa: bool,
) -> Context:
    """The keys of one AssumeRole call."""
    tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags") or []}
    # A tag that is inherited along a chain stands for the role's own of the same key.
    seen = tags | dict(principal.transitive_tags)
    keys = of_call(principal, organization) | of_resource(call.account, seen, organization)
    keys |= {f"iam:ResourceTag/{key}": value for key, value in seen.items()}
    keys |= parameter_keys(
        call.session_name,
        external_id=call.external_id,
        source_identity=call.source_identity,
        tags=call.tags,
        transitive_tag_keys=[*call.transitive_tag_keys, *principal.transitive_tags],
    )
    if mfa:
        keys |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0"}
    return keys
