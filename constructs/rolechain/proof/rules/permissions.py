"""Which roles a role may assume, beyond what the chain declares."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from rolechain.graph.access import ASSUME
from rolechain.graph.arn_sets import pattern_of
from rolechain.graph.finding import Level
from rolechain.graph.language import Language, glob_of, matching
from rolechain.graph.narrowing import names_variable
from rolechain.graph.permissions import RESOURCE, assumable
from rolechain.graph.requests import Requests, both
from rolechain.graph.role_graph import PolicyRecord, RoleRecord
from rolechain.graph.values import ManyValues, OneValue, Values, only
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, iam_arn, partition_of, resource_of
from rolechain.iam.glob import GlobPart, glob, has_wildcard
from rolechain.iam.limits import is_root
from rolechain.model.role import ChainRole
from rolechain.policy.elements import UNRESOLVED
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement, is_role
from rolechain.proof.rules.rule import Violation, Violations, rule

_ADMINISTRATORS = frozenset({"AdministratorAccess", "PowerUserAccess"})
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
def beyond_the_chain(context: RuleContext) -> Violations:
    """A chain's role that may assume more than its hops (error), or another one any role of some kind (warning)."""
    warned: set[RoleRecord] = set()
    # What the role's other policies allow is reported there, and not again for AWS's own policies.
    for permission in sorted(context.permissions, key=lambda each: _is_aws_managed(each.record)):
        role = permission.role
        declared = context.declared.get(role.arn)
        if declared is not None:
            callees = [hop.callee for hop in context.chain.calls_of(declared)] if context.chain else []
            if callees:
                yield from _beyond(permission, declared, callees, context.organization)
        elif not context.is_bootstrap(role):
            named = "name the roles by account, path and name: arn:aws:iam::<account>:role/<path and name>"
            for resource, requests in _roles_in(permission, context.organization):
                if is_role(resource) or _narrowed(requests) or _names_single(requests):
                    continue
                if _is_aws_managed(permission.record):
                    # Nobody can change it: one for some purpose of AWS's is as it must be.
                    if resource != "*" or role in warned:
                        continue
                    named = f"attach a policy that names the roles that it assumes instead of {permission.record.name}"
                if resource == "*":
                    warned.add(role)
                yield permission.violation(f"may assume {resource}", named, Level.WARNING)
    for role in context.graph.roles:
        declared = context.declared.get(role.arn)
        if declared is not None and context.chain and context.chain.calls_of(declared):
            for record in _administrators(role):
                yield _any_role(record, role, Level.ERROR)


def _beyond(
    permission: LocatedStatement, declared: ChainRole, callees: Sequence[ChainRole], organization: str | None
) -> Violations:
    arns = {callee.arn for callee in callees if not callee.member_of}
    members = {callee.arn for callee in callees if callee.member_of}
    units = list(dict.fromkeys(callee.member_of for callee in callees if callee.member_of))
    own = _declared_resources(declared)
    for resource, requests in _roles_in(permission, organization):
        if resource in arns or (is_role(resource) and resource in own):
            continue
        # Where only the account is open, a path of the chain's own names its roles.
        paths = tuple(f"role{callee.path}" for callee in callees if callee.path != "/")
        in_path = has_wildcard([account_of(resource)]) and resource_of(resource).startswith(paths)
        if (in_path or resource in members) and _within_organization(permission, requests, organization):
            yield from _beyond_units(permission, resource, requests, units, organization or "")
            continue
        if _within_accounts(requests, resource, arns) or _names_only(requests, arns | own):
            continue
        is_one = is_role(resource) and resource not in members
        what = "is not a hop of the chain" if is_one else "names no roles by account, path and name"
        remedy = f"write Resource: {', '.join(sorted({*arns, *(unit.arn for unit in units)}))}"
        if units:
            what = "is not a hop of the chain" if is_one else "leads out of the organization"
            remedy += f", the latter with StringEquals aws:ResourceOrgID: {organization}"
        yield permission.violation(f"may assume {resource}, which {what}", remedy)


def _beyond_units(
    permission: LocatedStatement,
    resource: str,
    requests: Sequence[Requests],
    units: Iterable[ChainRole],
    organization: str,
) -> Violations:
    """What lets the caller of targets by organizational unit into accounts that they leave out."""
    for unit in units:
        anywhere = OneValue(matching([pattern_of(unit.arn)]), absent=False)
        for account in unit.exclude:
            there: dict[str, Values] = {
                RESOURCE: only(unit.in_account(account).arn),
                keys_of.RESOURCE_ACCOUNT: only(account),
            }
            if both(requests, [Requests("role", there)]):
                yield permission.violation(
                    f"may assume {resource} in account {account}, which the chain excludes",
                    f"add the condition StringNotEquals aws:ResourceAccount: {account}",
                )
        if any(map(is_root, unit.organizational_units)):
            continue
        paths = [f"{organization}/{each.rstrip('/')}/*" for each in unit.organizational_units]
        others = ManyValues(Language(without=frozenset(map(glob_of, paths))), (), absent=False)
        elsewhere: dict[str, Values] = {RESOURCE: anywhere, keys_of.RESOURCE_ORGANIZATION_PATHS: others}
        if both(requests, [Requests("role", elsewhere)]):
            yield permission.violation(
                f"may assume {resource} in accounts of other organizational units than the chain declares",
                f"add the condition ForAnyValue:StringLike aws:ResourceOrgPaths: {', '.join(paths)}",
            )


