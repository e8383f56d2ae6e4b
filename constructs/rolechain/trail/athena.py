"""The question, put to Athena where a trail is too large for one machine.

Source: Athena API Reference, "StartQueryExecution", "GetQueryExecution" and "GetQueryResults".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rolechain.trail.files import Row, TrailError

if TYPE_CHECKING:
    import boto3

ACTIONS = (
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
"""The actions that a question needs: those of S3 on the trail's bucket, and ``s3:PutObject`` on the answers'."""

_LONGEST_PAUSE = 5.0


def ask(
    session: boto3.Session, sql: str, *, database: str, workgroup: str, output_location: str | None
) -> list[Row]:
    """The answer to a question, a mapping a row; a question that is interrupted is stopped.

    Args:
        session: credentials that may call ``ACTIONS``.
        sql: the question in Athena's dialect.
        database: the database of the table.
        workgroup: the workgroup, of Athena's engine version 3.
        output_location: where in S3 Athena writes the answer; None for what the workgroup says.

    Raises:
        TrailError: AWS refuses a call, or Athena cannot answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    client = session.client("athena")
    location: Any = {"ResultConfiguration": {"OutputLocation": output_location}} if output_location else {}
    try:
        query = client.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": database}, WorkGroup=workgroup, **location
        )["QueryExecutionId"]
        try:
            pause = 0.25
            while (state := _state(client, query)) in ("QUEUED", "RUNNING"):
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        except KeyboardInterrupt:
            client.stop_query_execution(QueryExecutionId=query)
            raise
        if state != "SUCCEEDED":
            raise TrailError(f"Athena could not answer: {state}")
        pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        rows = [
            [value.get("VarCharValue") for value in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
    except ClientError as error:
        told = error.response.get("Error", {})
        raise TrailError(
            f"Athena refuses: {told.get('Code')}: {told.get('Message')}; to ask takes {', '.join(ACTIONS)}"
        ) from error
    except BotoCoreError as error:
        raise TrailError(f"Athena does not answer: {error}") from error
    # The first row holds the names of the columns.
    return [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]] if rows else []


def _state(client: Any, query: str) -> str:
    """The state of a query; that of a failed one is its reason."""
    status = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
    return str(status["State"] if status["State"] != "FAILED" else status.get("StateChangeReason", "FAILED"))
