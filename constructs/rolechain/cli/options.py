"""The options that several commands take."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rolechain.errors import RolechainError
from rolechain.iam.limits import COUNT
from rolechain.iam.partitions import partition_of

CHAIN_VARIABLE = "ROLECHAIN_CHAIN"
"""The environment variable that names the chain's file."""
_CHAIN_FILES = ("chain.yaml", "chain.json")


class UsageError(RolechainError):
    """The command was not called as it must be; the exit code is 2."""

    usage = True


@contextmanager
def writing(place: str) -> Iterator[None]:
    """Has a file or folder that cannot be written be a usage error.

    Args:
        place: what to name where the system names none.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(f"{error.filename or place} cannot be written: {error.strerror}") from None


def write_file(place: str, text: str) -> None:
    """Puts a text in the place of a file, which is replaced whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    path = Path(place)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    with writing(place):
        try:
            with temporary.open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def pair(example: str, *, key: str = ".+", value: str = ".*") -> Callable[[str], tuple[str, str]]:
    """Reads a key, ``=`` and a value.

    Args:
        example: what the error shows.
        key: the pattern of the key.
        value: the pattern of the value.
    """

    def read(text: str) -> tuple[str, str]:
        before, equals, after = text.partition("=")
        if (
            not equals
            or not re.fullmatch(key, before, re.DOTALL)
            or not re.fullmatch(value, after, re.DOTALL)
        ):
            raise argparse.ArgumentTypeError(f"{text!r} is not of the form {example}")
        return before, after

    return read


def _mfa_code(text: str) -> str:
    if not re.fullmatch(r"[0-9]{6}", text):
        raise argparse.ArgumentTypeError("write the six digits that the MFA device shows")
    return text


_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "--chain": {
        "metavar": "FILE",
        "help": f"the chain (default: ${CHAIN_VARIABLE}, else chain.yaml or .json here or above)",
    },
    "--target": {
        "metavar": "TARGET",
        "help": "the target's account or alias, or a role's ARN (default: the only one, or picked on a terminal)",
    },
    "--source": {
        "metavar": "ROLE_OR_ACCOUNT",
        "help": "the source role, or its account, where there are several",
    },
    "--profile": {"help": "the AWS profile to start from (default: as boto3 finds credentials)"},
    "--region": {
        "help": "the AWS region (default: that of the environment, the profile or the chain, else us-east-1)"
    },
    "--session-tag": {
        "metavar": "KEY=VALUE",
        "action": "append",
        "default": [],
        "type": pair("Project=apollo"),
        "help": "the value of a session tag that the chain leaves open; may be given again",
    },
    "--source-identity": {"metavar": "NAME", "help": "the source identity, where the chain leaves it open"},
    "--session-name": {
        "metavar": "NAME",
        "help": "the name of the sessions, as CloudTrail shows it (default: the user and the machine)",
    },
    "--mfa-serial": {
        "metavar": "DEVICE",
        "help": "the MFA device of the IAM user to start from, its ARN or serial number (default: the profile's)",
    },
    "--mfa-code": {
        "metavar": "CODE",
        "type": _mfa_code,
        "help": "the six digits that the device shows (default: asked for on the terminal)",
    },
    "--scope": {
        "metavar": "FILE|ACTION",
        "action": "append",
        "default": [],
        "help": "narrows the session to the actions, such as s3:Get*, or to the policy of a JSON file; ACTION may be "
        "given again",
    },
    "--no-cache": {
        "action": "store_true",
        "help": "assume every role anew, and keep nothing in the user's cache folder",
    },
    "--every-target": {"action": "store_true", "help": "every target of the chain, several at a time"},
    "--live": {"action": "store_true", "help": "read accounts through IAM"},
    "--from": {
        "dest": "folder",
        "metavar": "DIR",
        "help": "the accounts that --save or iam-collect wrote",
    },
    "--save": {"metavar": "DIR", "help": "write what is read, an account a file"},
    "--json": {"action": "store_true", "help": "print one JSON document"},
}
CHAIN = ("--chain", "--target", "--source", "--profile", "--region")
"""The options that select a chain and the session to start from."""
SESSIONS = ("--session-tag", "--source-identity", "--session-name")
"""The options of what its sessions carry."""
LIVE = ("--json", "--live", "--from", "--save", "--profile", "--region")
"""The options of what accounts hold."""
CREDENTIALS = (*CHAIN, *SESSIONS, "--scope", "--mfa-serial", "--mfa-code", "--no-cache")
"""The options of the commands that resolve the chain's credentials."""


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Adds options of the table by their names."""
    for name in names:
        parser.add_argument(name, **_OPTIONS[name])
    if "--chain" in names:
        parser.set_defaults(chain=_default_chain())


def _default_chain() -> str:
    """The chain's file where no option names it; a file above that is somebody else's is none of the user's chains."""
    if named := os.environ.get(CHAIN_VARIABLE):
        return named
    for folder in (Path(), *Path.cwd().parents):
        for file in (folder / name for name in _CHAIN_FILES):
            if file.is_file() and (not folder.parts or _is_own(file)):
                return str(file)
    return _CHAIN_FILES[0]


