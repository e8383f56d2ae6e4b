"""CloudFormation templates read as the roles that they create."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from rolechain.cloudformation import texts
from rolechain.cloudformation.resolver import Unresolved
from rolechain.cloudformation.resources import (
    ASSIGNMENT,
    GROUP,
    GROUP_MEMBERS,
    GROUP_POLICY,
    IDENTITY_CENTER,
    INLINE_POLICY,
    MANAGED_POLICY,
    PERMISSION_SET,
    ROLE,
    ROLE_POLICY,
    USER,
    USER_POLICY,
    identity_of,
)
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stacks import Stack, Stacks
from rolechain.cloudformation.template import Json, Template
from rolechain.graph import aws_managed
from rolechain.graph.calls import EVERYTHING
from rolechain.graph.chain_facts import assumptions_of, existing_roles, home_of, placed
from rolechain.graph.documents import STS_ACTIONS, Compiled, Documents, parsed
from rolechain.graph.finding import Finding, Level
from rolechain.graph.opaque_resources import hidden, touched
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord, RoleGraph, RoleRecord
from rolechain.graph.workloads import openings_of, workloads_of
from rolechain.iam.arn import account_of
from rolechain.iam.limits import MOST_TRUST_POLICY_CHARACTERS
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.policy import Policy
from rolechain.policy.logic import Ternary

UNKNOWN_RULE = "RC00"
_ATTACHED = {"Roles": ROLE, "Users": USER, "Groups": GROUP}
_OF_ONE = {
    ROLE_POLICY: ("RoleName", ROLE),
    USER_POLICY: ("UserName", USER),
    GROUP_POLICY: ("GroupName", GROUP),
}


def role_graph_of(
    templates: Iterable[Template], chain: Chain | None = None, parts: Collection[str] | None = None
) -> RoleGraph:
    """Every role of ``templates``, with what it trusts and may do.

    What cannot be resolved stays in the documents as ``Unresolved``; where it could change who gets in, the
    graph names it as a finding of RC00. No template raises.

    Args:
        templates: the templates of all stacks.
        chain: tells the account of a template that is given without one, if the chain declares a role of it.
        parts: the ARNs of the chain's roles that the templates are to create; None for all.
    """
    return _Reader(Stacks(templates, chain)).graph(chain, parts)


class _Reader:
    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks
        self._documents = Documents()
        self._unknown: dict[Finding, None] = {}
        self._roaming: set[Finding] = set()
        self._managed: dict[str, list[PolicyRecord]] = {}
        self._attached: dict[tuple[str, str, str], list[PolicyRecord]] = {}
        self._titles: dict[tuple[str, str, str], str] = {}
        self._held: set[tuple[str, str, str]] = set()
        self._members: dict[tuple[str, str], set[str]] = {}
        self._given: Mapping[str, Mapping[str, Any]] = {}
        self._of_chain = False

    def graph(self, chain: Chain | None, parts: Collection[str] | None = None) -> RoleGraph:
        stacks = self._stacks
        self._given = chain.policy_documents if chain else {}
        self._of_chain = chain is not None
        for stack in (*stacks.all, *stacks.elsewhere):
            self._read_policies(stack)
        created = [role for stack in stacks.all for role in self._roles(stack)]
        existing = self._with_attached(
            existing_roles(chain, {role.arn for role in created}, parts) if chain else ()
        )
        self._attached_anywhere(chain, created)
        roles = placed((*created, *existing), chain)
        declared = [role.arn for role in chain.roles] if chain else []
        session_policies = {
            role.arn: tuple(self._session_policies(role))
            for role in (chain.roles if chain else ())
            if role.policy is not None or role.policy_arns
        }
        unread: dict[str, set[str]] = {}
        for place, _, _ in stacks.unread:
            unread.setdefault(place.template, set()).add(place.logical_id)
        for stack in stacks.all:
            name, resolver = stack.template.name, stack.resolver
            seen = hidden(name, resolver, stack.untranslated)
            for found in (*seen, *touched(name, resolver, declared, unread.get(name, ()))):
                self._report(found.place, found.words, found.level, roams=found.roams)
        for place, kind, reason in stacks.unread:
            self._report(
                place, f"{place.logical_id} is a {kind} whose roles are not known: {reason}", Level.WARNING
            )
        return RoleGraph(
            templates={stack.template.name: stack.template for stack in stacks.all},
            roles=roles,
            unknown=tuple(self._unknown),
            roaming=frozenset(self._roaming),
            assumptions=(*stacks.assumptions, *(assumptions_of(chain, existing) if chain else ())),
            organization=chain.organization if chain else None,
            home=home_of(chain) if chain else frozenset(),
            identities=tuple(self._identities()),
            workloads=tuple(workloads_of(stacks.all)),
            openings=tuple(found for stack in stacks.all for found in openings_of(stack)),
            session_policies=session_policies,
        )

    def _read_policies(self, stack: Stack) -> None:
        account = stack.resolver.around.account
        for logical_id, properties, made in stack.resources(MANAGED_POLICY, INLINE_POLICY, *_OF_ONE):
            place = SourceLocation(stack.template.name, logical_id, part="PolicyDocument")
            identity = identity_of(stack.resolver, logical_id, place)
            name = identity.arn if identity else texts.scalar(properties.get("PolicyName")) or logical_id
            resolved = stack.resolver.resolve(properties.get("PolicyDocument"), place)
            record = self._policy(resolved, place, name, made, inline=identity is None)
            if identity:
                self._managed.setdefault(identity.arn, []).append(record)
            for kind, holder in self._holders(stack, logical_id, properties):
                title = texts.scalar(holder)
                if title is None and kind == ROLE and _speaks_of_roles(record.policy):
                    what = holder if isinstance(holder, Unresolved) else "it is no text"
                    message = f"{logical_id} is attached to a role that is not known: {what}"
                    self._report(place, message, asks=_asks(holder), roams=True)
                title = stack.resolver.placeholder(f"{logical_id}.{kind}") if title is None else title
                self._attached.setdefault((account, kind, title.lower()), []).append(record)
                self._titles[account, kind, title.lower()] = title

    def _holders(
        self, stack: Stack, logical_id: str, properties: Mapping[str, Json]
    ) -> Iterator[tuple[str, Json]]:
        """The roles, users and groups that a policy is attached to: the type and the name of each."""
        kind = str(stack.resolver.section("Resources")[logical_id].get("Type"))
        parts = dict([_OF_ONE[kind]] if kind in _OF_ONE else _ATTACHED)
        for part, holder in parts.items():
            found = stack.resolver.resolve(
                properties.get(part), SourceLocation(stack.template.name, logical_id, part=part)
            )
            for name in found if isinstance(found, list) else [] if found is None else [found]:
                yield holder, name

    def _identities(self) -> Iterator[IdentityRecord]:
        """The users and groups of all stacks, each user with the policies of its groups."""
        groups: dict[tuple[str, str], IdentityRecord] = {}
        for stack in self._stacks.all:
            account = stack.resolver.around.account
            for logical_id, properties, _ in stack.resources(GROUP):
                if found := self._identity(stack, logical_id, properties, GROUP):
                    groups[account, found.arn.rsplit("/", 1)[-1].lower()] = found
                    yield found
            for _, properties, made in stack.resources(GROUP_MEMBERS):
                resolved = stack.resolver.resolve(dict(properties), SourceLocation(stack.template.name))
                group = resolved.get("GroupName") if isinstance(resolved, Mapping) else None
                users = resolved.get("Users") if isinstance(resolved, Mapping) else None
                for member in _listed(users):
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
                names |= self._members.get((account, user.arn.rsplit("/", 1)[-1].lower()), set())
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
        for key, records in self._attached.items():
            if key not in self._held:
                account, kind, _ = key
                arn = f"arn:{partition}:iam::{account}:{kind.rsplit('::', 1)[-1].lower()}/{self._titles[key]}"
                yield IdentityRecord(arn, records[0].place, tuple(records))

    def _identity(
        self, stack: Stack, logical_id: str, properties: Mapping[str, Json], kind: str
    ) -> IdentityRecord | None:
        place = SourceLocation(stack.template.name, logical_id)
        identity = identity_of(stack.resolver, logical_id, place)
        return identity and IdentityRecord(
            arn=identity.arn,
            place=place,
            policies=(*self._own_policies(stack, logical_id, properties, identity.name, kind),),
            boundary=self._boundary(stack, logical_id, properties, kind),
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
            role = {
                "Policies": [{"PolicyDocument": given[key]} for key in ("InlinePolicy",) if key in given],
                "ManagedPolicyArns": list(map(_named_policy, listed)),
                "PermissionsBoundary": _named_policy(boundary),
            }
            name = texts.scalar(given.get("Name")) or hidden_id
            own = tuple(self._own_policies(stack, logical_id, role, name, USER))
            for account in self._assigned(stack, logical_id) or [hidden_id]:
                arn = (
                    f"arn:{resolver.around.partition}:iam::{account}:role/{IDENTITY_CENTER}{name}_{hidden_id}"
                )
                yield IdentityRecord(arn, place, own, self._boundary(stack, logical_id, role, USER))

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

    def _with_attached(self, existing: Iterable[RoleRecord]) -> list[RoleRecord]:
        """Roles that exist already, with the policies that templates attach to them."""
        found = []
        for role in existing:
            key = role.account, ROLE, role.name.lower()
            self._held.add(key)
            found.append(replace(role, policies=(*role.policies, *self._attached.get(key, ()))))
        return found

    def _attached_anywhere(self, chain: Chain | None, created: Iterable[RoleRecord]) -> None:
        """Says which policies are attached to a role of a chain's name in an account that is not known."""
        own = {(account_of(role.arn), role.name.lower()) for role in created}
        names = {role.role.lower() for role in chain.roles} if chain else set()
        for (account, kind, name), records in self._attached.items():
            if kind == ROLE and account.startswith("<") and name in names and (account, name) not in own:
                for record in filter(lambda each: _speaks_of_roles(each.policy), records):
                    message = f"{record.place.logical_id} is attached to the role {name} of whatever account"
                    self._report(record.place, message, roams=True)

    def _roles(self, stack: Stack) -> Iterator[RoleRecord]:
        resolver = stack.resolver
        for logical_id, properties, made in stack.resources(ROLE):
            place = SourceLocation(stack.template.name, logical_id)
            identity = identity_of(resolver, logical_id, place)
            if identity is None:
                continue
            for key in ("RoleName", "Path"):
                found = resolver.resolve(properties.get(key), place)
                if _only_of_place(found, resolver.around.account):
                    continue
                if isinstance(found, Unresolved) or (found is not None and "<" in str(found)):
                    words = (
                        found
                        if isinstance(found, Unresolved)
                        else f"made of {found}, known on deployment only"
                    )
                    self._report(
                        SourceLocation(place.template, logical_id, part=key),
                        f"{key} of {logical_id} is {words}",
                        asks=_asks(found),
                    )
            if made is None:
                self._report(
                    place,
                    f"whether {logical_id} is made is not known: its Condition cannot be resolved",
                    asks=stack.asked_of(logical_id),
                )
            part = SourceLocation(place.template, logical_id, part="AssumeRolePolicyDocument")
            document = resolver.resolve(properties.get("AssumeRolePolicyDocument"), part)
            tags = resolver.resolve(properties.get("Tags"), place)
            seconds = texts.scalar(resolver.resolve(properties.get("MaxSessionDuration"), place))
            whole = seconds is not None and seconds.isdecimal() and len(seconds) < 10
            resource = resolver.section("Resources")[logical_id]
            yield RoleRecord(
                arn=identity.arn,
                account=stack.account,
                name=identity.name if identity.named else "",
                path=identity.path,
                place=place,
                trust=self._policy(document, part, identity.arn, True, inline=True, trust=True),
                policies=(*self._own_policies(stack, logical_id, properties, identity.name, ROLE),),
                boundary=self._boundary(stack, logical_id, properties, ROLE),
                max_session_duration=int(seconds) if whole and seconds else 3600,
                tags=_tags(tags),
                tags_known=not texts.holds_unknown(tags, Unresolved),
                depends_on=frozenset(_references(properties)) | frozenset(_listed(resource.get("DependsOn"))),
            )

    def _own_policies(
        self, stack: Stack, logical_id: str, properties: Mapping[str, Json], name: str, kind: str
    ) -> Iterator[PolicyRecord]:
        resolver, template = stack.resolver, stack.template.name
        place = SourceLocation(template, logical_id, part="Policies")
        inline = resolver.resolve(properties.get("Policies"), place)
        for number, policy in enumerate(inline if isinstance(inline, list) else [inline] if inline else []):
            here = SourceLocation(template, logical_id, part=f"Policies[{number}]")
            document = policy.get("PolicyDocument") if isinstance(policy, Mapping) else policy
            title = policy.get("PolicyName") if isinstance(policy, Mapping) else None
            yield self._policy(
                document,
                here,
                title if isinstance(title, str) else "inline",
                True,
                inline=True,
                said=kind == ROLE,
            )
        place = SourceLocation(template, logical_id, part="ManagedPolicyArns")
        arns = resolver.resolve(properties.get("ManagedPolicyArns"), place)
        seen: set[str] = set()
        for arn in arns if isinstance(arns, list) else [arns] if arns else []:
            record = self._by_arn(arn, place, said=kind == ROLE)
            seen.add(record.name)
            yield record
        self._held.add((resolver.around.account, kind, name.lower()))
        for record in self._attached.get((resolver.around.account, kind, name.lower()), ()):
            if record.inline or record.name not in seen:
                yield record

    def _boundary(
        self, stack: Stack, logical_id: str, properties: Mapping[str, Json], kind: str
    ) -> PolicyRecord | None:
        place = SourceLocation(stack.template.name, logical_id, part="PermissionsBoundary")
        arn = stack.resolver.resolve(properties.get("PermissionsBoundary"), place)
        return None if arn is None else self._by_arn(arn, place, said=kind == ROLE)

    def _session_policies(self, role: ChainRole) -> Iterator[PolicyRecord]:
        """What limits the session of the hop into a role; one that is not at hand matters to the next hop alone."""
        place = SourceLocation("", role.role, part="policy_arns")
        if role.policy is not None:
            yield self._policy(role.policy, place, "policy", True, inline=True)
        for arn in role.policy_arns:
            yield self._at_hand(arn, place, said=False) or PolicyRecord(place, arn, None, Policy.unknown(arn))

    def _at_hand(self, arn: str, place: SourceLocation, *, said: bool) -> PolicyRecord | None:
        """A managed policy that a template makes, that AWS does, or whose document a chain gives."""
        if found := self._managed.get(arn):
            if all(record.policy is found[0].policy for record in found):
                return found[0]
            # Which of them there is, or that none is, depends on what cannot be known.
            names = " and ".join(str(record.place) for record in found)
            if said:
                self._report(place, f"{place.logical_id} has the policy {arn}, which is made by {names}")
            return PolicyRecord(place, arn, None, Policy.unknown(arn))
        if (given := self._given.get(arn)) is not None:
            return self._policy(given, place, arn, True, inline=False)
        document = aws_managed.document_of(arn)
        if document is None:
            return None
        return PolicyRecord(place, arn, document, self._documents.compile(document, arn).policy)

    def _by_arn(self, arn: Json, place: SourceLocation, *, said: bool) -> PolicyRecord:
        """A managed policy that a role, user or group names.

        Args:
            arn: the policy's ARN.
            place: where it stands.
            said: whether it is said where its document is not at hand.
        """
        name = arn if isinstance(arn, str) else str(arn)
        if isinstance(arn, str) and (found := self._at_hand(arn, place, said=said)):
            return found
        if place.part == "PermissionsBoundary":
            # A boundary can only take away: what it may take is said, and nothing gets in by it.
            if said:
                self._stacks.assumptions[
                    f"assuming that the permissions boundary {name} leaves what the chain needs"
                ] = None
            return PolicyRecord(place, name, None, EVERYTHING)
        if said:
            message = f"{place.logical_id} has the policy {name}, whose document is not at hand"
            self._report(place, message, asks=_asks(arn))
        return PolicyRecord(place, name, None, Policy.unknown(name))

    def _policy(
        self,
        document: Any,
        place: SourceLocation,
        name: str,
        made: Ternary,
        *,
        inline: bool,
        trust: bool = False,
        said: bool = True,
    ) -> PolicyRecord:
        compiled = self._documents.compile(document, name, MOST_TRUST_POLICY_CHARACTERS if trust else None)
        if said:
            self._report_unknown(compiled, place, trust=trust)
        policy = compiled.policy
        if made is None and (policy.denies or _speaks_of_roles(policy)):
            if _speaks_of_roles(policy):
                self._report(
                    place,
                    f"whether {place.logical_id} is made is not known: its Condition cannot be resolved",
                    asks=self._asked_of(place),
                )
            policy = Policy.unknown(name)
        return PolicyRecord(place, name, parsed(document), policy, inline)

    def _report_unknown(self, compiled: Compiled, place: SourceLocation, *, trust: bool) -> None:
        what = f"{place.part} of {place.logical_id}"
        if compiled.problem:
            self._report(place, f"{what} cannot be read: {compiled.problem}")
        elif None in compiled.unresolved:
            found = compiled.unresolved[None]
            self._report(place, f"{what} is not known: {found}", asks=found.asks)
        for statement in compiled.policy.statements if trust else ():
            named = statement.principals
            if named and named.unknown and statement.index not in compiled.unresolved:
                here = SourceLocation(place.template, place.logical_id, statement.index, place.part)
                self._report(here, f"statement {statement.index} of {what} names a canonical user")
        for index, unresolved in compiled.unresolved.items():
            if compiled.problem or index is None:
                continue
            listed = compiled.policy.statements if not compiled.policy.missing else ()
            if trust or not listed or _speaks(listed[index].actions.match):
                here = SourceLocation(place.template, place.logical_id, index, place.part)
                self._report(here, f"statement {index} of {what} holds {unresolved}", asks=unresolved.asks)

    def _asked_of(self, place: SourceLocation) -> tuple[str, ...]:
        stacks = (stack for stack in self._stacks.all if stack.template.name == place.template)
        return next((stack.asked_of(place.logical_id) for stack in stacks), ())

    def _report(
        self,
        place: SourceLocation,
        message: str,
        level: Level = Level.ERROR,
        *,
        asks: Iterable[str] = (),
        roams: bool = False,
    ) -> None:
        cure = "write a value that is known before deployment, or give the proof what it refers to"
        # A proof takes no values but the chain's.
        if not self._of_chain and (options := " ".join(map(_option, asks))):
            cure = f"give {options}, or write a value that is known before deployment"
        finding = Finding(UNKNOWN_RULE, level, place, message, cure)
        self._unknown[finding] = None
        if roams:
            self._roaming.add(finding)


