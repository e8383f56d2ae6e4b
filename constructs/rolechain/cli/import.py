"""``rolechain import``: the chains that accounts or templates hold, as ``chain.yaml``."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from rolechain.cli.account_sessions import AccountSessions, home_of
from rolechain.cli.live import Read, read_all
from rolechain.cli.options import (
    LIVE,
    UsageError,
    add_account_options,
    add_options,
    add_repeated_option,
    placed,
    writing,
)
from rolechain.cli.streams import printable
from rolechain.cli.template_files import read
from rolechain.cloudformation.language_extensions import NOT_ALPHANUMERIC
from rolechain.errors import RolechainError
from rolechain.graph.found_chains import Found, FoundChain, found_chains
from rolechain.iam.partitions import FIRST_REGIONS
from rolechain.live import load_accounts, template_of
from rolechain.live.template import document_by_arn
from rolechain.model.chain import Chain
from rolechain.model.declaration import declaration_of
from rolechain.proof import Template, role_graph_of
from rolechain.proof.report import counted


class NoChainError(RolechainError):
    """Nothing that was looked at leads from one account to another."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "templates",
        metavar="TEMPLATE",
        nargs="*",
        help="a CloudFormation template, a folder of them, or a cdk.out",
    )
    add_options(parser, *LIVE)
    account = "with --live, an account to read besides those of --account-profile; of a template, its account"
    add_repeated_option(parser, "--account", "[FILE=]ID", account, type=placed)
    add_account_options(parser, "which may read IAM there")
    role = "the name or the ARN of a role: only the chains that have one of these"
    add_repeated_option(parser, "--role", "ROLE", role)
    existing = "a role that stays with its owner, by name or ARN, or an account all of whose roles do"
    add_repeated_option(parser, "--existing", "ROLE_OR_ACCOUNT", existing)
    parser.add_argument(
        "--output",
        metavar="FILE_OR_DIR",
        help="a .yaml file for the chain, or a folder with a file for each chain (default: stdout)",
    )
    parser.add_argument("--force", action="store_true", help="let --output write over what stands there")
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="print what cdk import --resource-mapping takes, for every role that does not stay with its owner",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints or writes each chain that was found, with a comment for whatever a chain cannot say.

    Returns:
        0; 1 if an account could not be read.

    Raises:
        NoChainError: there is no chain.
    """
    if sum((bool(arguments.templates), bool(arguments.folder), arguments.live)) != 1:
        raise UsageError("import reads templates, --from DIR or --live: name one of the three")
    if arguments.save and not arguments.live:
        raise UsageError("--save writes what --live reads: add --live")
    read_now = _read(arguments)
    accounts = read_now.accounts
    templates = [template_of(account) for account in accounts] or _templates(arguments)
    graph = role_graph_of(templates, documents=document_by_arn(accounts))
    found = found_chains(
        graph, roles=arguments.role, existing=arguments.existing, whole=[account.id for account in accounts]
    )
    source = counted(len(templates), "account" if accounts else "template")
    looked_at = f"{counted(len(graph.roles), 'role')} of {source}"
    said = [
        *(f"account {account} could not be read: {reason}" for account, reason in read_now.unread.items()),
        *found.unsaid,
        *_not_read(found, read_now),
    ]
    if not found.chains:
        wanted = f" with {' or '.join(arguments.role)}" if arguments.role else ""
        raise NoChainError("; ".join((f"no chain{wanted} among {looked_at}", *said)))
    for line in (*said, *read_now.calls):
        print(f"rolechain: {printable(line)}", file=sys.stderr)
    written = _write(found.chains, Path(arguments.output), force=arguments.force) if arguments.output else []
    if arguments.json:
        print(json.dumps(_document(found, read_now), ensure_ascii=False, indent=2))
    elif arguments.adopt:
        print(json.dumps(dict(_adopted(each.chain for each in found.chains)), indent=2))
    else:
        print("".join(f"{file}\n" for file in written) or "---\n".join(map(_yaml, found.chains)), end="")
    return 1 if read_now.unread else 0


def _not_read(found: Found, read: Read) -> Iterator[str]:
    """The accounts of the chains that nobody asked for."""
    known = {account.id for account in read.accounts} | read.unread.keys()
    others = {account for each in found.chains for account in each.chain.accounts} - known
    if others and read.accounts:
        listed = ", ".join(sorted(others))
        yield f"accounts that were not read, and hold roles of these chains: {listed}; add them with --account"


def _read(arguments: argparse.Namespace) -> Read:
    if arguments.folder:
        return Read(load_accounts(Path(arguments.folder)))
    if not arguments.live:
        return Read([])
    sessions = AccountSessions.opened(arguments, FIRST_REGIONS["aws"])
    named = [
        *(account for account, _ in arguments.account_profile),
        *(account for _, account in arguments.account),
    ]
    accounts = list(dict.fromkeys(named)) or [home_of(sessions.base)]
    return read_all(accounts, sessions, arguments.save, bound=bool(arguments.save))


def _templates(arguments: argparse.Namespace) -> list[Template]:
    files = read(arguments.templates, {file: account for file, account in arguments.account if file})
    return [file.template for file in files.values()]


def _write(chains: Sequence[FoundChain], path: Path, *, force: bool) -> list[Path]:
    """Writes a file for each chain, and returns the files."""
    if path.suffix not in (".yaml", ".yml"):
        files = [path / f"{each.chain.name}.yaml" for each in chains]
    elif len(chains) == 1:
        files = [path]
    else:
        names = ", ".join(each.chain.name for each in chains)
        raise UsageError(
            f"{path} takes one chain, and there are {names}: name a folder, or one of them with --role"
        )
    if not force and (there := next(filter(os.path.lexists, files), None)):
        raise UsageError(f"{there} is there already: name another, or add --force")
    with writing(str(path)):
        for file, each in zip(files, chains, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            # A link that is put there meanwhile is not followed.
            with file.open("w" if force else "x", encoding="utf-8") as stream:
                stream.write(_yaml(each))
    return files


def _yaml(found: FoundChain) -> str:
    """The file of a chain, with a comment above a role for each thing that the chain does not say of it."""
    chain = found.chain
    middle = f"{counted(len(chain.middle), 'middle role')}, " if chain.middle else ""
    lines = [
        f"# {counted(len(chain.sources), 'source')}, {middle}{counted(len(chain.targets), 'target')}: "
        f"{counted(len(chain.middle) + 1, 'hop')}"
    ]
    arns = {"source": chain.sources, "middle": chain.middle, "targets": chain.targets}
    for key, value in declaration_of(chain).items():
        if key not in arns:
            lines.append(_dumped({key: value}))
            continue
        lines.append(f"{key}:")
        for role, declared in zip(arns[key], value if isinstance(value, list) else [value], strict=True):
            for note in (each for each in found.notes if each.role == role.arn):
                words = ": ".join(filter(None, (role.role, note.words, note.statement)))
                # YAML takes not every character, not even in a comment.
                lines.append(f"  # {printable(words).encode('ascii', 'backslashreplace').decode()}")
            lines.append(textwrap.indent(_dumped([declared] if isinstance(value, list) else declared), "  "))
    return "\n".join(lines) + "\n"


def _dumped(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100).rstrip()


def _document(found: Found, read: Read) -> dict[str, Any]:
    return {
        "chains": [
            {
                "declaration": declaration_of(each.chain),
                "hops": len(each.chain.middle) + 1,
                "notes": [vars(note) for note in each.notes],
            }
            for each in found.chains
        ],
        "unsaid": [*found.unsaid, *_not_read(found, read)],
        "unread": read.unread,
        "called": dict(sorted(read.called.items())),
    }


def _adopted(chains: Iterable[Chain]) -> Iterator[tuple[str, dict[str, str]]]:
    """The logical id that the role of each ``AccountStack`` has, with the role's name."""
    for role in (role for chain in chains for role in chain.roles if not role.existing):
        # As CDK makes it of the construct's path in its stack, where "Resource" does not count for people.
        digest = hashlib.md5(f"{role.role}/Resource".encode(), usedforsecurity=False).hexdigest()
        yield NOT_ALPHANUMERIC.sub("", role.role) + digest[:8].upper(), {"RoleName": role.role}
