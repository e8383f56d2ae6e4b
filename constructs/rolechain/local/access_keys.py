"""Access key ids that stand for a caller by themselves: an account's administrator, or an AWS service.

Both sign with the secret of the run. A service obtains the first role of the workload that it runs; here whoever plays
the workload does it, see ``LocalOrganization.workload``.
"""

from __future__ import annotations

from rolechain.iam.arn import iam_arn
from rolechain.iam.limits import ACCOUNT, SERVICE
from rolechain.policy import ContextValue

ADMINISTRATOR = "administrator"


def is_account(access_key_id: str) -> bool:
    """Whether an access key id is an account's id, and so its administrator's."""
    return bool(ACCOUNT.fullmatch(access_key_id))


def is_service(access_key_id: str) -> bool:
    """Whether an access key id is a service principal, such as ``lambda.amazonaws.com``, and so that service's."""
    return bool(SERVICE.fullmatch(access_key_id))


def administrator_arn(account: str) -> str:
    """The ARN of an account's administrator."""
    return iam_arn("aws", account, f"user/{ADMINISTRATOR}")


def administrator_id(account: str) -> str:
    """The unique id of an account's administrator."""
    return f"AIDALOCAL{account}"


def service_keys(principal: str) -> dict[str, ContextValue]:
    """The condition keys that describe a service: it belongs to no account and no organization."""
    return {
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": principal,
        "aws:PrincipalServiceNamesList": [principal],
        "aws:PrincipalType": "Service",
    }
