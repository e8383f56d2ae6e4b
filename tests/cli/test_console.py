"""The sign-in to the AWS console, against an endpoint on this machine."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rolechain.cli.console import DOMAINS, endpoint_of, home_of
from rolechain.cli.options import UsageError


@dataclass
class Federation:
    """What the endpoint answers, and what it was asked."""

    url: str = ""
    status: int = 200
    body: str = '{"SigninToken": "a+token/of=AWS"}'
    asked: list[dict[str, list[str]]] = field(default_factory=list)


@pytest.fixture
def federation() -> Iterator[Federation]:
    """A federation endpoint on this machine."""
    state = Federation()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(parse_qs(urlsplit(self.path).query))
            self.send_response(state.status)
            self.end_headers()
            self.wfile.write(state.body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/federation"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_url_that_signs_in(shell: Any, federation: Federation) -> None:
    """The session is exchanged for a token, and the URL holds the token and none of the session."""
    said = shell("console", "--endpoint-url", federation.url)
    kept = json.loads(shell("credential-process").out)
    (asked,) = federation.asked
    assert (said.code, said.err) == (0, "")
    assert asked["Action"] == ["getSigninToken"]
    assert list(asked) == ["Action", "Session"]
    assert json.loads(asked["Session"][0]) == {
        "sessionId": kept["AccessKeyId"],
        "sessionKey": kept["SecretAccessKey"],
        "sessionToken": kept["SessionToken"],
    }
    url = said.out.removesuffix("\n")
    assert url.startswith(f"{federation.url}?Action=login&")
    assert parse_qs(urlsplit(url).query) == {
        "Action": ["login"],
        "Destination": ["https://console.aws.amazon.com/console/home?region=eu-central-1"],
        "SigninToken": ["a+token/of=AWS"],
    }


def test_a_page_to_land_on(shell: Any, federation: Federation) -> None:
    """The destination is passed on whole."""
    page = "https://eu-west-1.console.aws.amazon.com/s3/home?region=eu-west-1&a=b#x"
    said = shell("console", "--endpoint-url", federation.url, "--destination", page)
    assert parse_qs(urlsplit(said.out.strip()).query)["Destination"] == [page]


def test_the_browser_gets_the_url_and_the_terminal_does_not(shell: Any, federation: Federation) -> None:
    """With --open nothing is printed."""
    browser = shell.folder / "browser"
    browser.write_text(f'#!{sys.executable}\nimport sys; open("opened", "w").write(sys.argv[1])\n')
    browser.chmod(0o755)
    shell.environment.setenv("BROWSER", f"{shlex.quote(str(browser))} %s")
    said = shell.process("console", "--open", "--endpoint-url", federation.url)
    assert (said.code, said.out, said.err) == (0, "", "")
    assert (shell.folder / "opened").read_text().startswith(f"{federation.url}?Action=login&")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, "{}", "refused the session (HTTP 400): take it anew with --no-cache"),
        (200, "<html>", "gave no sign-in token: a proxy may stand in between"),
        (200, "{}", "gave no sign-in token: a proxy may stand in between"),
        (200, '{"SigninToken": ""}', "gave no sign-in token: a proxy may stand in between"),
        (200, "[]", "gave no sign-in token: a proxy may stand in between"),
    ],
)
def test_an_endpoint_that_gives_no_token(
    shell: Any, federation: Federation, status: int, body: str, expected: str
) -> None:
    """One line says so, and repeats nothing of the session."""
    federation.status, federation.body = status, body
    said = shell("console", "--endpoint-url", federation.url)
    host = urlsplit(federation.url).netloc
    assert (said.code, said.out, said.err) == (1, "", f"rolechain: {host} {expected}\n")


def test_an_endpoint_that_does_not_answer(shell: Any, federation: Federation) -> None:
    """Where nobody listens, the error names the host, and nothing of the session."""
    said = shell("console", "--endpoint-url", "http://127.0.0.1:9/federation")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "rolechain: 127.0.0.1:9 did not answer (ConnectionRefusedError): try again, or look at the network\n"
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["--endpoint-url", "http://signin.example/federation"],
            "'http://signin.example/federation' would take the session in the clear: name an https:// URL",
        ),
        (["--endpoint-url", "https://["], "'https://[' is not a URL: name an https:// URL"),
        (["--endpoint-url", "file:///etc/passwd"], "would take the session in the clear"),
        (["--destination", "javascript:alert(1)"], "is not a page of the console: write an https:// URL"),
    ],
)
def test_a_url_that_is_none(shell: Any, words: list[str], expected: str) -> None:
    """A session is sent over TLS only, and a browser is sent to a page only."""
    said = shell("console", *words)
    assert (said.code, said.out) == (2, "")
    assert expected in said.err


@pytest.mark.parametrize(
    ("partition", "url", "home"),
    [
        (
            "aws",
            "https://signin.aws.amazon.com/federation",
            "https://console.aws.amazon.com/console/home?region=r",
        ),
        (
            "aws-cn",
            "https://signin.amazonaws.cn/federation",
            "https://console.amazonaws.cn/console/home?region=r",
        ),
        (
            "aws-us-gov",
            "https://signin.amazonaws-us-gov.com/federation",
            "https://console.amazonaws-us-gov.com/console/home?region=r",
        ),
    ],
)
def test_each_partition_has_its_own_endpoint(partition: str, url: str, home: str) -> None:
    """A session signs in where its partition does."""
    assert (endpoint_of(partition, None), home_of(partition, "r")) == (url, home)


def test_a_partition_without_an_endpoint_that_is_known(shell: Any) -> None:
    """A partition that is not listed is refused before the session goes anywhere."""
    assert "aws-iso" not in DOMAINS
    (shell.folder / "chain.yaml").write_text(
        'name: iso\npartition: aws-iso\nregion: us-iso-east-1\nsource: {account: "111111111111"}\n'
        'middle: {account: "222222222222"}\ntargets: {account: "333333333333"}\n'
    )
    said = shell("console")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "rolechain: no sign-in endpoint is known for partition aws-iso: name it with --endpoint-url\n"
    )
    with pytest.raises(
        UsageError, match="no console is known for partition aws-iso: name a page with --dest"
    ):
        home_of("aws-iso", "us-iso-east-1")
