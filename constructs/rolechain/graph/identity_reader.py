"""The users, groups and permission sets of templates, with what they may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rolechain.cloudformation import texts
from rolechain.cloudformation.resources import (
    ASSIGNMENT,
    GROUP,
    GROUP_MEMBERS,
    IDENTITY_CENTER,
    PERMISSION_SET,
    USER,
    identity_of,
)
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stacks import Stack, Stacks
from rolechain.cloudformation.template import Json
from rolechain.cloudformation.unresolved import Unresolved
from rolechain.graph.policy_reader import PolicyReader
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord
from rolechain.iam.arn import iam_arn, name_of
from rolechain.policy import Policy


class IdentityReader:
    """Reads the principals of stacks that are no roles."""

    def __init__(self, stacks: Stacks, policies: PolicyReader) -> None:
        self._stacks = stacks
        self._policies = policies
        self._members: dict[tuple[str, str], set[str]] = {}

    def all(self) -> Iterator[IdentityRecord]:
        """The users and groups of all stacks, each user with the policies of its groups, and the permission sets."""
        groups: dict[tuple[str, str], IdentityRecord] = {}
        for stack in self._stacks.all:
            account = stack.resolver.around.account
            for logical_id, properties, _ in stack.resources(GROUP):
                if found := self._identity(stack, logical_id, properties, GROUP):
                    groups[account, name_of(found.arn).lower()] = found
                    yield found
            for _, properties, made in stack.resources(GROUP_MEMBERS):
                resolved = stack.resolver.resolve(dict(properties), SourceLocation(stack.template.name))
                group = resolved.get("GroupName") if isinstance(resolved, Mapping) else None
                users = resolved.get("Users") if isinstance(resolved, Mapping) else None
                members = users if isinstance(users, (list, tuple)) else [users]
                for member in (each for each in members if isinstance(each, str)):
                    known = str(group) if made else f"{group}, if its condition holds,"
                    self._members.setdefault((account, member.lower()), set()).add(known)
        for stack in self._stacks.all:
            account = stack.resolver.around.account
            for logical_id, properties, _ in stack.resources(USER):
                if (user := self._identity(stack, logical_id, properties, USER)) is None:
                    continue
                part = SourceLocation(stack.template.name, logical_id, part="Groups")
                found = stack.resolver.resolve(properties.get("Groups"), part)
                names = {str(name) for name in (found if isinstance(found, list) else [found]) if name}
                names |= self._members.get((account, name_of(user.arn).lower()), set())
                of_user = {name: groups.get((account, name.lower())) for name in sorted(names)}
                policies = [record for group in of_user.values() if group for record in group.policies]
                for title in (f"of the group {name}" for name, group in of_user.items() if group is None):
                    policies.append(PolicyRecord(part, title, None, Policy.unknown(title)))
                yield replace(
                    user,
                    policies=(*user.policies, *policies),
                    groups=frozenset(group.arn for group in of_user.values() if group),
                )
            yield from self._permission_sets(stack)
        partition = self._stacks.all[0].resolver.around.partition if self._stacks.all else "aws"
        yield from self._policies.of_others(partition)

    def _identity(
        self, stack: Stack, logical_id: str, properties: Mapping[str, Json], kind: str
    ) -> IdentityRecord | None:
        place = SourceLocation(stack.template.name, logical_id)
        identity = identity_of(stack.resolver, logical_id, place)
        tags = stack.resolver.resolve(properties.get("Tags"), place)
        return identity and IdentityRecord(
            arn=identity.arn,
            place=place,
            policies=(*self._policies.of_resource(stack, logical_id, properties, identity.name, kind),),
            boundary=self._policies.boundary_of(stack, logical_id, properties, kind),
            tags=tags_of(tags),
        )

    def _permission_sets(self, stack: Stack) -> Iterator[IdentityRecord]:
        """The permission sets of IAM Identity Center, each as the role that it is in the accounts it is assigned to."""
        resolver = stack.resolver
        for logical_id, properties, _ in stack.resources(PERMISSION_SET):
            place, hidden_id = (
                SourceLocation(stack.template.name, logical_id),
                resolver.placeholder(logical_id),
            )
            given = resolver.resolve(dict(properties), place)
            if not isinstance(given, Mapping):
                continue
            boundary = given.get("PermissionsBoundary")
            arns = [given.get(key) for key in ("ManagedPolicies", "CustomerManagedPolicyReferences")]
            listed = [each for arn in arns if arn for each in (arn if isinstance(arn, list) else [arn])]
            name = texts.scalar(given.get("Name")) or hidden_id
            for account in self._assigned(stack, logical_id) or [hidden_id]:
                root = iam_arn(resolver.around.partition, account, "")
                role = {
                    "Policies": [{"PolicyDocument": given[key]} for key in ("InlinePolicy",) if key in given],
                    "ManagedPolicyArns": [_named_policy(each, root) for each in listed],
                    "PermissionsBoundary": _named_policy(boundary, root),
                }
                yield IdentityRecord(
                    arn=f"{root}role/{IDENTITY_CENTER}{name}_{hidden_id}",
                    place=place,
                    policies=tuple(self._policies.of_resource(stack, logical_id, role, name, PERMISSION_SET)),
                    boundary=self._policies.boundary_of(stack, logical_id, role, PERMISSION_SET),
                )

    def _assigned(self, stack: Stack, logical_id: str) -> list[str]:
        """The accounts that a permission set is assigned to in its own stack; one that is not known as a stand-in."""
        found: dict[str, None] = {}
        for assignment, properties, _ in stack.resources(ASSIGNMENT):
            given = stack.resolver.resolve(dict(properties), SourceLocation(stack.template.name, assignment))
            whose = given.get("PermissionSetArn") if isinstance(given, Mapping) else None
            if (
                isinstance(whose, Unresolved)
                and whose.function == f"Fn::GetAtt {logical_id}.PermissionSetArn"
            ):
                account = texts.scalar(given.get("TargetId"))
                found[account or stack.resolver.placeholder(assignment)] = None
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
