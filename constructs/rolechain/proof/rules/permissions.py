"""Which roles a role may assume, beyond what the chain declares."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rolechain.policy.context import Context
from rolechain.policy.patterns import Text, glob
from rolechain.proof.finding import Level
from rolechain.proof.rules import principals, strangers
from rolechain.proof.rules.rule import Fault, Faults, rule
from rolechain.proof.rules.ruling import Ruling
from rolechain.proof.rules.survey import Survey
from rolechain.proof.world import PolicyRecord, RoleRecord
from rolechain.role import ChainRole

ADMINISTRATORS = frozenset({"AdministratorAccess", "PowerUserAccess"})
"""The AWS managed policies that are known to allow sts:AssumeRole on every role."""

_NARROWING = ("aws:resourceorgid", "aws:resourceaccount", "aws:resourceorgpaths")
_TAGS = ("aws:resourcetag/", "iam:resourcetag/")


@rule(
    "RC07",
    "a role's permission names the roles that it may assume by account, path and name; a wildcard account stands "
    "with aws:ResourceOrgID and a path of the chain's own",
    prevents="a hop out of the chain, or out of the organization",
    source="IAM User Guide, Grant a user permissions to switch roles; aws:ResourceOrgID",
    levels="error warning",
)
def beyond_the_chain(survey: Survey) -> Faults:
    """A chain's role that may assume more than its hops (error), or another one any role of some kind (warning)."""
    for permission in survey.permissions:
        role = permission.role
        declared = survey.declared.get(role.arn)
        if declared is not None:
            callees = [hop.callee for hop in survey.chain.calls_of(declared)] if survey.chain else []
            if callees:
                yield from _beyond(permission, declared, callees)
        elif not (_is_aws_managed(permission.record) or survey.is_bootstrap(role)):
            for resource in _roles_in(permission):
                if not names_one(resource) and not _narrowed(permission) and not _denied(role, resource):
                    yield Fault(
                        permission.place,
                        f"{role.arn} may assume {resource}",
                        "name the roles by account, path and name: arn:aws:iam::<account>:role/<path and name>",
                        Level.WARNING,
                    )
    for role in survey.world.roles:
        declared = survey.declared.get(role.arn)
        if declared is not None and survey.chain and survey.chain.calls_of(declared):
            for record in _administrators(role):
                yield _any_role(record, role, Level.ERROR)


def _beyond(permission: Ruling, declared: ChainRole, callees: Sequence[ChainRole]) -> Faults:
    arns = {callee.arn for callee in callees}
    own = _declared_resources(declared)
    for resource in _roles_in(permission):
        if resource in arns or (names_one(resource) and resource in own):
            continue
        if _in_chain_path(resource, callees) and _within_organization(permission):
            continue
        if _within_accounts(permission, resource, arns):
            continue
        if _denied(permission.role, resource):
            continue
        what = (
            "which is no hop of the chain"
            if names_one(resource)
            else "which names no roles by account, path and name"
        )
        yield Fault(
            permission.place,
            f"{declared.arn} may assume {resource}, {what}",
            f"write Resource: {', '.join(sorted(arns))}",
        )


@rule(
    "RC08",
    "every hop stands in the caller's permission and in the callee's trust policy",
    prevents="AccessDenied",
    source="IAM User Guide, Cross-account policy evaluation logic",
)
def missing_half(_: Survey) -> Faults:
    """Nothing here: the proof itself decides every declared hop and entrance, and says which side is missing."""
    yield from ()


@rule(
    "RC30",
    "a target assumes no further role, unless its permissions declare it",
    prevents="lateral movement from the end of the chain",
    source="IAM User Guide, Security best practices: least privilege; Roles terms: role chaining",
    levels="error warning",
)
def onward_from_target(survey: Survey) -> Faults:
    """A target that may assume roles (error), or may by a managed policy that it declares (warning)."""
    targets = {target.arn: target for target in survey.chain.targets} if survey.chain else {}
    for permission in survey.permissions:
        target = targets.get(permission.role.arn)
        if target is None:
            continue
        own = _declared_resources(target)
        if _is_aws_managed(permission.record):
            if next(_roles_in(permission), None) and not _denied(permission.role, "*"):
                yield _any_role(permission.record, permission.role, _level(permission.record, target))
            continue
        for resource in _roles_in(permission):
            if resource not in own and not _denied(permission.role, resource):
                yield Fault(
                    permission.place,
                    f"the target {target.arn} may assume {resource}",
                    f"leave sts:AssumeRole out, or declare it under permissions of {target.role}",
                )
    for role in survey.world.roles:
        target = targets.get(role.arn)
        for record in _administrators(role) if target else ():
            yield _any_role(record, role, _level(record, target))


