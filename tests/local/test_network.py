"""What the server takes from the network: signed calls to chosen services of bounded size, from programs alone."""

from __future__ import annotations

import datetime
import gzip
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from rolechain.local import LocalOrganization, LocalOrganizationError

ACCOUNT = "111111111111"
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
Answer = tuple[int, str]


def exchange(organization: LocalOrganization, request: bytes) -> Answer:
    """The status and the rest of the answer to the bytes of a request."""
    address = urlsplit(organization.endpoint_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return int(answer.split(b" ", 2)[1]), answer.decode(errors="replace")


def request(
    organization: LocalOrganization,
    method: str = "POST",
    path: str = "/",
    body: bytes = IDENTITY,
    headers: dict[str, str] | None = None,
) -> bytes:
    """The bytes of a request that is not signed; a header of None is left out."""
    sent = {
        "Host": urlsplit(organization.endpoint_url).netloc,
        "Content-Type": FORM,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in sent.items() if value),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def signed(
    organization: LocalOrganization,
    service: str = "sts",
    *,
    method: str = "POST",
    path: str = "/",
    body: bytes = IDENTITY,
    key_id: str = ACCOUNT,
    secret: str | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, str]:
    """The headers with which botocore signs a request."""
    credentials = Credentials(key_id, secret or organization.secret_access_key)
    made = AWSRequest(
        method, organization.endpoint_url + path, data=body, headers=headers or {"Content-Type": FORM}
    )
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(credentials, service, "us-east-1").add_auth(made)
    return dict(made.headers.items())


def test_a_signed_call_is_served(organization: LocalOrganization) -> None:
    """A call that is signed with the secret of the run is served."""
    status, answer = exchange(organization, request(organization, headers=signed(organization)))
    assert status == 200
    assert f"arn:aws:iam::{ACCOUNT}:user/administrator" in answer


def test_each_run_has_a_secret_of_its_own(organization: LocalOrganization) -> None:
    """The secret is long, new in each run, and in the variables that the organization gives."""
    assert organization.environment(ACCOUNT)["AWS_SECRET_ACCESS_KEY"] == organization.secret_access_key
    assert len(organization.secret_access_key) >= 40
    with LocalOrganization() as other:
        assert other.secret_access_key != organization.secret_access_key
        assert other.session(ACCOUNT).client("sts").get_caller_identity()["Account"] == ACCOUNT
    with pytest.raises(LocalOrganizationError, match="is not running: use it in a with block"):
        print(other.secret_access_key)


@pytest.mark.parametrize("service", ["sts", "iam", "s3", "ssm", "cloudformation", "organizations"])
@pytest.mark.parametrize("key_id", [ACCOUNT, "lambda.amazonaws.com", "test"])
def test_another_secret_is_refused(
    organization: LocalOrganization, service: str, key_id: str, refused: Callable[[Any], tuple[str, str]]
) -> None:
    """Neither an account's administrator nor a service is who does not know the secret, whatever is called."""
    session: Any = organization.session_with(key_id, "local")
    client = session.client(service)
    call = {
        "sts": lambda: client.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/any", RoleSessionName="any"),
        "iam": lambda: client.list_roles(),
        "s3": lambda: client.list_buckets(),
        "ssm": lambda: client.describe_parameters(),
        "cloudformation": lambda: client.list_stacks(),
        "organizations": lambda: client.describe_organization(),
    }[service]
    known = ("SignatureDoesNotMatch", "InvalidSignatureException")
    unknown = ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId")
    assert refused(call)[0] in (unknown if key_id == "test" else known)


@pytest.mark.parametrize(
    "change",
    [
        {"Authorization": ""},
        {"X-Amz-Date": "20200101T000000Z"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=111111111111/20200101"},
        {"Authorization": "AWS4-HMAC-SHA256"},
        {"Authorization": "Bearer token"},
        {"Authorization": f"AWS {ACCOUNT}:c2lnbmF0dXJl"},
        {
            "Authorization": f"AWS4-ECDSA-P256-SHA256 Credential={ACCOUNT}/20260101/sts/aws4_request, "
            "SignedHeaders=host, Signature=00"
        },
    ],
)
def test_what_is_not_signed_as_sent_is_refused(
    organization: LocalOrganization, change: dict[str, str]
) -> None:
    """A call without a signature, or with one of another request, is refused."""
    status, answer = exchange(organization, request(organization, headers=signed(organization) | change))
    assert status in (400, 403)
    assert "<ErrorResponse" in answer
    assert "GetCallerIdentityResult" not in answer


def test_another_body_than_was_signed_is_refused(organization: LocalOrganization) -> None:
    """A signature is of the body too, where a header declares its hash as well as where none does."""
    status, answer = exchange(
        organization, request(organization, body=IDENTITY + b"&x=1", headers=signed(organization))
    )
    assert (status, "SignatureDoesNotMatch" in answer) == (403, True)
    headers = signed(
        organization, "s3", method="PUT", path="/bucket-of-ours/k", body=b"one", headers={"x": "y"}
    )
    status, answer = exchange(
        organization, request(organization, "PUT", "/bucket-of-ours/k", b"two", headers)
    )
    assert (status, "XAmzContentSHA256Mismatch" in answer) == (400, True)


def test_a_signature_of_long_ago_is_refused(organization: LocalOrganization, monkeypatch: Any) -> None:
    """A signature is good for a quarter of an hour, and a presigned address as long as it says."""
    stale = "20200101T000000Z"
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: datetime.datetime(2020, 1, 1))
    headers = signed(organization)
    assert headers["X-Amz-Date"] == stale
    status, answer = exchange(organization, request(organization, headers=headers))
    assert (status, "Signature expired" in answer) == (403, True)


@pytest.mark.parametrize("secret", [None, "local"])
def test_a_presigned_address(organization: LocalOrganization, secret: str | None) -> None:
    """A presigned address is served if the secret of the run signed it."""
    credentials = Credentials(ACCOUNT, secret or organization.secret_access_key)
    query = "/?Action=GetCallerIdentity&Version=2011-06-15"
    made = AWSRequest("GET", organization.endpoint_url + query)
    SigV4QueryAuth(credentials, "sts", "us-east-1", expires=60).add_auth(made)
    path = str(made.url).removeprefix(organization.endpoint_url)
    status, answer = exchange(organization, request(organization, "GET", path, b"", {"Content-Type": ""}))
    assert (status, "GetCallerIdentityResult" in answer) == ((200, True) if secret is None else (403, False))


def test_sts_takes_tokens_without_a_signature(organization: LocalOrganization, make: Any) -> None:
    """The operations of STS that AWS serves without a signature are served without one, and no others."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    role = make.role(ACCOUNT, "by-token", (trust,))
    call = f"Version=2011-06-15&RoleArn={role}&RoleSessionName=x&WebIdentityToken=token&Action="
    status, answer = exchange(
        organization, request(organization, body=f"{call}AssumeRoleWithWebIdentity".encode())
    )
    assert (status, "MissingAuthenticationToken" in answer) == (status, False)
    status, answer = exchange(organization, request(organization, body=f"{call}AssumeRole".encode()))
    assert (status, "MissingAuthenticationToken" in answer) == (403, True)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:4566", "127.0.0.1.evil.example", "10.0.0.1", "", "[::1]", "127.0.0.1, x"],
)
def test_another_host_is_refused(organization: LocalOrganization, host: str) -> None:
    """A name that someone made resolve to this machine is not served, even if the call is signed."""
    headers = signed(organization, headers={"Host": host, "Content-Type": FORM}) | {"Host": host}
    status, answer = exchange(organization, request(organization, headers=headers))
    assert 400 <= status < 500
    assert "GetCallerIdentityResult" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:4566", "LOCALHOST"])
def test_this_machine_is_served(organization: LocalOrganization, host: str) -> None:
    """The names of this machine are served, on whatever port they were reached."""
    headers = signed(organization, headers={"Host": host, "Content-Type": FORM}) | {"Host": host}
    assert exchange(organization, request(organization, headers=headers))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://127.0.0.1"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_browsers_are_not_served(organization: LocalOrganization, headers: dict[str, str]) -> None:
    """A page that the user visits cannot call, not even what needs no signature."""
    body = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
    for sent in (headers, signed(organization) | headers):
        status, answer = exchange(organization, request(organization, body=body, headers=sent))
        assert (status, "browsers are not served" in answer) == (403, True)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "DELETE", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        "/_ministack/health",
        "/_ministack/ready",
        "/_ministack/reset",
        "/_ministack/config",
        "/_ministack/cfn-response/token",
        "/_ministack/rds/iam-auth",
        "/_localstack/health",
        "/_localstack/init",
        "/_aws/lambda-url/x",
        "/_alb/x",
        "/health",
        "/oauth2/token",
        "/.well-known/jwks.json",
        "/v2/_catalog",
        "/iceberg/v1/config",
        "/restapis/x",
        "/%5fministack/reset",
        "//_ministack/reset",
        "/Execute",
    ],
)
def test_the_control_paths_of_the_emulator_are_closed(
    organization: LocalOrganization, method: str, path: str, make: Any
) -> None:
    """What is no AWS service's is not served, whether it is signed or not."""
    body = b"" if method in ("GET", "HEAD", "OPTIONS", "DELETE") else b"{}"
    for headers in (
        {},
        signed(organization, "s3", method=method, path=path, body=body, headers={"x": "y"}),
        signed(organization, "sts", method=method, path=path, body=body),
    ):
        status, answer = exchange(organization, request(organization, method, path, body, headers))
        assert 400 <= status < 500, answer
        assert "such path" in answer or "Missing" in answer or method == "HEAD"
    assert make.iam(ACCOUNT).list_roles()["Roles"] is not None


@pytest.mark.parametrize(
    "service", ["lambda", "ecs", "ec2", "codebuild", "stepfunctions", "dynamodb", "sqs", "rds"]
)
def test_other_services_are_not_served(
    organization: LocalOrganization, service: str, refused: Callable[[Any], tuple[str, str]]
) -> None:
    """A service that no chain needs is refused in words, in the protocol that it speaks."""
    session: Any = organization.session(ACCOUNT)
    client = session.client(service)
    call = {
        "lambda": lambda: client.list_functions(),
        "ecs": lambda: client.list_clusters(),
        "ec2": lambda: client.describe_instances(),
        "codebuild": lambda: client.list_projects(),
        "stepfunctions": lambda: client.list_state_machines(),
        "dynamodb": lambda: client.list_tables(),
        "sqs": lambda: client.list_queues(),
        "rds": lambda: client.describe_db_instances(),
    }[service]
    scope = {"stepfunctions": "states"}.get(service, service)
    code, message = refused(call)
    assert code == "UnsupportedOperation"
    assert message == (
        f'the local organization does not serve {scope}: start it with --services {scope}, or services=["{scope}"]'
    )


def test_a_service_under_another_name_is_not_served(organization: LocalOrganization) -> None:
    """The operation that a request names is of the service that it is signed for."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
    }
    sent = signed(organization, "ssm", body=b"{}", headers=headers)
    status, answer = exchange(organization, request(organization, body=b"{}", headers=sent))
    assert (status, "the request is signed for ssm" in answer) == (403, True)
    assert "clusterArns" not in answer


FUNCTION = {
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        },
    },
    "Function": {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.11",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": "def handler(event, context): pass"},
        },
    },
}


@pytest.mark.parametrize(
    "template",
    [
        {"Resources": FUNCTION},
        {"Transform": "AWS::LanguageExtensions", "Resources": FUNCTION},
        {
            "Resources": {
                "C": {
                    "Type": "Custom::Any",
                    "Properties": {"ServiceToken": "arn:aws:lambda:us-east-1:1:function:f"},
                }
            }
        },
    ],
)
def test_a_stack_runs_no_code(
    organization: LocalOrganization, template: Any, accounts: Any, refused: Callable[[Any], tuple[str, str]]
) -> None:
    """A stack makes no function, and what would call one fails."""
    client: Any = organization.session(accounts()).client("cloudformation")

    def create() -> None:
        client.create_stack(
            StackName="s",
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        for _ in range(200):
            status = client.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"]
            if not status.endswith("IN_PROGRESS"):
                break
        assert status == "ROLLBACK_COMPLETE"

    if "C" in template["Resources"]:
        create()
    else:
        assert (
            refused(create)[1]
            == "Template format error: Unrecognized resource types: [AWS::Lambda::Function]"
        )


def test_services_are_asked_for() -> None:
    """A service that is asked for is served, with its resources in stacks; one that is none is refused."""
    with LocalOrganization(services=["lambda"]) as organization:
        client: Any = organization.session(ACCOUNT).client("lambda")
        assert client.list_functions()["Functions"] == []
        stacks: Any = organization.session(ACCOUNT).client("cloudformation")
        stacks.create_stack(
            StackName="s", TemplateBody=json.dumps({"Resources": FUNCTION}), Capabilities=["CAPABILITY_IAM"]
        )
        stacks.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1})
        assert len(client.list_functions()["Functions"]) == 1
    with (
        pytest.raises(
            LocalOrganizationError, match="no service 'lamda': leave it out, or name one of account, "
        ),
        LocalOrganization(services=["lamda"]),
    ):
        pass


@pytest.mark.parametrize("length", [str(2**20 + 1), "300000000", "-1", "x", "1, 2"])
def test_a_body_is_bounded(organization: LocalOrganization, length: str) -> None:
    """A body that is longer than any call is refused before it is read."""
    bytes_of = request(organization, headers={"Content-Length": length})
    assert exchange(organization, bytes_of)[0] in (400, 413)


def test_a_body_of_unknown_length_is_bounded(organization: LocalOrganization) -> None:
    """A body in chunks is refused as soon as it is too long."""
    head = request(organization, body=b"", headers={"Content-Length": "", "Transfer-Encoding": "chunked"})
    address = urlsplit(organization.endpoint_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as connection:
        connection.sendall(head)
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        sent = 0
        try:
            while sent < 64 and not sent * 0x10000 > 2**24:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass
        try:
            answer = connection.recv(65536)
        except OSError:
            answer = b""
    assert not answer or answer.split(b" ", 2)[1] == b"413"
    assert exchange(organization, request(organization, headers=signed(organization)))[0] == 200


def test_an_object_is_bounded(make: Any, refused: Callable[[Any], tuple[str, str]]) -> None:
    """An object may be as large as an asset of a stack, no larger."""
    client: Any = make.organization.session(ACCOUNT).client("s3")
    client.create_bucket(Bucket="bounded-objects")
    client.put_object(Bucket="bounded-objects", Key="k", Body=bytes(2**21))
    code, _ = refused(lambda: client.put_object(Bucket="bounded-objects", Key="k", Body=bytes(2**26)))
    assert code == "EntityTooLarge"


def presigned(
    organization: LocalOrganization, method: str, path: str, credentials: Credentials | None = None
) -> str:
    """The path and query of a presigned address of S3's."""
    made = AWSRequest(method, organization.endpoint_url + path, headers={})
    key = credentials or Credentials(ACCOUNT, organization.secret_access_key)
    S3SigV4QueryAuth(key, "s3", "us-east-1", expires=60).add_auth(made)
    address = urlsplit(str(made.url))
    return f"{address.path}?{address.query}"


@pytest.mark.parametrize(
    "path",
    [
        "/2015%2D03-31/functions",
        "/2015-03-31%2Ffunctions",
        "/%6Catest/meta-data/iam/security-credentials/",
        "/2020%2D05-31/distribution",
        "/2013%2D04-01/hostedzone",
    ],
)
def test_an_encoded_path_of_another_service_is_not_served(organization: LocalOrganization, path: str) -> None:
    """A presigned address of S3's leads to no other service, however its path is written."""
    sent = request(organization, "GET", presigned(organization, "GET", path), b"", {"Content-Type": ""})
    status, answer = exchange(organization, sent)
    assert (status, "the request is signed for s3" in answer) == (403, True)


@pytest.mark.parametrize("action", ["CreateUser&UserName=smuggled", "GetFederationToken&Name=smuggled"])
@pytest.mark.parametrize("framed", [False, True])
def test_a_form_of_another_service_is_not_served(
    organization: LocalOrganization, action: str, framed: bool, make: Any
) -> None:
    """Whoever holds a presigned address of S3's calls no other service by what is sent to it."""
    body, headers = f"Action={action}&Version=2010-05-08".encode(), {}
    if framed:
        headers = {"X-Amz-Decoded-Content-Length": str(len(body))}
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    path = presigned(organization, "POST", "/bucket/key?uploads")
    assert exchange(organization, request(organization, "POST", path, body, headers))[0] == 403
    assert make.iam(ACCOUNT).list_users()["Users"] == []


def test_a_header_that_is_not_signed_is_refused(organization: LocalOrganization, make: Any) -> None:
    """A presigned address writes what it is given; it copies no other object."""
    iam, client = make.iam(ACCOUNT), organization.session(ACCOUNT).client("s3")
    client.create_bucket(Bucket="unsigned-headers")
    client.put_object(Bucket="unsigned-headers", Key="secret", Body=b"secret")
    iam.create_user(UserName="writer")
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": everything})
    iam.put_user_policy(UserName="writer", PolicyName="s3", PolicyDocument=document)
    key = iam.create_access_key(UserName="writer")["AccessKey"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    path = presigned(organization, "PUT", "/unsigned-headers/open", credentials)
    copied = {"Content-Type": "", "X-Amz-Copy-Source": "/unsigned-headers/secret"}
    status, answer = exchange(organization, request(organization, "PUT", path, b"", copied))
    assert (status, "not signed: x-amz-copy-source" in answer) == (403, True)
    written = request(organization, "PUT", path, b"open", {"Content-Type": ""})
    assert exchange(organization, written)[0] == 200
    assert client.get_object(Bucket="unsigned-headers", Key="open")["Body"].read() == b"open"


@pytest.mark.parametrize("action", ["GetFederationToken&Name=smuggled", "GetCallerIdentity"])
@pytest.mark.parametrize("encoding", ["gzip", "aws-chunked"])
def test_an_encoded_body_hides_no_call_that_is_not_signed(
    organization: LocalOrganization, action: str, encoding: str
) -> None:
    """What names an operation that needs no signature is no other one when it is decoded."""
    body = f"Action={action}&Version=2011-06-15".encode()
    body = gzip.compress(body) if encoding == "gzip" else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    path, headers = "/?Action=AssumeRoleWithSAML", {"Content-Encoding": encoding}
    status, answer = exchange(organization, request(organization, "POST", path, body, headers))
    assert (status, "MissingAuthenticationToken" in answer) == (403, True)


def test_a_compressed_body_is_not_served(organization: LocalOrganization) -> None:
    """A body that would grow when it is read is refused."""
    headers = signed(organization, headers={"Content-Type": FORM, "Content-Encoding": "gzip"})
    assert exchange(organization, request(organization, headers=headers))[0] == 415


def test_web_sockets_are_closed(organization: LocalOrganization) -> None:
    """No web socket is opened."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Content-Length": "",
    }
    status, _ = exchange(organization, request(organization, "GET", "/", b"", headers))
    assert status == 403
