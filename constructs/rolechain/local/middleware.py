"""The access control in front of the emulator: it serves only programs of this machine that sign their calls.

ministack answers any name, runs code and resets itself for anybody who asks. Here a request passes if it names this
machine, does not come from a browser, is of a service that is served, is as large as AWS takes it, and is signed with
the secret of its access key.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import replace
from typing import Any

from rolechain.local import emulator, signatures
from rolechain.local.emulator import Call
from rolechain.local.errors import LocalOrganizationError, ServiceError
from rolechain.local.principals import is_account, is_service
from rolechain.local.signatures import Signature
from rolechain.local.trail import Trail

SERVED = frozenset({"cloudformation", "ecr", "iam", "kms", "organizations", "s3", "ssm", "sts"})
"""The services that chains, the CDK's bootstrap and its deployments call; none of them runs code."""
_BY_PATH = frozenset({"account"})
"""Further ones, whose actions are paths."""

_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.ASCII | re.IGNORECASE)
_BROWSER_HEADERS = frozenset({"origin", "sec-fetch-site"})
_UNSIGNED = frozenset({"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
_CALL_BYTES, _OBJECT_BYTES = 2**20, 2**25
_ANSWER_BYTES = 2**16
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{2,62}", re.ASCII)
# Paths that the emulator takes for itself or for a service that is not AWS's, whatever the call is signed for.
_EMULATORS_OWN = frozenset(
    {"health", "iceberg", "key-value-stores", "login", "logout", "oauth2", "restapis", "v2", "v20180820"}
)
_FUNCTIONS_ANSWER = "/_ministack/cfn-response/"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Middleware:
    """An ASGI application that serves the emulator to those who may call it.

    Args:
        secret: the secret access key of every account's administrator and of every AWS service.
        asked: the names of services that are served besides ``SERVED``.
        trail: writes every call that is served, if there is a trail.

    Raises:
        LocalOrganizationError: a service does not exist.
    """

    def __init__(self, secret: str, asked: Collection[str] = (), trail: Trail | None = None) -> None:
        self._secret = secret
        self._trail = trail
        known = emulator.service_names()
        for name in asked:
            if name not in known:
                raise LocalOrganizationError(
                    f"no service {name!r}: leave it out, or name one of {', '.join(sorted(known))}"
                )
        self._served = SERVED | _BY_PATH | {known[name] for name in asked}
        emulator.keep_resource_types(self._served)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI asks."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        call = _call(scope)
        try:
            body = await self._admitted(call, scope["path"], receive)
        except ServiceError as refusal:
            status, headers, content = emulator.refusal(call, refusal)
            given = [(name.encode(), value.encode()) for name, value in headers.items()]
            given.append((b"content-length", str(len(content)).encode()))
            await send({"type": "http.response.start", "status": status, "headers": given})
            await send({"type": "http.response.body", "body": b"" if call.method == "HEAD" else content})
            return
        except ConnectionError:
            return
        # Policies that ask for TLS, such as a CDK bootstrap bucket's, are met: nothing leaves the machine.
        sent = [pair for pair in scope["headers"] if pair[0].lower() != b"x-forwarded-proto"]
        admitted = {**scope, "headers": [*sent, (b"x-forwarded-proto", b"https")]}
        address = (scope.get("client") or ("127.0.0.1",))[0]
        if self._trail is not None:
            write = self._trail.write
            send = _recorded(send, lambda status, answer: write(call, body, address, status, answer))
        await emulator.application(admitted, _received(body, receive), send)

    async def _admitted(self, call: Call, path: str, receive: Receive) -> bytes:
        """The body of a request that may be served."""
        host = call.headers.get("host", "")
        if not _HOST.fullmatch(host):
            raise ServiceError(
                "AccessDenied", f"host {host!r} is not served: call 127.0.0.1 or localhost", 403
            )
        if call.headers.keys() & _BROWSER_HEADERS:
            raise ServiceError("AccessDenied", "browsers are not served: call from a program", 403)
        if "lambda" in self._served and call.method == "PUT" and path.startswith(_FUNCTIONS_ANSWER):
            # A function answers for a custom resource at an address with a token, which it does not sign.
            return await _read(receive, call, _CALL_BYTES)
        signature = signatures.signature_of(call)
        if emulator.access_key_id(call.headers, call.parameters) != (signature.key_id if signature else ""):
            raise ServiceError("IncompleteSignature", "the request names two access keys", 403)
        if signature is None:
            body = await _read(receive, call, _CALL_BYTES)
            if path != "/" or _is_encoded(call) or not _is_unsigned(call, body):
                raise ServiceError(
                    "MissingAuthenticationToken", "Request is missing Authentication Token", 403
                )
            return body
        # The emulator decodes a path before it looks for a service in it.
        routed = replace(call, path=path)
        service = self._check_service(routed, signature)
        body = await self._authenticated(call, signature, receive)
        # It takes an action that a form names for one of a presigned request.
        if emulator.service_of(routed, body) != service:
            raise _signed_for(signature)
        return body

    def _check_service(self, call: Call, signature: Signature) -> str:
        path, service = call.path, emulator.service_of(call)
        authorization = {"authorization": f"Credential=0/0/0/{signature.service}/"}
        if service != emulator.service_of(Call(call.method, path, "", authorization)):
            raise _signed_for(signature)
        if service not in self._served:
            raise ServiceError(
                "UnsupportedOperation",
                f"the local organization does not serve {service}: start it with --services {service}, "
                f'or services=["{service}"]',
            )
        first = path.split("/")[1] if path.startswith("/") else "_"
        closed = not _BUCKET.fullmatch(first) if service == "s3" else service in SERVED or first[:1] == "_"
        if path != "/" and (closed or first in _EMULATORS_OWN):
            raise ServiceError("AccessDenied", f"{service} serves no such path", 403)
        if (service != "s3" and _is_encoded(call)) or (signature.presigned and _is_framed(call)):
            raise ServiceError("UnsupportedOperation", "an encoded body is not served", 415)
        return service

    async def _authenticated(self, call: Call, signature: Signature, receive: Receive) -> bytes:
        if is_account(signature.key_id) or is_service(signature.key_id):
            secret = self._secret
        else:
            secret = emulator.secret_of(signature.key_id, signature.token)
        if not signatures.declares_hash(call, signature):
            body = await _read(receive, call, _CALL_BYTES)
            signatures.check(call, signature, secret, body)
            return body
        # A large body is read only for a caller who knows the secret.
        signatures.check(call, signature, secret)
        body = await _read(receive, call, _OBJECT_BYTES if signature.service == "s3" else _CALL_BYTES)
        signatures.check_body(call, body)
        return body


def _recorded(send: Send, record: Callable[[int, bytes], None]) -> Send:
    """Calls ``record`` with the status and the beginning of an answer, before the caller has the end of it."""
    status, answer = 0, b""

    async def send_on(message: Message) -> None:
        nonlocal status, answer
        status = message.get("status", status)
        answer += message.get("body", b"")[: _ANSWER_BYTES - len(answer)]
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            record(status, answer)
        await send(message)

    return send_on


def _call(scope: Scope) -> Call:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), emulator.header_text(value)
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return Call(
        scope["method"], scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1"), headers
    )


def _signed_for(signature: Signature) -> ServiceError:
    return ServiceError("AccessDenied", f"the request is signed for {signature.service}", 403)


def _is_encoded(call: Call) -> bool:
    """Whether the emulator would decode a body, which then says something else."""
    return call.headers.get("content-encoding", "identity") != "identity" or _is_framed(call)


def _is_framed(call: Call) -> bool:
    """Whether a body comes in the chunks of S3's own encoding."""
    return (
        "aws-chunked" in call.headers.get("content-encoding", "")
        or "x-amz-decoded-content-length" in call.headers
        or call.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
    )


def _is_unsigned(call: Call, body: bytes) -> bool:
    """Whether a call is of an operation that STS serves without a signature."""
    form = Call(call.method, "/", body.decode("utf-8", "replace"), {}).parameters
    actions = [*call.parameters.get("Action", []), *form.get("Action", [])]
    return len(actions) == 1 and actions[0] in _UNSIGNED and "x-amz-target" not in call.headers


async def _read(receive: Receive, call: Call, most: int) -> bytes:
    too_large = ServiceError("EntityTooLarge", f"the body is larger than {most:,} bytes", 413)
    length = call.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise too_large
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError
        body += message.get("body", b"")
        if len(body) > most:
            raise too_large
        if not message.get("more_body", False):
            return bytes(body)


def _received(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already, then what comes behind it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


async def _live(receive: Receive, send: Send) -> None:
    """Starts and stops nothing: ministack would run scripts that it finds, and stop containers of its own kind."""
    emulator.serve_in(asyncio.get_running_loop())
    while (message := await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": message["type"] + ".complete"})
