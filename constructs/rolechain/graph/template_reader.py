"""CloudFormation templates read as the roles, users, groups and permission sets that they create."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from rolechain.cloudformation import texts
from rolechain.cloudformation.conditions import requirements
from rolechain.cloudformation.resources import (
    ASSIGNMENT,
    GROUP,
    GROUP_MEMBERS,
    IDENTITY_CENTER,
    PERMISSION_SET,
    ROLE,
    UNPLACED,
    USER,
)
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stack_sets import STACK_SET
from rolechain.cloudformation.stacks import Resource, Stack, Stacks
from rolechain.cloudformation.template import Json, Template
from rolechain.cloudformation.unresolved import EmptyDefault, Unresolved
from rolechain.graph.chain_facts import assumptions_of, existing_roles, home_of, placed
from rolechain.graph.control_policies import assumptions_of as assumptions_of_limits
from rolechain.graph.control_policies import control_policies_of, limits_of
from rolechain.graph.opaque_resources import report_opaque
from rolechain.graph.policy_reader import PolicyReader, asks_of
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord, RoleGraph, RoleRecord
from rolechain.graph.workloads import invocation_grants_of, workloads_of
from rolechain.iam.arn import account_of, iam_arn, is_arn, name_of, partition_of, service_of
from rolechain.iam.limits import COUNT
from rolechain.model.chain import Chain
from rolechain.policy import Policy

_REGIONAL_SERVICE = re.compile(rf"[a-z0-9-]+(\.[a-z0-9-]+)*\.{UNPLACED}\.amazonaws\.com(\.cn)?", re.ASCII)


def role_graph_of(
    templates: Iterable[Template],
    chain: Chain | None = None,
    parts: Collection[str] | None = None,
    documents: Mapping[str, Mapping[str, Json]] | None = None,
) -> RoleGraph:
    """Every role of ``templates``, with what it trusts and may do.

    What cannot be resolved stays in the documents as ``Unresolved``; where it could change who gets in, the
    graph names it as a finding of RC00. No template raises.

    Args:
        templates: the templates of all stacks.
        chain: tells the account of a template that is given without one, if the chain declares a role of it.
        parts: the ARNs of the chain's roles that the templates are to create; None for all.
        documents: the documents of policies that no template holds, by ARN, besides those that the chain gives.
    """
    stacks = Stacks(templates, chain)
    policies = PolicyReader(stacks, chain, documents or {})
    created = [role for stack in stacks.all for role in _roles(stack, policies)]
    existing = policies.with_attached(
        existing_roles(chain, {role.arn for role in created}, parts) if chain else ()
    )
    policies.report_attached_anywhere(chain, created)
    limited = (role for role in chain.roles if role.policy is not None or role.policy_arns) if chain else ()
    session_policies = {role.arn: tuple(policies.of_session(role)) for role in limited}
    report_opaque(stacks, chain, policies)
    identities = tuple(_identities(stacks, policies))
    control_policies = tuple(control_policies_of(stacks.all))
    limits = limits_of(control_policies, chain) if chain else {}
    return RoleGraph(
        templates={stack.template.name: stack.template for stack in stacks.all},
        roles=placed((*created, *existing), chain),
        unknown=tuple(policies.unknown),
        roaming=frozenset(policies.roaming),
        assumptions=(
            *stacks.assumptions,
            *(assumptions_of(chain, existing) if chain else _assumptions_of_bindings(stacks)),
            *assumptions_of_limits(limits.values()),
        ),
        organization=chain.organization if chain else None,
        home=home_of(chain) if chain else frozenset(),
        identities=identities,
        unattached=tuple(policies.unattached()),
        workloads=tuple(workloads_of(stacks.all)),
        invocation_grants=tuple(found for stack in stacks.all for found in invocation_grants_of(stack)),
        session_policies=session_policies,
        limits=limits,
        control_policies=control_policies,
        stack_sets={
            resource.place: {} if isinstance(properties, Unresolved) else properties
            for stack in stacks.all
            for resource in stack.resources(STACK_SET)
            for properties in [resource.resolved_properties()]
        },
    )


_BINDINGS = (
    "AWS::Cognito::IdentityPoolRoleAttachment",
    "AWS::EKS::PodIdentityAssociation",
    "AWS::RolesAnywhere::Profile",
)
"""Resources by which a service assumes roles that they name, as far as the policies of the roles let it."""


def _assumptions_of_bindings(stacks: Stacks) -> Iterator[str]:
    for kind in _BINDINGS:
        found = [
            f"{each.logical_id} ({stack.template.name})"
            for stack in stacks.all
            for each in stack.resources(kind)
        ]
        if found:
            most = [*found[:3], f"{len(found) - 3} more"] if len(found) > 3 else found
            words = f"who enters by {kind}, which is not read: {', '.join(most)}"
            yield f"assuming that the policies of the roles say {words}"


def _roles(stack: Stack, policies: PolicyReader) -> Iterator[RoleRecord]:
    for role in stack.resources(ROLE):
        if (identity := role.identity) is None:
            continue
        for key in ("RoleName", "Path"):
            found = role.resolved(key)
            if _only_of_place(found, role.account):
                continue
            if isinstance(found, Unresolved) or (found is not None and "<" in str(found)):
                made_of = f"made of {found}, known on deployment only"
                words = f"{key} of {role.logical_id} is {found if isinstance(found, Unresolved) else made_of}"
                policies.report(role.part(key), words, policies.beside, asks=asks_of(found))
        if role.made is None:
            policies.report_condition(role.place)
        part = role.part("AssumeRolePolicyDocument")
        document = _answered(role.resolved("AssumeRolePolicyDocument"), part)
        tags = role.resolved("Tags")
        # IAM gives every role a duration: of one that is deployed without, it was not read.
        seconds = texts.scalar(
            role.resolved("MaxSessionDuration") or (None if stack.template.deployed else 3600)
        )
        resource = stack.resolver.section("Resources")[role.logical_id]
        yield RoleRecord(
            arn=identity.arn,
            account=stack.template.account or "",
            name=identity.name if identity.named else "",
            path=identity.path,
            place=role.place,
            trust=policies.policy_of(document, part, identity.arn, inline=True, trust=True),
            policies=(*policies.of_resource(role, identity.name),),
            boundary=policies.boundary_of(role),
            max_session_duration=int(seconds) if seconds and COUNT.fullmatch(seconds) else None,
            tags=_tags(tags),
            tags_known=not texts.holds_unknown(tags),
            requires=requirements(resource["Condition"], stack.resolver.section("Conditions"))
            if "Condition" in resource
            else frozenset(),
            depends_on=frozenset(_references(role.properties))
            | frozenset(_listed(resource.get("DependsOn"))),
        )


def _only_of_place(name: Json, account: str) -> bool:
    """Whether nothing of a name is unknown but the account and region that it is deployed to."""
    if isinstance(name, Unresolved):
        return name.function in ("Ref AWS::Region", "Ref AWS::StackName")
    return name is not None and "<" not in str(name).replace(account, "")


def _answered(value: Json, place: SourceLocation, name: str = "") -> Json:
    """A part of a trust policy under a name, unresolved where an empty default leaves out whom or what it names.

    A service is known of which nothing but the region is not: its name differs by that alone.
    """
    if name == "Service" and isinstance(value, Unresolved) and _REGIONAL_SERVICE.fullmatch(value.text or ""):
        return value.text
    if isinstance(value, EmptyDefault):
        return value if _names_something(value) else value.unresolved(place)
    if isinstance(value, Mapping):
        return {key: _answered(each, place, key) for key, each in value.items()}
    return [_answered(each, place, name) for each in value] if isinstance(value, list) else value


def _names_something(text: str) -> bool:
    """Whether a text is whole, as far as can be seen: a name may begin or end with a part that is empty."""
    if not is_arn(text):
        return bool(text) and not text.startswith(".")
    of_iam = service_of(text) in ("iam", "sts")
    return bool(partition_of(text)) and not text.endswith((":", "/")) and bool(account_of(text) or not of_iam)


def _references(value: Json) -> Iterator[str]:
    """The names that Ref, Fn::GetAtt and Fn::Sub mention anywhere in ``value``."""
    for item in texts.objects_in(value):
        if isinstance(name := item.get("Ref"), str):
            yield name
        for name in _listed(item.get("Fn::GetAtt"))[:1]:
            yield name.split(".", 1)[0]
        yield from (name.split(".", 1)[0] for name in texts.names_in(item.get("Fn::Sub")))


def _listed(value: Json) -> list[str]:
    return [item for item in texts.items_of(value) if isinstance(item, str)]


def _identities(stacks: Stacks, policies: PolicyReader) -> Iterator[IdentityRecord]:
    """The users and groups of all stacks, each user with the policies of its groups, and the permission sets."""
    groups: dict[tuple[str, str], IdentityRecord] = {}
    members: dict[tuple[str, str], set[str]] = {}
    for stack in stacks.all:
        for resource in stack.resources(GROUP):
            if found := _identity(resource, policies):
                groups[resource.account, name_of(found.arn).lower()] = found
                yield found
        for resource in stack.resources(GROUP_MEMBERS):
            given = _given(resource)
            group = given.get("GroupName")
            for member in (each for each in texts.items_of(given.get("Users")) if isinstance(each, str)):
                known = str(group) if resource.made else f"{group}, if its condition holds,"
                members.setdefault((resource.account, member.lower()), set()).add(known)
    for stack in stacks.all:
        for resource in stack.resources(USER):
            if (user := _identity(resource, policies)) is None:
                continue
            names = {str(name) for name in resource.listed("Groups") if name}
            names |= members.get((resource.account, name_of(user.arn).lower()), set())
            of_user = {name: groups.get((resource.account, name.lower())) for name in sorted(names)}
            of_groups = [record for group in of_user.values() if group for record in group.policies]
            for title in (f"of the group {name}" for name, group in of_user.items() if group is None):
                of_groups.append(PolicyRecord(resource.part("Groups"), title, None, Policy.unknown(title)))
            yield replace(
                user,
                policies=(*user.policies, *of_groups),
                groups=frozenset(group.arn for group in of_user.values() if group),
            )
        for resource in stack.resources(PERMISSION_SET):
            yield from _permission_set(resource, policies)
    yield from policies.of_others(stacks.all[0].resolver.around.partition if stacks.all else "aws")


def _identity(resource: Resource, policies: PolicyReader) -> IdentityRecord | None:
    return resource.identity and IdentityRecord(
        arn=resource.identity.arn,
        place=resource.place,
        policies=(*policies.of_resource(resource, resource.identity.name),),
        boundary=policies.boundary_of(resource),
        tags=_tags(resource.resolved("Tags")),
    )


def _permission_set(resource: Resource, policies: PolicyReader) -> Iterator[IdentityRecord]:
    """A permission set of IAM Identity Center, as the role that it is in each account it is assigned to."""
    resolver = resource.stack.resolver
    hidden_id = resolver.placeholder(resource.logical_id)
    given = resource.resolved_properties()
    if not isinstance(given, Mapping):
        return
    kinds = ("ManagedPolicies", "CustomerManagedPolicyReferences")
    listed = [each for key in kinds for each in texts.items_of(given.get(key) or None)]
    name = texts.scalar(given.get("Name")) or hidden_id
    for account in _assigned(resource) or [hidden_id]:
        root = iam_arn(resolver.around.partition, account, "")
        properties = {
            "Policies": [{"PolicyDocument": given[key]} for key in ("InlinePolicy",) if key in given],
            "ManagedPolicyArns": [_named_policy(each, root) for each in listed],
            "PermissionsBoundary": _named_policy(given.get("PermissionsBoundary"), root),
        }
        role = replace(resource, properties=properties)
        yield IdentityRecord(
            arn=f"{root}role/{IDENTITY_CENTER}{name}_{hidden_id}",
            place=resource.place,
            policies=tuple(policies.of_resource(role, name)),
            boundary=policies.boundary_of(role),
        )


def _assigned(permission_set: Resource) -> list[str]:
    """The accounts that a permission set is assigned to in its own stack; one that is not known as a stand-in."""
    stack, own = permission_set.stack, f"Fn::GetAtt {permission_set.logical_id}.PermissionSetArn"
    found: dict[str, None] = {}
    for assignment in stack.resources(ASSIGNMENT):
        given = _given(assignment)
        whose = given.get("PermissionSetArn")
        if isinstance(whose, Unresolved) and whose.function == own:
            account = texts.scalar(given.get("TargetId"))
            found[account or stack.resolver.placeholder(assignment.logical_id)] = None
    return list(found)


def _given(resource: Resource) -> Mapping[str, Json]:
    found = resource.resolved_properties()
    return found if isinstance(found, Mapping) else {}


def _named_policy(policy: Json, root: str) -> Json:
    """The ARN of a managed policy that a permission set names by it, or by its name in the account of its role."""
    if not isinstance(policy, Mapping):
        return policy
    named = policy.get("CustomerManagedPolicyReference", policy)
    if given := policy.get("ManagedPolicyArn"):
        return given
    if not isinstance(named, Mapping) or not isinstance(named.get("Name"), str):
        return f"named {named}"
    return f"{root}policy{named.get('Path') or '/'}{named['Name']}"


def _tags(listed: Json) -> dict[str, str]:
    """The tags of a resource, as far as they are known."""
    return {
        item["Key"]: item["Value"]
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, Mapping)
        and isinstance(item.get("Key"), str)
        and isinstance(item.get("Value"), str)
    }
