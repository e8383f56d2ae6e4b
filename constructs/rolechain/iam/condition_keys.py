"""Which condition keys the request of each kind of caller carries, and the values of those that describe it.

Source: IAM User Guide, "AWS global condition context keys" and "Available keys for AWS web identity federation";
AWS STS API Reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rolechain.iam.arn import account_of, is_arn, name_of, resource_type_of
from rolechain.iam.limits import ACCOUNT
from rolechain.iam.sts_actions import actions_of

Kind = Literal["role", "user", "service", "web_identity", "saml", "unknown"]
"""A role's session, an IAM user, an AWS service, a token, an assertion, or a caller of whom nothing is known."""

PRINCIPAL_ARN, PRINCIPAL_ACCOUNT = "aws:principalarn", "aws:principalaccount"
PRINCIPAL_TYPE = "aws:principaltype"
ORGANIZATION, ORGANIZATION_PATHS = "aws:principalorgid", "aws:principalorgpaths"
USER_ID, USER_NAME = "aws:userid", "aws:username"
SERVICE, PROVIDER = "aws:principalservicename", "aws:federatedprovider"
EXTERNAL_ID, SESSION_NAME = "sts:externalid", "sts:rolesessionname"
REQUEST_TAG, TAG_KEYS, TRANSITIVE_TAG_KEYS = "aws:requesttag/", "aws:tagkeys", "sts:transitivetagkeys"
SET_SOURCE_IDENTITY, SOURCE_IDENTITY = "sts:sourceidentity", "aws:sourceidentity"
MFA_PRESENT, MFA_AGE = "aws:multifactorauthpresent", "aws:multifactorauthage"
RESOURCE_ACCOUNT, RESOURCE_ORGANIZATION = "aws:resourceaccount", "aws:resourceorgid"
RESOURCE_ORGANIZATION_PATHS = "aws:resourceorgpaths"

CURRENT_TIME, EPOCH_TIME = "aws:currenttime", "aws:epochtime"
WHOLE_NUMBERS = frozenset({MFA_AGE, "sts:durationseconds", CURRENT_TIME, EPOCH_TIME})
"""Keys that count seconds; the time of a call those since 1970, in whole seconds."""

MULTIVALUED = re.compile(
    r"aws:(tagkeys|calledvia|principalservicenameslist|(principal|resource|source|vpce)orgpaths)"
    r"|sts:transitivetagkeys|saml:(?!aud$|iss$|sub$|sub_type$|namequalifier$|doc$).*|[^:]+:(amr|groups|roles)",
    re.ASCII,
)
"""The multivalued context keys, in lower case."""

NEVER_EMPTY = frozenset({TAG_KEYS, TRANSITIVE_TAG_KEYS})
"""Multivalued keys, in lower case, whose values are never empty: STS accepts no tag without a key."""

_MFA = (MFA_PRESENT, MFA_AGE)
_SERVICE = (
    SERVICE,
    "aws:principalservicenameslist",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
)
_PRINCIPAL = (
    PRINCIPAL_ARN,
    PRINCIPAL_ACCOUNT,
    PRINCIPAL_TYPE,
    ORGANIZATION,
    ORGANIZATION_PATHS,
    USER_ID,
    USER_NAME,
)

NEVER: Mapping[Kind, frozenset[str]] = {
    "role": frozenset((USER_NAME, MFA_AGE, *_SERVICE)),
    "user": frozenset(_SERVICE),
    "service": frozenset((*_PRINCIPAL, *_MFA, PROVIDER)),
    "web_identity": frozenset((*_PRINCIPAL, *_MFA, *_SERVICE, EXTERNAL_ID)),
    "saml": frozenset((*_PRINCIPAL, *_MFA, *_SERVICE, EXTERNAL_ID)),
    "unknown": frozenset(),
}
"""The keys, in lower case, that no request of such a caller carries.

The organization is that of an account's principal.
"""

PERHAPS: Mapping[str, str] = {MFA_PRESENT: "false"}
"""Keys, in lower case, that a role session carries with this value or not at all: AWS does not document which."""

_TYPES = {"role": "AssumedRole", "user": "User", "root": "Account"}
"""The values of aws:PrincipalType, by the beginning of the resource in aws:PrincipalArn."""

_NO_SERVICE = {"aws:principalisawsservice": "false", "aws:securetransport": "true"}

ALWAYS: Mapping[Kind, Mapping[str, str]] = {
    "role": {PRINCIPAL_TYPE: _TYPES["role"], **_NO_SERVICE},
    "user": {PRINCIPAL_TYPE: _TYPES["user"], **_NO_SERVICE},
    "service": {**_NO_SERVICE, "aws:principalisawsservice": "true"},
    "web_identity": _NO_SERVICE,
    "saml": _NO_SERVICE,
    "unknown": {},
}
"""Keys, in lower case, that every request of such a caller carries with this value, if at all. STS accepts TLS only."""


