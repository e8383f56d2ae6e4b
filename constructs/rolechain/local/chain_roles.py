"""A chain in the local organization: its roles, made without CDK, and the sessions that enter it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rolechain.iam.arn import account_of
from rolechain.local.errors import LocalOrganizationError
from rolechain.local.organization import LocalOrganization
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.statements.builder import permission_statements, trust_statements
from rolechain.statements.packing import pack

if TYPE_CHECKING:
    import boto3

_LAMBDA = Entrance.service("lambda.amazonaws.com")


def organization_of(
    chain: Chain,
    *,
    outside: Iterable[str] = (),
    units: Iterable[str] = (),
    stack_sets: Iterable[str] = (),
    **settings: Any,
) -> LocalOrganization:
    """A local organization, yet to be started, with the id, the units and the quotas that the chain declares.

    The chain's third parties stand outside, and the administrators of its stack sets operate them.

    Args:
        chain: the chain.
        outside: further accounts that stand outside.
        units: further organizational units.
        stack_sets: further accounts that operate StackSets.
        settings: the rest of what ``LocalOrganization`` takes.

    Raises:
        LocalOrganizationError: as ``LocalOrganization`` does.
    """
    named: dict[str, Any] = {"organization_id": chain.organization} if chain.organization else {}
    by_unit = [target for target in chain.targets if target.by_unit]
    declared = (unit.rstrip("/") for target in by_unit for unit in target.organizational_units)
    return LocalOrganization(
        outside=[*outside, *third_parties(chain)],
        units=dict.fromkeys([*units, *declared]),
        stack_sets=dict.fromkeys([*stack_sets, *map(chain.administrator_account, by_unit)]),
        quotas=chain.quotas,
        **named,
        **settings,
    )


def make_roles(organization: LocalOrganization, chain: Chain) -> None:
    """Makes the roles of a chain as its stacks do, and those that exist already as their owners would.

    The roles that stack sets create in accounts of organizational units are left out.

    Raises:
        LocalOrganizationError: IAM refuses a role or a policy, such as one whose document the chain does not hold.
    """
    from botocore.exceptions import ClientError

    try:
        for arn, policy in chain.policy_documents.items():
            path, _, name = arn.split(":policy", 1)[1].rpartition("/")
            iam = organization.session(account_of(arn), region=chain.region).client("iam")
            iam.create_policy(PolicyName=name, Path=f"{path}/", PolicyDocument=json.dumps(policy))
        for role in chain.roles:
            if role.existing:
                _make_existing(organization, chain, role)
            elif not role.by_unit:
                _make(organization, chain, role)
    except ClientError as error:
        raise LocalOrganizationError(
            f"the roles of chain {chain.name} cannot be made in the local organization: {error}: add the document of a "
            "policy that it lacks to policy_documents"
        ) from error


def _make(organization: LocalOrganization, chain: Chain, role: ChainRole) -> None:
    iam = organization.session(role.account, region=chain.region).client("iam")
    boundary: dict[str, Any] = {"PermissionsBoundary": role.boundary_arn} if role.boundary_arn else {}
    iam.create_role(
        Path=role.path,
        RoleName=role.role,
        AssumeRolePolicyDocument=_document(trust_statements(chain, role)),
        MaxSessionDuration=role.max_session_duration,
        **boundary,
    )
    packed = pack(chain, role)
    attached = list(role.managed_policy_arns)
    for policy in (*packed.hops, *packed.own):
        made = iam.create_policy(
            PolicyName=f"{role.role}-{policy.id}", Path=role.path, PolicyDocument=_document(policy.statements)
        )
        attached.append(made["Policy"]["Arn"])
    for arn in attached:
        iam.attach_role_policy(RoleName=role.role, PolicyArn=arn)


def make_existing_roles(organization: LocalOrganization, chain: Chain) -> None:
    """Makes the roles that the chain declares as existing, as the owners of their accounts would."""
    for role in chain.roles:
        if role.existing:
            _make_existing(organization, chain, role)


def _make_existing(organization: LocalOrganization, chain: Chain, role: ChainRole) -> None:
    let_in = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": _LAMBDA.value}}
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


def local_entrance(source: ChainRole) -> Entrance:
    """The entrance of a source role by which a workload of the local organization gets in.

    Raises:
        LocalOrganizationError: it lets in neither a service nor an account that needs nothing that is not here.
    """
    if source.existing and not source.assumed_by:
        return _LAMBDA
    for entrance in source.entrances:
        # No user here has an MFA device.
        held = _is_held(entrance) if entrance.kind == "service" else entrance.mfa
        if entrance.kind in ("service", "account") and not held:
            return entrance
    raise LocalOrganizationError(
        "a chain is entered as a service or an account in the local organization, and "
        f"{source.role} lets in neither: add one to assumed_by, such as {{service: lambda.amazonaws.com}}"
    )


def _is_held(service: Entrance) -> bool:
    """Whether an entrance of a service has conditions that a workload here does not meet."""
    named = service.identity is not None and service.identity.required
    held = (service.source_organization, service.certificate, *(tag.required for tag in service.tags))
    return named or any(held)


def workload(
    organization: LocalOrganization, chain: Chain, source: ChainRole, entrance: Entrance | None = None
) -> boto3.Session:
    """A session of a source role, as the service or the user of an entrance gets it.

    Raises:
        LocalOrganizationError: see ``local_entrance``.
    """
    entrance = entrance or local_entrance(source)
    if entrance.kind != "account":
        named = {"source_account": entrance.source_account, "source_arn": entrance.source_arn}
        asked = {key: example(values) for key, values in named.items() if values}
        return organization.workload(source.arn, entrance.value, region=chain.region, **asked)
    passed: dict[str, Any] = {
        "ExternalId": example([entrance.external_id]) if entrance.external_id else None,
        "Tags": [{"Key": tag.key, "Value": example(tag.values)} for tag in entrance.tags],
        "TransitiveTagKeys": list(entrance.transitive_tag_keys),
        "SourceIdentity": example(entrance.identity.values) if entrance.identity else None,
    }
    sts = organization.session(entrance.value, region=chain.region).client("sts")
    given = sts.assume_role(
        RoleArn=source.arn,
        RoleSessionName="workload",
        **{name: value for name, value in passed.items() if value},
    )["Credentials"]
    return organization.session_with(
        given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region=chain.region
    )


def workload_environment(organization: LocalOrganization, chain: Chain) -> dict[str, str]:
    """The variables with which a program is the workload of the first source role; raises as ``local_entrance``."""
    credentials: Any = workload(organization, chain, chain.source).get_credentials()
    return {
        **organization.environment(chain.source.account, region=chain.region),
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
    }


def example(values: Sequence[str]) -> str:
    """A value that is among the allowed ones, of which none means any."""
    return values[0].replace("*", "demo").replace("?", "d") if values else "demo"
