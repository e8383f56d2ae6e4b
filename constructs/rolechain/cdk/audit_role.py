"""The role by which ``rolechain prove --live`` reads an account."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from rolechain.statements.audit_role import NAME, audit_permissions, audit_trust


class AuditRole(Construct):
    """A role that reads an account's IAM and nothing else.

    Args:
        scope: a stack of the account.
        id: the construct's id.
        reader: the ARN or the account's id of whoever assumes it.
        role_name: its name, one in every account. Default: ``rolechain-audit``.
        organization: whether it may read the organization's control policies too. Default: False.

    Attributes:
        role: the role's resource.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        reader: str,
        role_name: str = NAME,
        organization: bool = False,
    ) -> None:
        super().__init__(scope, id)
        document = audit_permissions(organization=organization)
        self.role = iam.CfnRole(
            self,
            "Resource",
            role_name=role_name,
            description="Reads IAM for rolechain prove --live",
            assume_role_policy_document=audit_trust(reader),
            policies=[iam.CfnRole.PolicyProperty(policy_name="read", policy_document=document)],
        )

    @property
    def role_arn(self) -> str:
        """The role's ARN."""
        return self.role.attr_arn
