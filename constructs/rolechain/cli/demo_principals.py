"""The principals of the demo: the workloads, the owners of existing roles, and principals outside of the chain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import boto3

from rolechain.errors import RolechainError
from rolechain.iam.arn import account_of
from rolechain.local import LocalOrganization
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.hop import Hop as DeclaredHop
from rolechain.model.hop import choose
from rolechain.model.role import ChainRole
from rolechain.runtime import Hop, HopReport, attempt, chain_session
from rolechain.statements.builder import permission_statements, trust_statements

STRANGER = "999999999999"
"""An account that belongs to the organization and to no chain of the demo."""

_LAMBDA = Entrance.service("lambda.amazonaws.com")


class DemoError(RolechainError):
    """The chain is one that the demo cannot take."""


def entrances(chain: Chain) -> list[Entrance]:
    """The entrance of each source role by which the demo enters the chain."""
    if STRANGER in chain.accounts:
        raise DemoError(
            f"account {STRANGER} is the one outside of the chain in the demo: name another in the chain"
        )
    return [_local_entrance(source) for source in chain.sources]


def _local_entrance(source: ChainRole) -> Entrance:
    if source.existing and not source.assumed_by:
        return _LAMBDA
    for entrance in source.entrances:
        # No user of the demo has an MFA device, and no workload says on whose behalf it runs.
        held = _is_held(entrance) if entrance.kind == "service" else entrance.mfa
        if entrance.kind in ("service", "account") and not held:
            return entrance
    raise DemoError(
        f"the demo enters a chain as a service or an account, and {source.role} lets in neither: add one to "
        "assumed_by, such as {service: lambda.amazonaws.com}"
    )


def _is_held(service: Entrance) -> bool:
    """Whether an entrance of a service has conditions that the demo's workload does not meet."""
    named = service.identity is not None and service.identity.required
    held = (service.source_account, service.source_arn, service.source_organization, service.certificate)
    return any(held) or named or any(tag.required for tag in service.tags)


def third_parties(chain: Chain) -> list[str]:
    """The accounts that do not belong to the organization."""
    roles = [role.account for role in chain.roles if role.third_party]
    callers = [
        account_of(each.value) if each.kind == "arn" else each.value
        for source in chain.sources
        for each in source.entrances
        if each.third_party
    ]
    return list(dict.fromkeys([*roles, *callers]))


def choices(chain: Chain) -> tuple[dict[str, str], str | None]:
    """Values that are allowed for the session tags and the source identity that the chain leaves open."""
    tags = {tag.key: _example(tag.values) for hop in chain.hops() for tag in hop.open_tags}
    identities = [
        _example(hop.callee.identity.values)
        for hop in chain.hops()
        if hop.lacks_source_identity and hop.callee.identity
    ]
    return tags, next(iter(identities), None)


def _example(values: Sequence[str]) -> str:
    return values[0].replace("*", "demo").replace("?", "d") if values else "demo"


def make_existing_roles(organization: LocalOrganization, chain: Chain) -> None:
    """Creates the roles that the chain declares as existing, as the owners of their accounts would."""
    for role in chain.roles:
        if not role.existing:
            continue
        let_in = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": _LAMBDA.value},
        }
        iam = organization.session(role.account, region=chain.region).client("iam")
        iam.create_role(
            Path=role.path,
            RoleName=role.role,
            AssumeRolePolicyDocument=_document(trust_statements(chain, role) or [let_in]),
        )
        if statements := permission_statements(chain, role):
            iam.put_role_policy(RoleName=role.role, PolicyName="chain", PolicyDocument=_document(statements))


def _document(statements: Sequence[object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def workload(
    organization: LocalOrganization, chain: Chain, source: ChainRole, entrance: Entrance
) -> boto3.Session:
    """A session of a source role, as the service or the user of an entrance gets it."""
    if entrance.kind == "account":
        user = organization.session(entrance.value, region=chain.region)
        tags = {tag.key: _example(tag.values) for tag in entrance.tags}
        way_in = Hop(
            source.arn,
            external_id=_example([entrance.external_id]) if entrance.external_id else None,
            tags=tags or None,
            transitive_tag_keys=entrance.transitive_tag_keys,
            source_identity=_example(entrance.identity.values) if entrance.identity else None,
        )
        return chain_session(way_in, session=user, region_name=chain.region)
    return organization.workload(source.arn, entrance.value, region=chain.region)


def strangers(organization: LocalOrganization, chain: Chain) -> Iterator[HopReport]:
    """The reports of administrators outside of the chain that try each role of it; every one has to be refused."""
    tags, identity = choices(chain)
    hops: dict[str, DeclaredHop] = {}
    for hop in choose(chain.hops(), tags, identity):
        hops.setdefault(hop.callee.arn, hop)
    for account in dict.fromkeys([*(source.account for source in chain.sources), STRANGER]):
        administrator = organization.session(account, region=chain.region)
        for hop in hops.values():
            yield attempt(administrator, hop, expected="refused", index=hop.index)
