"""The policies with which CloudFormation deploys the roles of a chain into an account, and which allow nothing else.

Sources: the handlers of AWS::IAM::Role and AWS::IAM::ManagedPolicy in the CloudFormation registry, without those of
inline policies, users and groups, which a chain's stacks do not hold; Service Authorization Reference, "AWS Identity
and Access Management", for the condition keys; AWS CDK Developer Guide, "CDK bootstrapping".
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

_ROLE_ACTIONS = [
    f"iam:{action}"
    for action in (
        *("DeleteRole", "DetachRolePolicy", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies"),
        *("ListRolePolicies", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole"),
        "UpdateRoleDescription",
    )
]
_POLICY_ACTIONS = [
    f"iam:{action}"
    for action in (
        *("CreatePolicy", "CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "GetPolicy"),
        *("GetPolicyVersion", "ListEntitiesForPolicy", "ListPolicyVersions"),
    )
]
_STACK_CHARACTERS = 50
"""How much of a stack's name surely begins the names of its policies: CloudFormation shortens it where the stack's
name, the logical id and a suffix exceed the 128 characters of a policy's name."""


class ExecutionPolicyError(RolechainError):
    """The permissions to deploy a role exceed the quota of a managed policy, or undo its permissions boundary."""


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
    managed policies that the chain declares and those of the stack alone.

    Args:
        chain: the chain.
        account: the id of the account.
        stack: the name of the account's stack, which begins the names of the policies that CloudFormation makes.
        qualifier: that of the bootstrap, whose version CloudFormation reads.
        former: the chain before, whose roles the stack may hold still.

    Returns:
        One document, or several where one would exceed IAM's quota; none for an account without roles to create.

    Raises:
        ExecutionPolicyError: the permissions for one role exceed the quota, or would let the stack change a boundary.
    """
    named = f"parameter{version_parameter(qualifier)}"
    parameter = format_arn(chain.partition, "ssm", chain.region, account, named)
    version = allow("BootstrapVersion", ["ssm:GetParameter", "ssm:GetParameters"], {}, Resource=parameter)

    def fitting(roles: Sequence[ChainRole]) -> list[dict[str, Any]]:
        document = {"Version": "2012-10-17", "Statement": [*_statements(roles, stack), version]}
        if (length := limits.length_of_document(document)) <= limits.MANAGED_POLICY_CHARACTERS:
            return [document]
        if len(roles) > 1:
            return fitting(roles[: len(roles) // 2]) + fitting(roles[len(roles) // 2 :])
        raise ExecutionPolicyError(
            f"the permissions to deploy {roles[0].arn} have {length:,} characters, and a managed policy takes "
            f"{limits.MANAGED_POLICY_CHARACTERS:,}: declare fewer managed policies"
        )

    declared = dict.fromkeys((*chain.roles, *(former.roles if former else ())))
    roles = [role for role in declared if role.account == account and not role.existing]
    made = dict.fromkeys(_made_by(role, stack) for role in roles)
    for boundary, pattern in product((role.boundary_arn for role in roles), made):
        if boundary and matches(pattern, boundary):
            raise ExecutionPolicyError(
                f"the permissions boundary {boundary} is named as the policies that the stack may change, {pattern}: "
                "give it another name"
            )
    return fitting(roles) if roles else []


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


def _statements(roles: Sequence[ChainRole], stack: str) -> list[StatementJson]:
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


def _made_by(role: ChainRole, stack: str) -> str:
    """The pattern of the managed policies that CloudFormation names, ``<stack>-<logical id>-<suffix>``."""
    named = f"{stack}-" if len(stack) < _STACK_CHARACTERS else stack[:_STACK_CHARACTERS]
    return iam_arn(role.partition, role.account, f"policy{role.path}{named}*")


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _named(pattern: str) -> str:
    return pattern.replace("*", "x")
