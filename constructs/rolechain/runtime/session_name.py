"""The session name that says who is at work, and where; CloudTrail shows it with every call."""

from __future__ import annotations

import getpass
import os
import re
import socket

_LIMIT = 64


def default_session_name() -> str:
    """``rolechain-<user>@<host>``, or ``rolechain-<function>`` in a Lambda function; what STS refuses is replaced."""
    if function := os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        return _legal(f"rolechain-{function}")
    return _legal(f"rolechain-{_user()}@{socket.gethostname().partition('.')[0]}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user id need not have a name.
        return f"uid{os.getuid()}"


def _legal(name: str) -> str:
    return re.sub(r"[^\w+=,.@-]", "-", name, flags=re.ASCII)[:_LIMIT]
