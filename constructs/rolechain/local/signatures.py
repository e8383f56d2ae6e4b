"""Signature Version 4, checked: whether a request is signed with the secret of the access key that it names.

Source: IAM User Guide, "AWS Signature Version 4 for API requests". ministack reads and recalculates the signature.
"""

from __future__ import annotations

import datetime
import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from rolechain.local.emulator import Call, sigv4
from rolechain.local.errors import ServiceError

_ALGORITHM = "AWS4-HMAC-SHA256"
_WEEK_SECONDS = 604_800
_PAYLOAD = "x-amz-content-sha256"


@dataclass(frozen=True)
class Signature:
    """The signature of a request, in the header Authorization or in its query.

    Attributes:
        parts: its parts, as ministack reads them.
        token: the session token, or empty.
        presigned: whether it stands in the query.
    """

    parts: Any
    token: str
    presigned: bool

    @property
    def key_id(self) -> str:
        """The access key id."""
        return str(self.parts.access_key_id)

    @property
    def service(self) -> str:
        """The service that the signature is scoped to, such as ``sts``."""
        return str(self.parts.service)


def signature_of(call: Call) -> Signature | None:
    """The signature that a request carries; None where it carries none.

    Raises:
        ServiceError: it is incomplete, of another algorithm, too old, of the future, or lacks a header of AWS's.
    """
    query, headers = call.parameters, call.headers
    authorization = headers.get("authorization", "")
    presigned = not authorization and "X-Amz-Algorithm" in query
    if presigned:
        algorithm, parts = query["X-Amz-Algorithm"][0], sigv4.parse_query_signature(query)
        token, lasts = (query.get(f"X-Amz-{name}", [""])[0] for name in ("Security-Token", "Expires"))
    elif authorization:
        algorithm, parts = authorization.partition(" ")[0], sigv4.parse_header_signature(headers)
        token, lasts = headers.get("x-amz-security-token", ""), "0"
    else:
        return None
    signed_headers = () if isinstance(parts, tuple) else parts.signed_headers.split(";")
    if (
        algorithm != _ALGORITHM
        or "host" not in signed_headers
        or not _is_timestamp(parts.amz_date)
        or not parts.signature.isascii()
        or not lasts.isdecimal()
        or int(lasts) > _WEEK_SECONDS
    ):
        raise ServiceError("IncompleteSignature", f"the request is not signed as {_ALGORITHM} asks", 403)
    # The hash of the body is a part of what is signed, whether its header is named or not.
    added = [
        name for name in headers if name.startswith("x-amz-") and name not in (*signed_headers, _PAYLOAD)
    ]
    if added:
        raise ServiceError(
            "AccessDenied",
            f"There were headers present in the request which were not signed: {', '.join(sorted(added))}",
            403,
        )
    _check_time(parts, int(lasts) if presigned else None)
    return Signature(parts, token, presigned)


def _is_timestamp(text: str) -> bool:
    try:
        return bool(datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return False


def _check_time(parts: Any, expires: int | None) -> None:
    if parts.amz_date[:8] != parts.date_stamp:
        raise ServiceError("SignatureDoesNotMatch", "Date in Credential scope does not match X-Amz-Date", 403)
    failure = sigv4.request_time_failure(parts)
    # A presigned request is good for as long as it says.
    if failure and (expires is None or failure[1].startswith("Signature not yet current")):
        raise ServiceError(failure[0], failure[1], 403)
    if expires is not None and sigv4.presigned_request_is_expired(parts.amz_date, expires):
        raise ServiceError("RequestExpired", "Request has expired", 403)


def declares_hash(call: Call, signature: Signature) -> bool:
    """Whether a header stands for the body in what is signed, or S3 leaves the body of a presigned request out."""
    return bool(call.headers.get(_PAYLOAD)) or (signature.service == "s3" and signature.presigned)


def check(call: Call, signature: Signature, secret: str, body: bytes = b"") -> None:
    """Checks that a request is signed with a secret.

    Args:
        call: the request.
        signature: its signature.
        secret: the secret access key.
        body: its body; not needed where the request declares a hash.

    Raises:
        ServiceError: the signature is another.
    """
    parts = signature.parts
    _, text = sigv4.header_signing_documents(
        parts, call.method, call.path, call.parameters, call.headers, body, presigned=signature.presigned
    )
    expected = sigv4.calculate_signature(secret, parts.date_stamp, parts.region, parts.service, text)
    if not hmac.compare_digest(expected, parts.signature):
        raise ServiceError("SignatureDoesNotMatch", sigv4.SIGNATURE_MISMATCH, 403)


def check_body(call: Call, body: bytes) -> None:
    """Checks that a body is the one whose SHA-256 a request declares.

    Raises:
        ServiceError: it is another.
    """
    declared = call.headers.get(_PAYLOAD, "")
    if len(declared) == 64 and sha256(body).hexdigest() != declared:
        raise ServiceError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            400,
        )
