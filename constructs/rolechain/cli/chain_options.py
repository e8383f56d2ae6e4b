"""The options that the commands over a deployed chain have in common, and what they mean."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace

from rolechain.chain import Chain
from rolechain.errors import NoSuchTargetError, RolechainError
from rolechain.role import ChainRole


class UsageError(RolechainError):
    """The command was not called as it must be; the exit code is 2."""

    usage = True


def add_chain_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--chain``, ``--target``, ``--profile`` and ``--region``."""
    parser.add_argument(
        "--chain", metavar="FILE", default="chain.yaml", help="the chain (default: chain.yaml)"
    )
    parser.add_argument(
        "--target", metavar="ACCOUNT", help="the target's account, or a role's ARN, where there are several"
    )
    parser.add_argument(
        "--profile", help="the AWS profile to start from (default: as boto3 finds credentials)"
    )
    parser.add_argument(
        "--region", help="default: that of the environment, else of the profile, else of the chain"
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


def chain_to_target(arguments: argparse.Namespace) -> Chain:
    """The chain that is named, down to the target that is named, if one is.

    Raises:
        ChainError: it cannot be read.
        UsageError: it has no such target.
    """
    chain = Chain.load(arguments.chain)
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
            known = ", ".join(role.arn for role in chain.targets)
            raise UsageError(f"chain {chain.name} has several targets: name one of {known} with --target")
        return chain.targets[0]
    try:
        return chain.target(target)
    except NoSuchTargetError as error:
        raise UsageError(str(error)) from error
