"""The administrator that an access key id of 12 digits stands for; see ``LocalOrganization``."""

from __future__ import annotations

from rolechain.iam.limits import ACCOUNT

NAME = "administrator"


def is_account(access_key_id: str) -> bool:
    """Whether an access key id is an account's id."""
    return bool(ACCOUNT.fullmatch(access_key_id))


def administrator_arn(account: str) -> str:
    """The ARN of an account's administrator."""
    return f"arn:aws:iam::{account}:user/{NAME}"


def administrator_id(account: str) -> str:
    """The unique id of an account's administrator."""
    return f"AIDALOCAL{account}"
