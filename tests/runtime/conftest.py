"""An HTTP endpoint that speaks STS (and lists buckets), and sessions that call it."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3
import pytest

Reply = tuple[int, str] | None
Script = Callable[[], Reply]
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
BASE_KEY = "AKIABASE"
BASE_ARN = "arn:aws:iam::999999999999:user/base"


@dataclass
class Call:
    """One call that came in: what it was, and the access key that signed it."""

    action: str
    access_key: str
    parameters: dict[str, str]

    @property
    def role(self) -> str:
        """The name of the role that was called for."""
        return self.parameters.get("RoleArn", "").rsplit("/", 1)[-1]


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    now: float

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass
class StsServer:
    """What the endpoint answers, and what it was asked.

    ``scripts`` holds, by role name, what comes before the ordinary answers; a script that gives None answers
    ordinarily. ``allows`` decides the ordinary calls, ``others`` answers actions that are not of STS, and ``date``
    is what the answers are dated.
    """

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    arns: dict[str, str] = field(default_factory=lambda: {BASE_KEY: BASE_ARN})
    scripts: dict[str, deque[Script]] = field(default_factory=lambda: defaultdict(deque))
    allows: Callable[[str, Call], bool] = lambda _caller, _call: True
    lifetimes: dict[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    date: Callable[[], float] = time.time
    others: dict[str, Callable[[Call], Reply]] = field(default_factory=dict)
    latency: float = 0
    rejected_by_s3: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seen(self) -> list[tuple[str, str]]:
        """The calls of AssumeRole: the key that signed, and the role."""
        return [(call.access_key, call.role) for call in self.calls if call.action == "AssumeRole"]

    def script(self, role: str, *replies: Script) -> None:
        """Has the next calls for a role answered so."""
        self.scripts[role].extend(replies)

    def error(self, code: str, message: str = "no", status: int = 400) -> Script:
        """An error answer."""
        body = (
            f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
            f"<Message>{escape(message)}</Message></Error><RequestId>req-{code}</RequestId></ErrorResponse>"
        )
        return lambda: (status, body)

    def raw(self, body: str, status: int = 200) -> Script:
        """Any answer."""
        return lambda: (status, body)

    def assumed(
        self, role: str, *, without: str = "", expiration: str | None = None, cut: str | None = None
    ) -> Script:
        """An answer of AssumeRole that lacks a part, has another expiration, or breaks off at some text."""

        def reply() -> tuple[int, str]:
            body = self._assumed(f"arn:aws:iam::222222222222:role/{role}", "s", without, expiration)
            return 200, body.partition(cut)[0] if cut else body

        return reply

    def _assumed(self, role_arn: str, name: str, without: str = "", expiration: str | None = None) -> str:
        role = role_arn.rsplit("/", 1)[-1]
        partition, account = role_arn.split(":")[1], role_arn.split(":")[4]
        with self._lock:
            number = sum(1 for key in self.arns if key.startswith(f"ASIA{role}.")) + 1
            key = f"ASIA{role}.{number}"
            self.arns[key] = f"arn:{partition}:sts::{account}:assumed-role/{role}/{name}"
        ends = datetime.fromtimestamp(self.clock() + self.lifetimes.get(role, 3600), UTC)
        parts = {
            "AccessKeyId": key,
            "SecretAccessKey": f"secret-of-{key}",
            "SessionToken": f"token-of-{key}",
            "Expiration": expiration or ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        given = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items() if name != without)
        return (
            f'<AssumeRoleResponse xmlns="{NAMESPACE}"><AssumeRoleResult><AssumedRoleUser>'
            f"<AssumedRoleId>AROA:x</AssumedRoleId><Arn>{self.arns[key]}</Arn></AssumedRoleUser>"
            f"<Credentials>{given}</Credentials></AssumeRoleResult>"
            "<ResponseMetadata><RequestId>req-ok</RequestId></ResponseMetadata></AssumeRoleResponse>"
        )

    def answer(self, call: Call) -> Reply:
        """What goes out for one call; None to break the connection off."""
        with self._lock:
            self.calls.append(call)
            script = self.scripts[call.role].popleft() if self.scripts[call.role] else None
        if self.latency:
            time.sleep(self.latency)
        if script is not None:
            reply = script()
            if reply is None or reply[1]:
                return reply
        arn = self.arns.get(call.access_key)
        if arn is None:
            return self.error(
                "InvalidClientTokenId", "The security token included in the request is invalid.", 403
            )()
        if call.action in self.others:
            return self.others[call.action](call)
        if call.action == "GetCallerIdentity":
            return 200, (
                f'<GetCallerIdentityResponse xmlns="{NAMESPACE}"><GetCallerIdentityResult><Arn>{arn}</Arn>'
                f"<UserId>AIDA</UserId><Account>{arn.split(':')[4]}</Account></GetCallerIdentityResult>"
                "</GetCallerIdentityResponse>"
            )
        role_arn = call.parameters["RoleArn"]
        if not self.allows(arn, call):
            text = f"User: {arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            return self.error("AccessDenied", text, 403)()
        return 200, self._assumed(role_arn, call.parameters["RoleSessionName"])


def _handler(server: StsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(server.date() if timestamp is None else timestamp)

        def do_GET(self) -> None:
            if self._key() in server.rejected_by_s3:
                self._send(400, "<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>")
            else:
                server.calls.append(Call("ListBuckets", self._key(), {}))
                self._send(200, "<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>")

        def do_POST(self) -> None:
            body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            parameters = {name: values[0] for name, values in body.items()}
            reply = server.answer(Call(parameters.pop("Action"), self._key(), parameters))
            if reply is None:
                self.close_connection = True
            else:
                self._send(*reply)

        def _key(self) -> str:
            found = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
            return found[1] if found else ""

        def _send(self, status: int, body: str) -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _QuickServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # The ordinary one looks the host's name up.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


@pytest.fixture
def sts() -> Iterator[StsServer]:
    """STS on this machine."""
    state = StsServer()
    http = _QuickServer(("127.0.0.1", 0), _handler(state))
    state.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No settings of the machine's own, no retries."""
    for name in (
        "AWS_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SESSION_TOKEN", "AWS_LAMBDA_FUNCTION_NAME", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture
def base(sts: StsServer, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    """A user's session whose services are all on this machine."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", sts.url)
    return boto3.Session(BASE_KEY, "base-secret", region_name="eu-central-1")


@pytest.fixture
def clock(sts: StsServer) -> FakeClock:
    """The time, for the endpoint and for whoever takes a clock."""
    made = FakeClock(float(int(time.time())))
    sts.clock = sts.date = made
    return made
