"""The policies of roles, users and groups: inline, managed, attached from elsewhere, and boundaries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from rolechain.cloudformation import resources, texts
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stacks import Resource, Stack, Stacks
from rolechain.cloudformation.template import Json
from rolechain.cloudformation.unresolved import EmptyDefault, Unresolved
from rolechain.graph import aws_managed
from rolechain.graph.calls import EVERYTHING
from rolechain.graph.documents import STS_ACTIONS, Compiled, Documents, parsed
from rolechain.graph.finding import Finding, Level
from rolechain.graph.opaque_resources import may_change
from rolechain.graph.role_graph import IdentityRecord, PolicyRecord, RoleRecord
from rolechain.iam.arn import account_of, iam_arn
from rolechain.iam.limits import MOST_TRUST_POLICY_CHARACTERS
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.policy import Policy
from rolechain.policy.logic import Ternary

UNKNOWN_RULE, REFUSED_RULE = "RC00", "RC03"
_POLICY_ARN = re.compile(r"arn:aws[\w-]*:iam::(aws|\d{12}|<[^<>]+>):policy/.+", re.ASCII)
_ATTACHED = {"Roles": resources.ROLE, "Users": resources.USER, "Groups": resources.GROUP}
_HOLDERS = {
    resources.MANAGED_POLICY: _ATTACHED,
    resources.INLINE_POLICY: _ATTACHED,
    resources.ROLE_POLICY: {"RoleName": resources.ROLE},
    resources.USER_POLICY: {"UserName": resources.USER},
    resources.GROUP_POLICY: {"GroupName": resources.GROUP},
}
"""The properties of each type of policy that name whom it is attached to, and the type of these."""


class PolicyReader:
    """Reads policies, and notes what of them is not known where it could change who gets in.

    Args:
        stacks: the stacks.
        chain: the chain, which may give documents of managed policies.
        documents: further ones, by ARN.

    Attributes:
        unknown: what is not known, as findings of RC00; of a document that IAM refuses, as findings of RC03.
        roaming: those of them that may be about any role of the account that their template is deployed to.
        beside: the level of what is not known besides trust policies. Who is let in does not depend on it, so that it
            is a warning where no chain has to be proven.
    """

    def __init__(
        self, stacks: Stacks, chain: Chain | None, documents: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.unknown: dict[Finding, None] = {}
        self.roaming: set[Finding] = set()
        self._stacks = stacks
        self._documents = Documents()
        self._managed: dict[str, list[PolicyRecord]] = {}
        self._attached: dict[tuple[str, str, str], list[PolicyRecord]] = {}
        self._titles: dict[tuple[str, str, str], str] = {}
        self._held: set[tuple[str, str, str]] = set()
        self._used: set[str] = set()
        self._given = {**documents, **(chain.policy_documents if chain else {})}
        self._of_chain = chain is not None
        self.beside = Level.ERROR if chain else Level.WARNING
        for stack in (*stacks.all, *stacks.elsewhere):
            self._read(stack)

    def _read(self, stack: Stack) -> None:
        for resource in stack.resources(*_HOLDERS):
            place, identity = resource.part("PolicyDocument"), resource.identity
            own = texts.scalar(resource.properties.get("PolicyName")) or resource.logical_id
            document, name = resource.resolved("PolicyDocument"), identity.arn if identity else own
            record = self.policy_of(document, place, name, inline=identity is None, made=resource.made)
            if identity:
                self._managed.setdefault(identity.arn, []).append(record)
            holders = [(kind, resource.resolved(key)) for key, kind in _HOLDERS[resource.kind].items()]
            for kind, holder in ((kind, each) for kind, some in holders for each in texts.items_of(some)):
                title = texts.scalar(holder)
                if title is None and kind == resources.ROLE and _speaks_of_roles(record.policy):
                    what = holder if isinstance(holder, Unresolved) else "it is no text"
                    message = f"{resource.logical_id} is attached to a role that is not known: {what}"
                    self.report(place, message, self.beside, asks=asks_of(holder), roams=True)
                if title is None:
                    title = stack.resolver.placeholder(f"{resource.logical_id}.{kind}")
                self._attached.setdefault((resource.account, kind, title.lower()), []).append(record)
                self._titles[resource.account, kind, title.lower()] = title

    def of_resource(self, holder: Resource, name: str) -> Iterator[PolicyRecord]:
        """The policies of a role, a user, a group or a permission set: inline, managed, and attached to it.

        Args:
            holder: the resource.
            name: its name.
        """
        is_role = holder.kind == resources.ROLE
        for number, policy in enumerate(holder.listed("Policies")):
            document = policy.get("PolicyDocument") if isinstance(policy, Mapping) else policy
            title = policy.get("PolicyName") if isinstance(policy, Mapping) else None
            title = title if isinstance(title, str) else "inline"
            here = holder.part(f"Policies[{number}]")
            yield self.policy_of(document, here, title, inline=True, reported=is_role)
        seen: set[str] = set()
        for arn in holder.listed("ManagedPolicyArns"):
            record = self._by_arn(arn, holder.part("ManagedPolicyArns"), reported=is_role)
            seen.add(record.name)
            yield record
        key = holder.account, holder.kind, name.lower()
        self._held.add(key)
        for record in self._attached.get(key, ()):
            if record.inline or record.name not in seen:
                yield record

    def boundary_of(self, holder: Resource) -> PolicyRecord | None:
        """The permissions boundary of a role, a user or a permission set."""
        arn = holder.resolved("PermissionsBoundary")
        place = holder.part("PermissionsBoundary")
        return None if arn is None else self._by_arn(arn, place, reported=holder.kind == resources.ROLE)

    def of_others(self, partition: str) -> Iterator[IdentityRecord]:
        """The principals outside of the templates to which policies are attached, once all others are read."""
        for (account, kind, title), records in self._attached.items():
            if (account, kind, title) not in self._held:
                resource = f"{kind.rsplit('::', 1)[-1].lower()}/{self._titles[account, kind, title]}"
                arn = iam_arn(partition, account, resource)
                yield IdentityRecord(arn, records[0].place, tuple(records), outside=True)

    def unattached(self) -> Iterator[PolicyRecord]:
        """The managed policies that nothing in the templates has, once all principals are read."""
        attached = {id(record) for records in self._attached.values() for record in records}
        for arn, records in self._managed.items():
            if arn not in self._used:
                yield from (record for record in records if id(record) not in attached)

    def of_session(self, role: ChainRole) -> Iterator[PolicyRecord]:
        """What limits the session of the hop into a role; one that is not available matters to the next hop alone."""
        place = SourceLocation("", role.role, part="policy_arns")
        if role.policy is not None:
            yield self.policy_of(role.policy, place, "policy", inline=True)
        for arn in role.policy_arns:
            yield self._at_hand(arn, place, reported=False) or PolicyRecord(
                place, arn, None, Policy.unknown(arn)
            )

    def with_attached(self, existing: Iterable[RoleRecord]) -> list[RoleRecord]:
        """Roles that exist already, with the policies that templates attach to them."""
        found = []
        for role in existing:
            key = role.account, resources.ROLE, role.name.lower()
            self._held.add(key)
            found.append(replace(role, policies=(*role.policies, *self._attached.get(key, ()))))
        return found

    def report_attached_anywhere(self, chain: Chain | None, created: Iterable[RoleRecord]) -> None:
        """Says which policies are attached to a role of a chain's name in an account that is not known."""
        own = {(account_of(role.arn), role.name.lower()) for role in created}
        # Where a stack makes the role that it attaches to, the account has no other of that name.
        own |= {
            (role.account, role.identity.name.lower())
            for stack in self._stacks.elsewhere
            for role in stack.resources(resources.ROLE)
            if role.identity and role.made is True
        }
        names = {role.role.lower() for role in chain.roles} if chain else set()
        for (account, kind, name), records in self._attached.items():
            is_unplaced = kind == resources.ROLE and account.startswith("<") and (account, name) not in own
            for record in records if is_unplaced and name in names else ():
                if _speaks_of_roles(record.policy):
                    message = f"{record.place.logical_id} is attached to the role {name} of whatever account"
                    self.report(record.place, message, roams=True)

    def _at_hand(self, arn: str, place: SourceLocation, *, reported: bool) -> PolicyRecord | None:
        """A managed policy that a template makes, that AWS does, or whose document a chain gives."""
        if found := self._managed.get(arn):
            self._used.add(arn)
            if all(record.policy is found[0].policy for record in found):
                return found[0]
            # Which of them there is, or that none is, depends on what cannot be known.
            names = " and ".join(str(record.place) for record in found)
            if reported:
                self.report(
                    place, f"{place.logical_id} has the policy {arn}, which is made by {names}", self.beside
                )
            return PolicyRecord(place, arn, None, Policy.unknown(arn))
        if (given := self._given.get(arn)) is not None:
            return self.policy_of(given, place, arn, inline=False)
        document = aws_managed.document_of(arn)
        if document is None:
            return None
        return PolicyRecord(place, arn, document, self._documents.compile(document, arn).policy)

    def _by_arn(self, arn: Json, place: SourceLocation, *, reported: bool) -> PolicyRecord:
        """A managed policy that a role, user or group names."""
        if isinstance(arn, EmptyDefault) and not arn.strip():
            arn = arn.unresolved(place)
        name = arn if isinstance(arn, str) else str(arn)
        if isinstance(arn, str) and (found := self._at_hand(arn, place, reported=reported)):
            return found
        if place.part == "PermissionsBoundary":
            # A boundary can only take away: the assumption names it, and nothing gets in by it.
            if reported:
                self._stacks.assumptions[
                    f"assuming that the permissions boundary {name} leaves what the chain needs"
                ] = None
            return PolicyRecord(place, name, None, EVERYTHING)
        if (
            reported
            and isinstance(arn, str)
            and not _POLICY_ARN.fullmatch(arn)
            and not self._is_changed(place)
        ):
            message = (
                f"{place.logical_id} has the policy {arn!r}, which is not the ARN of a policy: IAM refuses it"
            )
            written = "write arn:aws:iam::<account>:policy/<path and name>"
            self.report(place, message, remediation=written, rule=REFUSED_RULE)
        elif reported:
            message = f"{place.logical_id} has the policy {name}, whose document is not at hand"
            given = ", or its document under policy_documents" if self._of_chain else ""
            remediation = f"give the template that makes it too{given}" if isinstance(arn, str) else None
            self.report(place, message, self.beside, asks=asks_of(arn), remediation=remediation)
        return PolicyRecord(place, name, None, Policy.unknown(name))

    def policy_of(
        self,
        document: Any,
        place: SourceLocation,
        name: str,
        *,
        inline: bool,
        made: Ternary = True,
        trust: bool = False,
        reported: bool = True,
    ) -> PolicyRecord:
        """A policy, compiled.

        Args:
            document: its document, resolved.
            place: where that stands.
            name: the policy's name or ARN.
            inline: whether it stands in the role itself.
            made: whether its resource is made; None where that is not known.
            trust: whether it is a trust policy.
            reported: whether what of it is not known is reported.
        """
        document = document if trust else _asked_for(document, place)
        compiled = self._documents.compile(document, name, MOST_TRUST_POLICY_CHARACTERS if trust else None)
        if reported:
            self._report_unknown(compiled, place, trust=trust)
        policy = compiled.policy
        if made is None and (policy.denies or _speaks_of_roles(policy)):
            if _speaks_of_roles(policy):
                self.report_condition(place)
            policy = Policy.unknown(name)
        return PolicyRecord(place, name, parsed(document), policy, inline)

    def _report_unknown(self, compiled: Compiled, place: SourceLocation, *, trust: bool) -> None:
        what = f"{place.part} of {place.logical_id}"
        level = Level.ERROR if trust else self.beside
        if compiled.problem:
            # IAM refuses it, whichever policy it is, unless a macro makes another of it.
            refused = compiled.refused and not self._is_changed(place)
            words = f"IAM refuses {what}" if refused else f"{what} cannot be read"
            remediation = (
                "write a document that IAM takes: a Version, and a Statement with Effect, Action and the rest"
            )
            rule = REFUSED_RULE if refused else UNKNOWN_RULE
            self.report(place, f"{words}: {compiled.problem}", remediation=remediation, rule=rule)
        elif None in compiled.unresolved:
            found = compiled.unresolved[None]
            self.report(place, f"{what} is not known: {found}", level, asks=found.asks)
        for statement in compiled.policy.statements if trust else ():
            named = statement.principals
            if named and named.unknown and statement.index not in compiled.unresolved:
                here = replace(place, statement=statement.index)
                words = f"statement {statement.index} of {what} names a canonical user"
                self.report(here, words, remediation="write the ARN of a role or user instead")
        listed = compiled.policy.statements if not compiled.policy.missing else ()
        for index, unresolved in compiled.unresolved.items() if not compiled.problem else ():
            if index is not None and (trust or not listed or _speaks(listed[index].actions.match)):
                words = f"statement {index} of {what} holds {unresolved}"
                self.report(replace(place, statement=index), words, level, asks=unresolved.asks)

    def _is_changed(self, place: SourceLocation) -> bool:
        """Whether a macro or a function makes what is not known of a resource."""
        return any(
            may_change(place.logical_id, stack.resolver)
            for stack in self._stacks.all
            if stack.template.name == place.template
        )

    def report_condition(self, place: SourceLocation) -> None:
        """Reports that it is not known whether a resource is made."""
        stacks = (stack for stack in self._stacks.all if stack.template.name == place.template)
        asks = next((stack.asked_of(place.logical_id) for stack in stacks), ())
        words = f"whether {place.logical_id} is made is not known: its Condition cannot be resolved"
        self.report(place, words, self.beside, asks=asks)

    def report(
        self,
        place: SourceLocation,
        message: str,
        level: Level = Level.ERROR,
        *,
        asks: Iterable[str] = (),
        roams: bool = False,
        remediation: str | None = None,
        rule: str = UNKNOWN_RULE,
    ) -> None:
        """Notes what is not known, as a finding of RC00, or what IAM refuses so that it is not.

        Args:
            place: where it stands.
            message: what is not known.
            level: how bad that is.
            asks: the parameters and the region that would tell.
            roams: whether it may be about any role of the account.
            remediation: what to do; None for what helps where a value is not known.
            rule: the rule of the finding.
        """
        known = "write a value that is known before deployment"
        remediation = remediation or f"{known}, or give the proof what it refers to"
        # A proof takes no values but the chain's.
        if not self._of_chain and (options := " ".join(map(_option, asks))):
            remediation = f"give {options}, or {known}"
        finding = Finding(rule, level, place, message, remediation)
        self.unknown[finding] = None
        if roams:
            self.roaming.add(finding)


def _asked_for(value: Any, place: SourceLocation) -> Any:
    """A permission, in which a resource is unresolved that the empty default of a parameter leaves out."""
    if isinstance(value, EmptyDefault):
        return value if value.strip() else value.unresolved(place)
    if isinstance(value, Mapping):
        parts = ("Statement", "Resource", "NotResource")
        return {key: _asked_for(each, place) if key in parts else each for key, each in value.items()}
    return [_asked_for(each, place) for each in value] if isinstance(value, list) else value


def asks_of(value: Json) -> tuple[str, ...]:
    """The parameters, and the region, that would tell a value which is not known."""
    return value.asks if isinstance(value, Unresolved) else ()


def _option(name: str) -> str:
    """The option of the audit that gives a value."""
    if name == "AWS::Region":
        return "--region REGION"
    kind, _, of_kind = name.partition(":")
    return f"--{kind} {of_kind}=VALUE" if of_kind else f"--parameter {name}=VALUE"


def _speaks_of_roles(policy: Policy) -> bool:
    return any(_speaks(statement.actions.match) for statement in policy.statements)


def _speaks(match: Any) -> bool:
    return any(match(action) is not False for action in STS_ACTIONS)
