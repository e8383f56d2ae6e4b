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


def actions_of(*, tags: bool, source_identity: bool) -> tuple[str, ...]:
    """The actions that an AssumeRole needs both sides to allow.

    Args:
        tags: whether the session has tags, passed or inherited.
        source_identity: whether it has a source identity, passed or inherited.
    """
    return (
        ASSUME_ROLE,
        *((TAG_SESSION,) if tags else ()),
        *((SET_SOURCE_IDENTITY,) if source_identity else ()),
    )


def is_of_sts(action: str) -> bool:
    """Whether an action, which may hold wildcards, is one of STS's, or covers one, in any case."""
    service, _, name = action.lower().partition(":")
    return service == "sts" and any(matches(name, known.lower()) for known in ACTIONS)
