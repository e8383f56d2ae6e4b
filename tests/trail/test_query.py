"""The query: the same answers in both dialects, and partitions that are left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from rolechain.trail import TrailFiles, log_files, sessions_query, trace
from rolechain.trail.query import translated
from tests.trail.conftest import walks_of
from tests.trail.organizations import Organization


def test_athena_answers_alike(organization: Organization, logs: Path) -> None:
    """Athena's text, read back, gives the answer of DuckDB's own."""
    own = sessions_query(organization.roles)
    text = sessions_query(organization.roles, dialect="athena")
    assert "JSON_EXTRACT_SCALAR(responseelements, '$.credentials.accessKeyId')" in text
    assert "RECURSIVE" not in text
    with TrailFiles() as files:
        files.read(log_files([str(logs)]))
        first = files.ask(own)
        second = files.ask(translated(text, "duckdb", read="athena"))
    assert walks_of(trace(organization.chain, second)) == organization.walks
    assert sorted(row["id"] for row in first) == sorted(row["id"] for row in second)


def test_only_documented_columns() -> None:
    """The query reads no column that the table of the Athena User Guide lacks."""
    columns = {
        "eventtime",
        "eventsource",
        "eventname",
        "sourceipaddress",
        "errorcode",
        "errormessage",
        "requestparameters",
        "responseelements",
        "eventid",
        "sharedeventid",
        "useridentity",
    }
    tree = sqlglot.parse_one(sessions_query(["arn:aws:iam::111111111111:role/a"]), read="duckdb")
    first = next(tree.find_all(sqlglot.exp.CTE)).this
    read = {
        (column.parts[0] if len(column.parts) > 1 else column.this).name
        for column in first.find_all(sqlglot.exp.Column)
    }
    assert read <= columns


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            ("account", "region", "timestamp"),
            [
                "\"account\" IN ('111111111111', '222222222222')",
                "\"timestamp\" >= '2026/11/01'",
                "\"timestamp\" <= '2026/12/01'",
            ],
        ),
        (
            ("account", "region", "year", "month", "day"),
            [
                "\"account\" IN ('111111111111', '222222222222')",
                "\"year\" || '/' || \"month\" || '/' || \"day\" >= '2026/11/01'",
                "\"year\" || '/' || \"month\" || '/' || \"day\" <= '2026/12/01'",
            ],
        ),
        (("region",), []),
    ],
)
def test_partitions(columns: tuple[str, ...], expected: list[str]) -> None:
    """Partitions are left out by account and day; a file may be delivered the day after its last event."""
    text = sessions_query(
        [],
        partitions=columns,
        accounts=("111111111111", "222222222222"),
        since="2026-11-01T00:00:00Z",
        until="2026-11-30T12:00:00Z",
    )
    (where,) = (line for line in text.splitlines() if line.startswith("  WHERE eventid"))
    found = [each for each in where.split(" AND ") if each.startswith('"')]
    assert found == expected


def test_window(organization: Organization, logs: Path) -> None:
    """Events outside of the time asked for do not count."""
    with TrailFiles() as files:
        files.read(log_files([str(logs)]))
        assert files.ask(sessions_query(organization.roles, until="2026-11-01T00:00:00Z")) == []
        assert files.ask(sessions_query(organization.roles, since="2026-11-01T00:00:00Z"))


def test_quotes_are_data() -> None:
    """A name with a quote stays a text."""
    assert "IN ('a''b')" in sessions_query(["a'b"])
    assert 'FROM "data""base"."t"' in sessions_query([], table='data"base.t')