def _asks(value: Json) -> tuple[str, ...]:
    return value.asks if isinstance(value, Unresolved) else ()


def _option(name: str) -> str:
    """The option of the audit that gives a value."""
    return "--region REGION" if name == "AWS::Region" else f"--parameter {name}=VALUE"


def _named_policy(policy: Json) -> Json:
    """How a permission set names a managed policy: by its ARN, or by its name in whichever account."""
    if not isinstance(policy, Mapping):
        return policy
    named = policy.get("CustomerManagedPolicyReference", policy)
    return (
        policy.get("ManagedPolicyArn")
        or f"named {named.get('Name') if isinstance(named, Mapping) else named}"
    )


def _only_of_place(name: Json, account: str) -> bool:
    """Whether nothing of a name is unknown but the account and region that it is deployed to."""
    if isinstance(name, Unresolved):
        return name.function in ("Ref AWS::Region", "Ref AWS::StackName")
    return name is not None and "<" not in str(name).replace(account, "")


def _speaks_of_roles(policy: Policy) -> bool:
    return any(_speaks(statement.actions.match) for statement in policy.statements)


def _speaks(match: Any) -> bool:
    return any(match(action) is not False for action in STS_ACTIONS)


def _tags(listed: Json) -> dict[str, str]:
    return {
        item["Key"]: item["Value"]
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, Mapping)
        and isinstance(item.get("Key"), str)
        and isinstance(item.get("Value"), str)
    }


def _listed(value: Json) -> list[str]:
    listed = value if isinstance(value, (list, tuple)) else [value]
    return [item for item in listed if isinstance(item, str)]


def _references(value: Json, depth: int = 0) -> Iterator[str]:
    """The names that Ref, Fn::GetAtt and Fn::Sub mention anywhere in ``value``."""
    if depth > 60:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item
            elif key == "Fn::GetAtt":
                yield from (first.split(".", 1)[0] for first in _listed(item)[:1])
            elif key == "Fn::Sub":
                template = _listed(item)[:1]
                found = (name for text in template for _, name in texts.substitutions(text))
                yield from (name.split(".", 1)[0] for name in found if name)
            yield from _references(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _references(item, depth + 1)
