"""Ends the sessions of a role, as the IAM console's "Revoke active sessions" does.

As the IAM User Guide has it, "Revoke IAM role temporary security credentials": an inline policy of the role denies
everything to sessions that were issued before a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rolechain.cli.administrators import brief
from rolechain.cli.session_environment import timestamp
from rolechain.errors import RolechainError
from rolechain.model.role import ChainRole
from rolechain.runtime import FileCache, HopError
from rolechain.runtime.entry import is_session_of

POLICY_NAME = "AWSRevokeOlderSessions"
"""The name that the console gives to the policy; a later revocation replaces it."""


class RevocationError(RolechainError):
    """The sessions of a role were not ended."""


def policy_before(time: datetime) -> str:
    """The policy that denies everything to the sessions that were issued before a time."""
    statement = {
        "Effect": "Deny",
        "Action": ["*"],
        "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": timestamp(time.timestamp())}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def revoke(role: ChainRole, administrator: boto3.Session) -> datetime:
    """Ends every session of a role that was issued until now.

    Args:
        role: the role.
        administrator: a session in the role's account; needs ``iam:PutRolePolicy``, and with ``iam:GetRole`` makes
            sure that the role of that name is the one that is meant.

    Returns:
        Until when; by the clock of IAM, whatever this machine's says.

    Raises:
        RevocationError: IAM refused, or there is no such role.
    """
    iam: Any = administrator.client("iam")
    try:
        time = _checked_at(iam, role)
        iam.put_role_policy(RoleName=role.role, PolicyName=POLICY_NAME, PolicyDocument=policy_before(time))
    except (ClientError, BotoCoreError, HopError) as error:
        raise RevocationError(brief(error)) from error
    return time


def _checked_at(iam: Any, role: ChainRole) -> datetime:
    """The end of the second in which IAM was asked about the role: sessions are dated by the second."""
    try:
        answer: Mapping[str, Any] = iam.get_role(RoleName=role.role)
    except ClientError as error:
        # To end sessions takes no right to read; who may not read is not kept from it.
        if error.response.get("Error", {}).get("Code") not in ("AccessDenied", "AccessDeniedException"):
            raise
        answer = error.response
    else:
        if (arn := answer["Role"]["Arn"]) != role.arn:
            raise RevocationError(f"the role of that name is {arn}: mend the path in the chain")
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        told = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        told = datetime.now(UTC)
    return told.replace(microsecond=0) + timedelta(seconds=1)


def forget(cache: FileCache, roles: Iterable[ChainRole]) -> int:
    """Drops the sessions of some roles from a cache, as they are of no use any more; says how many."""
    wanted, dropped = list(roles), 0
    for key in list(cache):
        # Other processes write and remove entries meanwhile.
        with suppress(KeyError):
            arn = str((cache[key].get("AssumedRoleUser") or {}).get("Arn"))
            if any(is_session_of(arn, role.partition, role.account, role.role) for role in wanted):
                del cache[key]
                dropped += 1
    return dropped
