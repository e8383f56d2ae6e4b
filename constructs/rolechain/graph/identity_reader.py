"""The users, groups and permission sets of templates, with what they may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rolechain.cloudformation import resources, texts
from rolechain.cloudformation.stacks import Resource, Stack, Stacks
from rolechain.cloudformation.template import Json
from rolechain.cloudformation.unresolved import Unresolved
from rolechain.graph.policy_reader import PolicyReader
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord
from rolechain.iam.arn import iam_arn, name_of
from rolechain.policy import Policy


class IdentityReader:
    """Reads the users, groups and permission sets of stacks."""

    def __init__(self, stacks: Stacks, policies: PolicyReader) -> None:
        self._stacks = stacks
        self._policies = policies
        self._members: dict[tuple[str, str], set[str]] = {}

    def all(self) -> Iterator[IdentityRecord]:
        """The users and groups of all stacks, each user with the policies of its groups, and the permission sets."""
        groups: dict[tuple[str, str], IdentityRecord] = {}
        for stack in self._stacks.all:
            for resource in stack.resources(resources.GROUP):
                if found := self._identity(resource):
                    groups[resource.account, name_of(found.arn).lower()] = found
                    yield found
            for resource in stack.resources(resources.GROUP_MEMBERS):
                given = resource.resolved_properties()
                group, users = (
                    given.get(key) if isinstance(given, Mapping) else None for key in ("GroupName", "Users")
                )
                for member in (each for each in texts.items_of(users) if isinstance(each, str)):
                    known = str(group) if resource.made else f"{group}, if its condition holds,"
                    self._members.setdefault((resource.account, member.lower()), set()).add(known)
        for stack in self._stacks.all:
            for resource in stack.resources(resources.USER):
                if (user := self._identity(resource)) is None:
                    continue
                names = {str(name) for name in texts.items_of(resource.resolved("Groups")) if name}
                names |= self._members.get((resource.account, name_of(user.arn).lower()), set())
                of_user = {name: groups.get((resource.account, name.lower())) for name in sorted(names)}
                policies = [record for group in of_user.values() if group for record in group.policies]
                for title in (f"of the group {name}" for name, group in of_user.items() if group is None):
                    policies.append(PolicyRecord(resource.part("Groups"), title, None, Policy.unknown(title)))
                yield replace(
                    user,
                    policies=(*user.policies, *policies),
                    groups=frozenset(group.arn for group in of_user.values() if group),
                )
            yield from self._permission_sets(stack)
        partition = self._stacks.all[0].resolver.around.partition if self._stacks.all else "aws"
        yield from self._policies.of_others(partition)

    def _identity(self, resource: Resource) -> IdentityRecord | None:
        return resource.identity and IdentityRecord(
            arn=resource.identity.arn,
            place=resource.place,
            policies=(*self._policies.of_resource(resource, resource.identity.name),),
            boundary=self._policies.boundary_of(resource),
            tags=tags_of(resource.resolved("Tags")),
        )

    def _permission_sets(self, stack: Stack) -> Iterator[IdentityRecord]:
        """The permission sets of IAM Identity Center, each as the role that it is in the accounts it is assigned to."""
        resolver = stack.resolver
        for resource in stack.resources(resources.PERMISSION_SET):
            hidden_id = resolver.placeholder(resource.logical_id)
            given = resource.resolved_properties()
            if not isinstance(given, Mapping):
                continue
            boundary = given.get("PermissionsBoundary")
            kinds = ("ManagedPolicies", "CustomerManagedPolicyReferences")
            listed = [each for key in kinds for each in texts.items_of(given.get(key) or None)]
            name = texts.scalar(given.get("Name")) or hidden_id
            for account in self._assigned(resource) or [hidden_id]:
                root = iam_arn(resolver.around.partition, account, "")
                properties = {
                    "Policies": [{"PolicyDocument": given[key]} for key in ("InlinePolicy",) if key in given],
                    "ManagedPolicyArns": [_named_policy(each, root) for each in listed],
                    "PermissionsBoundary": _named_policy(boundary, root),
                }
                role = replace(resource, properties=properties)
                yield IdentityRecord(
                    arn=f"{root}role/{resources.IDENTITY_CENTER}{name}_{hidden_id}",
                    place=resource.place,
                    policies=tuple(self._policies.of_resource(role, name)),
                    boundary=self._policies.boundary_of(role),
                )

    def _assigned(self, permission_set: Resource) -> list[str]:
        """The accounts that a permission set is assigned to in its own stack; one that is not known as a stand-in."""
        stack, own = permission_set.stack, f"Fn::GetAtt {permission_set.logical_id}.PermissionSetArn"
        found: dict[str, None] = {}
        for assignment in stack.resources(resources.ASSIGNMENT):
            given = assignment.resolved_properties()
            whose = given.get("PermissionSetArn") if isinstance(given, Mapping) else None
            if isinstance(given, Mapping) and isinstance(whose, Unresolved) and whose.function == own:
                account = texts.scalar(given.get("TargetId"))
                found[account or stack.resolver.placeholder(assignment.logical_id)] = None
        return list(found)


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


def tags_of(listed: Json) -> dict[str, str]:
    """The tags of a resource, as far as they are known."""
    return {
        item["Key"]: item["Value"]
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, Mapping)
        and isinstance(item.get("Key"), str)
        and isinstance(item.get("Value"), str)
    }
