"""The profiles that stand for a chain in an AWS config file: a set of them for each source role."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from pathlib import Path

from rolechain.cli.aws_files import Profiles, has_own_keys
from rolechain.cli.chain_options import UsageError
from rolechain.cli.way import Way
from rolechain.model.chain import Chain
from rolechain.model.hop import Hop
from rolechain.model.role import ChainRole
from rolechain.runtime.entry import asks_for_mfa, lets_in_without_mfa
from rolechain.runtime.session_name import default_session_name

Settings = dict[str, str]


class ProfileSets:
    """The profiles of a chain.

    Args:
        way: the chain, with what its calls pass.
        file: where it is declared.
        region: the region of each profile.

    Attributes:
        names: what the profiles may be called.

    Raises:
        UsageError: the chain asks for something that was not given.
    """

    def __init__(self, way: Way, file: Path, region: str) -> None:
        self._way = way
        self._chain = way.chain
        self._file = file
        self._region = region
        self._hops = way.chosen(way.chain.hops())
        self._roles = _role_names(way.chain)
        self._further = (*way.chain.middle, *way.chain.targets)
        self.names = {
            self._name(source, role) for source in self._chain.sources for role in self._chain.roles
        }

    def of_hops(self, start: str, settings: Settings) -> tuple[Profiles, dict[str, str]]:
        """Profiles that rest on each other.

        Args:
            start: the profile that the first of them rests on.
            settings: what that holds. One of a source role is gone on from, and no other source role is needed.

        Returns:
            The profiles; and why some of them call the command all the same, by their names.

        Raises:
            UsageError: the start is a profile of a role further on, which would lead in a circle.
        """
        if further := next((role for role in self._further if settings.get("role_arn") == role.arn), None):
            raise UsageError(
                f"profile {start} is of {further.arn}, a role of the chain itself: name the one to start from with "
                "--profile"
            )
        inside = next((role for role in self._chain.sources if settings.get("role_arn") == role.arn), None)
        sections: Profiles = {}
        apart: dict[str, str] = {}
        for source in (inside,) if inside else self._chain.sources:
            if not inside:
                sections[self._name(source, source)] = self._assuming(source, start) | self._mfa(
                    source, settings
                )
            # A code is asked for by the source's profile.
            begins = self._name(source, source) if not inside and self._mfa(source, settings) else start
            for hop in self._from(source):
                name = self._name(source, hop.callee)
                if why := _beyond_config(hop):
                    sections[name] = self._calling(source, hop.callee, begins)
                    apart[name] = why
                    continue
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
        return [
            self._name(source, source)
            for source in self._chain.sources
            if asks_for_mfa(source)
            and not lets_in_without_mfa(source)
            and has_own_keys(settings)
            and "mfa_serial" not in settings
        ]

    def _mfa(self, source: ChainRole, settings: Settings) -> Settings:
        """The device whose code the role asks for: the start's, where that is a user's long-term keys."""
        device = settings.get("mfa_serial")
        return {"mfa_serial": device} if device and asks_for_mfa(source) and has_own_keys(settings) else {}

    def _from(self, source: ChainRole) -> list[Hop]:
        return [hop for hop in self._hops if hop.index > 1 or hop.caller == source]

    def _name(self, source: ChainRole, role: ChainRole) -> str:
        name = self._roles[role.arn]
        shared = len(self._chain.sources) > 1 and role not in self._chain.sources
        return f"{name}-from-{self._roles[source.arn]}" if shared else name

    def _assuming(self, role: ChainRole, source_profile: str) -> Settings:
        # Who is at work is then read in CloudTrail.
        session_name = self._way.session_name or default_session_name()
        given = {
            "role_arn": role.arn,
            "source_profile": source_profile,
            "external_id": role.external_id,
            "duration_seconds": str(role.duration_seconds or ""),
            "role_session_name": session_name,
            "region": self._region,
        }
        return {key: value for key, value in given.items() if value}

    def _calling(self, source: ChainRole, role: ChainRole, start: str | None = None) -> Settings:
        script = Path(sys.executable).with_name("rolechain")
        way = self._way
        words = [str(script)] if script.exists() else [sys.executable, "-m", "rolechain.cli"]
        words += ["credential-process", "--chain", str(self._file), "--target", role.arn]
        words += ["--source", source.arn] if way.several_sources else []
        words += ["--profile", start] if start else []
        # What concerns other hops only would be refused.
        to_role = self._chain.hops_to(role)
        keys = {tag.key for hop in to_role for tag in hop.callee.tags}
        for key, value in way.session_tags.items():
            words += ["--session-tag", f"{key}={value}"] if key in keys else []
        if way.source_identity and any(hop.callee.identity for hop in to_role):
            words += ["--source-identity", way.source_identity]
        words += ["--session-name", way.session_name] if way.session_name else []
        words += ["--region", self._region]
        return {"credential_process": shlex.join(words), "region": self._region}


def _role_names(chain: Chain) -> dict[str, str]:
    """The name for each role's ARN: the role's, with the account where several roles share it."""
    count = Counter(role.role for role in chain.roles)
    return {
        role.arn: role.role if count[role.role] == 1 else f"{role.role}-{role.account}"
        for role in chain.roles
    }


def _beyond_config(hop: Hop) -> str:
    """What a hop passes that a config file has no setting for."""
    passed = [f"the session tag {key}" for key in hop.tags]
    passed += ["a source identity"] if hop.source_identity else []
    passed += ["a session policy"] if hop.policy or hop.policy_arns else []
    return " and ".join(passed)
