"""The statements of a permissions policy that let a caller make its hops.

sts:TagSession and sts:SetSourceIdentity have statements of their own: it is not documented that they carry
sts:ExternalId.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from rolechain.iam.arn import iam_arn
from rolechain.iam.limits import is_root
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.hop import Hop
from rolechain.model.role import ChainRole
from rolechain.statements.statement_json import Conditions, StatementJson, allow, numbered, one_or_all

Named = Callable[[Sequence[Hop]], Iterable[tuple[str | list[str], Conditions]]]
"""How the callees of hops are named: Resource elements, each with the conditions that limit it."""

_CARRIED: tuple[tuple[str, str, Callable[[Hop], bool]], ...] = (
    ("TagSessions", TAG_SESSION, lambda hop: hop.carries_tags),
    ("SetSourceIdentity", SET_SOURCE_IDENTITY, lambda hop: hop.carries_source_identity),
)


def hop_permission_statements(
    hops: Sequence[Hop], organization: str | None = None, named: Named | None = None
) -> list[StatementJson]:
    """The statements that allow the hops of one caller: those of AssumeRole by external id, with callees in order.

    Args:
        hops: the hops.
        organization: the id of the organization whose units targets are declared by.
        named: how the callees are named that are not declared by unit; by default each by its ARN.
    """

    def resources(group: Sequence[Hop]) -> Iterator[tuple[str | list[str], Conditions]]:
        plain = [hop for hop in group if unit_target_of(hop) is None]
        yield from (named or by_arn)(plain) if plain else ()
        yield from _by_unit(group, organization)

    by_external_id: dict[str | None, list[Hop]] = {}
    for hop in hops:
        by_external_id.setdefault(hop.external_id, []).append(hop)
    statements: list[StatementJson] = []
    for external_id, group in by_external_id.items():
        for resource, closed in resources(group):
            conditions = {operator: dict(keys) for operator, keys in closed.items()}
            if external_id:
                conditions.setdefault("StringEquals", {})["sts:ExternalId"] = external_id
            sid = numbered("AssumeCallees", len(statements))
            statements.append(allow(sid, ASSUME_ROLE, conditions, Resource=resource))
    for name, action, carries in _CARRIED:
        carrying = [hop for hop in hops if carries(hop)]
        for number, (resource, closed) in enumerate(resources(carrying)):
            statements.append(allow(numbered(name, number), action, closed, Resource=resource))
    return statements


def unit_target_of(hop: Hop) -> ChainRole | None:
    """The target by organizational unit that a hop ends in, or in a member account's role of which."""
    return hop.callee if hop.callee.by_unit else hop.callee.member_of


def _by_unit(hops: Iterable[Hop], organization: str | None) -> Iterator[tuple[str | list[str], Conditions]]:
    """Targets by organizational unit, by path and name in the accounts of their units.

    Source: IAM User Guide, AWS global condition context keys: aws:ResourceOrgID, aws:ResourceOrgPaths.
    """
    for target in dict.fromkeys(filter(None, map(unit_target_of, hops))):
        conditions: Conditions = {"StringEquals": {"aws:ResourceOrgID": organization}}
        if not any(map(is_root, target.organizational_units)):
            paths = (f"{organization}/{unit.rstrip('/')}/*" for unit in target.organizational_units)
            conditions["ForAnyValue:StringLike"] = {"aws:ResourceOrgPaths": one_or_all(paths)}
        if target.exclude:
            conditions["StringNotEquals"] = {"aws:ResourceAccount": one_or_all(target.exclude)}
        yield target.resource, conditions


def by_arn(hops: Sequence[Hop]) -> list[tuple[str | list[str], Conditions]]:
    """Each callee by its ARN."""
    return [(one_or_all(hop.callee.arn for hop in hops), {})]


def by_account(hops: Sequence[Hop]) -> list[tuple[str | list[str], Conditions]]:
    """Callees of one path and name together, limited to their accounts: the same roles in fewer characters."""
    accounts: dict[str, list[str]] = {}
    for hop in hops:
        accounts.setdefault(in_any_account(hop), []).append(hop.callee.account)
    return [
        (pattern, {"StringEquals": {"aws:ResourceAccount": one_or_all(ids)}})
        for pattern, ids in accounts.items()
    ]


def by_path(hops: Sequence[Hop], organization: str) -> list[tuple[str | list[str], Conditions]]:
    """Callees by path and name in every account of the organization."""
    patterns = one_or_all(in_any_account(hop) for hop in hops)
    return [(patterns, {"StringEquals": {"aws:ResourceOrgID": organization}})]


def by_folder(hops: Sequence[Hop], organization: str) -> list[tuple[str | list[str], Conditions]]:
    """Every role in the paths of the callees, in every account of the organization."""
    paths = (f"{in_any_account(hop).removesuffix(hop.callee.role)}*" for hop in hops)
    return [(one_or_all(paths), {"StringEquals": {"aws:ResourceOrgID": organization}})]


def in_any_account(hop: Hop) -> str:
    """The ARN of a hop's callee with any account."""
    callee = hop.callee
    return iam_arn(callee.partition, "*", f"role{callee.path}{callee.role}")
