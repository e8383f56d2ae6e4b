"""STS: AssumeRole, the administrator's identity and MFA are answered here, the rest by ministack."""

from __future__ import annotations

import re
import time

from rolechain.local import assume_role, emulator, mfa, parameters, query_protocol
from rolechain.local.emulator import Response
from rolechain.local.errors import ServiceError
from rolechain.local.organizations import ServedOrganization
from rolechain.local.principals import administrator_arn, administrator_id, is_administrator, principal_of


def in_front(own: emulator.Handler, organization: ServedOrganization) -> emulator.Handler:
    """A handler that does what ministack's STS does not, and leaves the rest to it."""

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        try:
            if "json" in headers.get("content-type", ""):
                raise ServiceError(
                    "InvalidAction", "STS speaks the query protocol here: send a form, not JSON"
                )
            given = query_protocol.parameters(query, body)
            action, key_id = given.get("Action"), emulator.access_key_id(headers, query)
            account = emulator.request_account()
            if action == "AssumeRole" and not key_id:
                raise ServiceError(
                    "MissingAuthenticationToken", "Request is missing Authentication Token", 403
                )
            if action == "AssumeRole":
                principal = principal_of(key_id, headers)
                result = assume_role.assume(parameters.read(given), principal, organization)
                return query_protocol.response("sts", "AssumeRole", result)
            if action == "GetCallerIdentity" and is_administrator(key_id):
                arn, user_id = administrator_arn(account), administrator_id(account)
                identity = {"Arn": arn, "UserId": user_id, "Account": account}
                return query_protocol.response("sts", "GetCallerIdentity", identity)
            if action != "GetSessionToken":
                return await own(method, path, headers, body, query)
            serial_number, token_code = given.get("SerialNumber"), given.get("TokenCode")
            with_mfa = mfa.authenticate(account, principal_of(key_id).user_name, serial_number, token_code)
            response = await own(method, path, headers, body, query)
            made = re.search(rb"<AccessKeyId>(.*?)</AccessKeyId>", response[2])
            session = emulator.session(made.group(1).decode()) if made else None
            if with_mfa and session is not None:
                session["MfaAt"] = time.time()
            return response
        except ServiceError as error:
            return emulator.error_response(error, "sts")

    return handle
