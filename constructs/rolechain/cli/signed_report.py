"""The report of ``rolechain prove --html``, with when and by whom it was made, and from which files."""

from __future__ import annotations

import argparse
import getpass
import platform
import shutil
import socket
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from rolechain.cli.base_session import open_session
from rolechain.cli.options import UsageError, write_file
from rolechain.diagram.report import Provenance, report
from rolechain.model.chain import Chain
from rolechain.proof import Proof


def write_report(chain: Chain, proof: Proof, source: str, arguments: argparse.Namespace) -> None:
    """Writes the report that ``--html`` asks for.

    Args:
        chain: the chain.
        proof: its proof.
        source: what it was proven from, with a blank before.
        arguments: those of ``rolechain prove``.

    Raises:
        UsageError: a file cannot be read or written.
    """
    folder = arguments.folder or (arguments.save if arguments.live else arguments.cdk_out)
    # What is in the folder of an asset is code, and no template.
    within = (each for each in Path(folder).rglob("*.json") if not _is_in_asset(each.relative_to(folder)))
    files = [Path(arguments.chain), *sorted(within)]
    try:
        hashes = {each.as_posix(): sha256(each.read_bytes()).hexdigest() for each in files}
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from None
    provenance = Provenance(
        datetime.now(UTC).isoformat(timespec="seconds"),
        arguments.by or _who(chain, arguments),
        f"{source.removeprefix(' from ')}, kept in {folder}" if arguments.live else folder,
        {"rolechain": version("rolechain"), "Python": platform.python_version()},
        _commit(Path(arguments.chain).resolve().parent),
        hashes,
    )
    write_file(arguments.html, report(chain, proof, provenance, source=source))


def _is_in_asset(path: Path) -> bool:
    return any(part.startswith("asset.") for part in path.parts[:-1])


def _who(chain: Chain, arguments: argparse.Namespace) -> str:
    """The AWS caller that read the accounts, else the user of this machine."""
    if arguments.live:
        session = open_session(arguments.profile, arguments.region, chain.region)
        with suppress(BotoCoreError, ClientError):
            return session.client("sts").get_caller_identity()["Arn"]
    with suppress(KeyError, OSError, ImportError):
        return f"{getpass.getuser()}@{socket.gethostname()}"
    return "not known"


def _commit(folder: Path) -> str | None:
    """The commit of a folder, and whether something there is not committed; None where it is in no repository."""

    def git(*words: str) -> str | None:
        run = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=False)
        return None if run.returncode else run.stdout.strip()

    commit = git("rev-parse", "HEAD") if shutil.which("git") else None
    if not commit:
        return None
    return f"{commit}, with changes that are not committed" if git("status", "--porcelain") else commit
