"""``rolechain profiles``: writes the chain into an AWS config file, for the AWS CLI and any SDK."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from pathlib import Path

from rolechain.cli.aws_config import (
    Profiles,
    Settings,
    config_file,
    config_profiles,
    credentials_profiles,
    gives_credentials,
    has_own_keys,
    home_path,
    profile_in_environment,
    read_bytes,
    replace_bytes,
    with_block,
    without_block,
)
from rolechain.cli.chain_selection import ChainSelection
from rolechain.cli.options import CHAIN, SESSIONS, UsageError, add_options, checked_region
from rolechain.model.chain import Chain
from rolechain.model.hop import Hop
from rolechain.model.role import ChainRole
from rolechain.runtime.entry import asks_for_mfa, lets_in_without_mfa
from rolechain.runtime.hop import default_session_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, *CHAIN, *SESSIONS)
    parser.add_argument(
        "--config", metavar="FILE", help="the config file to write (default: the one that the AWS CLI reads)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes a profile for each role, each resting on the one before it; of several source roles, for each of them.

    What config files cannot express calls ``rolechain credential-process``: a hop that passes session tags, a source
    identity or a session policy, and the whole chain where there is no profile to start from, as on a machine with a
    role of its own.

    Returns:
        0.
    """
    selection = ChainSelection.of(arguments, to_target=True)
    chain = selection.chain
    region = checked_region(arguments.region or chain.region)
    sets = _ProfileSets(selection, Path(arguments.chain).resolve(), region)
    file = home_path(arguments.config, "--config") if arguments.config else config_file()
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


def _other_profiles(file: Path, text: str, chain: Chain, own: set[str]) -> Profiles:
    """The profiles of the user, besides those that the chain's block holds."""
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


class _ProfileSets:
    """The profiles of a chain: a set of them for each source role."""

    def __init__(self, selection: ChainSelection, file: Path, region: str) -> None:
        self._selection = selection
        self._chain = chain = selection.chain
        self._file = file
        self._region = region
        # A profile is of one account.
        self._hops = selection.chosen(hop for hop in chain.hops() if not hop.callee.by_unit)
        roles = [role for role in chain.roles if not role.by_unit]
        self._count = Counter(role.role for role in roles)
        self.names = {self._name(source, role) for source in chain.sources for role in roles}

    def of_hops(self, start: str, settings: Settings) -> tuple[Profiles, dict[str, str]]:
        """Profiles that rest on each other, the first of them on ``start``.

        Where ``start`` is of a source role, the profiles go on from it, and no other source role is needed.

        Returns:
            The profiles; and why some of them call the command all the same, by their names.
        """
        started = next((role for role in self._chain.roles if settings.get("role_arn") == role.arn), None)
        inside = started if started in self._chain.sources else None
        if started and not inside:
            raise UsageError(
                f"profile {start} is of {started.arn}, a role of the chain itself: name the one to start from with "
                "--profile"
            )
        sections: Profiles = {}
        apart: dict[str, str] = {}
        for source in (inside,) if inside else self._chain.sources:
            device = settings.get("mfa_serial") if asks_for_mfa(source) and has_own_keys(settings) else None
            name = self._name(source, source)
            if not inside:
                sections[name] = self._assuming(source, start) | ({"mfa_serial": device} if device else {})
            # A code is asked for by the source's profile.
            begins = name if device and not inside else start
            for hop in self._from(source):
                name = self._name(source, hop.callee)
                # A config file has no settings for these.
                beyond = [f"the session tag {key}" for key in hop.tags]
                beyond += ["a source identity"] if hop.source_identity else []
                beyond += ["a session policy"] if hop.policy or hop.policy_arns else []
                if beyond:
                    sections[name] = self._calling(source, hop.callee, begins)
                    apart[name] = " and ".join(beyond)
                else:
                    resting = start if hop.caller == inside else self._name(source, hop.caller)
                    sections[name] = self._assuming(hop.callee, resting)
        return sections, apart

    def of_processes(self) -> Profiles:
        """Profiles that call the command, and start from whatever that finds."""
        return {
            self._name(source, hop.callee): self._calling(source, hop.callee)
            for source in self._chain.sources
            for hop in self._from(source)
        }

    def lacking_device(self, settings: Settings) -> list[str]:
        """The profiles of source roles that ask every user for MFA, where the start is a user and names no device."""
        if not has_own_keys(settings) or "mfa_serial" in settings:
            return []
        return [
            self._name(source, source)
            for source in self._chain.sources
            if asks_for_mfa(source) and not lets_in_without_mfa(source)
        ]

    def _from(self, source: ChainRole) -> list[Hop]:
        return [hop for hop in self._hops if hop.index > 1 or hop.caller == source]

    def _name(self, source: ChainRole, role: ChainRole) -> str:
        """The role's name, with what tells it from others: its account, and the source role that leads to it."""
        name = role.role if self._count[role.role] == 1 else f"{role.role}-{role.account}"
        shared = len(self._chain.sources) > 1 and role not in self._chain.sources
        return f"{name}-from-{self._name(source, source)}" if shared else name

    def _assuming(self, role: ChainRole, source_profile: str) -> Settings:
        given = {
            "role_arn": role.arn,
            "source_profile": source_profile,
            "external_id": role.external_id,
            "duration_seconds": str(role.duration_seconds or ""),
            # CloudTrail then shows who is at work.
            "role_session_name": self._selection.session_name or default_session_name(),
            "region": self._region,
        }
        return {key: value for key, value in given.items() if value}

    def _calling(self, source: ChainRole, role: ChainRole, start: str | None = None) -> Settings:
        script = Path(sys.executable).with_name("rolechain")
        selection = self._selection
        words = [str(script)] if script.exists() else [sys.executable, "-m", "rolechain.cli"]
        words += ["credential-process", "--chain", str(self._file), "--target", role.arn]
        words += ["--source", source.arn] if selection.several_sources else []
        words += ["--profile", start] if start else []
        # What concerns other hops only would be refused.
        to_role = self._chain.hops_to(role)
        keys = {tag.key for hop in to_role for tag in hop.callee.tags}
        for key, value in selection.session_tags.items():
            words += ["--session-tag", f"{key}={value}"] if key in keys else []
        if selection.source_identity and any(hop.callee.identity for hop in to_role):
            words += ["--source-identity", selection.source_identity]
        words += ["--session-name", selection.session_name] if selection.session_name else []
        words += ["--region", self._region]
        return {"credential_process": shlex.join(words), "region": self._region}
