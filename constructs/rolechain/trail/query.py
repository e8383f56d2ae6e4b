"""The query of CloudTrail's events, one SQL text: which sessions were issued, by whom, and what they did.

Its columns are those of the table that the Athena User Guide makes of CloudTrail's logs ("Create a table for CloudTrail
logs in Athena using manual partitioning"); DuckDB's table here has the same. The events are read once, whatever the
length of a chain: Athena reads them anew for each step of a recursive query, and takes ten steps at most. So the answer
has a row for each session, with the access key that obtained it, and ``walks`` links the rows.

Source: Athena User Guide, "SELECT", parameters; CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail
userIdentity element"; IAM User Guide, "Logging IAM and AWS STS API calls with AWS CloudTrail".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from rolechain.errors import RolechainError

TABLE = "cloudtrail"
"""The name of DuckDB's table."""

_QUERY = """
WITH events AS (
  SELECT
    -- A call that concerns two accounts is an event in each: their eventid differs, their sharedeventid does not.
    COALESCE(sharedeventid, eventid) AS shared,
    eventtime AS time,
    sourceipaddress AS address,
    errorcode AS error,
    errormessage AS message,
    requestparameters AS parameters,
    eventsource || ':' || eventname AS action,
    COALESCE(eventsource = 'sts.amazonaws.com' AND eventname LIKE 'AssumeRole%', FALSE) AS assumes,
    useridentity.type AS caller_type,
    useridentity.arn AS caller_arn,
    useridentity.principalid AS caller_id,
    useridentity.accountid AS caller_account,
    useridentity.accesskeyid AS caller_key,
    useridentity.invokedby AS caller_service,
    useridentity.sessioncontext.sessionissuer.arn AS caller_role,
    CASE
      WHEN useridentity.sessioncontext.attributes.mfaauthenticated = 'true'
        OR requestparameters ->> '$.serialNumber' IS NOT NULL
      THEN 'true'
    END AS mfa,
    requestparameters ->> '$.roleArn' AS role,
    requestparameters ->> '$.roleSessionName' AS name,
    requestparameters ->> '$.externalId' AS external_id,
    responseelements ->> '$.credentials.accessKeyId' AS issued,
    responseelements ->> '$.assumedRoleUser.arn' AS session_arn,
    COALESCE(
      responseelements ->> '$.sourceIdentity', requestparameters ->> '$.sourceIdentity', {caller_identity}
    ) AS source_identity,
    {caller_identity} AS caller_identity,
    COALESCE(responseelements ->> '$.provider', requestparameters ->> '$.principalArn') AS provider,
    responseelements ->> '$.audience' AS audience,
    responseelements ->> '$.subjectFromWebIdentityToken' AS subject
  FROM {table}
  WHERE {where}
), sightings AS (
  -- An event is seen twice: as a call of the session that signed it, and as the issue of the session that it answers.
  SELECT CASE WHEN part = 'used' THEN caller_key ELSE COALESCE(issued, shared) END AS id, events.*, part
  FROM events CROSS JOIN (VALUES ('used'), ('issued')) AS parts (part)
  WHERE (part = 'used' AND caller_key <> '') OR (part = 'issued' AND assumes)
)
SELECT
  id,
  {issued},
  MIN(caller_arn) FILTER (WHERE part = 'issued') AS other_caller,
  MIN(external_id) FILTER (WHERE part = 'issued') AS other_external_id,
  MAX(caller_arn) FILTER (WHERE part = 'used') AS used_arn,
  MAX(caller_role) FILTER (WHERE part = 'used') AS used_role,
  MAX(caller_identity) FILTER (WHERE part = 'used') AS used_identity,
  COUNT(DISTINCT shared) FILTER (WHERE part = 'used') AS calls,
  COUNT(DISTINCT shared) FILTER (WHERE part = 'used' AND error IS NOT NULL) AS refused_calls,
  MIN(time) FILTER (WHERE part = 'used') AS first_call,
  MAX(time) FILTER (WHERE part = 'used') AS last_call,
  ARRAY_TO_STRING(ARRAY_AGG(DISTINCT address) FILTER (WHERE part = 'used'), ',') AS addresses,
  ARRAY_TO_STRING(ARRAY_AGG(DISTINCT action) FILTER (WHERE part = 'used'), ',') AS actions
FROM sightings
GROUP BY id
-- A session that a service obtained for its workload counts if it is of a role of the chain, or assumed another.
HAVING BOOL_OR(assumes AND (
    part = 'used' OR sightings.error IS NOT NULL OR sightings.role IS NULL
    OR sightings.caller_type IS DISTINCT FROM 'AWSService'
  ))
  OR BOOL_OR({roles})
"""
_ISSUED = (
    "time address error message parameters role name external_id session_arn mfa caller_type caller_arn caller_id "
    "caller_account caller_key caller_service caller_role source_identity provider audience subject"
)
"""What is taken of the events that issued a session.

The event of the called account lacks the caller's ARN and has the type AWSAccount, which is the least of the types.
"""

