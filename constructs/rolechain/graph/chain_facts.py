"""What a chain tells of roles: those that exist already, whose their accounts are, and who calls them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.graph.access import CalleeFacts
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, name_of, partition_of, resource_type_of, session_names
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


def placed(roles: Iterable[RoleRecord], chain: Chain | None) -> tuple[RoleRecord, ...]:
    """The roles, each with what a chain tells of its organization and of the callers that its trust policy names.

    What a trust policy does not ask about is left out, so that one policy of many roles is read once.
    """
    listed = list(roles)
    home = home_of(chain) if chain else frozenset()
    entrances = (each for source in chain.sources for each in source.entrances) if chain else ()
    known = {*(role.arn for role in listed), *(each.value for each in entrances if each.kind == "arn")}
    by_name: dict[tuple[str, str], set[str]] = {}
    for arn in known:
        if resource_type_of(arn) == "role":
            by_name.setdefault((account_of(arn), name_of(arn)), set()).add(arn)
    return tuple(replace(role, callee=_callee(role, chain, home, by_name)) for role in listed)


def _callee(
    role: RoleRecord, chain: Chain | None, home: frozenset[str], by_name: dict[tuple[str, str], set[str]]
) -> CalleeFacts:
    callers: set[str] = set()
    for statement in role.trust.policy.statements:
        for name in statement.principals.aws if statement.principals else ():
            if session := session_names(name):
                callers |= by_name.get((account_of(name), session[0]), set())
    partition, account = partition_of(role.arn), account_of(role.arn)
    if not role.trust.policy.keys & {keys_of.RESOURCE_ACCOUNT, keys_of.RESOURCE_ORGANIZATION}:
        return CalleeFacts(partition, "", "", frozenset(callers))
    organization = chain.organization if chain and chain.organization and account in home else ""
    return CalleeFacts(partition, account, organization, frozenset(callers))


def assumptions_of(chain: Chain, existing: Iterable[RoleRecord]) -> Iterator[str]:
    """What no template shows, in words."""
    for role in existing:
        yield f"assuming that the owner of {role.arn} has added the statements that the chain asks for"
    for callee in chain.callees:
        if callee.caller_organizational_units and chain.organization:
            callers = ", ".join(dict.fromkeys(hop.caller.account for hop in chain.calls_into(callee)))
            units = " or ".join(callee.caller_organizational_units)
            yield f"assuming that account {callers} lies in {units}"
