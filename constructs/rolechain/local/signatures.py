"""Signature Version 4, checked: whether a request is signed with the secret of the access key that it names.

Source: IAM User Guide, "AWS Signature Version 4 for API requests". botocore calculates the signature anew.
"""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPMessage
from urllib.parse import parse_qsl

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from rolechain.local.errors import ServiceError

_ALGORITHM = "AWS4-HMAC-SHA256"
_MINUTES = 15
_WEEK_SECONDS = 604_800
_PAYLOAD = "x-amz-content-sha256"


@dataclass(frozen=True)
class Call:
    """An HTTP request without its body.

    Attributes:
        path: the path as it was sent, percent-encoded.
        query: the query as it was sent.
        headers: by name in lower case; the values of a repeated header are joined by commas.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The values of each parameter of the query."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found


@dataclass(frozen=True)
class Signature:
    """What a request says of its signature, in the header Authorization or in its query.

    Attributes:
        key_id: the access key id.
        region: the region that it is scoped to.
        service: the service that it is scoped to, such as ``sts``.
        timestamp: when it was made, as ``20260101T000000Z``.
        signed_headers: the names of the headers that are signed.
        value: the signature.
        token: the session token, or empty.
        expires: seconds that a presigned request is good for; None for one with the header.
    """

    key_id: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    value: str
    token: str
    expires: int | None


def signature_of(call: Call) -> Signature | None:
    """The signature that a request carries; None where it carries none.

    Raises:
        ServiceError: it is incomplete, of another algorithm, too old, of the future, or lacks a header of AWS's.
    """
    authorization = call.headers.get("authorization", "")
    presigned = not authorization and "X-Amz-Algorithm" in call.parameters
    if presigned:
        given = {name.removeprefix("X-Amz-"): values[0] for name, values in call.parameters.items()}
        algorithm, timestamp = given.get("Algorithm", ""), given.get("Date", "")
        token, lasts = given.get("Security-Token", ""), given.get("Expires", "")
    elif authorization:
        algorithm, _, rest = authorization.partition(" ")
        given = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        timestamp, token = call.headers.get("x-amz-date", ""), call.headers.get("x-amz-security-token", "")
        lasts = "0"
    else:
        return None
    scope = given.get("Credential", "").split("/")
    signed_headers = tuple(given.get("SignedHeaders", "").split(";"))
    made_at = _moment(timestamp)
    if (
        algorithm != _ALGORITHM
        or len(scope) != 5
        or made_at is None
        or "host" not in signed_headers
        or not given.get("Signature")
        or not lasts.isdecimal()
        or int(lasts) > _WEEK_SECONDS
    ):
        raise ServiceError("IncompleteSignature", f"the request is not signed as {_ALGORITHM} asks", 403)
    # The hash of the body is a part of what is signed, whether its header is named or not.
    added = [
        name for name in call.headers if name.startswith("x-amz-") and name not in (*signed_headers, _PAYLOAD)
    ]
    if added:
        raise ServiceError(
            "AccessDenied",
            f"There were headers present in the request which were not signed: {', '.join(sorted(added))}",
            403,
        )
    _check_time(made_at, scope[1], int(lasts) if presigned else None)
    return Signature(
        key_id=scope[0],
        region=scope[2],
        service=scope[3],
        timestamp=timestamp,
        signed_headers=signed_headers,
        value=given["Signature"],
        token=token,
        expires=int(lasts) if presigned else None,
    )


def declared_hash(call: Call, signature: Signature) -> str | None:
    """The SHA-256 of the body that a request declares, or S3's word for a body that is not signed.

    None where the signature is of the body itself.
    """
    if signature.service == "s3" and signature.expires is not None:
        return "UNSIGNED-PAYLOAD"
    return call.headers.get(_PAYLOAD)


def hash_of(body: bytes) -> str:
    """The SHA-256 of a body in hexadecimal."""
    return sha256(body).hexdigest()


def check(call: Call, signature: Signature, secret: str, payload: str) -> None:
    """Checks that a request is signed with a secret.

    Args:
        call: the request.
        signature: what it says of its signature.
        secret: the secret access key.
        payload: the SHA-256 of its body in hexadecimal, or what it declares in place of it.

    Raises:
        ServiceError: the signature is another.
    """
    query = "&".join(part for part in call.query.split("&") if not part.startswith("X-Amz-Signature="))
    request = AWSRequest(call.method, f"http://local{call.path}?{query}", headers={_PAYLOAD: payload})
    request.context["timestamp"] = signature.timestamp
    kind = _S3 if signature.service == "s3" else _Any
    signer = kind(Credentials(signature.key_id, secret), signature.service, signature.region)
    signer.signed = HTTPMessage()
    for name in signature.signed_headers:
        signer.signed[name] = call.headers.get(name, "")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    if not hmac.compare_digest(signer.signature(text, request).encode(), signature.value.encode()):
        raise ServiceError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
            403,
        )


def check_body(body: bytes, payload: str) -> None:
    """Checks that a body is the one whose SHA-256 a request declares.

    Raises:
        ServiceError: it is another.
    """
    if len(payload) == 64 and hash_of(body) != payload:
        raise ServiceError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            400,
        )


class _Recalculated(SigV4Auth):
    """botocore's signer, which signs the headers that the caller signed instead of its own choice."""

    signed: HTTPMessage

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:  # noqa: ARG002 - botocore's
        return self.signed


class _Any(_Recalculated):
    """Every service but S3 signs a normalized path."""


class _S3(_Recalculated, S3SigV4Auth):
    """S3 signs the path as it is."""


def _moment(timestamp: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def _check_time(made_at: datetime.datetime, day: str, expires: int | None) -> None:
    now, window = datetime.datetime.now(datetime.UTC), datetime.timedelta(minutes=_MINUTES)
    stamp = "%Y%m%dT%H%M%SZ"
    if f"{made_at:%Y%m%d}" != day:
        raise ServiceError("SignatureDoesNotMatch", "Date in Credential scope does not match X-Amz-Date", 403)
    if made_at > now + window:
        raise ServiceError(
            "RequestTimeTooSkewed",
            f"Signature not yet current: {made_at:{stamp}} is still later than {now + window:{stamp}} "
            f"({now:{stamp}} + {_MINUTES} min.)",
            403,
        )
    if expires is None and made_at < now - window:
        raise ServiceError(
            "RequestTimeTooSkewed",
            f"Signature expired: {made_at:{stamp}} is now earlier than {now - window:{stamp}} "
            f"({now:{stamp}} - {_MINUTES} min.)",
            403,
        )
    if expires is not None and made_at + datetime.timedelta(seconds=expires) < now:
        raise ServiceError("RequestExpired", "Request has expired", 403)
