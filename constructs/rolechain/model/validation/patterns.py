"""How AWS writes the names, ids and values that a chain holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rolechain.errors import Place
from rolechain.iam.limits import ACCOUNT
from rolechain.iam.partitions import PARTITIONS

Found = Iterator[tuple[Place, str]]
"""Mistakes: where in the thing that is checked, and what is wrong there."""

CHAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
ACTION = re.compile(r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+", re.ASCII)
NOT_DESCRIBING = re.compile(r"[^\t\n\r\x20-\x7e\xa1-\xff]")
ADMINISTRATOR = re.compile(r"arn:\S+:(role|user|group)/\S+", re.ASCII)
POLICY = re.compile(r"arn:\S+:policy/\S+|[\w+=,.@/-]+", re.ASCII)


def matches(pattern: re.Pattern[str], value: object) -> bool:
    """Whether a value is a text that the whole of ``pattern`` describes."""
    return isinstance(value, str) and bool(pattern.fullmatch(value))


def is_arn(value: object, kinds: tuple[str, ...]) -> bool:
    """Whether a value is the ARN of one resource of IAM, of one of the kinds (``role/``)."""
    if not isinstance(value, str) or set(value) & set("*?$ "):
        return False
    parts = value.split(":", 5)
    return (
        len(parts) == 6
        and (parts[0], parts[2], parts[3]) == ("arn", "iam", "")
        and parts[1] in PARTITIONS
        and bool(ACCOUNT.fullmatch(parts[4]))
        and any(parts[5].startswith(kind) and len(parts[5]) > len(kind) for kind in kinds)
    )
