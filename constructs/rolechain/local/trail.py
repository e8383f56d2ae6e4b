"""The trail of the local organization: every call that is served, in log files as CloudTrail writes them to S3.

Source: CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element" and "CloudTrail log file
examples"; IAM User Guide, "Logging IAM and AWS STS API calls with AWS CloudTrail".
"""

from __future__ import annotations

import gzip
import json
import re
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

from rolechain.iam.arn import account_of, name_of
from rolechain.local import emulator
from rolechain.local.emulator import Call
from rolechain.local.errors import ServiceError
from rolechain.local.principals import is_service, principal_of, timestamp
from rolechain.local.signatures import signature_of

Record = dict[str, Any]

_UNLOGGED = {"WebIdentityToken", "SAMLAssertion", "TokenCode"}
_OF_IAM = ("RoleName", "PolicyName", "PolicyArn")
"""The parameters of IAM that are written: what a call is about."""
_S3_OPERATIONS = {
    ("GET", 0): "ListBuckets",
    ("GET", 1): "ListObjects",
    ("PUT", 1): "CreateBucket",
    ("POST", 1): "DeleteObjects",
    **{(method, 1): f"{method.title()}Bucket" for method in ("HEAD", "DELETE")},
    **{(method, 2): f"{method.title()}Object" for method in ("GET", "HEAD", "PUT", "DELETE")},
}
"""The operations of S3 by their method and whether the path holds a bucket or a key in it."""
_S3_PARTS = {
    *(
        "acl",
        "cors",
        "encryption",
        "lifecycle",
        "location",
        "logging",
        "notification",
        "policy",
        "policyStatus",
    ),
    *("publicAccessBlock", "replication", "tagging", "versioning", "website"),
}
"""The parts of a bucket or an object that a parameter names: ``GET /bucket?location`` is GetBucketLocation."""
_MEMBERS = re.compile(r"\.member\.(\d+)")


