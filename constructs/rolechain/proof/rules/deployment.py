"""What a deployment depends on: its order, its partition, stack sets, and roles that exist already."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Json, Template
from rolechain.cloudformation.texts import items_of, objects_in, within
from rolechain.graph.finding import Level
from rolechain.graph.role_graph import RoleRecord
from rolechain.graph.traversal import reachable
from rolechain.iam.limits import unit_of_path
from rolechain.iam.partitions import partition_of
from rolechain.model.role import ChainRole
from rolechain.model.stack_set import StackSet
from rolechain.proof.rules.context import RuleContext, TemplateResource, resources_of
from rolechain.proof.rules.located_statement import by_root
from rolechain.proof.rules.rule import Violation, Violations, rule


@rule(
    "RC20",
    "a role that a trust policy names directly is another one and is deployed before it, by a stack dependency or "
    "DependsOn; one outside the templates is declared as existing",
    prevents="Invalid principal in policy, when the stack is deployed",
    source="IAM User Guide, Troubleshoot IAM roles; JSON policy elements: IAM role principals",
)
def deploy_order(context: RuleContext) -> Violations:
    chain = context.chain
    existing = {role.arn for role in chain.roles if role.existing} if chain else set()
    for source in chain.sources if chain else ():
        existing |= {entrance.value for entrance in source.entrances if entrance.kind == "arn"}
    for entry in context.entries:
        template = context.graph.templates.get(entry.role.place.template)
        if entry.role.imported or (template and template.deployed):
            continue  # its owner adds the statement when the caller is there
        for arn in entry.role_arns:
            named = context.roles.get(arn)
            if named is None or named.imported:
                if chain is None or arn in existing or (named and arn in context.declared):
                    continue
                yield entry.violation(
                    f"trusts {arn} itself, which no template creates",
                    f"write {by_root(arn)}, or declare it under assumed_by where it exists already",
                )
            elif named is entry.role:
                yield entry.violation(
                    f"trusts {arn}, which is the role itself and does not exist when IAM reads its trust policy",
                    f"write {by_root(arn)}",
                )
            elif not _comes_first(context, named, entry.role):
                here = named.place.template == entry.role.place.template
                yield entry.violation(
                    f"trusts {arn} itself, and nothing makes {named.place} come first",
                    f"add DependsOn: {named.place.logical_id}"
                    if here
                    else f"make the stack {entry.role.place.template} depend on {named.place.template}",
                )


def _comes_first(context: RuleContext, named: RoleRecord, role: RoleRecord) -> bool:
    """Whether a role is created before another one: by a dependency of its stack, or of the resource itself."""
    templates, own = context.graph.templates, role.place.template
    stack_set = _stack_set_of(context, role)
    if stack_set and stack_set.template == named.place.template:
        return _waits_for(templates[stack_set.template], [stack_set.logical_id], named)
    if named.place.template != own:
        return named.place.template in reachable(
            [own], lambda each: templates[each].dependencies if each in templates else ()
        )
    return own in templates and _waits_for(templates[own], role.depends_on, named)


def _waits_for(template: Template, first: Iterable[str], named: RoleRecord) -> bool:
    """Whether resources of a template that are created first have a role among them."""
    listed, found = template.body.get("Resources"), set(first)
    resources: Mapping[str, Json] = listed if isinstance(listed, Mapping) else {}
    waits_for = reachable(found, lambda each: _depends_on(resources.get(each)))
    return named.place.logical_id in {*found, *waits_for}


def _depends_on(resource: Json) -> Iterator[str]:
    written = items_of(resource.get("DependsOn")) if isinstance(resource, Mapping) else ()
    return (name for name in written if isinstance(name, str))


_LITERAL = re.compile(r"""arn:aws:[^\s"']*""")
_MOVABLE = re.compile(r"""arn:aws:(?![\w-]*:([a-z]{2}(-[a-z]+)+-\d:|[^:]*:\d{12}:))[^\s"']*""", re.ASCII)
"""The same but for the ARN of a region, or of an account, which no other partition has."""


