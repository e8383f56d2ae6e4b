"""CloudTrail's LookupEvents and Athena on 127.0.0.1, over log files, in their own protocol and pages."""

# ruff: noqa: D102, N802, ARG002 - the methods are AWS's operations

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rolechain.trail import TrailFiles, log_files
from rolechain.trail.query import translated

Json = dict[str, Any]


class Aws:
    """What the endpoint holds and was asked.

    Attributes:
        url: where it answers.
        calls: the operations that were asked for, with the account whose administrator asked.
        queries: the texts that Athena was asked.
        refuse: the account or operation that is refused.
        failure: the reason for which a query fails, if any.
    """

    def __init__(self, folder: Path, page: int = 7) -> None:
        self.folder, self.page = folder, page
        self.url = ""
        self.calls: list[tuple[str, str]] = []
        self.queries: list[str] = []
        self.refuse: str | None = None
        self.failure: str | None = None
        self._answers: dict[str, list[Json]] = {}

    def answer(self, operation: str, account: str, body: Json) -> tuple[int, Json]:
        self.calls.append((operation, account))
        if self.refuse in (operation, account):
            return 400, {"__type": "AccessDeniedException", "message": "you may not"}
        return 200, getattr(self, operation)(account, body)

    def LookupEvents(self, account: str, body: Json) -> Json:
        name, value = body["LookupAttributes"][0].values()
        folder = self.folder / "AWSLogs" / account
        records = [
            record
            for path in sorted(folder.rglob("*.json.gz"))
            for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
            if (record["eventSource"] if name == "EventSource" else record["userIdentity"].get("accessKeyId"))
            == value
        ]
        events = [{"EventId": record["eventID"], "CloudTrailEvent": json.dumps(record)} for record in records]
        return self._paged(events, body, "Events")

    def StartQueryExecution(self, _: str, body: Json) -> Json:
        self.queries.append(body["QueryString"])
        return {"QueryExecutionId": str(len(self.queries) - 1)}

    def GetQueryExecution(self, _: str, body: Json) -> Json:
        asked = self.calls.count(("GetQueryExecution", _))
        state = "RUNNING" if asked == 1 else "FAILED" if self.failure else "SUCCEEDED"
        return {"QueryExecution": {"Status": {"State": state, "StateChangeReason": self.failure}}}

    def GetQueryResults(self, _: str, body: Json) -> Json:
        data = self._answers.setdefault(body["QueryExecutionId"], [])
        if not data:
            data += self._asked(self.queries[int(body["QueryExecutionId"])])
        page = self._paged(data, body, "Rows")
        return {"ResultSet": {"Rows": page.pop("Rows")}, **page}

    def _asked(self, query: str) -> list[Json]:
        with TrailFiles() as files:
            files.read(log_files([str(self.folder)]))
            files._database.execute("CREATE SCHEMA logs; CREATE VIEW logs.trail AS SELECT * FROM cloudtrail")
            rows = files.ask(translated(query, "duckdb", read="athena"))
        table = [list(rows[0]), *(list(row.values()) for row in rows)]
        return [
            {"Data": [{} if each is None else {"VarCharValue": str(each)} for each in row]} for row in table
        ]

    def _paged(self, found: list[Any], body: Json, name: str) -> Json:
        first = int(body.get("NextToken", 0))
        more = {"NextToken": str(first + self.page)} if len(found) > first + self.page else {}
        return {name: found[first : first + self.page], **more}


@contextmanager
def serving(aws: Aws) -> Iterator[Aws]:
    """Serves on a free port of 127.0.0.1 for a ``with`` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            signer = re.search(r"Credential=(\w+)/", self.headers["authorization"])
            operation = self.headers["x-amz-target"].rpartition(".")[2]
            status, answer = aws.answer(operation, signer[1] if signer else "", body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    aws.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
