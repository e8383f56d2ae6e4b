"""The session name that says who is at work, and where; CloudTrail shows it with every call. Standard library only."""

from __future__ import annotations

import getpass
import os
import re
import socket

from rolechain.iam.limits import NAME, SESSION_NAME_LENGTHS


def default_session_name() -> str:
    """``rolechain-<user>@<host>``, or ``rolechain-<function>`` in a Lambda function; what STS refuses is replaced."""
    if function := os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        return legal_session_name(f"rolechain-{function}")
    return legal_session_name(f"rolechain-{_user()}@{socket.gethostname().partition('.')[0]}")


def legal_session_name(text: str) -> str:
    """A name that STS accepts, as near to ``text`` as can be: 2 to 64 of letters, digits and ``_+=,.@-``.

    For names that come from people or other systems; ``Hop`` itself refuses a name that is not legal.
    """
    return re.sub(f"(?!{NAME}).", "-", text, flags=re.ASCII | re.DOTALL)[: SESSION_NAME_LENGTHS[-1]].ljust(
        2, "-"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user id need not have a name.
        return f"uid{os.getuid()}"