def principal_keys(
    principal: str,
    *,
    user_id: str | None = None,
    organization: str | None = None,
    organization_path: str | None = None,
    tags: Mapping[str, str] | None = None,
    source_identity: str | None = None,
) -> dict[str, str | Sequence[str]]:
    """The condition keys that describe the principal of a request, as far as they are known.

    Args:
        principal: the ARN of an IAM user or root user, or of the role of a session; the id of an account, where nothing
            else is known; or a service principal, which belongs to no account and no organization.
        user_id: the unique id, with the session's name behind a colon for a session.
        organization: the id of the account's organization.
        organization_path: the path of the account's organizational unit.
        tags: the principal tags; those of a session include its role's.
        source_identity: the source identity of the session.
    """
    if is_arn(principal):
        kind = resource_type_of(principal)
        found: dict[str, str | Sequence[str] | None] = {
            "aws:PrincipalArn": principal,
            "aws:PrincipalAccount": account_of(principal),
            "aws:PrincipalType": _TYPES.get(kind),
            "aws:PrincipalIsAWSService": "false",
            "aws:username": name_of(principal) if kind == "user" else None,
        }
    elif ACCOUNT.fullmatch(principal):
        found = {"aws:PrincipalAccount": principal}
    else:
        found = {
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": principal,
            "aws:PrincipalServiceNamesList": [principal],
        }
    found |= {
        "aws:userid": user_id,
        "aws:PrincipalOrgID": organization,
        "aws:PrincipalOrgPaths": [organization_path] if organization_path else None,
        "aws:SourceIdentity": source_identity,
    }
    return {key: value for key, value in found.items() if value} | {
        f"aws:PrincipalTag/{key}": value for key, value in (tags or {}).items()
    }


UNDOCUMENTED: Mapping[str, tuple[str, ...]] = {
    "sts:tagsession": ("sts:ExternalId", "sts:RoleSessionName", "sts:SourceIdentity"),
    "sts:setsourceidentity": ("aws:RequestTag/", "aws:TagKeys", "sts:TransitiveTagKeys"),
}
"""By permission-only action of AssumeRole, in lower case: the keys of which AWS does not say whether it carries them.

A name that ends with ``/`` stands for every key that begins with it. The Service Authorization Reference lists only tag
keys for ``sts:TagSession``, and no tag keys for ``sts:SetSourceIdentity``; field reports agree with it, and no document
confirms it.
"""


def undocumented(action: str, key: str) -> str | None:
    """The name in ``UNDOCUMENTED`` under which a key stands for an action, both in lower case; None if it does not."""
    for name in UNDOCUMENTED.get(action, ()):
        if key == name.lower() or (name.endswith("/") and key.startswith(name.lower())):
            return name
    return None


_OF_MOMENT = re.compile(
    r"aws:(currenttime|epochtime|tokenissuetime|sourceip|vpcsourceip|sourcevpc|sourcevpce|requestedregion|useragent"
    r"|referer|viaawsservice|calledvia(first|last)?|principaltag/(?!x509(subject|issuer|san)/).*)",
    re.ASCII,
)


def is_of_moment(key: str) -> bool:
    """Whether a key, in lower case, describes the time, network or client of a call, or is a principal tag.

    The only declared guard on such a key is the time until which an entrance is open. The certificate attributes that
    IAM Roles Anywhere passes as principal tags are excluded.
    """
    return _OF_MOMENT.fullmatch(key) is not None


_SAID = re.compile(
    r"sts:(externalid|sourceidentity|transitivetagkeys)|aws:(sourceidentity|tagkeys|calledvia(first|last)?)"
    r"|aws:(request|principal|resource)tag/.*"
    # The keys of other services occur in their own requests, and a few in the sessions that they issue.
    r"|(?!(aws|sts|saml|identitystore|glue):)[a-z0-9-]+:(?!source).*",
    re.ASCII,
)


def is_said(key: str) -> bool:
    """Whether a call of a role session carries a key, in lower case, only if the roles or the caller set it."""
    return key in NEVER["role"] or key in PERHAPS or _SAID.fullmatch(key) is not None


def is_of_tags(key: str) -> bool:
    """Whether a call that carries a key, in lower case, passes session tags and so needs sts:TagSession."""
    return key.startswith((REQUEST_TAG, TAG_KEYS, TRANSITIVE_TAG_KEYS))


def actions_for(keys: Iterable[str]) -> tuple[str, ...]:
    """The actions that a call of AssumeRole needs which carries these keys, in lower case.

    A source identity, set by the call or inherited, needs sts:SetSourceIdentity.
    """
    carried = set(keys)
    return actions_of(
        tags=any(map(is_of_tags, carried)),
        source_identity=bool(carried & {SET_SOURCE_IDENTITY, SOURCE_IDENTITY}),
    )