def _level(record: PolicyRecord, target: ChainRole | None) -> Level:
    declared = [policy.rsplit(":policy/", 1)[-1] for policy in target.managed_policies] if target else []
    return Level.WARNING if _policy_name(record) in declared else Level.ERROR


def _any_role(record: PolicyRecord, role: RoleRecord, level: Level) -> Fault:
    name = _policy_name(record)
    return Fault(
        record.place,
        f"{role.arn} comes with {name}, which allows sts:AssumeRole on every role that trusts its account",
        f"name the actions that it needs under permissions instead of {name}",
        level,
    )


def _administrators(role: RoleRecord) -> Iterator[PolicyRecord]:
    """The policies that allow every AssumeRole and whose documents are not at hand."""
    for record in role.policies:
        if record.policy.missing is not None and _policy_name(record) in ADMINISTRATORS:
            yield record


def _policy_name(record: PolicyRecord) -> str:
    return record.name.rsplit(":policy/", 1)[-1]


def _is_aws_managed(record: PolicyRecord) -> bool:
    return ":iam::aws:policy/" in record.name


def _roles_in(permission: Ruling) -> Iterator[str]:
    """The entries of a permission's Resource that may be about roles; of NotResource, all that it leaves."""
    resources = permission.statement.resources
    if resources is None:
        return
    if resources.negated:
        yield "*"
        return
    for written in resources.written:
        parts = written.split(":", 5)
        segments = [*parts, *["*"] * (6 - len(parts))]
        head = segments[5].split("*")[0].split("?")[0].split("$")[0]
        if (
            glob((Text(segments[2]),))("iam")
            and glob((Text(segments[3]),))("")
            and ("role/".startswith(head) or head.startswith("role/"))
        ):
            yield written


def names_one(resource: str) -> bool:
    """Whether an entry of Resource is one role, by account, path and name."""
    return principals.is_role(resource)


def _declared_resources(role: ChainRole) -> set[str]:
    return {
        resource
        for permission in role.permissions
        if any(glob((Text(action.lower()),))("sts:assumerole") for action in permission.actions)
        for resource in permission.resources
    }


def _in_chain_path(resource: str, callees: Sequence[ChainRole]) -> bool:
    """Whether only the account of a resource is open, and its path is one of the chain's callees' own."""
    parts = resource.split(":", 5)
    paths = [f"role{callee.path}" for callee in callees if callee.path != "/"]
    return len(parts) == 6 and "*" in parts[4] and any(parts[5].startswith(path) for path in paths)


def _within_organization(permission: Ruling) -> bool:
    others = ("o-stranger00", None)
    return strangers.closes(permission, strangers.RESOURCE_ORGANIZATION, others)


def _within_accounts(permission: Ruling, resource: str, arns: Collection[str]) -> bool:
    """Whether a resource whose account is open is closed by a list of accounts to roles that are meant."""
    parts = resource.split(":", 5)
    if len(parts) < 6 or parts[4] != "*" or set(parts[5]) & set("*?$"):
        return False
    accounts = set(principals.pinned(permission, strangers.RESOURCE_ACCOUNT))
    closed = strangers.closes(permission, strangers.RESOURCE_ACCOUNT, (strangers.STRANGER_ACCOUNT, None))
    return closed and all(":".join([*parts[:4], account, parts[5]]) in arns for account in accounts)


def _narrowed(permission: Ruling) -> bool:
    """Whether a condition on whose the role is, or on its tags, keeps a permission away from other roles."""
    keys = {key for condition in permission.statement.conditions for key in condition.keys}
    asked = [key for key in keys if key in _NARROWING or key.startswith(_TAGS)]
    return any(strangers.closes(permission, key, ("o-stranger00", None)) for key in asked)


def _one_of(resource: str) -> str:
    """A role that a resource is about and that nobody declared."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return f"arn:aws:iam::{strangers.STRANGER_ACCOUNT}:role/stranger"
    partition, account = parts[1].replace("*", "aws"), parts[4].replace("*", strangers.STRANGER_ACCOUNT)
    name = parts[5].replace("?", "x")
    name = name.replace("*", "stranger") if name.startswith("role/") else "role/stranger"
    return f"arn:{partition}:iam::{account}:{name}"


def _denied(role: RoleRecord, resource: str) -> bool:
    """Whether another policy of the role keeps it from a role that nobody declared."""
    arn, nothing = _one_of(resource), Context({})
    denies = [deny for record in role.policies for deny in record.policy.denies]
    if any(deny.applies("sts:assumerole", arn, nothing) for deny in denies):
        return True
    boundary = role.boundary.policy if role.boundary else None
    if boundary is None or boundary.missing is not None:
        return False
    return all(allow.applies("sts:assumerole", arn, nothing) is False for allow in boundary.allows)
