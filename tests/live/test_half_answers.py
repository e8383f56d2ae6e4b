"""Answers of IAM that are cut off, or lack something, are said in one line, and never taken for the account."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import boto3
import pytest

from rolechain.live import AccountError, read_account

ACCOUNT = "111111111111"
DETAILS = """<R><GetAccountAuthorizationDetailsResult><IsTruncated>{more}</IsTruncated>{marker}
<UserDetailList/><GroupDetailList/><Policies/><RoleDetailList>{role}</RoleDetailList>
</GetAccountAuthorizationDetailsResult></R>"""
ROLE = """<member><Arn>arn:aws:iam::111111111111:role/a</Arn><Path>/</Path><RoleName>a</RoleName>
<AssumeRolePolicyDocument>%7B%22Statement%22%3A%5B%5D%7D</AssumeRolePolicyDocument></member>"""
ANSWERS = {
    "GetCallerIdentity": f"<R><GetCallerIdentityResult><Account>{ACCOUNT}</Account></GetCallerIdentityResult></R>",
    "ListRoles": "<R><ListRolesResult><Roles/><IsTruncated>false</IsTruncated></ListRolesResult></R>",
    "ListOpenIDConnectProviders": "<R><ListOpenIDConnectProvidersResult><OpenIDConnectProviderList/>"
    "</ListOpenIDConnectProvidersResult></R>",
    "ListSAMLProviders": "<R><ListSAMLProvidersResult><SAMLProviderList/></ListSAMLProvidersResult></R>",
}


def details(role: str = ROLE, *, more: str = "false", marker: str = "") -> str:
    return DETAILS.format(role=role, more=more, marker=marker)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What the endpoint answers, by the operation."""
    given = dict(ANSWERS)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            words = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            body = given[words["Action"][0]].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield given
    server.shutdown()
    server.server_close()


def session() -> boto3.Session:
    return boto3.Session("AKIAEXAMPLE", "none", region_name="us-east-1")


def test_a_whole_answer(answers: dict[str, str]) -> None:
    """It is read."""
    answers["GetAccountAuthorizationDetails"] = details()
    (role,) = read_account(session(), ACCOUNT).details["RoleDetailList"]
    assert role["AssumeRolePolicyDocument"] == {"Statement": []}


@pytest.mark.parametrize(
    ("operation", "answer", "said"),
    [
        ("GetAccountAuthorizationDetails", details()[:200], "is not whole: Unable to parse response"),
        ("GetAccountAuthorizationDetails", "", "is not whole: Unable to parse response"),
        (
            "GetAccountAuthorizationDetails",
            "<html>a proxy</html>",
            "is not whole: it lacks 'GetAccountAuthorizationDetailsResult'",
        ),
        (
            "GetAccountAuthorizationDetails",
            details(more="true"),
            "is not whole: get_account_authorization_details ends in the middle",
        ),
        (
            "GetAccountAuthorizationDetails",
            details(more="true", marker="<Marker>x</Marker>"),
            "The same next token was received twice",
        ),
        ("GetAccountAuthorizationDetails", details("<member/>"), "is not whole: it lacks 'Arn'"),
        (
            "GetAccountAuthorizationDetails",
            details(ROLE.replace("AssumeRolePolicyDocument", "Other")),
            "contradicts itself",
        ),
        (
            "GetAccountAuthorizationDetails",
            details(ROLE.replace("111111111111", "222222222222")),
            "contradicts itself",
        ),
        (
            "ListRoles",
            ANSWERS["ListRoles"].replace("false", "true"),
            "is not whole: list_roles ends in the middle",
        ),
        ("ListSAMLProviders", "<R/>", "is not whole: it lacks "),
        ("GetCallerIdentity", "<R/>", "is not whole: it lacks "),
    ],
)
def test_half_an_answer(operation: str, answer: str, said: str, answers: dict[str, str]) -> None:
    """The account is not read, and the line says why."""
    answers["GetAccountAuthorizationDetails"] = details()
    answers[operation] = answer
    with pytest.raises(AccountError) as raised:
        read_account(session(), ACCOUNT)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
