"""The session policy that ``--scope`` asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rolechain.cli.options import UsageError
from rolechain.model.session_policy import compact, problems_of

_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)


def scope_of(values: Sequence[str]) -> str | None:
    """The policy as JSON: of actions one that allows them on everything, else that of a file; None without values.

    Raises:
        UsageError: a file cannot be read, stands beside another value, or holds no session policy.
    """
    if not values:
        return None
    if all(map(_ACTION.fullmatch, values)):
        allowed = {"Effect": "Allow", "Action": list(values), "Resource": "*"}
        return str(compact({"Version": "2012-10-17", "Statement": [allowed]}))
    name = next(value for value in values if not _ACTION.fullmatch(value))
    if len(values) > 1:
        raise UsageError(
            f"--scope takes actions such as s3:Get*, or one file alone: remove {name!r} or the others"
        )
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UsageError(
            f"--scope: {name!r} is no action such as s3:Get*, and no file that can be read: {reason}"
        ) from error
    if problem := next(problems_of(text), None):
        raise UsageError(f"--scope: {name} is no session policy: {problem}")
    return str(compact(text))
