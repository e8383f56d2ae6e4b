"""STS: AssumeRole, the administrator's identity and MFA are answered here, the rest by ministack."""

from __future__ import annotations

import re
import time

from rolechain.local import assume_role, emulator, mfa, parameters, query_protocol
from rolechain.local.errors import ServiceError
from rolechain.local.organizations import Organization
from rolechain.local.principals import (
    Principal,
    administrator_arn,
    administrator_id,
    is_administrator,
    principal_of,
)
from rolechain.local.query_protocol import Response


def in_front(own: emulator.Handler, organization: Organization) -> emulator.Handler:
    """A handler that does what ministack's STS does not, and leaves the rest to it."""

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        try:
            given = query_protocol.parameters(headers, body, query)
            action, key_id = given.get("Action"), emulator.access_key_id(headers, query)
            account = emulator.request_account()
            if action == "AssumeRole" and not key_id:
                raise ServiceError(
                    "MissingAuthenticationToken", "Request is missing Authentication Token", 403
                )
            if action == "AssumeRole":
                caller = _caller(key_id, organization)
                result = assume_role.assume(parameters.read(given), caller, organization)
                return query_protocol.answer("AssumeRole", result)
            if action == "GetCallerIdentity" and is_administrator(key_id):
                return query_protocol.answer("GetCallerIdentity", _identity(account))
            if action != "GetSessionToken":
                return await own(method, path, headers, body, query)
            caller = _caller(key_id, organization)
            serial_number, token_code = given.get("SerialNumber"), given.get("TokenCode")
            with_mfa = mfa.authenticate(account, caller.user_name, serial_number, token_code)
            response = await own(method, path, headers, body, query)
            if with_mfa:
                _mark_mfa(response)
            return response
        except ServiceError as error:
            return query_protocol.error(error)

    return handle


def _caller(key_id: str, organization: Organization) -> Principal:
    account = emulator.request_account()
    return principal_of(key_id, account, in_management_account=organization.is_management(account))


def _identity(account: str) -> dict[str, object]:
    return {
        "Arn": administrator_arn(account),
        "UserId": administrator_id(account),
        "Account": account,
    }


def _mark_mfa(response: Response) -> None:
    key_id = re.search(rb"<AccessKeyId>(.*?)</AccessKeyId>", response[2])
    session = emulator.session(key_id.group(1).decode()) if key_id else None
    if session is not None:
        session["MfaAt"] = time.time()
