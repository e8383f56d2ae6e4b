"""Trust statements as the principals that CDK's roles take."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam

from rolechain.policy.statements import Statement


def trusted(statements: Iterable[Statement], more: Iterable[iam.IPrincipal] = ()) -> iam.IPrincipal:
    """One principal that stands for all of ``statements``, and for those of ``more``."""
    principals = [*map(_principal, statements), *more]
    return principals[0] if len(principals) == 1 else iam.CompositePrincipal(*principals)


def _principal(statement: Statement) -> iam.IPrincipal:
    ((kind, name),) = statement["Principal"].items()
    condition = statement.get("Condition", {})
    if kind == "Federated":
        return iam.FederatedPrincipal(name, condition, statement["Action"])
    principal: iam.PrincipalBase = iam.ServicePrincipal(name) if kind == "Service" else iam.ArnPrincipal(name)
    return principal.with_conditions(condition) if condition else principal
