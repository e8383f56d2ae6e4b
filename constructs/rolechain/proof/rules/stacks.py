"""Roles that come by stack sets, and roles that come from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Json
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.resources import Resource, inline_template, stack_set_resources
from rolechain.proof.rules.rule import Violation, Violations, rule

_ATTACHING = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")


@rule(
    "RC32",
    "a role that the templates do not create is left as it is",
    prevents="a policy that is silently attached to an existing role, or in another account silently dropped",
    source="AWS CDK, Role.from_role_arn: mutable; AWS CloudFormation, AWS::IAM::Policy: Roles",
)
def imported_role(context: RuleContext) -> Violations:
    """A policy that is attached to a role by name which no template of its account creates."""
    own = [role for role in context.graph.roles if not role.imported]
    created = {(role.place.template, role.name) for role in own} | {(role.account, role.name) for role in own}
    reported: set[SourceLocation] = set()
    for resource in context.resources:
        if resource.type not in _ATTACHING:
            continue
        template = context.graph.templates[resource.template]
        for name in _attached_to(resource):
            if created.isdisjoint({(resource.template, name), (template.account or "", name)}):
                reported.add(resource.place())
                yield _attached(resource.place(), resource.logical_id, name)
    for role in context.graph.roles:
        for record in role.policies if role.imported else ():
            place = SourceLocation(record.place.template, record.place.logical_id)
            if record.place.template and place not in reported:
                reported.add(place)
                yield _attached(record.place, record.name, role.name or role.arn)


def _attached(place: SourceLocation, policy: str, role: str) -> Violation:
    return Violation(
        place,
        f"{policy} is attached to the role {role}, which no template creates",
        "import the role with mutable=False and grant what it needs where it is created",
    )


def _attached_to(resource: Resource) -> Iterator[str]:
    """The roles that a policy is attached to by their names as text."""
    if resource.type == "AWS::IAM::RolePolicy":
        listed: Json = [resource.properties.get("RoleName")]
    else:
        listed = resource.properties.get("Roles")
    for name in listed if isinstance(listed, list) else ():
        if isinstance(name, str):
            yield name


@rule(
    "RC34",
    "a service-managed stack set counts on no target in the management account, no nested stacks and no macros",
    prevents="a target that never appears",
    source="AWS CloudFormation User Guide, StackSets with service-managed permissions: considerations",
)
def service_managed(context: RuleContext) -> Violations:
    """A service-managed stack set that cannot be deployed, or not to where it is meant to go."""
    for resource in context.resources:
        if (
            resource.type != "AWS::CloudFormation::StackSet"
            or resource.properties.get("PermissionModel") != "SERVICE_MANAGED"
        ):
            continue
        yield from _unfit_body(resource)
        management = _management_account(context, resource)
        if management is None:
            continue
        if management in _accounts(resource):
            yield Violation(
                resource.place(),
                f"the stack set is to be deployed to {management}, the management account, where it never goes",
                f"take {management} out of Accounts, and deploy its role by a stack of its own",
            )
        for arn in _meant_for(context, resource, management):
            yield Violation(
                resource.place(),
                f"{arn} lies in the management account, where a service-managed stack set never goes",
                f"deploy it by a stack of its own in {management}",
            )


def _unfit_body(resource: Resource) -> Violations:
    for inner in stack_set_resources(resource):
        if inner.type == "AWS::CloudFormation::Stack":
            yield Violation(
                resource.place("TemplateBody"),
                f"the stack set's template holds the nested stack {inner.logical_id}, which is refused",
                "write its resources into the template itself",
            )
    body = inline_template(resource)
    if isinstance(body, Mapping) and ("Transform" in body or _holds(body, "Fn::Transform")):
        yield Violation(
            resource.place("TemplateBody"),
            "the stack set's template holds a macro (Transform), which is refused",
            "write out what the macro makes",
        )


def _holds(value: Json, key: str) -> bool:
    waiting = [value]
    for current in waiting:
        if isinstance(current, Mapping):
            if key in current:
                return True
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
    return False


def _management_account(context: RuleContext, resource: Resource) -> str | None:
    """The management account, as far as it can be told: without CallAs, the stack set is made from there."""
    if resource.properties.get("CallAs", "SELF") != "SELF":
        return None
    return context.graph.templates[resource.template].account


def _accounts(resource: Resource) -> set[str]:
    groups = resource.properties.get("StackInstancesGroup")
    found: set[str] = set()
    for group in groups if isinstance(groups, list) else ():
        targets = group.get("DeploymentTargets") if isinstance(group, Mapping) else None
        listed = targets.get("Accounts") if isinstance(targets, Mapping) else None
        excluded = isinstance(targets, Mapping) and targets.get("AccountFilterType") == "DIFFERENCE"
        if isinstance(listed, list) and not excluded:
            found |= {account for account in listed if isinstance(account, str)}
    return found


def _meant_for(context: RuleContext, resource: Resource, management: str) -> Iterator[str]:
    """The roles that the chain declares in the management account and that the stack set alone would create."""
    names = {
        inner.properties.get("RoleName")
        for inner in stack_set_resources(resource)
        if inner.type == "AWS::IAM::Role" and isinstance(inner.properties.get("RoleName"), str)
    }
    instances = f"{resource.template}/{resource.logical_id}"
    own = {role.arn for role in context.graph.roles if not role.place.template.startswith(instances)}
    for arn, role in context.declared.items():
        if role.account == management and role.role in names and arn not in own:
            yield arn
