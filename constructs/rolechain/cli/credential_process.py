"""``rolechain credential-process``: gives the chain's session to any SDK, as AWS's config files call for it.

The format is that of the AWS SDKs and Tools Reference Guide, "Process credential provider".
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rolechain.cli.options import CREDENTIALS, UsageError, add_options
from rolechain.cli.resolved_credentials import expiration_of, resolve

WITHIN = "ROLECHAIN_CREDENTIAL_PROCESS"
"""Holds the calls that this one is made within: a profile may start from one that another chain provides."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, *CREDENTIALS)


def run(arguments: argparse.Namespace) -> int:
    """Prints the session as JSON; it is secret.

    ``AWS_PROFILE`` is not looked at: it names the profile that the SDK reads, whose process this one is.

    Returns:
        0.
    """
    with _apart_from_the_caller(arguments):
        resolved = resolve(arguments)
    session = resolved.session
    answer = {
        "Version": 1,
        "AccessKeyId": session.access_key,
        "SecretAccessKey": session.secret_key,
        "SessionToken": session.token,
        **({"Expiration": ends} if (ends := expiration_of(session)) else {}),
        "AccountId": resolved.role.account,
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


@contextmanager
def _apart_from_the_caller(arguments: argparse.Namespace) -> Iterator[None]:
    """Hides the caller's choice of a profile, and lets no profile start from itself, which would never end."""
    call = json.dumps(
        [os.path.abspath(arguments.chain), arguments.source, arguments.target, arguments.profile]
    )
    within = os.environ.get(WITHIN, "").splitlines()
    if call in within:
        raise UsageError(
            f"credential-process starts from a profile that it provides itself ({arguments.profile or 'default'}): "
            "name another with --profile"
        )
    before = {name: os.environ.pop(name, None) for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", WITHIN)}
    os.environ[WITHIN] = "\n".join([*within, call])
    try:
        yield
    finally:
        del os.environ[WITHIN]
        os.environ.update({name: value for name, value in before.items() if value is not None})
