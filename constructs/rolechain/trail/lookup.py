"""Events that CloudTrail keeps for 90 days without a trail, asked for in each account.

Source: CloudTrail API Reference, "LookupEvents": management events of one region, 50 a page, twice a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rolechain.errors import RolechainError
from rolechain.trail.files import Unread

if TYPE_CHECKING:
    import boto3

ACTIONS = ("cloudtrail:LookupEvents",)
"""The actions that looking up events needs, in each account."""


def lookup_events(
    sessions: Mapping[str, Callable[[], boto3.Session]],
    regions: Iterable[str],
    roles: Iterable[str],
    *,
    since: str,
    until: str | None,
    at_once: int = 8,
) -> Iterator[list[str] | Unread]:
    """The calls of STS in some accounts, and those that sessions of a chain's roles made.

    Args:
        sessions: makes a session of each account, by the account's id.
        regions: where to ask; calls of global services, and of STS's global endpoint, are in us-east-1.
        roles: the ARNs of the chain's roles.
        since: the first moment.
        until: the moment after the last one; None for now.
        at_once: how many accounts at a time.

    Returns:
        The events of each account as CloudTrail's JSON, or why they are not known.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(retries={"mode": "adaptive", "max_attempts": 10})
    span: dict[str, Any] = {"StartTime": datetime.fromisoformat(since)}
    span |= {"EndTime": datetime.fromisoformat(until)} if until else {}
    wanted = set(roles)

    places = tuple(regions)

    def look_up(account: str) -> list[str] | Unread:
        try:
            session = sessions[account]()
            clients = [session.client("cloudtrail", region_name=each, config=config) for each in places]

            def with_value(key: Any, value: str) -> Iterator[str]:
                attribute: Any = [{"AttributeKey": key, "AttributeValue": value}]
                for client in clients:
                    pages = client.get_paginator("lookup_events")
                    for page in pages.paginate(LookupAttributes=attribute, **span):
                        yield from (event["CloudTrailEvent"] for event in page["Events"])

            events = list(with_value("EventSource", "sts.amazonaws.com"))
            for key in dict.fromkeys(key for event in events for key in _keys(event, wanted, account)):
                events += with_value("AccessKeyId", key)
        except (ClientError, BotoCoreError, RolechainError) as error:
            said = str(error).splitlines()[0]
            return Unread(f"account {account}", f"{said} (to look up events takes {', '.join(ACTIONS)})")
        return events

    with ThreadPoolExecutor(at_once, thread_name_prefix="rolechain-lookup") as pool:
        yield from pool.map(look_up, sessions)


def _keys(event: str, roles: set[str], account: str) -> Iterator[str]:
    """The access keys of a chain's sessions in an account that an event names."""
    record: Any = json.loads(event)
    caller = record.get("userIdentity") or {}
    issuer = ((caller.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    if issuer in roles and caller.get("accountId") == account and caller.get("accessKeyId"):
        yield caller["accessKeyId"]
    if (record.get("requestParameters") or {}).get("roleArn") in roles:
        key = ((record.get("responseElements") or {}).get("credentials") or {}).get("accessKeyId")
        if key:
            yield key
