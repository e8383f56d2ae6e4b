"""AWS services as callers: an access key id that is a service principal calls AssumeRole as that service.

A service obtains the first role of the workload that it runs. Here whoever plays the workload does it, see
``LocalOrganization.workload``.
"""

from __future__ import annotations

from rolechain.iam.limits import SERVICE
from rolechain.policy import ContextValue


def is_service(access_key_id: str) -> bool:
    """Whether an access key id is a service principal, such as ``lambda.amazonaws.com``."""
    return bool(SERVICE.fullmatch(access_key_id))


def condition_keys(principal: str) -> dict[str, ContextValue]:
    """The condition keys that describe a service: it belongs to no account and no organization."""
    return {
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": principal,
        "aws:PrincipalServiceNamesList": [principal],
        "aws:PrincipalType": "Service",
    }
