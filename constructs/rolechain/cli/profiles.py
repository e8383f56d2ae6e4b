"""``rolechain profiles``: writes the chain into an AWS config file, for the AWS CLI and any SDK."""

from __future__ import annotations

import argparse
from pathlib import Path

from rolechain.cli.atomic_file import read_bytes, replace_bytes
from rolechain.cli.aws_files import (
    Profiles,
    config_file,
    config_profiles,
    credentials_profiles,
    gives_credentials,
    profile_in_environment,
)
from rolechain.cli.chain_options import UsageError, add_chain_options, add_session_options, chain_to_target
from rolechain.cli.config_block import with_block, without_block
from rolechain.cli.profile_sets import ProfileSets
from rolechain.cli.way import Way
from rolechain.model.chain import Chain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_chain_options(parser)
    add_session_options(parser)
    parser.add_argument("--config", metavar="FILE", help="the config file (default: the one that AWS reads)")


def run(arguments: argparse.Namespace) -> int:
    """Writes a profile for each role, each resting on the one before it; of several source roles, for each of them.

    What config files cannot express calls ``rolechain credential-process``: a hop that passes session tags, a source
    identity or a session policy, and the whole chain where there is no profile to start from, as on a machine with a
    role of its own.

    Returns:
        0.

    Raises:
        UsageError: the profile to start from does not exist, or is one of the chain's own; or the chain asks for
            something that was not given.
        RolechainError: the file cannot be read or written, or holds other profiles of these names.
    """
    way = Way.of(arguments, chain_to_target(arguments))
    chain = way.chain
    sets = ProfileSets(way, Path(arguments.chain).resolve(), arguments.region or chain.region)
    file = _named(arguments.config) if arguments.config else config_file()
    before = read_bytes(file)
    # Bytes that are no UTF-8 go through as they are.
    text = before.decode("utf-8", "surrogateescape")
    others = _other_profiles(file, text, chain, sets.names)
    start = _start(arguments.profile, others, sets.names)
    sections, apart = sets.of_hops(start, others[start]) if start else (sets.of_processes(), {})
    after = with_block(text, chain.name, sections).encode("utf-8", "surrogateescape")
    if after != before:
        replace_bytes(file, before, after)
    done = "wrote" if after != before else "nothing to change: has"
    print(f"{file}: {done} profiles {', '.join(sections)}")
    for name in sets.lacking_device(others[start]) if start else ():
        if name in sections:
            print(f"profile {name} asks for MFA: add mfa_serial to profile {start}, and write again")
    for name, why in apart.items():
        print(f"profile {name} calls rolechain credential-process: AWS's config files cannot pass {why}")
    return 0


def _named(config: str) -> Path:
    try:
        return Path(config).expanduser()
    except RuntimeError as error:
        raise UsageError(
            f"{config!r} begins with a home folder that is not known: write the whole path"
        ) from error


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
