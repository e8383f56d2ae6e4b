"""``rolechain revoke``: ends every session of every role of the chain, as "Revoke active sessions" of the console does.

Source: IAM User Guide, "Revoke IAM role temporary security credentials": an inline policy of the role denies everything
to sessions that were issued before a time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rolechain.cli.account_sessions import AccountSessionError, AccountSessions, brief
from rolechain.cli.base_session import BaseSessionError
from rolechain.cli.chain_selection import selected_chain
from rolechain.cli.options import CHAIN, UsageError, add_account_options, add_options
from rolechain.cli.resolved_credentials import timestamp
from rolechain.errors import RolechainError
from rolechain.iam.arn import is_session_of
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.runtime import FileCache, HopError, default_cache_folder
from rolechain.runtime.error_classification import ACCESS_DENIED
from rolechain.runtime.sts import date_of
from rolechain.statements.revocation import REVOCATION, deny_before


class RevocationError(RolechainError):
    """The sessions of a role were not ended."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    add_options(parser, *CHAIN)
    add_account_options(parser, "which may put policies on its roles")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--json", action="store_true", help="print a JSON list; needs --yes")


def run(arguments: argparse.Namespace) -> int:
    """Revokes role after role, callers first, and reports each.

    Returns:
        0 if the sessions of every role were ended, else 1.
    """
    chain = selected_chain(arguments, to_target=True)
    if not arguments.yes and not _confirmed(chain, arguments.json):
        print("nothing was revoked", file=sys.stderr)
        return 1
    reports, unwritten = [], None
    for role, revoked, detail in _revoked(chain, arguments):
        reports.append({"role_arn": role.arn, "revoked": revoked, "detail": detail})
        if not arguments.json:
            try:
                print(f"{'✓' if revoked else '✗'} {role.arn}: {detail}", flush=True)
            except OSError as error:
                # The sessions of the other roles are ended all the same.
                unwritten = error
    if unwritten:
        raise unwritten
    if arguments.json:
        sys.stdout.write(json.dumps(reports) + "\n")
    return 0 if all(report["revoked"] for report in reports) else 1


def _confirmed(chain: Chain, as_json: bool) -> bool:
    """Asks on the terminal."""
    if as_json or not sys.stdin.isatty():
        raise UsageError("revoke ends the sessions of everybody at work: confirm it with --yes")
    for role in chain.roles:
        print(role.arn, file=sys.stderr)
    print(f"end every session of these {len(chain.roles)} roles? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _revoked(chain: Chain, arguments: argparse.Namespace) -> Iterator[tuple[ChainRole, bool, str]]:
    """Each role, whether its sessions were ended, and what else there is to say."""
    accounts = AccountSessions.opened(arguments, chain.region, chain.partition)
    # A caller whose sessions live on would take its callee anew after the callee's were ended.
    for role in chain.roles:
        if role.by_unit:
            units = ", ".join(role.organizational_units)
            yield role, False, f"sessions in accounts of {units} are not ended: they last an hour at most"
            continue
        try:
            time = _revoke(role, accounts.session(role.account))
        except (RevocationError, AccountSessionError, BaseSessionError) as error:
            yield role, False, str(error)
        else:
            _forget(FileCache(default_cache_folder()), role)
            yield role, True, f"sessions issued before {timestamp(time.timestamp())} are denied everything"


def _revoke(role: ChainRole, administrator: boto3.Session) -> datetime:
    """Ends every session of a role that was issued before the time that it returns, which is that of IAM's clock.

    It takes ``iam:PutRolePolicy``; with ``iam:GetRole`` it makes sure that the role of that name is the one meant.
    """
    iam: Any = administrator.client("iam")
    try:
        time = _checked_at(iam, role)
        statement = deny_before(timestamp(time.timestamp()))
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=role.role, PolicyName=REVOCATION, PolicyDocument=document)
    except (ClientError, BotoCoreError, HopError) as error:
        raise RevocationError(brief(error)) from error
    return time


def _checked_at(iam: Any, role: ChainRole) -> datetime:
    """The end of the second in which IAM was asked about the role: sessions are dated by the second."""
    try:
        answer: Mapping[str, Any] = iam.get_role(RoleName=role.role)
    except ClientError as error:
        # To end sessions takes no right to read; who may not read is not kept from it.
        if error.response.get("Error", {}).get("Code") not in ACCESS_DENIED:
            raise
        answer = error.response
    else:
        if (arn := answer["Role"]["Arn"]) != role.arn:
            raise RevocationError(f"the role of that name is {arn}: correct the path in the chain")
    told = date_of(answer) or datetime.now(UTC)
    return told.replace(microsecond=0) + timedelta(seconds=1)


def _forget(cache: FileCache, role: ChainRole) -> None:
    """Removes the sessions of a role from a cache, as they are of no use any more."""
    for key in list(cache):
        # Other processes write and remove entries meanwhile.
        with suppress(KeyError):
            arn = str((cache[key].get("AssumedRoleUser") or {}).get("Arn"))
            if is_session_of(arn, role.arn):
                del cache[key]
