"""The policies with which CloudFormation deploys the roles of a chain into an account, and which allow nothing else.

Sources: the handlers of AWS::IAM::Role, AWS::IAM::ManagedPolicy and AWS::CloudFormation::StackSet in the CloudFormation
registry, without those of inline policies, users and groups and of self-managed stack sets, which a chain's stacks do
not hold; Service Authorization Reference, "AWS Identity and Access Management" and "AWS CloudFormation", for resources
and condition keys; CloudFormation User Guide, "Control CloudFormation access with IAM", for the targets of a stack set;
AWS CDK Developer Guide, "CDK bootstrapping".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from rolechain.errors import RolechainError
from rolechain.iam import limits
from rolechain.iam.arn import format_arn, iam_arn
from rolechain.iam.glob import matches
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.statements.statement_json import Conditions, StatementJson, allow, numbered, one_or_all

QUALIFIER = "hnb659fds"
"""The qualifier of CDK's bootstrap where none is chosen."""


def _actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


_ROLE_ACTIONS = _actions(
    "iam",
    "DeleteRole DetachRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies TagRole UntagRole "
    "UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
)
_POLICY_ACTIONS = _actions(
    "iam",
    "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion "
    "ListEntitiesForPolicy ListPolicyVersions",
)
_TARGET_ACTIONS = _actions(
    "cloudformation",
    "CreateStackInstances CreateStackSet DeleteStackInstances UpdateStackInstances UpdateStackSet",
)
_STACK_SET_ACTIONS = _TARGET_ACTIONS + _actions(
    "cloudformation",
    "DeleteStackSet DescribeStackInstance DescribeStackSet DescribeStackSetOperation ListStackInstances "
    "ListStackSetOperationResults TagResource UntagResource",
)
# Without ListDelegatedAdministrators a delegated administrator is refused as if it were none:
# https://github.com/hashicorp/terraform-provider-aws/issues/32536
_ORGANIZATION_ACTIONS = [
    "cloudformation:GetTemplateSummary",
    *_actions("organizations", "DescribeOrganization ListDelegatedAdministrators"),
]
_MEMBER_TYPES = ("AWS-IAM-ManagedPolicy", "AWS-IAM-Role")
"""The types of the resources in a target's stack set, as an ARN names them."""

_STACK_CHARACTERS = 50
"""How much of a stack's name surely begins the names of its policies: CloudFormation shortens it where the stack's
name, the logical id and a suffix exceed the 128 characters of a policy's name."""


class ExecutionPolicyError(RolechainError):
    """The permissions for one role or stack set exceed a managed policy's quota, or undo a permissions boundary."""


def version_parameter(qualifier: str = QUALIFIER) -> str:
    """The name of the SSM parameter that holds the version of a bootstrap."""
    return f"/cdk-bootstrap/{qualifier}/version"