@rule(
    "RC30",
    "a target assumes no further role, unless its permissions declare it",
    prevents="lateral movement from the end of the chain",
    source="IAM User Guide, Security best practices: least privilege; Roles terms: role chaining",
    levels="error warning",
)
def onward_from_target(context: RuleContext) -> Violations:
    """A target that may assume roles (error), or may by a managed policy that it declares (warning)."""
    targets = {target.arn: target for target in context.chain.targets} if context.chain else {}
    for permission in context.permissions:
        target = targets.get(permission.arn)
        if target is None:
            continue
        own = _declared_resources(target)
        if _is_aws_managed(permission.record):
            if next(_roles_in(permission, context.organization), None):
                yield _any_role(permission.record, permission.role, _level(permission.record, target))
            continue
        for resource, requests in _roles_in(permission, context.organization):
            if resource not in own and not _names_only(requests, own):
                yield Violation(
                    permission.place,
                    f"the target {target.arn} may assume {resource}",
                    f"leave sts:AssumeRole out, or declare it under permissions of {target.role}",
                )
    for role in context.graph.roles:
        target = targets.get(role.arn)
        for record in _administrators(role) if target else ():
            yield _any_role(record, role, _level(record, target))


def _level(record: PolicyRecord, target: ChainRole | None) -> Level:
    declared = [policy.rsplit(":policy/", 1)[-1] for policy in target.managed_policies] if target else []
    return Level.WARNING if _policy_name(record) in declared else Level.ERROR


def _any_role(record: PolicyRecord, role: RoleRecord, level: Level) -> Violation:
    name = _policy_name(record)
    return Violation(
        record.place,
        f"{role.arn} comes with {name}, which allows sts:AssumeRole on every role that trusts its account",
        f"name the actions that it needs under permissions instead of {name}",
        level,
    )


def _administrators(role: RoleRecord) -> Iterator[PolicyRecord]:
    """The policies that allow every AssumeRole and whose documents are not at hand."""
    for record in role.policies:
        if record.policy.missing is not None and _policy_name(record) in _ADMINISTRATORS:
            yield record


def _policy_name(record: PolicyRecord) -> str:
    return record.name.rsplit(":policy/", 1)[-1]


def _is_aws_managed(record: PolicyRecord) -> bool:
    return ":iam::aws:policy/" in record.name


def _roles_in(
    permission: LocatedStatement, organization: str | None
) -> Iterator[tuple[str, tuple[Requests, ...]]]:
    """The entries of a permission's Resource that let its role assume any role, with the requests that it may make."""
    for entry, requests in assumable(permission.role, permission.statement, organization or ""):
        if requests and not entry.startswith(UNRESOLVED):
            yield entry, requests


def _declared_resources(role: ChainRole) -> set[str]:
    return {
        resource
        for permission in role.permissions
        if any(glob((GlobPart(action.lower()),))(ASSUME) for action in permission.actions)
        for resource in permission.resources
    }


def _within_organization(
    permission: LocatedStatement, requests: Iterable[Requests], organization: str | None
) -> bool:
    """Whether requests are about roles of the caller's organization, or of the one that the chain declares."""
    if names_variable(permission.statement, keys_of.RESOURCE_ORGANIZATION, keys_of.ORGANIZATION):
        return True
    if organization is None:
        return False
    found = (one.values.get(keys_of.RESOURCE_ORGANIZATION) for one in requests)
    return all(
        isinstance(values, OneValue)
        and not values.absent
        and values.texts.values == frozenset({organization})
        for values in found
    )


def _within_accounts(requests: Iterable[Requests], resource: str, arns: Collection[str]) -> bool:
    """Whether a resource whose account is open is closed by a list of accounts to roles that are meant."""
    partition, role = partition_of(resource), resource_of(resource)
    if resource != iam_arn(partition, "*", role) or set(role) & set("*?$"):
        return False
    for one in requests:
        values = one.values.get(keys_of.RESOURCE_ACCOUNT)
        if not isinstance(values, OneValue) or values.absent or values.texts.values is None:
            return False
        if any(iam_arn(partition, account, role) not in arns for account in values.texts.values):
            return False
    return True


def _names_only(requests: Iterable[Requests], arns: Collection[str]) -> bool:
    """Whether requests are about roles that are meant and about no others."""
    texts = [values.texts.values for one in requests if isinstance(values := one.values[RESOURCE], OneValue)]
    return all(found is not None and found <= set(arns) for found in texts)


def _names_single(requests: Iterable[Requests]) -> bool:
    found = (one.values[RESOURCE] for one in requests)
    return all(isinstance(values, OneValue) and values.texts.values is not None for values in found)


def _narrowed(requests: Iterable[Requests]) -> bool:
    """Whether conditions on whose the role is, or on its tags, keep requests to some roles."""
    return all(
        any(key in _NARROWING or key.startswith(_TAGS) for key in one.values if not _is_open(one, key))
        for one in requests
    )


def _is_open(requests: Requests, key: str) -> bool:
    """Whether requests may lack a key, or have any value of it but some."""
    values = requests.values[key]
    is_open = isinstance(values, OneValue) and values.texts.values is None and not values.texts.within
    return values.absent or is_open
