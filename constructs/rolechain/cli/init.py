"""``rolechain init``: writes an app that deploys, proves and tests a chain, or adds a chain to a CDK app."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from rolechain.cli.aws_config import merged_profiles
from rolechain.cli.options import UsageError, add_repeated_option, checked_region, writing
from rolechain.cli.toolchain import CDK_VERSION
from rolechain.errors import ChainError, did_you_mean
from rolechain.iam.arn import account_of
from rolechain.iam.limits import ACCOUNT
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole

_TEMPLATES = Path(__file__).with_name("new_app")
_TEST = {"tests/test_chain.py": "test_chain.py"}
_APP = {
    "app.py": "app.py",
    "cdk.json": "cdk.json",
    "package.json": "package.json",
    "requirements.txt": "requirements.txt",
    "stacks/__init__.py": "stacks.py",
    "README.md": "README.md",
    ".github/workflows/chain.yml": "ci.yml",
    ".gitignore": "gitignore",
    **_TEST,
}
"""The files of a new app, and the templates that they are made from."""
_FILLED = ("README.md", "package.json", "requirements.txt")
"""Those in which a dollar sign stands for a value."""
_LAMBDA = "lambda.amazonaws.com"
_PLAIN = re.compile(
    r"(?!(true|false|yes|no|on|off|null|y|n)$)[A-Za-z][A-Za-z0-9.-]*", re.ASCII | re.IGNORECASE
)
"""A text that YAML takes for one without quotes; an account id has them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="where to (default: here)")
    parser.add_argument("--name", help="the chain's name (default: deploy)")
    parser.add_argument("--source", metavar="ACCOUNT", help="the account where the chain is entered")
    add_repeated_option(parser, "--middle", "ACCOUNT", "an account in between")
    add_repeated_option(parser, "--target", "[ALIAS=]ACCOUNT", "an account at the end")
    parser.add_argument(
        "--assumed-by",
        metavar="PRINCIPAL",
        help="who enters: a service such as lambda.amazonaws.com, an account, or the ARN of a role or user",
    )
    parser.add_argument(
        "--organization", metavar="ID", help="the AWS Organization that every caller belongs to"
    )
    parser.add_argument("--region", default="us-east-1", help="where the stacks go (default: us-east-1)")
    parser.add_argument(
        "--from-profile",
        metavar="PROFILE",
        help="take the accounts from an AWS profile and those that it rests on (source_profile)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Asks on a terminal for what no option gives, writes the files, none of which may be there, and returns 0."""
    folder = Path(arguments.folder)
    existing_app = (folder / "cdk.json").exists()
    files = _TEST if existing_app else _APP
    if there := [name for name in ("chain.yaml", *files) if (folder / name).exists()]:
        raise UsageError(f"{', '.join(str(folder / name) for name in there)} exists: name another folder")
    declared = _declared(arguments)
    try:
        chain = _chain(declared)
    except ChainError as error:
        raise UsageError(str(error)) from error
    values = {
        "name": chain.name,
        "region": chain.region,
        "cdk_version": CDK_VERSION,
        "version": version("rolechain"),
    }
    texts = {"chain.yaml": _yaml(declared)}
    for name, template in files.items():
        text = (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
        texts[name] = Template(text).substitute(values) if name in _FILLED else text
    with writing(arguments.folder):
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with open(folder / name, "x", encoding="utf-8") as file:
                file.write(text)
    print(f"wrote {', '.join(texts)}")
    print("next:")
    for line in _next(arguments.folder, chain.name, existing_app=existing_app):
        print(f"  {line}")
    return 0


def _next(folder: str, name: str, *, existing_app: bool) -> Iterator[str]:
    if folder != ".":
        yield f"cd {folder}"
    if existing_app:
        yield "add to the app, before app.synth():"
        yield "    from rolechain import Chain"
        yield "    from rolechain.cdk import RoleChain"
        yield f'    RoleChain(app, "{name}", chain=Chain.load("chain.yaml"))'
        yield "pip install 'rolechain[cdk,cli,local]' pytest syrupy"
    else:
        yield "pip install -r requirements.txt && npm install"
    yield "python -m pytest --snapshot-update    # the first time: writes the snapshot"
    yield "rolechain demo --chain chain.yaml     # deploys and takes the chain on this machine"


def _declared(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keys of the chain, of which the accounts come from the options, a profile or the answers on the terminal."""
    found = _of_profile(arguments.from_profile) if arguments.from_profile else {}
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    lacking = [
        f"--{key}"
        for key, known in (("source", arguments.source), ("target", arguments.target))
        if not (known or found.get(key))
    ]
    if lacking and not asks:
        raise UsageError(f"init needs {' and '.join(lacking)}, as there is no terminal to ask for it: add it")
    asks = asks and bool(lacking)

    def value(key: str, given: Any, question: str, default: str = "") -> Any:
        if given or found.get(key):
            return given or found[key]
        return (_asked(question, default) if asks else "") or default

    name = value("name", arguments.name, "name of the chain", "deploy")
    source = value("source", arguments.source, "account where it is entered (12 digits)")
    middle = value("middle", arguments.middle, "accounts in between, in the order of the hops (none)")
    targets = value("target", arguments.target, "accounts at the end, each 12 digits or ALIAS=12 digits")
    enters = value("assumed_by", arguments.assumed_by, "who enters: a service, an account or an ARN", _LAMBDA)
    return {
        "name": name,
        **({"organization": arguments.organization} if arguments.organization else {}),
        "region": checked_region(arguments.region),
        "source": {"account": source, "assumed_by": {_kind(enters): enters}},
        **({"middle": [{"account": account} for account in listed]} if (listed := _listed(middle)) else {}),
        "targets": [_target(text) for text in _listed(targets)],
    }


def _asked(question: str, default: str) -> str:
    print(f"{question}{f' [{default}]' if default else ''}: ", end="", file=sys.stderr, flush=True)
    if not (line := sys.stdin.readline()):
        raise UsageError("the questions were not answered: give the options of rolechain init --help")
    return line.strip()


def _listed(given: str | Sequence[str]) -> list[str]:
    return given.replace(",", " ").split() if isinstance(given, str) else list(given)


def _kind(principal: str) -> str:
    if ACCOUNT.fullmatch(principal):
        return "account"
    return "arn" if principal.startswith("arn:") else "service"


def _target(text: str) -> dict[str, str]:
    alias, _, account = text.rpartition("=")
    return {"account": account, **({"alias": alias} if alias else {})}


def _of_profile(name: str) -> dict[str, Any]:
    """The accounts of a profile and of those that it rests on: of the roles, and of whoever assumes the first one."""
    profiles = merged_profiles()
    accounts: list[str] = []
    seen: list[str] = []
    while name not in seen:
        if name not in profiles:
            raise UsageError(
                f"there is no profile {name!r} in the AWS config files"
                f"{did_you_mean(name, profiles) or ': name another with --from-profile'}"
            )
        seen.append(name)
        settings = profiles[name]
        arn = settings.get("role_arn", "")
        accounts[:0] = filter(None, [account_of(arn) if arn else settings.get("sso_account_id")])
        name = settings.get("source_profile", name)
    if len(accounts) < 2:
        raise UsageError(
            f"profile {seen[0]!r} tells {len(accounts)} accounts, and a chain has two at least: name a profile with "
            "role_arn and source_profile, or give --source and --target"
        )
    if "role_arn" not in profiles[seen[-1]] and len(accounts) > 2:
        # Who signs in is no role of the chain, but enters it.
        enters, *accounts = accounts
        return {**_placed(accounts), "assumed_by": enters}
    return _placed(accounts)


def _placed(accounts: Sequence[str]) -> dict[str, Any]:
    return {"source": accounts[0], "middle": accounts[1:-1], "target": [accounts[-1]]}


def _chain(declared: Mapping[str, Any]) -> Chain:
    source = declared["source"]
    ((kind, principal),) = source["assumed_by"].items()
    return Chain(
        declared["name"],
        source=ChainRole(source["account"], assumed_by=[Entrance(kind, principal)]),
        middle=[ChainRole(**role) for role in declared.get("middle", ())],
        targets=[ChainRole(**role) for role in declared["targets"]],
        organization=declared.get("organization"),
        region=declared["region"],
    )


def _yaml(declared: Mapping[str, Any]) -> str:
    """The keys as YAML, each role on a line."""
    lines = ["# The chain; docs/chain.md of rolechain has every key."]
    for key, value in declared.items():
        if isinstance(value, list):
            lines += [f"{key}:", *(f"  - {_flow(each)}" for each in value)]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(each)}' for key, each in value.items())}}}"
    return value if _PLAIN.fullmatch(value) else json.dumps(value)
