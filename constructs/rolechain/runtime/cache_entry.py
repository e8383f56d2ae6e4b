"""How a session is kept in a cache: under which key, and in which form. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rolechain.runtime.hop import Hop
from rolechain.runtime.session_credentials import SessionCredentials, is_sendable
from rolechain.runtime.session_name import default_session_name

_FORM = 1
_HOUR = 3600.0


def cache_key(access_key: str, region_name: str, hops: Sequence[Hop]) -> str:
    """The key of the session that the last of some hops gives.

    Two sessions share a key only if the same source asks the same of STS: the source's access key, the region,
    the endpoint that the environment sets, and every parameter of the hop and of all hops before it go in.

    Args:
        access_key: the access key id of the credentials that the first hop is signed with.
        region_name: the region whose STS is called.
        hops: the hop and all before it, in the order of the calls.

    Returns:
        64 hexadecimal digits; nothing that went in can be read from them.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL") or ""
    name = default_session_name()
    asked = [_FORM, access_key, region_name, endpoint, *(hop.parameters(name) for hop in hops)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def entry_of(session: SessionCredentials) -> dict[str, Any]:
    """A session as botocore's caches hold an answer of AssumeRole; it can be written as JSON."""
    return {
        "Credentials": {
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret_key,
            "SessionToken": session.token,
            "Expiration": datetime.fromtimestamp(session.expires_at, UTC).isoformat(),
        },
        "AssumedRoleUser": {"Arn": session.arn},
        "ObtainedAt": datetime.fromtimestamp(session.obtained_at, UTC).isoformat(),
    }


def read_entry(entry: object) -> SessionCredentials | None:
    """The session that an entry holds; None if the entry is not whole."""
    if not isinstance(entry, Mapping):
        return None
    try:
        given = entry["Credentials"]
        parts = [given[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        expires_at = _seconds(given["Expiration"])
        obtained_at = _seconds(entry["ObtainedAt"]) if "ObtainedAt" in entry else expires_at - _HOUR
        arn = (entry.get("AssumedRoleUser") or {}).get("Arn")
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if not all(part and is_sendable(part) for part in parts) or not isinstance(arn, str | None):
        return None
    return SessionCredentials(parts[0], parts[1], parts[2], expires_at, obtained_at, arn)


def _seconds(moment: str | datetime) -> float:
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