@rule(
    "RC29",
    "no ARN is written out with arn:aws: where the chain's partition is another, or the template serves several",
    prevents="failure in the China and GovCloud regions",
    source="IAM User Guide, IAM identifiers: partitions",
    levels="error warning",
)
def literal_partition(context: RuleContext) -> Violations:
    """A literal partition in a role or policy that is deployed to another (error) or to any region (warning)."""
    by_chain = context.chain.partition if context.chain else None
    partitions = {
        name: partition_of(template.region or "") or by_chain
        for name, template in context.graph.templates.items()
    }
    anywhere = {
        name
        for name, template in context.graph.templates.items()
        if partitions[name] is None and _serves_several(name, template)
    }
    for resource in context.resources:
        partition = partitions[resource.template]
        foreign = partition != "aws" if partition else resource.template in anywhere
        if not foreign or not resource.type.startswith("AWS::IAM::"):
            continue
        literal = _LITERAL if partition else _MOVABLE
        found = [match[0] for text in _texts(resource.properties) if (match := literal.search(text))]
        if not found:
            continue
        how = f"is deployed to {partition}" if partition else "names AWS::Partition elsewhere"
        yield Violation(
            resource.place(),
            f"{found[-1]} names the partition aws, and the template {how}",
            'write {"Fn::Sub": "arn:${AWS::Partition}:…"}' + (f", or arn:{partition}:…" if partition else ""),
            Level.ERROR if partition else Level.WARNING,
        )


def _serves_several(name: str, template: Template) -> bool:
    """Whether a template as it is written names AWS::Partition in what makes roles or policies."""
    written = resources_of(name, template.source or template.body)
    made = (each for each in written if each.type.startswith(("AWS::IAM::", "AWS::Serverless::")))
    return any("AWS::Partition" in text for each in made for text in _texts(each.properties))


def _texts(value: Json) -> Iterator[str]:
    return (part for part in within(value) if isinstance(part, str))


@rule(
    "RC32",
    "a role that the templates do not create is left as it is",
    prevents="a policy that is silently attached to an existing role, or in another account silently dropped",
    source="AWS CDK, Role.from_role_arn: mutable; AWS CloudFormation, AWS::IAM::Policy: Roles",
)
def imported_role(context: RuleContext) -> Violations:
    own = [role for role in context.graph.roles if not role.imported]
    created = {(role.place.template, role.name) for role in own} | {(role.account, role.name) for role in own}
    reported: set[tuple[str, str]] = set()
    for resource in context.resources:
        if resource.type not in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
            continue
        template = context.graph.templates[resource.template]
        for name in _attached_to(resource):
            if created.isdisjoint({(resource.template, name), (template.account or "", name)}):
                reported.add(resource.place().resource)
                yield _attached(resource.place(), resource.logical_id, name)
    for role in context.graph.roles:
        for record in role.policies if role.imported else ():
            if record.place.template and record.place.resource not in reported:
                reported.add(record.place.resource)
                yield _attached(record.place, record.name, role.name or role.arn)


def _attached(place: SourceLocation, policy: str, role: str) -> Violation:
    return Violation(
        place,
        f"{policy} is attached to the role {role}, which no template creates",
        "give the template that creates the role too, or grant there what it needs; in CDK, import the role with "
        "mutable=False",
    )


def _attached_to(resource: TemplateResource) -> list[str]:
    of_one = resource.type == "AWS::IAM::RolePolicy"
    listed = [resource.properties.get("RoleName")] if of_one else resource.properties.get("Roles")
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


@rule(
    "RC34",
    "a service-managed stack set counts on no target in the management account, no nested stacks and no macros",
    prevents="a target that never appears",
    source="AWS CloudFormation User Guide, StackSets with service-managed permissions: considerations",
)
def service_managed(context: RuleContext) -> Violations:
    for resource in context.resources:
        of_type = resource.type == "AWS::CloudFormation::StackSet"
        if not of_type or resource.properties.get("PermissionModel") != "SERVICE_MANAGED":
            continue
        if resource.properties.get("ExecutionRoleTemplateBody") is None:
            yield from _unfit_body(resource)
        management = context.graph.templates[resource.template].account
        # Without CallAs, the stack set is made from the management account.
        if management is None or resource.properties.get("CallAs", "SELF") != "SELF":
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


def _unfit_body(resource: TemplateResource) -> Violations:
    body = _inline_template(resource)
    for inner in resources_of(resource.template, body):
        if inner.type == "AWS::CloudFormation::Stack":
            yield Violation(
                resource.place("TemplateBody"),
                f"the stack set's template holds the nested stack {inner.logical_id}, which is refused",
                "write its resources into the template itself",
            )
    if isinstance(body, Mapping) and (
        "Transform" in body or any("Fn::Transform" in part for part in objects_in(body))
    ):
        yield Violation(
            resource.place("TemplateBody"),
            "the stack set's template holds a macro (Transform), which is refused",
            "write out what the macro makes",
        )