def _is_own(file: Path) -> bool:
    return not hasattr(os, "getuid") or file.stat().st_uid == os.getuid()


def add_every_target_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--every-target``, and where it takes the accounts of organizational units from."""
    add_options(parser, "--every-target")
    parser.add_argument(
        "--from",
        dest="accounts_from",
        choices=("organizations",),
        help="where --every-target takes the accounts of organizational units from: AWS Organizations lists them",
    )
    parser.add_argument(
        "--organizations-profile",
        metavar="PROFILE",
        help="the profile that lists them, of the management account or a delegated administrator (default: the "
        "session to start from)",
    )


def add_account_profile_option(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Adds ``--account-profile``, which gives (account, profile) pairs."""
    add_repeated_option(
        parser,
        "--account-profile",
        "ACCOUNT=PROFILE",
        f"the profile of an account, {purpose}",
        type=pair("222222222222=name-of-a-profile", key="[0-9]{12}", value=".+"),
    )


def add_account_options(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Adds ``--account-profile`` and ``--account-role``."""
    add_account_profile_option(parser, purpose)
    parser.add_argument(
        "--account-role",
        "--assume",
        metavar="NAME",
        help="a role of every other account that --profile may assume, such as OrganizationAccountAccessRole",
    )


def add_format_option(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Adds ``--format``, text by default, and ``--json``, which is short for one of the formats."""
    parser.add_argument("--format", choices=formats, default="text", help="default: text")
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="the same as --format json"
    )


def add_repeated_option(
    parser: argparse.ArgumentParser,
    name: str,
    metavar: str,
    help: str,  # noqa: A002 - as argparse names it
    type: Callable[[str], object] = str,  # noqa: A002
) -> None:
    """Adds an option that may be given again; its values are a list."""
    parser.add_argument(
        name, metavar=metavar, action="append", default=[], type=type, help=f"{help}; may be given again"
    )


def placed(text: str) -> tuple[str, str]:
    """Reads the account of a template, ``FILE=ID``, or an account by itself, as ``--account`` gives it."""
    file, _, account = text.rpartition("=")
    if text.startswith("=") or not re.fullmatch("[0-9]{12}", account):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not FILE=ID: write a template's path, =, and 12 digits"
        )
    return file, account


def checked_region(region: str) -> str:
    """A region, whether an option, the environment, a profile or the chain names it."""
    if partition_of(region) is None:
        raise UsageError(f"{region!r} is not a region: name one such as us-east-1 with --region")
    return region


def seconds(text: str) -> float:
    """A number of seconds, as an argument gives it."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds: write 0 or more")
    return value


def count(text: str) -> int:
    """A number of things, as an argument gives it."""
    if not COUNT.fullmatch(text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0: write 1 or more")
    return int(text)
