"""The administrator that an access key id of 12 digits stands for; see ``LocalOrganization``."""

from __future__ import annotations

import re

NAME = "administrator"

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)


def is_account(access_key_id: str) -> bool:
    """Whether an access key id is an account's id."""
    return bool(_ACCOUNT.fullmatch(access_key_id))


def administrator_arn(account: str) -> str:
    """The ARN of an account's administrator."""
    return f"arn:aws:iam::{account}:user/{NAME}"


def administrator_id(account: str) -> str:
    """The unique id of an account's administrator."""
    return f"AIDALOCAL{account}"