Dialect = Literal["duckdb", "athena"]


def sessions_query(
    roles: Iterable[str],
    *,
    dialect: Dialect = "duckdb",
    table: str = TABLE,
    since: str | None = None,
    until: str | None = None,
    partitions: Iterable[str] = (),
    accounts: Sequence[str] = (),
) -> str:
    """The SQL text for a chain.

    Args:
        roles: the ARNs of the chain's roles; ``*`` of a target by organizational unit is a wildcard.
        dialect: whose SQL it is.
        table: the table of CloudTrail's events.
        since: the first moment, as CloudTrail writes it: ``2026-11-01T00:00:00Z``.
        until: the moment after the last one.
        partitions: the names of the table's partition columns, in lower case: ``account`` (or ``account_id``,
            ``accountid``), and the day, either as ``timestamp`` (or ``date``, ``dt``), ``yyyy/MM/dd``, or as ``year``,
            ``month`` and ``day``. Others, such as ``region``, are left open.
        accounts: the ids of the accounts whose partitions are read; empty for all.

    Raises:
        RolechainError: sqlglot, which writes Athena's SQL, is not installed.
    """
    roles, columns = list(roles), list(partitions)
    where = ["eventid IS NOT NULL AND eventtime IS NOT NULL"]
    where += [
        f"{_name(each)} IN ({_texts(accounts)})"
        for each in columns
        if accounts and each in ("account", "account_id", "accountid")
    ]
    day = next((_name(each) for each in columns if each in ("timestamp", "date", "dt")), None)
    if day is None and {"year", "month", "day"} <= set(columns):
        day = '"year" || \'/\' || "month" || \'/\' || "day"'
    if since:
        where += [f"{day} >= '{since[:10].replace('-', '/')}'"] if day else []
        where.append(f"eventtime >= '{since}'")
    if until:
        # An event lies in the folder of the day on which its file was delivered.
        last = datetime.fromisoformat(until) + timedelta(days=1)
        where += [f"{day} <= '{last:%Y/%m/%d}'"] if day else []
        where.append(f"eventtime < '{until}'")
    text = _QUERY.format(
        table=".".join(map(_name, table.split("."))),
        where=" AND ".join(where),
        # The table of the Athena User Guide has no column for it.
        caller_identity="useridentity.sessioncontext.sourceidentity"
        if dialect == "duckdb"
        else "CAST(NULL AS VARCHAR)",
        issued=",\n  ".join(
            f"MAX({name}) FILTER (WHERE part = 'issued') AS {name}" for name in _ISSUED.split()
        ),
        roles=" OR ".join(_among(name, roles) for name in ("sightings.role", "sightings.caller_role")),
    ).strip()
    return text if dialect == "duckdb" else translated(text, dialect)


def translated(sql: str, write: Dialect, read: Dialect = "duckdb") -> str:
    """An SQL text in another dialect."""
    try:
        import sqlglot
    except ModuleNotFoundError as error:
        raise RolechainError("Athena's SQL needs sqlglot: pip install 'rolechain[trace]'") from error
    return str(sqlglot.transpile(sql, read=read, write=write, pretty=True)[0])


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _among(name: str, roles: Sequence[str]) -> str:
    """Whether a column is one of some ARNs, or matches one with a wildcard; trace sorts out what LIKE takes besides."""
    patterns = [f"{name} LIKE {_texts([role.replace('*', '%')])}" for role in roles if "*" in role]
    return " OR ".join([f"{name} IN ({_texts(role for role in roles if '*' not in role)})", *patterns])


def _texts(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values) or "NULL"