def _accounts(resource: TemplateResource) -> set[str]:
    groups = resource.properties.get("StackInstancesGroup")
    found: set[str] = set()
    for group in groups if isinstance(groups, list) else ():
        targets = group.get("DeploymentTargets") if isinstance(group, Mapping) else None
        listed = targets.get("Accounts") if isinstance(targets, Mapping) else None
        excluded = isinstance(targets, Mapping) and targets.get("AccountFilterType") == "DIFFERENCE"
        if isinstance(listed, list) and not excluded:
            found |= {account for account in listed if isinstance(account, str)}
    return found


def _meant_for(context: RuleContext, resource: TemplateResource, management: str) -> Iterator[str]:
    """The roles that the chain declares in the management account and that the stack set alone would create."""
    names = {
        inner.properties.get("RoleName")
        for inner in resources_of(resource.template, _inline_template(resource))
        if inner.type == "AWS::IAM::Role" and isinstance(inner.properties.get("RoleName"), str)
    }
    instances = f"{resource.template}/{resource.logical_id}"
    own = {role.arn for role in context.graph.roles if not role.place.template.startswith(instances)}
    for arn, role in context.declared.items():
        if role.account == management and role.role in names and arn not in own:
            yield arn


@rule(
    "RC41",
    "the stack set of a target by organizational unit goes to the declared units, to no excluded account, and to "
    "accounts that join",
    prevents="an account of a unit without its role, and a role in an account that the chain leaves out",
    source="AWS CloudFormation User Guide, AWS::CloudFormation::StackSet: AutoDeployment, DeploymentTargets, CallAs",
    levels="error warning",
)
def reaches_its_units(context: RuleContext) -> Violations:
    members: dict[ChainRole, list[ChainRole]] = {}
    for target in context.chain.targets if context.chain else ():
        if target.member_of:
            members.setdefault(target.member_of, []).append(target)
    for unit, roles in members.items():
        sets: dict[SourceLocation, TemplateResource] = {}
        parted: set[SourceLocation] = set()
        for record in (each for role in roles for each in context.graph.by_arn.get(role.arn, ())):
            found = None if record.imported else _stack_set_of(context, record)
            if found:
                properties = context.graph.stack_sets.get(found.place(), {})
                sets[found.place()] = replace(found, properties=properties)
                if _tells_accounts_apart(context.graph.templates[record.place.template].body):
                    parted.add(found.place())
            elif not record.imported and record.account == roles[0].account:
                yield Violation(
                    record.place,
                    f"{record.arn} is created by no stack set",
                    f"create {unit.role} by a service-managed stack set of {', '.join(unit.organizational_units)}",
                )
        wanted = {*map(unit_of_path, unit.organizational_units)}
        reached: set[str] = set()
        for stack_set in sets.values():
            units = {
                each
                for group in _targets_of(stack_set)
                for each in _listed_texts(group, "OrganizationalUnitIds")
            }
            reached |= units
            unlike = list(_unlike(stack_set, unit, units - wanted))
            if stack_set.place() in parted:
                what = "may tell accounts apart by more than ids that are written out (Fn::Split, Fn::Equals)"
                unlike.append((what, "compare AWS::AccountId, as a whole, with a text"))
            for what, remedy in unlike:
                yield Violation(stack_set.place(), f"the stack set of {unit.role} {what}", remedy)
        for place in list(sets)[:1]:
            yield from _taken(context, unit, place)
        if sets and (missing := sorted(wanted - reached)):
            yield Violation(
                next(iter(sets)),
                f"the stack set of {unit.role} does not go to {', '.join(missing)}, which the chain declares",
                f"add {', '.join(missing)} to OrganizationalUnitIds",
            )


def _taken(context: RuleContext, unit: ChainRole, place: SourceLocation) -> Violations:
    """Accounts in which the chain declares another role of the name, so that the stack set cannot create its own."""
    options = unit.stack_set or StackSet()
    for role in context.chain.roles if context.chain else ():
        if role.member_of or role.role.lower() != unit.role.lower() or role.account in unit.exclude:
            continue
        limits = context.graph.limits.get(role.account)
        path = limits.path if limits else ""
        units = tuple(f"{context.organization}/{each.rstrip('/')}/" for each in unit.organizational_units)
        is_outside = bool(path) and not path.startswith(units)
        is_management = context.chain is not None and (
            options.call_as == "SELF" and role.account == context.chain.administrator_account(unit)
        )
        if not (is_outside or is_management or role.third_party):
            yield Violation(
                place,
                f"the stack set of {unit.role} cannot create it in {role.account}, where the chain declares "
                f"{role.arn}, if that account lies in its units",
                f"add {role.account} to exclude, which changes nothing where it lies elsewhere, or rename one",
                Level.ERROR if path else Level.WARNING,
            )


