"""Events that AWS is asked for: Athena, where a trail is too large for one machine; CloudTrail, where there is none.

Source: Athena API Reference, "StartQueryExecution", "GetQueryExecution" and "GetQueryResults"; CloudTrail API
Reference, "LookupEvents": management events of one region in the last 90 days, 50 a page, twice a second.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rolechain.api_calls import answered, retry_config
from rolechain.errors import RolechainError
from rolechain.iam.glob import matches
from rolechain.trail.files import Row, TrailError, Unread

if TYPE_CHECKING:
    import boto3

ATHENA_ACTIONS = (
    "athena:StartQueryExecution",
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:StopQueryExecution",
    "glue:GetDatabase",
    "glue:GetTable",
    "glue:GetPartitions",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
)
"""The actions that a query needs: those of S3 on the trail's bucket, and ``s3:PutObject`` on the answers'."""

LOOKUP_ACTIONS = ("cloudtrail:LookupEvents",)
"""The actions that looking up events needs, in each account."""

_LONGEST_PAUSE = 5.0


def ask_athena(
    session: boto3.Session, sql: str, *, database: str, workgroup: str, output_location: str | None
) -> list[Row]:
    """The answer to a query, a mapping a row; a query that is interrupted is stopped.

    Args:
        session: credentials that may call ``ATHENA_ACTIONS``.
        sql: the query in Athena's dialect.
        database: the database of the table.
        workgroup: the workgroup, of Athena's engine version 3.
        output_location: where in S3 Athena writes the answer; None for what the workgroup says.

    Raises:
        TrailError: AWS refuses a call, or Athena cannot answer.
    """

    def failure(reason: str) -> TrailError:
        return TrailError(f"Athena gives no answer: {reason}; to ask takes {', '.join(ATHENA_ACTIONS)}")

    client = session.client("athena")
    location: Any = {"ResultConfiguration": {"OutputLocation": output_location}} if output_location else {}
    with answered(failure):
        query = client.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": database}, WorkGroup=workgroup, **location
        )["QueryExecutionId"]
        try:
            pause = 0.25
            while True:
                status = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
                if status["State"] not in ("QUEUED", "RUNNING"):
                    break
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        except KeyboardInterrupt:
            client.stop_query_execution(QueryExecutionId=query)
            raise
        if status["State"] != "SUCCEEDED":
            reason = status.get("StateChangeReason", status["State"])
            raise TrailError(f"Athena could not answer: {reason}")
        pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        rows = [
            [value.get("VarCharValue") for value in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        # The first row holds the names of the columns.
        return [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]] if rows else []


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
        roles: the ARNs of the chain's roles; ``*`` of a target by organizational unit is a wildcard.
        since: the first moment.
        until: the moment after the last one; None for now.
        at_once: how many accounts at a time.

    Returns:
        The events of each account as CloudTrail's JSON, or why they are not known.
    """
    config = retry_config()
    span: dict[str, Any] = {"StartTime": datetime.fromisoformat(since)}
    span |= {"EndTime": datetime.fromisoformat(until)} if until else {}
    wanted, places = set(roles), tuple(regions)

    def events_of(session: boto3.Session, account: str) -> list[str]:
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
        return events

    def look_up(account: str) -> list[str] | Unread:
        try:
            session = sessions[account]()
            with answered(TrailError):
                return events_of(session, account)
        except RolechainError as error:
            reason = f"{error} (to look up events takes {', '.join(LOOKUP_ACTIONS)})"
            return Unread(f"account {account}", reason)

    with ThreadPoolExecutor(at_once, thread_name_prefix="rolechain-lookup") as pool:
        yield from pool.map(look_up, sessions)


def _is_among(arn: Any, roles: set[str]) -> bool:
    return arn in roles or any("*" in role and matches(role, str(arn)) for role in roles)


def _keys(event: str, roles: set[str], account: str) -> Iterator[str]:
    """The access keys of a chain's sessions in an account that an event names."""
    record: Any = json.loads(event)
    caller = record.get("userIdentity") or {}
    issuer = ((caller.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    if _is_among(issuer, roles) and caller.get("accountId") == account and caller.get("accessKeyId"):
        yield caller["accessKeyId"]
    if _is_among((record.get("requestParameters") or {}).get("roleArn"), roles):
        key = ((record.get("responseElements") or {}).get("credentials") or {}).get("accessKeyId")
        if key:
            yield key
