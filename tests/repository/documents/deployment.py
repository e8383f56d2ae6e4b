"""A chain's roles, made in a local organization as its templates make them."""

from __future__ import annotations

import json
from typing import Any

from rolechain import Chain
from rolechain.local import LocalOrganization
from rolechain.model.role import ChainRole
from rolechain.statements.builder import own_statements, permission_statements, trust_statements

Statements = list[dict[str, Any]]
LISTS = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}


def document(statements: Statements) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def make_roles(
    organization: LocalOrganization,
    chain: Chain,
    trusts: dict[str, Statements] | None = None,
    permissions: dict[str, Statements] | None = None,
) -> None:
    """Makes every role of a chain.

    Args:
        organization: where.
        chain: the chain.
        trusts: further statements of trust policies, by the role's name.
        permissions: further permissions, likewise.
    """
    for role in chain.roles:
        trust = [*trust_statements(chain, role), *(trusts or {}).get(role.role, [])]
        more = (permissions or {}).get(role.role, [])
        make_role(
            organization, role, trust, [*permission_statements(chain, role), *own_statements(role), *more]
        )


def make_role(
    organization: LocalOrganization, role: ChainRole, trust: Statements, permissions: Statements
) -> None:
    """Makes one role."""
    iam = organization.session(role.account).client("iam")
    iam.create_role(Path=role.path, RoleName=role.role, AssumeRolePolicyDocument=document(trust))
    if permissions:
        iam.put_role_policy(RoleName=role.role, PolicyName="own", PolicyDocument=document(permissions))