def _tells_accounts_apart(body: Json) -> bool:
    """Whether a template compares AWS::AccountId, or a part of it, with what is no text."""
    return any(
        "Fn::Split" in part
        or (
            isinstance(sides := part.get("Fn::Equals"), list)
            and not any(isinstance(side, str) for side in sides)
            and "AWS::AccountId" in json.dumps(sides, default=str)
        )
        for part in objects_in(body)
    )


def _stack_set_of(context: RuleContext, record: RoleRecord) -> TemplateResource | None:
    """The stack set that creates a role."""
    for resource in context.resources:
        instances = f"{resource.template}/{resource.logical_id}/"
        if resource.type == "AWS::CloudFormation::StackSet" and record.place.template.startswith(instances):
            return resource
    return None


def _targets_of(resource: TemplateResource) -> list[Mapping[str, Json]]:
    """The deployment targets of a stack set, as far as they are written out."""
    groups = resource.properties.get("StackInstancesGroup")
    found = [group.get("DeploymentTargets") for group in groups or () if isinstance(group, Mapping)]
    return [each for each in found if isinstance(each, Mapping)]


def _is_written_out(groups: Json) -> bool:
    """Whether no intrinsic stands in the deployment targets of a stack set."""
    if not isinstance(groups, list):
        return False
    targets = [group.get("DeploymentTargets") if isinstance(group, Mapping) else None for group in groups]
    listed = [
        each.get(key, []) if isinstance(each, Mapping) else None
        for each in targets
        for key in ("OrganizationalUnitIds", "Accounts")
    ]
    return all(isinstance(each, list) and all(isinstance(id_, str) for id_ in each) for each in listed)


def _listed_texts(of: Mapping[str, Json], key: str) -> set[str]:
    listed = of.get(key)
    return {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else set()


def _unlike(resource: TemplateResource, unit: ChainRole, others: set[str]) -> Iterator[tuple[str, str]]:
    """What of a stack set is not as its target declares it, and what to write; a value not written out is none."""
    given = resource.properties
    automatic = given.get("AutoDeployment")
    automatic = automatic if isinstance(automatic, Mapping) else {}
    call_as = (unit.stack_set or StackSet()).call_as
    if given.get("PermissionModel") != "SERVICE_MANAGED":
        yield (
            "is not service-managed, and knows no organizational units",
            "write PermissionModel: SERVICE_MANAGED",
        )
    if str(automatic.get("Enabled")).lower() != "true":
        yield "leaves out accounts that join later", "write AutoDeployment: {Enabled: true}"
    if str(automatic.get("RetainStacksOnAccountRemoval", False)).lower() != "false":
        yield "leaves the role in accounts that leave", "write RetainStacksOnAccountRemoval: false"
    if given.get("CallAs", "SELF") != call_as:
        yield (
            f"is called as {given.get('CallAs', 'SELF')}, and the chain declares {call_as}",
            f"write CallAs: {call_as}",
        )
    if "CAPABILITY_NAMED_IAM" not in _listed_texts(given, "Capabilities"):
        yield "may create no role with a name", "write Capabilities: [CAPABILITY_NAMED_IAM]"
    if not _is_written_out(given.get("StackInstancesGroup")):
        yield (
            "goes to units or accounts that are not written out",
            "write their ids under OrganizationalUnitIds and Accounts",
        )
    if others:
        units = ", ".join(sorted(others))
        yield f"goes to {units} too, which the chain does not declare", f"take {units} out, or declare them"
    for targets in _targets_of(resource):
        kind, accounts = targets.get("AccountFilterType", "NONE"), _listed_texts(targets, "Accounts")
        if kind not in ("NONE", "DIFFERENCE") or "AccountsUrl" in targets or (kind == "NONE" and accounts):
            yield (
                f"goes to accounts by the filter {kind}, not to all of its units",
                "write AccountFilterType: DIFFERENCE, and the excluded accounts under Accounts",
            )
        elif left := sorted(set(unit.exclude) - (accounts if kind == "DIFFERENCE" else set())):
            yield (
                f"goes to {', '.join(left)}, which the chain excludes",
                f"write AccountFilterType: DIFFERENCE, and {', '.join(left)} under Accounts",
            )


def _inline_template(resource: TemplateResource) -> Json:
    """The template that stands in a stack set, as text or object; None where none stands there that can be read."""
    body = resource.properties.get("TemplateBody")
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None  # YAML, perhaps: the proof says what cannot be read
