"""The actions of STS that a policy may name.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Security Token Service".
"""

from __future__ import annotations

from rolechain.iam.glob import matches

ASSUME_ROLE, TAG_SESSION, SET_SOURCE_IDENTITY = "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"
ACTIONS = (
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetCallerIdentity",
    "GetDelegatedAccessToken",
    "GetFederationToken",
    "GetServiceBearerToken",
    "GetSessionToken",
    "GetWebIdentityToken",
    "SetContext",
    "SetSourceIdentity",
    "TagGetWebIdentityToken",
    "TagSession",
)


def is_of_sts(action: str) -> bool:
    """Whether an action, which may hold wildcards, is one of STS's, or covers one, in any case."""
    service, _, name = action.lower().partition(":")
    return service == "sts" and any(matches(name, known.lower()) for known in ACTIONS)
