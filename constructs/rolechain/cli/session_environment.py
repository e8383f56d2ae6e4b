"""A session as the environment of a program that calls AWS."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from rolechain.cli.walk import Walked
from rolechain.runtime.session_credentials import SessionCredentials

IN_THE_WAY = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_EXPIRATION",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_BEARER_TOKEN_BEDROCK",
)
"""Variables that take precedence over these credentials in an SDK, name another principal, or say when one ends."""


def variables_of(walked: Walked) -> dict[str, str]:
    """What the environment must hold; secret."""
    session = walked.session
    return {
        "AWS_ACCESS_KEY_ID": session.access_key,
        "AWS_SECRET_ACCESS_KEY": session.secret_key,
        "AWS_SESSION_TOKEN": session.token,
        **({"AWS_CREDENTIAL_EXPIRATION": ends} if (ends := expiration_of(session)) else {}),
        "AWS_REGION": walked.region,
        "AWS_DEFAULT_REGION": walked.region,
    }


def expiration_of(session: SessionCredentials) -> str | None:
    """When a session ends, as AWS writes it; None where that is not known."""
    return None if math.isinf(session.expires_at) else timestamp(session.expires_at)


def timestamp(seconds: float) -> str:
    """A time since the epoch, as AWS writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
