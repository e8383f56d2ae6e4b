"""``rolechain profiles``: writes the chain into an AWS config file, for the AWS CLI and any SDK."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from pathlib import Path

from rolechain.chain import Chain
from rolechain.cli.atomic_file import read_bytes, replace_bytes
from rolechain.cli.aws_files import (
    Profiles,
    config_file,
    config_profiles,
    credentials_profiles,
    gives_credentials,
    profile_in_environment,
)
from rolechain.cli.chain_options import UsageError, add_chain_options, chain_to_target
from rolechain.cli.config_block import with_block, without_block
from rolechain.role import ChainRole
from rolechain.runtime.session_name import default_session_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_chain_options(parser)
    parser.add_argument("--config", metavar="FILE", help="the config file (default: the one that AWS reads)")


def run(arguments: argparse.Namespace) -> int:
    """Writes a profile for each role, each resting on the one before it.

    Where there is no profile to start from, as on a machine with a role of its own, config files cannot express
    the chain, and each profile calls ``rolechain credential-process``.

    Returns:
        0.

    Raises:
        UsageError: the profile to start from does not exist, or is one of the chain's own.
        RolechainError: the file cannot be read or written, or holds other profiles of these names.
    """
    chain = chain_to_target(arguments)
    file = Path(arguments.config).expanduser() if arguments.config else config_file()
    before = read_bytes(file)
    # Bytes that are no UTF-8 go through as they are.
    text = before.decode("utf-8", "surrogateescape")
    names = _names(chain)
    others = _other_profiles(file, text, chain, set(names.values()))
    start = _start(arguments.profile, others, set(names.values()))
    region = arguments.region or chain.region
    sections = (
        _of_hops(chain, names, start, others[start], region)
        if start
        else _of_processes(chain, names, Path(arguments.chain).resolve(), region)
    )
    after = with_block(text, chain.name, sections).encode("utf-8", "surrogateescape")
    if after != before:
        replace_bytes(file, before, after)
    done = "wrote" if after != before else "nothing to change: has"
    print(f"{file}: {done} profiles {', '.join(sections)}")
    return 0


def _names(chain: Chain) -> dict[str, str]:
    """The profile's name for each role's ARN: the role's name, with the account where several roles share it."""
    count = Counter(role.role for role in chain.roles)
    return {
        role.arn: role.role if count[role.role] == 1 else f"{role.role}-{role.account}"
        for role in chain.roles
    }


def _other_profiles(file: Path, text: str, chain: Chain, own: set[str]) -> Profiles:
    """The profiles of the user, besides those that the chain's block holds.

    Raises:
        UsageError: the credentials file has one of the chain's names, which would get in the way.
    """
    found = config_profiles(file, without_block(text, chain.name))
    for name, settings in credentials_profiles().items():
        if name in own:
            raise UsageError(f"the credentials file has a profile {name} of its own: rename or remove it")
        found.setdefault(name, {}).update(settings)
    return found


def _start(wanted: str | None, others: Profiles, own: set[str]) -> str | None:
    """The profile that the chain starts from; None where none gives credentials and none is asked for."""
    name = wanted or profile_in_environment() or "default"
    if name in own:
        raise UsageError(
            f"profile {name} is one of the chain's own: name the one to start from with --profile"
        )
    if gives_credentials(others.get(name, {})):
        return name
    if wanted:
        what = "holds no credentials" if name in others else "does not exist"
        raise UsageError(f"profile {name} {what}: name one to start from with --profile")
    return None


def _of_hops(
    chain: Chain, names: dict[str, str], start: str, settings: dict[str, str], region: str
) -> Profiles:
    def profile(role: ChainRole, source: str) -> dict[str, str]:
        given = {"role_arn": role.arn, "source_profile": source, "external_id": role.external_id}
        # Who is at work is then read in CloudTrail.
        given |= {"role_session_name": default_session_name(), "region": region}
        return {key: value for key, value in given.items() if value}

    sections: Profiles = {}
    inside = settings.get("role_arn") == chain.source.arn
    if not inside:
        sections[names[chain.source.arn]] = profile(chain.source, start)
    for hop in chain.hops():
        source = start if inside and hop.caller == chain.source else names[hop.caller.arn]
        sections[names[hop.callee.arn]] = profile(hop.callee, source)
    return sections


def _of_processes(chain: Chain, names: dict[str, str], file: Path, region: str) -> Profiles:
    script = Path(sys.executable).with_name("rolechain")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "rolechain.cli"]
    return {
        names[hop.callee.arn]: {
            "credential_process": shlex.join(
                [
                    *command,
                    "credential-process",
                    "--chain",
                    str(file),
                    "--target",
                    hop.callee.arn,
                    "--region",
                    region,
                ]
            ),
            "region": region,
        }
        for hop in chain.hops()
    }