def execution_policies(
    chain: Chain,
    account: str,
    *,
    stack: str,
    qualifier: str = QUALIFIER,
    former: Chain | None = None,
) -> list[dict[str, Any]]:
    """The documents of the managed policies that deploy, change and delete an account's stack of a chain.

    A role with a permissions boundary is only created, and given policies, with that boundary. Roles are given the
    managed policies that the chain declares and those of the stack alone. A stack set goes to the units and the region
    that the chain declares, and holds roles and managed policies alone; no policy can say which.

    Args:
        chain: the chain.
        account: the id of the account.
        stack: the name of the account's stack, which begins the names of the policies that CloudFormation makes.
        qualifier: that of the bootstrap, whose version CloudFormation reads.
        former: the chain before, whose roles the stack may hold still.

    Returns:
        One document, or several where one would exceed IAM's quota; none for an account without roles to create and
        without stack sets.

    Raises:
        ExecutionPolicyError: the permissions for one role, or one stack set, exceed the quota, or would let the stack
            change a permissions boundary.
    """
    named = f"parameter{version_parameter(qualifier)}"
    parameter = format_arn(chain.partition, "ssm", chain.region, account, named)
    version = allow("BootstrapVersion", ["ssm:GetParameter", "ssm:GetParameters"], {}, Resource=parameter)
    assets = format_arn(chain.partition, "s3", "", "", f"cdk-{qualifier}-assets-{account}-{chain.region}/*")

    def fitting(held: Sequence[tuple[str, ChainRole]]) -> list[dict[str, Any]]:
        roles, sets = [role for name, role in held if not name], [each for each in held if each[0]]
        statements = _role_statements(roles, stack) if roles else []
        if sets:
            # A template of more than 51,200 bytes is an asset.
            template = allow("Templates", "s3:GetObject", {}, Resource=assets)
            statements += [*_stack_set_statements(sets, account, chain.region), template]
        document = {"Version": "2012-10-17", "Statement": [*statements, version]}
        if (length := limits.length_of_document(document)) <= limits.MANAGED_POLICY_CHARACTERS:
            return [document]
        if len(held) > 1:
            return fitting(held[: len(held) // 2]) + fitting(held[len(held) // 2 :])
        role = held[0][1]
        raise ExecutionPolicyError(
            f"the permissions to deploy {role.arn} have {length:,} characters, and a managed policy takes "
            f"{limits.MANAGED_POLICY_CHARACTERS:,}: declare fewer "
            + ("units and excluded accounts" if role.by_unit else "managed policies")
        )

    held = dict.fromkeys(
        (each.stack_set_name(role) if role.by_unit else "", role)
        for each in (chain, former or chain)
        for role in each.roles
        if not role.existing and each.deployment_account(role) == account
    )
    roles = [role for name, role in held if not name]
    made = dict.fromkeys(_made_by(role, stack) for role in roles)
    for boundary, pattern in product((role.boundary_arn for role in roles), made):
        if boundary and matches(pattern, boundary):
            raise ExecutionPolicyError(
                f"the permissions boundary {boundary} is named as the policies that the stack may change, {pattern}: "
                "give it another name"
            )
    return fitting(list(held)) if held else []


def calls_of(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each call that a policy of ``execution_policies`` allows: the action, the resource and the condition keys.

    A pattern stands for one name that it matches.
    """
    for statement in document["Statement"]:
        closed = {key: each for keys in statement.get("Condition", {}).values() for key, each in keys.items()}
        for action in _several(statement["Action"]):
            for resource in _several(statement["Resource"]):
                for attached in _several(closed.get("iam:PolicyARN", "")):
                    context = closed | ({"iam:PolicyARN": attached} if attached else {})
                    yield action, _named(resource), {key: _named(value) for key, value in context.items()}


def _role_statements(roles: Sequence[ChainRole], stack: str) -> list[StatementJson]:
    arns = one_or_all(role.arn for role in roles)
    made = one_or_all(dict.fromkeys(_made_by(role, stack) for role in roles))
    statements = [
        allow("Roles", _ROLE_ACTIONS, {}, Resource=arns),
        allow("Policies", _POLICY_ACTIONS, {}, Resource=made),
    ]
    alike: dict[tuple[str | None, tuple[str, ...]], list[str]] = {}
    for role in roles:
        attached = (_made_by(role, stack), *role.managed_policy_arns)
        alike.setdefault((role.boundary_arn, attached), []).append(role.arn)
    for number, ((boundary, attached), names) in enumerate(alike.items()):
        bounded: Conditions = {"StringEquals": {"iam:PermissionsBoundary": boundary}} if boundary else {}
        create = ["iam:CreateRole", *(["iam:PutRolePermissionsBoundary"] if boundary else [])]
        given = bounded | {"ArnLike": {"iam:PolicyARN": one_or_all(attached)}}
        named = one_or_all(names)
        statements += [
            allow(numbered("Create", number), create, bounded, Resource=named),
            allow(numbered("Attach", number), "iam:AttachRolePolicy", given, Resource=named),
        ]
    return statements


def _stack_set_statements(
    sets: Sequence[tuple[str, ChainRole]], account: str, region: str
) -> list[StatementJson]:
    partition = sets[0][1].partition
    own: list[str] = []
    targets = [
        format_arn(partition, "cloudformation", "*", "*", f"type/resource/{each}") for each in _MEMBER_TYPES
    ]
    for name, target in sets:
        # A delegated administrator's stack sets are those of the management account.
        owner = account if target.stack_set and target.stack_set.call_as == "SELF" else "*"
        # CreateStackSet too is limited by the new stack set's ARN, as in AWSControlTowerServiceRolePolicy.
        own.append(format_arn(partition, "cloudformation", region, owner, f"stackset/{name}:*"))
        reached = (
            *map(limits.unit_of_path, target.organizational_units),
            # The calls name these as well, to leave them out.
            *target.exclude,
        )
        targets += [
            format_arn(partition, "cloudformation", "*", owner, f"stackset-target/{name}:*/{each}")
            for each in reached
        ]
    regions: Conditions = {"ForAllValues:StringEquals": {"cloudformation:TargetRegion": region}}
    return [
        allow("StackSets", _STACK_SET_ACTIONS, {}, Resource=one_or_all(own)),
        allow("StackSetTargets", _TARGET_ACTIONS, regions, Resource=one_or_all(targets)),
        allow("Organization", _ORGANIZATION_ACTIONS, {}, Resource="*"),
    ]


def _made_by(role: ChainRole, stack: str) -> str:
    """The pattern of the managed policies that CloudFormation names, ``<stack>-<logical id>-<suffix>``."""
    named = f"{stack}-" if len(stack) < _STACK_CHARACTERS else stack[:_STACK_CHARACTERS]
    return iam_arn(role.partition, role.account, f"policy{role.path}{named}*")


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _named(pattern: str) -> str:
    return pattern.replace("*", "x")
