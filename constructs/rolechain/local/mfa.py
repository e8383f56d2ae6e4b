"""Virtual MFA devices: the codes they show, and whether a call brought a good one (RFC 6238)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
import time

from rolechain.local import emulator
from rolechain.local.errors import ServiceError

_STEP_SECONDS, _DIGITS = 30, 6


def new_seed() -> str:
    """A fresh secret of a device, in base32 as authenticator apps take it: 64 characters, as AWS's are."""
    return base64.b32encode(secrets.token_bytes(40)).decode()


def code_at(seed: str, moment: float) -> str:
    """The code that a device with ``seed`` shows at ``moment``, in seconds since 1970."""
    counter = struct.pack(">Q", int(moment) // _STEP_SECONDS)
    digest = hmac.digest(base64.b32decode(seed), counter, hashlib.sha1)
    offset = digest[-1] & 0xF
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def authenticate(
    account: str, user_name: str | None, serial_number: str | None, token_code: str | None
) -> bool:
    """Whether a call was made with MFA: False where it brings neither serial number nor code.

    Raises:
        ServiceError: it brings one without the other, a device that is not the user's, or a wrong code.
    """
    if serial_number is None and token_code is None:
        return False
    if serial_number is None or token_code is None:
        raise _refusal("must provide both MFA serial number and one time pass code.")
    device = emulator.mfa_devices.get(account, serial_number)
    if device is None or not user_name or device.get("User") != user_name:
        raise _refusal(
            "unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
        )
    now = time.time()
    # A device whose clock is one step off is still in time.
    near = {
        code_at(device["Base32StringSeed"], now + offset) for offset in (-_STEP_SECONDS, 0, _STEP_SECONDS)
    }
    if token_code not in near:
        raise ServiceError(
            "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", 403
        )
    return True


def _refusal(reason: str) -> ServiceError:
    return ServiceError("AccessDenied", f"MultiFactorAuthentication failed, {reason}", 403)
