"""What of each role decides who gets in, besides its trust policy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from rolechain.graph.access import Callee
from rolechain.graph.existing_roles import home_of
from rolechain.graph.role_graph import RoleRecord
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, partition_of
from rolechain.model.chain import Chain

_SESSION = re.compile(r"arn:[^:]+:sts::([^:]+):assumed-role/([^/]+)/.+")


def placed(roles: Iterable[RoleRecord], chain: Chain | None) -> tuple[RoleRecord, ...]:
    """The roles, each with what a chain tells of its organization and of the callers that its trust policy names.

    What a trust policy does not ask about is left out, so that one policy of many roles is read once.
    """
    listed = list(roles)
    home = home_of(chain) if chain else frozenset()
    known = {role.arn for role in listed}
    if chain:
        known |= {
            entrance.value
            for source in chain.sources
            for entrance in source.entrances
            if entrance.kind == "arn"
        }
    by_name: dict[tuple[str, str], set[str]] = {}
    for arn in known:
        if arn.count(":") >= 5 and ":role/" in arn:
            by_name.setdefault((account_of(arn), arn.rsplit("/", 1)[-1]), set()).add(arn)
    return tuple(replace(role, callee=_callee(role, chain, home, by_name)) for role in listed)


def _callee(
    role: RoleRecord, chain: Chain | None, home: frozenset[str], by_name: dict[tuple[str, str], set[str]]
) -> Callee:
    callers: set[str] = set()
    for statement in role.trust.policy.statements:
        for name in statement.principals.aws if statement.principals else ():
            if session := _SESSION.fullmatch(name):
                callers |= by_name.get((session[1], session[2]), set())
    partition, account = partition_of(role.arn), account_of(role.arn)
    if not role.trust.policy.keys & {keys_of.RESOURCE_ACCOUNT, keys_of.RESOURCE_ORGANIZATION}:
        return Callee(partition, "", "", frozenset(callers))
    organization = chain.organization if chain and chain.organization and account in home else ""
    return Callee(partition, account, organization, frozenset(callers))
