"""What a chain takes for granted: roles that exist already, and whose the accounts are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.policy import Policy
from rolechain.statements.builder import permission_statements, trust_statements


def existing_roles(
    chain: Chain, created: Collection[str], parts: Collection[str] | None = None
) -> Iterator[RoleRecord]:
    """The roles that a chain declares as existing, with the statements that their owners have to add.

    Args:
        chain: the chain.
        created: the ARNs of the roles that the templates hold, which are read from there.
        parts: the ARNs of the roles that the templates are to create, where they are not all of the chain's.
    """
    for role in chain.roles:
        elsewhere = role.existing or (parts is not None and role.arn not in parts)
        if elsewhere and role.arn not in created:
            permissions = permission_statements(chain, role)
            yield RoleRecord(
                arn=role.arn,
                account=role.account,
                name=role.role,
                path=role.path,
                place=SourceLocation("", role.role),
                trust=_policy(role, "AssumeRolePolicyDocument", trust_statements(chain, role)),
                policies=(_policy(role, "Policies", permissions),) if permissions else (),
                imported=True,
            )


def _policy(role: ChainRole, part: str, statements: list[dict[str, Any]]) -> PolicyRecord:
    document = {"Version": "2012-10-17", "Statement": statements}
    return PolicyRecord(
        SourceLocation("", role.role, part=part), role.role, document, Policy.parse(document), inline=True
    )


def home_of(chain: Chain) -> frozenset[str]:
    """The accounts that are known to belong to the chain's organization."""
    if not chain.organization:
        return frozenset()
    return frozenset(role.account for role in chain.roles if not role.third_party)


def assumptions_of(chain: Chain, existing: Iterable[RoleRecord]) -> Iterator[str]:
    """What no template shows, in words."""
    for role in existing:
        yield f"assuming that the owner of {role.arn} has added the statements that the chain asks for"
    for callee in (*chain.middle, *chain.targets):
        if callee.organizational_units and chain.organization:
            callers = ", ".join(dict.fromkeys(hop.caller.account for hop in chain.calls_into(callee)))
            units = " or ".join(callee.organizational_units)
            yield f"assuming that account {callers} lies in {units}"
