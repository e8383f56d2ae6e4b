"""The guardrails of a chain: control policies that keep others from assuming its roles, changing them, or using them.

They deny and allow nothing. Sources: AWS Organizations User Guide, "SCP evaluation" and "Resource control policies
(RCPs)"; IAM User Guide, "Establish permissions guardrails using data perimeters".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Literal

from rolechain.errors import RolechainError
from rolechain.iam import escalation
from rolechain.iam.arn import account_of, iam_arn, resource_of, service_of
from rolechain.iam.limits import (
    CONTROL_POLICIES_OF_TARGET,
    CONTROL_POLICY_CHARACTERS,
    VPC,
    length_of_document,
)
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.chain import Chain
from rolechain.statements.statement_json import StatementJson, numbered, one_or_all

Kind = Literal["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]
SCP: Kind = "SERVICE_CONTROL_POLICY"
RCP: Kind = "RESOURCE_CONTROL_POLICY"
ATTACHED = CONTROL_POLICIES_OF_TARGET - 1
"""How many guardrails of one type a target may have, beside the policy of AWS that allows everything."""

_ON_PRINCIPALS = sorted(
    {action for way in escalation.ON_ROLE for action in (way.action, *way.besides)}
    | {action for kind in ("role", "user") for action in escalation.BECOMING[kind]} - {ASSUME_ROLE}
)
_ON_POLICIES = sorted(way.action for way in escalation.ON_POLICY)
_ON_ANYTHING = sorted(escalation.BECOMING[""])


class GuardrailError(RolechainError):
    """The guardrails of a chain cannot be written."""


@dataclass(frozen=True)
class Guardrail:
    """A control policy.

    Attributes:
        name: its name in the organization.
        type: ``SERVICE_CONTROL_POLICY`` or ``RESOURCE_CONTROL_POLICY``.
        content: its document.
    """

    name: str
    type: Kind
    content: dict[str, Any]


def guardrails(
    chain: Chain,
    *,
    administrators: Sequence[str] | None = None,
    administration: bool = False,
    source_ip: Sequence[str] = (),
    source_vpc: Sequence[str] = (),
) -> tuple[Guardrail, ...]:
    """The control policies of a chain, for the accounts of its roles, the units above them, or the root.

    Resource control policies let nobody but the declared callers assume the middle and target roles, and, where the
    chain declares an organization, nobody from outside it assume the source roles but declared third parties; AWS
    services and identity providers are left to the trust policies. Service control policies let nobody but the
    administrators, and the roles of CDK, Organizations, Control Tower and StackSets that administer an account, change
    the chain's roles and policies, pass the roles to a service, or change those administrators.

    Args:
        chain: the chain.
        administrators: the ARNs of the principals that may change the roles; ``*`` and ``?`` are wildcards. Default:
            those of the chain.
        administration: whether nobody else may assume the administrators either, such as CDK's deployment role, update
            a stack or stack set, or change an identity provider or the assignments of permission sets.
        source_ip: the networks, in CIDR notation, from which alone sessions of the chain's roles may call AWS.
        source_vpc: the ids of VPCs from which they may as well. A service that calls on behalf of a session is exempt.

    Raises:
        GuardrailError: a network is none, or the policies do not fit the quotas of Organizations.
    """
    scps = [*_on_changes(chain, administrators or chain.administrators or (), administration=administration)]
    if source_ip or source_vpc:
        scps += _on_networks(chain, source_ip, source_vpc)
    return (*_packed(chain, SCP, scps), *_packed(chain, RCP, [*_on_callers(chain), *_on_outsiders(chain)]))


def _on_callers(chain: Chain) -> Iterator[StatementJson]:
    by_callers: dict[tuple[str, ...], list[str]] = {}
    for callee in dict.fromkeys(chain.callees):
        callers = tuple(dict.fromkeys(hop.caller.arn for hop in chain.calls_into(callee)))
        by_callers.setdefault(callers, []).append(callee.resource)
    for callers, callees in by_callers.items():
        # A service or a token has no aws:PrincipalArn, so that the negated test is met.
        condition = {"ArnNotEquals": {"aws:PrincipalArn": one_or_all(callers)}}
        yield from _split("DenyUndeclaredCallers", f"{ASSUME_ROLE}*", callees, condition, Principal="*")


def _on_outsiders(chain: Chain) -> Iterator[StatementJson]:
    if not chain.organization:
        return
    by_third_parties: dict[tuple[str, ...], list[str]] = {}
    for source in chain.sources:
        if not source.third_party:
            parties = {account_of(each.value) or each.value for each in source.entrances if each.third_party}
            by_third_parties.setdefault(tuple(sorted(parties)), []).append(source.arn)
    # Tokens and assertions bring no organization: the actions that take them are left out.
    actions = [ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION]
    for third_parties, sources in by_third_parties.items():
        equals: dict[str, Any] = {"aws:PrincipalOrgID": chain.organization}
        if third_parties:
            equals["aws:PrincipalAccount"] = one_or_all(third_parties)
        condition = {
            "StringNotEqualsIfExists": equals,
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        }
        yield from _split("DenyOutsiders", actions, sources, condition, Principal="*")


def _on_changes(
    chain: Chain, administrators: Sequence[str], *, administration: bool
) -> Iterator[StatementJson]:
    names = dict.fromkeys((*escalation.ADMINISTERING, resource_of(escalation.EXECUTING).split("/", 1)[1]))
    made = [iam_arn(chain.partition, "*", f"role/{name.format(account='*')}") for name in names]
    excepted = list(dict.fromkeys((*administrators, *made)))
    condition = {"ArnNotLike": {"aws:PrincipalArn": excepted}}
    principals = [each for each in excepted if service_of(each) == "iam" and resource_of(each) != "root"]
    roles = [role.resource for role in chain.roles]
    yield from _split("DenyRoleChanges", _ON_PRINCIPALS, [*roles, *principals], condition)
    policies = [
        *(
            iam_arn(role.partition, role.account, f"policy{role.path}*")
            for role in chain.roles
            if role.path != "/"
        ),
        *(arn for role in chain.roles for arn in (role.boundary_arn, *role.managed_policies) if arn),
    ]
    own = [arn for arn in dict.fromkeys(policies) if account_of(arn) not in ("", "aws")]
    yield from _split("DenyPolicyChanges", _ON_POLICIES, own, condition)
    if administration:
        yield from _split("DenyAdministration", ASSUME_ROLE, principals, condition)
        yield from _split("DenyFederationAndStacks", _ON_ANYTHING, ["*"], condition)


def _on_networks(
    chain: Chain, source_ip: Sequence[str], source_vpc: Sequence[str]
) -> Iterator[StatementJson]:
    for network in source_ip:
        try:
            ip_network(network)
        except ValueError:
            raise GuardrailError(f"source_ip is {network!r}: write a network such as 192.0.2.0/24") from None
    for vpc in source_vpc:
        if not VPC.fullmatch(vpc):
            raise GuardrailError(
                f"source_vpc is {vpc!r}: write the id of a VPC, such as vpc-0123456789abcdef0"
            )
    roles = [role.arn for role in chain.roles]
    # A call through an endpoint of a VPC has no aws:SourceIp, and any other has no aws:SourceVpc.
    elsewhere: dict[str, Any] = {"BoolIfExists": {"aws:ViaAWSService": "false"}}
    if source_ip:
        elsewhere["NotIpAddressIfExists"] = {"aws:SourceIp": one_or_all(source_ip)}
    if source_vpc:
        elsewhere["StringNotEqualsIfExists"] = {"aws:SourceVpc": one_or_all(source_vpc)}

    def statement(arns: Sequence[str]) -> StatementJson:
        condition = {"ArnLike": {"aws:PrincipalArn": one_or_all(arns)}, **elsewhere}
        return _deny("DenyOtherNetworks", "*", "*", condition)

    yield from _fitting(statement, roles)


def _deny(sid: str, action: Any, resource: Any, condition: Any, **element: Any) -> StatementJson:
    return {
        "Sid": sid,
        "Effect": "Deny",
        **element,
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }


def _split(
    sid: str, actions: str | list[str], resources: Sequence[str], condition: Any, **element: Any
) -> Iterator[StatementJson]:
    if resources:
        yield from _fitting(
            lambda arns: _deny(sid, actions, one_or_all(arns), condition, **element), list(resources)
        )


def _fitting(
    statement: Callable[[Sequence[str]], StatementJson], arns: Sequence[str]
) -> Iterator[StatementJson]:
    """A statement about ARNs, or several, each of which fits a document."""
    whole = statement(arns)
    if _length([whole]) <= CONTROL_POLICY_CHARACTERS:
        yield whole
    elif len(arns) == 1:
        raise GuardrailError(
            f"statement {whole['Sid']} has {_length([whole]):,} characters, {CONTROL_POLICY_CHARACTERS:,} at most in a "
            "control policy: declare fewer administrators, callers or networks, or use wildcards"
        )
    else:
        half = len(arns) // 2
        yield from _fitting(statement, arns[:half])
        yield from _fitting(statement, arns[half:])


def _packed(chain: Chain, kind: Kind, statements: Iterable[StatementJson]) -> Iterator[Guardrail]:
    documents: list[list[StatementJson]] = []
    for statement in statements:
        for document in documents:
            before = sum(each["Sid"].rstrip("0123456789") == statement["Sid"] for each in document)
            longer = [*document, statement | {"Sid": numbered(statement["Sid"], before)}]
            if _length(longer) <= CONTROL_POLICY_CHARACTERS:
                document[:] = longer
                break
        else:
            documents.append([statement])
    words = kind.replace("_", " ").lower().replace("policy", "policies")
    if len(documents) > ATTACHED:
        raise GuardrailError(
            f"chain {chain.name} needs {len(documents)} {words}, and a target takes {ATTACHED} beside the one of AWS: "
            "declare targets by organizational unit, or split the chain"
        )
    name = f"{chain.name}-{kind.split('_')[0].lower()}-control"
    for before, document in enumerate(documents):
        yield Guardrail(f"{name}-{before + 1}" if before else name, kind, _document(document))


def _document(statements: Sequence[StatementJson]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _length(statements: Sequence[StatementJson]) -> int:
    return length_of_document(_document(statements))
