"""Who makes an AssumeRole call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rolechain.iam.arn import partition_of, resource_of

CallerKind = Literal["role-session", "user", "root", "service"]


def is_service_linked(role_arn: str) -> bool:
    """Whether a role belongs to an AWS service, and so to no control policy of the organization.

    Source: AWS Organizations User Guide on service and resource control policies.
    """
    return resource_of(role_arn).startswith("role/aws-service-role/")


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        kind: a role's session, an IAM user, an account's root user, or an AWS service.
        arn: the session's, user's or root's ARN; for a service its principal, ``lambda.amazonaws.com``.
        account: the caller's account id; empty for a service.
        role_arn: for a session, the ARN of its role, path included.
        unique_id: the AROA or AIDA id of the role or user, without a session's name.
        in_management_account: the organization's management account is exempt from service control policies.
    """

    kind: CallerKind
    arn: str
    account: str = ""
    role_arn: str | None = None
    unique_id: str | None = None
    in_management_account: bool = False

    @property
    def partition(self) -> str | None:
        """The partition that its credentials belong to; None for a service."""
        return None if self.kind == "service" else partition_of(self.arn)
