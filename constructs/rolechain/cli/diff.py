"""``rolechain diff``: who gets in now and did not before, between two sets of templates or saved accounts."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from rolechain.cli.options import UsageError, add_format_option, add_repeated_option
from rolechain.cli.output import ProofText
from rolechain.cli.template_files import read
from rolechain.live import holds_accounts, load_accounts, template_of
from rolechain.live.template import document_by_arn
from rolechain.proof import AccessDiff, Template, diff
from rolechain.proof.diff import ManagedDocuments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "sides",
        metavar="OLD NEW",
        nargs="+",
        help="templates: a file, a folder of them, a cdk.out, or a folder of accounts that prove --save wrote; "
        "with --base, NEW alone",
    )
    parser.add_argument("--base", metavar="REVISION", help="OLD is what NEW was in this revision of git")
    allowed = "a principal that may get in: a caller, its account or service, with wildcards"
    add_repeated_option(parser, "--allow-new", "PATTERN", allowed)
    add_format_option(parser, ("text", "json", "markdown"))


def run(arguments: argparse.Namespace) -> int:
    """Prints who gets in now, each with a witness, and who does not any more.

    Returns:
        0 if nobody gets in who did not before; 1 if somebody does or may, or where something is not known any more.
    """
    sides: Sequence[str] = arguments.sides
    if len(sides) != (1 if arguments.base else 2):
        raise UsageError("diff needs OLD and NEW, or NEW and --base REVISION")
    if arguments.base:
        with tempfile.TemporaryDirectory() as folder:
            old, documents = _side(_of_revision(arguments.base, Path(sides[0]), Path(folder)))
    else:
        old, documents = _side(Path(sides[0]))
    new, documents_now = _side(Path(sides[-1]))
    # Templates hold no policies of AWS's: they are as the accounts of the other side have them.
    found = diff(old, new, (documents or documents_now, documents_now or documents))
    gained = tuple(
        change
        for change in found.gained
        if not any(fnmatchcase(change.who, pattern) for pattern in arguments.allow_new)
    )
    found = replace(found, gained=gained)
    if arguments.format == "json":
        print(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    elif arguments.format == "markdown":
        print(_markdown(found))
    else:
        _show(found)
    return 1 if gained or found.unknown else 0


def _side(path: Path) -> tuple[list[Template], ManagedDocuments]:
    """The templates of a side, named by where they are below it, so that both sides name them alike.

    With them are the documents of the policies of AWS's that its accounts hold.
    """
    if holds_accounts(path):
        accounts = load_accounts(path)
        return [template_of(account) for account in accounts], document_by_arn(accounts)
    templates = []
    for file in read([str(path)], {}).values():
        is_below = path.is_dir() and file.template.file == file.path.as_posix()
        name = file.path.relative_to(path).as_posix() if is_below else file.template.name
        templates.append(replace(file.template, name=name if path.is_dir() else "template"))
    return templates, {}


def _of_revision(revision: str, path: Path, folder: Path) -> Path:
    """What a path holds in a revision of git, written below a folder."""
    where = path if path.is_dir() else path.parent
    if not path.exists():
        raise UsageError(f"{path} is not there: name a template or a folder of them")

    def git(*words: str) -> bytes:
        try:
            run = subprocess.run(["git", *words], cwd=where, capture_output=True, check=False)
        except FileNotFoundError:
            raise UsageError("--base needs git: install it") from None
        if run.returncode:
            said = run.stderr.decode(errors="replace").strip().splitlines()
            raise UsageError(f"--base {revision!r}: git says: {said[-1] if said else 'no reason'}")
        return run.stdout

    top = Path(git("rev-parse", "--show-toplevel").decode().strip())
    below = path.resolve().relative_to(top.resolve())
    # A name that begins with a dash would be an option of git archive, which writes files and calls other hosts.
    commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().split()[-1]
    with tarfile.open(
        fileobj=io.BytesIO(git("-C", str(top), "archive", commit, "--", str(below)))
    ) as archive:
        for member in archive:
            # A link might lead out of the folder.
            if content := archive.extractfile(member) if member.isfile() else None:
                (folder / member.name).parent.mkdir(parents=True, exist_ok=True)
                (folder / member.name).write_bytes(content.read())
    return folder / below


def _show(found: AccessDiff) -> None:
    text = ProofText()
    for heading, changes in (("gets in now", found.gained), ("does not get in any more", found.lost)):
        text.changes(heading, changes)
    text.assumptions(
        [f"{place or ''} {message}".strip() for place, message in found.unknown], "not known any more"
    )
    text.verdict(_last_line(found), good=not found.gained and not found.unknown)


def _last_line(found: AccessDiff) -> str:
    sure = sum(change.certain for change in found.gained)
    words = [f"new access: {sure}" if sure else "no new access"]
    words += [f"cannot be ruled out: {len(found.gained) - sure}"] if len(found.gained) > sure else []
    words += [f"not known any more: {len(found.unknown)}"] if found.unknown else []
    words += [f"lost: {len(found.lost)}"] if found.lost else []
    return ", ".join(words)


def _markdown(found: AccessDiff) -> str:
    lines = [f"**{_last_line(found)}**"]
    for heading, changes in (("Gets in now", found.gained), ("Does not get in any more", found.lost)):
        if changes:
            lines += ["", f"### {heading}", ""]
            for change in changes:
                may = "" if change.certain else " (cannot be ruled out)"
                witness = f": for example {change.witness}" if change.witness else ""
                lines.append(f"- {change.words}{may}, at `{change.place}`{witness}")
    if found.unknown:
        lines += ["", "### Not known any more", ""]
        lines += [
            f"- {message}, at `{place}`" if place else f"- {message}" for place, message in found.unknown
        ]
    return "\n".join(lines)