class Trail:
    """Writes each call to a file of its own, before the caller has the answer.

    A call of AssumeRole that another account's role answers is in both accounts, under one ``sharedEventID``; a refused
    one is in the caller's alone. Of parameters and answers only those of AssumeRole and its kind are written, and no
    secret of them: neither tokens nor secret access keys; of IAM's parameters the role's and the policy's name.

    Args:
        folder: where the files go, below ``AWSLogs/<account>/CloudTrail/<region>/<year>/<month>/<day>``.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def write(self, call: Call, body: bytes, address: str, status: int, answer: bytes) -> None:
        """Writes a call that was answered.

        Args:
            call: the call.
            body: its body.
            address: where it came from.
            status: the status of the answer.
            answer: the body of the answer.
        """
        for record in _records(call, body, address, status, answer):
            account, region, now = record["recipientAccountId"], record["awsRegion"], record["eventTime"]
            folder = self._folder.joinpath(
                "AWSLogs", account, "CloudTrail", region, *now.split("T")[0].split("-")
            )
            folder.mkdir(parents=True, exist_ok=True)
            moment = now.replace("-", "").replace(":", "")[:13] + "Z"
            name = f"{account}_CloudTrail_{region}_{moment}_{secrets.token_hex(8)}.json.gz"
            part = folder / f"{name}.part"
            part.write_bytes(gzip.compress(json.dumps({"Records": [record]}).encode(), 1))
            part.rename(folder / name)


def _records(call: Call, body: bytes, address: str, status: int, answer: bytes) -> Iterator[Record]:
    """The record of a call in each account that it concerns."""
    form = Call(call.method, "/", body.decode("utf-8", "replace"), {}).parameters
    given = {name: values[0] for name, values in {**call.parameters, **form}.items()}
    signature = signature_of(call)
    key_id = signature.key_id if signature else ""
    service = emulator.service_of(call, body)
    name = given.get("Action") or call.headers.get("x-amz-target", "").rpartition(".")[2]
    name = name or _s3_operation(call)
    assumes = service == "sts" and name.startswith("AssumeRole")
    account = account_of(given.get("RoleArn", "")) if is_service(key_id) or not key_id else ""
    account = account or emulator.account_of_key(key_id)
    about = {key: value for key, value in given.items() if assumes or (service == "iam" and key in _OF_IAM)}
    record: Record = {
        "eventVersion": "1.11",
        "userIdentity": _identity(key_id, account, answer),
        "eventTime": timestamp(time.time()),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": emulator.request_region(),
        "sourceIPAddress": key_id if is_service(key_id) else address,
        "userAgent": key_id if is_service(key_id) else call.headers.get("user-agent", ""),
        "requestParameters": _parameters(about) or None,
        "responseElements": _elements(answer) if assumes and status < 400 else None,
        "requestID": str(uuid.uuid4()),
        "readOnly": name.startswith(("Get", "List", "Describe", "AssumeRole", "Lookup", "Head")),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    if status >= 400:
        code, message = _error(answer)
        record |= {"errorCode": code or "ClientError", "errorMessage": message}
    callee = account_of(given.get("RoleArn", "")) if assumes else account
    shared = {"sharedEventID": str(uuid.uuid4())} if callee != account or is_service(key_id) else {}
    yield record | shared | {"eventID": str(uuid.uuid4())}
    if callee != account and status < 400:
        caller = {key: record["userIdentity"].get(key) for key in ("principalId", "accountId")}
        other = {"userIdentity": {"type": "AWSAccount", **caller}, "recipientAccountId": callee}
        yield record | shared | other | {"eventID": str(uuid.uuid4())}


def _identity(key_id: str, account: str, answer: bytes) -> Record:
    """Who makes a call."""
    if is_service(key_id):
        return {"type": "AWSService", "invokedBy": key_id}
    if not key_id:
        provider, subject = _element(answer, "Provider"), _element(answer, "SubjectFromWebIdentityToken")
        if provider is None:
            return {"type": "SAMLUser", "principalId": _element(answer, "Subject")}
        audience = _element(answer, "Audience")
        return {
            "type": "WebIdentityUser",
            "principalId": f"{provider}:{audience}:{subject}",
            "userName": subject,
            "identityProvider": provider,
        }
    own = {"accountId": account, "accessKeyId": key_id}
    try:
        with emulator.acting_as(account):
            principal = principal_of(key_id)
    except ServiceError:
        return {"type": "Unknown", **own}
    caller = principal.caller
    own = {"principalId": principal.user_id, "arn": caller.arn, **own}
    context: Record = {
        "attributes": {"mfaAuthenticated": "false" if principal.mfa_at is None else "true"},
    }
    if caller.role_arn is None:
        session = {"sessionContext": context} if principal.issued_at is not None else {}
        return {"type": "IAMUser", **own, "userName": principal.user_name, **session}
    context["sessionIssuer"] = {
        "type": "Role",
        "principalId": caller.unique_id,
        "arn": caller.role_arn,
        "accountId": account,
        "userName": name_of(caller.role_arn),
    }
    if principal.source_identity:
        context["sourceIdentity"] = principal.source_identity
    return {"type": "AssumedRole", **own, "sessionContext": context}


def _parameters(given: Mapping[str, str]) -> Record:
    """The parameters of AssumeRole as CloudTrail names them, lists put together."""
    found: Record = {}
    for name, value in sorted(given.items()):
        if name in _UNLOGGED or name in ("Action", "Version"):
            continue
        first, *rest = _MEMBERS.sub(r".\1", name).split(".")
        if not rest:
            found[_lower(first)] = int(value) if first == "DurationSeconds" else value
            continue
        members = found.setdefault(_lower(first), {})
        if len(rest) == 1:
            members[rest[0]] = value
        else:
            members.setdefault(rest[0], {})[_lower(rest[1])] = value
    return {name: list(value.values()) if isinstance(value, dict) else value for name, value in found.items()}


def _elements(answer: bytes) -> Record:
    """The answer of AssumeRole as CloudTrail names it, without what is secret."""
    found: Record = {
        "credentials": {
            "accessKeyId": _element(answer, "AccessKeyId"),
            "expiration": _element(answer, "Expiration"),
        },
        "assumedRoleUser": {
            "assumedRoleId": _element(answer, "AssumedRoleId"),
            "arn": _element(answer, "Arn"),
        },
    }
    names = ("SourceIdentity", "Provider", "Audience", "SubjectFromWebIdentityToken", "Subject", "Issuer")
    return found | {_lower(name): value for name in names if (value := _element(answer, name))}


def _element(answer: bytes, name: str) -> str | None:
    found = re.search(rf"<{name}>(.*?)</{name}>".encode(), answer)
    return unescape(found[1].decode("utf-8", "replace")) if found else None


def _error(answer: bytes) -> tuple[str | None, str | None]:
    """The code and the text of an error, in XML or in JSON."""
    if not answer.lstrip().startswith(b"{"):
        return _element(answer, "Code"), _element(answer, "Message")
    try:
        told = json.loads(answer)
    except ValueError:
        return None, None
    return str(told.get("__type", "")).rpartition("#")[2], told.get("message") or told.get("Message")


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _s3_operation(call: Call) -> str:
    """The operation of S3 that a request asks for, as CloudTrail names it."""
    place = len(call.path.strip("/").split("/", 1)) if call.path != "/" else 0
    part = next((name for name in call.parameters if name in _S3_PARTS), None)
    if part is None:
        return _S3_OPERATIONS.get((call.method, place), call.method.title())
    noun = "Bucket" if place == 1 else "Object"
    return f"{call.method.title()}{noun}{part[:1].upper()}{part[1:]}"
