"""Accounts in a folder, a JSON file each: to prove again without credentials, and to keep as evidence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rolechain.errors import RolechainError
from rolechain.iam.limits import ACCOUNT
from rolechain.live.account import SECTIONS, Account
from rolechain.policy.elements import load

_FORMAT = "rolechain-account/v1"
_KINDS = dict(zip(SECTIONS, ("role", "user", "group", "policy"), strict=True))


class FolderError(RolechainError, ValueError):
    """A folder holds no accounts, or a file of it is none."""

    usage = True


def save_accounts(folder: Path, accounts: Iterable[Account]) -> list[Path]:
    """Writes each account to ``<id>.json``; what stands there is replaced.

    What IAM gives holds no secret: neither keys nor passwords.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for account in accounts:
        document = {
            "Format": _FORMAT,
            "Account": account.id,
            **account.details,
            "MaxSessionDurations": dict(account.durations),
            "Providers": list(account.providers),
        }
        path = folder / f"{account.id}.json"
        # Dates are the one type of these answers that is none of JSON's.
        path.write_text(json.dumps(document, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8")
        written.append(path)
    return written


def load_accounts(folder: Path) -> list[Account]:
    """The accounts of a folder that ``save_accounts`` wrote.

    Raises:
        FolderError: the folder holds none, or one of its files cannot be read.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FolderError(
            f"{folder} holds no accounts: write some with rolechain prove --live --save {folder}"
        )
    return [_account(file) for file in files]


def holds_accounts(folder: Path) -> bool:
    """Whether a folder is one that ``save_accounts`` wrote, by the names of its files."""
    files = list(folder.glob("*.json"))
    return bool(files) and all(ACCOUNT.fullmatch(file.stem) for file in files)


def _account(file: Path) -> Account:
    try:
        document: Any = load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FolderError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        document = None
    try:
        if document["Format"] == _FORMAT:
            account = Account(
                str(document["Account"]),
                {section: list(document[section]) for section in SECTIONS},
                dict(document["MaxSessionDurations"]),
                tuple(document["Providers"]),
            )
            if _is_whole(account):
                return account
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        pass
    raise FolderError(
        f"{file} is not an account that rolechain saved: save it again, or remove it from the folder"
    )


def _is_whole(account: Account) -> bool:
    """Whether what a file says twice agrees: names with ARNs, the default version of a policy with its versions."""
    details = account.details
    for section, kind in _KINDS.items():
        name = f"{kind.capitalize()}Name"
        owners = (account.id, "aws") if section == "Policies" else (account.id,)
        for each in details[section]:
            place = each["Arn"].split(":", 4)[4]
            if place not in [f"{owner}:{kind}{each['Path']}{each[name]}" for owner in owners]:
                return False
    for policy in details["Policies"]:
        versions = policy["PolicyVersionList"]
        if [each["VersionId"] for each in versions if each["IsDefaultVersion"]] != [
            policy["DefaultVersionId"]
        ]:
            return False
    return all("AssumeRolePolicyDocument" in role for role in details["RoleDetailList"])
