"""Trust statements as the principals that CDK's roles take."""

from __future__ import annotations

from collections.abc import Iterable

import jsii
from aws_cdk import aws_iam as iam

from rolechain.statements.builder import StatementJson


def trusted(statements: Iterable[StatementJson], more: Iterable[iam.IPrincipal] = ()) -> iam.IPrincipal:
    """One principal that stands for all of ``statements``, and for those of ``more``."""
    principals = [*map(_AsWritten, statements), *more]
    return principals[0] if len(principals) == 1 else iam.CompositePrincipal(*principals)


class _AsWritten(iam.PrincipalBase):
    """Puts one statement into a trust policy as it is.

    CDK's own principals grant every action in one statement, and a statement without a Sid may be merged with
    another: tags and the source identity have to stand apart.
    """

    def __init__(self, statement: StatementJson) -> None:
        super().__init__()
        self._statement = statement

    @property
    @jsii.member(jsii_name="policyFragment")
    def policy_fragment(self) -> iam.PrincipalPolicyFragment:
        """Whom the statement names."""
        principal = self._statement["Principal"]
        named = principal if isinstance(principal, dict) else {"AWS": principal}
        listed = {kind: [names] if isinstance(names, str) else names for kind, names in named.items()}
        return iam.PrincipalPolicyFragment(listed, self._statement.get("Condition", {}))

    @jsii.member(jsii_name="addToAssumeRolePolicy")
    def add_to_assume_role_policy(self, document: iam.PolicyDocument) -> None:
        """Adds the statement."""
        document.add_statements(iam.PolicyStatement.from_json(self._statement))

    @jsii.member(jsii_name="dedupeString")
    def dedupe_string(self) -> str | None:
        """None: no two of them are the same."""
        return None
