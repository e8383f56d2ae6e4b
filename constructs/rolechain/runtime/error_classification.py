"""Why a hop failed, read from what STS said, and which side to change."""

from __future__ import annotations

import re
from enum import StrEnum

from rolechain.iam.denials import denied_by


class Cause(StrEnum):
    """The cause of a failed hop.

    A policy's kind is named whenever STS names it, for an explicit deny too; ``EXPLICIT_DENY`` is left for a
    deny whose kind is not among those here. The bare denial names no side at all: that is ``UNKNOWN``.
    """

    IDENTITY_POLICY = "identity_policy"
    TRUST_POLICY = "trust_policy"
    SESSION_POLICY = "session_policy"
    PERMISSIONS_BOUNDARY = "permissions_boundary"
    SERVICE_CONTROL_POLICY = "service_control_policy"
    RESOURCE_CONTROL_POLICY = "resource_control_policy"
    EXPLICIT_DENY = "explicit_deny"
    DURATION = "duration"
    SOURCE_CREDENTIALS = "source_credentials"
    CLOCK = "clock"
    THROTTLED = "throttled"
    NETWORK = "network"
    UNKNOWN = "unknown"


RECOVERABLE = frozenset({Cause.THROTTLED, Cause.NETWORK})
"""The causes that pass with nothing changed."""

ACCESS_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
"""The codes by which a policy's refusal shows."""

STALE_SESSION = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidTokenException"})
"""The codes by which a service says that the session which signed is over."""

_THROTTLING = frozenset(
    {
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
_SOURCE_CODES = STALE_SESSION | {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "UnrecognizedClientException",
}
_SERVER_CODES = frozenset({"InternalError", "InternalFailure", "RequestTimeout", "ServiceUnavailable"})
_CLOCK_CODES = frozenset({"RequestExpired", "RequestTimeTooSkewed"})

_SOURCE_TEXT = re.compile(r"may not be assumed by root|MultiFactorAuthentication failed", re.IGNORECASE)
_CLOCK_TEXT = re.compile(r"signature (expired|not yet current)", re.IGNORECASE)
_DURATION_TEXT = re.compile(
    r"DurationSeconds|MaxSessionDuration|session limit for roles assumed", re.IGNORECASE
)


def cause_of(code: str, text: str, status: int) -> Cause:
    """The cause that an error answer of STS shows.

    The texts are those of the IAM User Guide ("Troubleshoot access denied error messages") and of the STS API
    reference. A status of 0 stands for no status.
    """
    if code in _THROTTLING or status == 429:
        return Cause.THROTTLED
    if code in _CLOCK_CODES or _CLOCK_TEXT.search(text):
        return Cause.CLOCK
    if code in _SOURCE_CODES:
        return Cause.SOURCE_CREDENTIALS
    if code in _SERVER_CODES or status >= 500:
        return Cause.NETWORK
    if code in ACCESS_DENIED:
        if denied := denied_by(text):
            explicit, policy_type = denied
            return Cause(policy_type) if policy_type else Cause.EXPLICIT_DENY if explicit else Cause.UNKNOWN
        return Cause.SOURCE_CREDENTIALS if _SOURCE_TEXT.search(text) else Cause.UNKNOWN
    if code in {"MalformedPolicyDocument", "PackedPolicyTooLarge"}:
        return Cause.SESSION_POLICY
    if _DURATION_TEXT.search(text):
        return Cause.DURATION
    return Cause.UNKNOWN


REMEDIATIONS = {
    Cause.IDENTITY_POLICY: "change the caller: an identity policy of its role must allow {action} on {role_arn}",
    Cause.TRUST_POLICY: "change {role_arn}: its trust policy must let this caller in for {action}, conditions included",
    Cause.SESSION_POLICY: "change the session policy of the hop: the policy and tags passed must be legal and small "
    "enough, and what the caller was given must allow {action} on {role_arn}",
    Cause.PERMISSIONS_BOUNDARY: "change the caller: its permissions boundary must allow {action} on {role_arn}",
    Cause.SERVICE_CONTROL_POLICY: "change the organization: the service control policies above the caller's account "
    "must allow {action} on {role_arn}",
    Cause.RESOURCE_CONTROL_POLICY: "change the organization: the resource control policies above the account of "
    "{role_arn} must let this caller in",
    Cause.EXPLICIT_DENY: "find the policy that denies {action} on {role_arn}, and take the deny out",
    Cause.DURATION: "ask for less: duration_seconds is bounded by the role's MaxSessionDuration, and by 3600 where "
    "a role session calls",
    Cause.SOURCE_CREDENTIALS: "renew the credentials that the call was signed with",
    Cause.CLOCK: "set this machine's clock: STS accepts a difference of a few minutes",
    Cause.THROTTLED: "wait, and make fewer calls: the limit counts all of the caller's account in this region",
    Cause.NETWORK: "look at the network, the endpoint and the state of STS, then try again",
    Cause.UNKNOWN: "see what STS said",
}
"""What to do about each cause; for a denial that names no side see ``BARE_DENIAL``."""

BARE_DENIAL = (
    "STS names no side, so look at both: the caller's policies must allow {action} on {role_arn}, and the role's "
    "trust policy must let this caller in, its external id and other conditions included"
)
