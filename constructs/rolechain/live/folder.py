"""Accounts in a folder, a JSON file each: to prove again without credentials, and to keep as evidence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rolechain.errors import RolechainError
from rolechain.iam.limits import ACCOUNT
from rolechain.live.account import SECTIONS, Account
from rolechain.live.collected import collected_accounts, collected_organization, is_collected
from rolechain.live.organization import Organization
from rolechain.policy.elements import load

_FORMAT = "rolechain-account/v1"
_ORGANIZATION = "organization.json"


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


def save_organization(folder: Path, organization: Organization) -> Path:
    """Writes an organization beside its accounts.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / _ORGANIZATION
    text = json.dumps({"Format": _FORMAT, **vars(organization)}, indent=1, sort_keys=True)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def load_organization(folder: Path) -> Organization | None:
    """The organization that ``save_organization`` wrote; None where there is none.

    Raises:
        FolderError: the file cannot be read.
    """
    path = folder / _ORGANIZATION
    if not path.is_file() and not is_collected(folder):
        return None
    try:
        if not path.is_file():
            found_there = collected_organization(folder)
            return found_there and _parsed(found_there)
        document: Any = load(path.read_text(encoding="utf-8"))
        above = {account: tuple(ids) for account, ids in document["above"].items()}
        found = Organization(document["id"], document["management"], above, document["policies"])
        if document["Format"] == _FORMAT:
            return _parsed(found)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        pass
    if is_collected(folder):
        raise FolderError(f"{folder} holds no whole organization: collect it again")
    raise FolderError(f"{path} is not an organization that rolechain saved: save it again, or remove it")


def _parsed(organization: Organization) -> Organization:
    """An organization that contradicts itself nowhere, and whose policies all follow IAM's grammar.

    Raises:
        ValueError: it is none.
    """
    if not organization.is_whole:
        raise ValueError("its parts do not agree")
    organization.limits()
    return organization


def load_accounts(folder: Path) -> list[Account]:
    """The accounts of a folder that ``save_accounts`` or iam-collect wrote.

    Raises:
        FolderError: the folder holds none, one of its files cannot be read, or two hold one account.
    """
    if is_collected(folder):
        try:
            accounts = list(collected_accounts(folder))
            broken = [account.id for account in accounts if not account.is_whole]
        except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise FolderError(f"{folder} is not whole, collect it again: {error}") from None
        if broken:
            raise FolderError(f"account {broken[0]} of {folder} contradicts itself: collect it again")
        return accounts
    files = [file for file in sorted(folder.glob("*.json")) if file.name != _ORGANIZATION]
    if not files:
        raise FolderError(
            f"{folder} holds no accounts: write some with rolechain prove --live --save {folder}"
        )
    places: dict[str, Path] = {}
    accounts = []
    for file in files:
        account = _account(file)
        if (other := places.setdefault(account.id, file)) != file:
            raise FolderError(
                f"{other} and {file} both hold account {account.id}: remove the one that does not count"
            )
        accounts.append(account)
    return accounts


def holds_accounts(folder: Path) -> bool:
    """Whether a folder is one that ``save_accounts`` wrote, by the names of its files, or iam-collect."""
    if is_collected(folder):
        return True
    files = [file for file in folder.glob("*.json") if file.name != _ORGANIZATION]
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
                {section: document[section] for section in SECTIONS},
                dict(document["MaxSessionDurations"]),
                tuple(document["Providers"]),
            )
            if account.is_whole:
                return account
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        pass
    raise FolderError(
        f"{file} is not an account that rolechain saved: save it again, or remove it from the folder"
    )
