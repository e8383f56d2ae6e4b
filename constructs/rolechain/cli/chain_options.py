"""The options that the commands over a deployed chain have in common, and the part of the chain that they mean."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace

from rolechain.errors import NoSuchTargetError, RolechainError
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole


class UsageError(RolechainError):
    """The command was not called as it must be; the exit code is 2."""

    usage = True


def add_chain_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--chain``, ``--target``, ``--source``, ``--profile`` and ``--region``."""
    parser.add_argument(
        "--chain", metavar="FILE", default="chain.yaml", help="the chain (default: chain.yaml)"
    )
    parser.add_argument(
        "--target", metavar="ACCOUNT", help="the target's account, or a role's ARN, where there are several"
    )
    parser.add_argument(
        "--source", metavar="ROLE_OR_ACCOUNT", help="the source role, or its account, where there are several"
    )
    parser.add_argument(
        "--profile", help="the AWS profile to start from (default: as boto3 finds credentials)"
    )
    parser.add_argument(
        "--region", help="default: that of the environment, else of the profile, else of the chain"
    )


def add_session_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--session-tag``, ``--source-identity`` and ``--session-name``."""
    parser.add_argument(
        "--session-tag",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=_session_tag,
        help="the value of a session tag that the chain leaves open; may be given for each key",
    )
    parser.add_argument(
        "--source-identity", metavar="NAME", help="who is behind the session, where the chain leaves it open"
    )
    parser.add_argument(
        "--session-name",
        metavar="NAME",
        help="the name of the sessions, as CloudTrail shows it (default: who is at work, and where)",
    )


def add_every_target_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--every-target``."""
    parser.add_argument(
        "--every-target", action="store_true", help="for each target of the chain, several at a time"
    )


def add_cache_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--no-cache``."""
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="take every hop anew, and keep nothing in the user's cache folder",
    )


def add_account_profile_option(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Adds ``--account-profile``, which gives (account, profile) pairs."""
    parser.add_argument(
        "--account-profile",
        metavar="ACCOUNT=PROFILE",
        action="append",
        default=[],
        type=_account_profile,
        help=f"the profile of an account, {purpose}; may be given for each account",
    )


def _session_tag(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not as Project=apollo")
    return key, value


def _account_profile(text: str) -> tuple[str, str]:
    account, _, profile = text.partition("=")
    if not re.fullmatch(r"\d{12}", account, re.ASCII) or not profile:
        raise argparse.ArgumentTypeError(f"{text!r} is not as 222222222222=name-of-a-profile")
    return account, profile


def seconds(text: str) -> float:
    """A number of seconds, as an argument gives it."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: write 0 or more")
    return value


def count(text: str) -> int:
    """A number of things, as an argument gives it."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number: write 1 or more")
    return int(text)


def chain_from_source(arguments: argparse.Namespace) -> Chain:
    """The chain that is named, from the source role that is named on, if one is.

    Raises:
        ChainError: it cannot be read.
        UsageError: it has no such source role.
    """
    chain = Chain.load(arguments.chain)
    wanted = arguments.source
    if wanted is None:
        return chain
    found = [role for role in chain.sources if wanted in (role.arn, role.role, role.account)]
    if len(found) != 1:
        problem = "several source roles" if found else "no source role"
        raise UsageError(
            f"chain {chain.name} has {problem} {wanted!r}: name one of {arns(found or chain.sources)} with --source"
        )
    return replace(chain, sources=found)


def chain_to_target(arguments: argparse.Namespace) -> Chain:
    """The same, down to the target that is named, if one is.

    Raises:
        ChainError: it cannot be read.
        UsageError: it has no such source role or target.
    """
    chain = chain_from_source(arguments)
    if arguments.target is None:
        return chain
    role = wanted_role(chain, arguments.target)
    if role not in chain.targets:
        raise UsageError(f"{role.arn} is no target of chain {chain.name}: name one with --target")
    return replace(chain, targets=[role])


def wanted_role(chain: Chain, target: str | None) -> ChainRole:
    """The role that ``--target`` names, or the chain's one target.

    Raises:
        UsageError: there is no such role, or there are several targets and none is named.
    """
    if target is None:
        if len(chain.targets) > 1:
            raise UsageError(
                f"chain {chain.name} has several targets: name one of {arns(chain.targets)} with --target"
            )
        return chain.targets[0]
    try:
        return chain.target(target)
    except NoSuchTargetError as error:
        raise UsageError(str(error)) from error


def arns(roles: Sequence[ChainRole]) -> str:
    """The ARNs of some roles, to choose from."""
    return ", ".join(role.arn for role in roles)
