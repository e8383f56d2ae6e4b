"""Who of the templates may change a chain, or act as one of its roles, in another way than by a declared hop.

Every answer is a set that surely holds everybody: a permission, a Deny or a boundary that is not known is taken to
let in. See ``rolechain.iam.escalation`` for the ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeVar

from rolechain.cloudformation.resources import FUNCTION, IDENTITY_CENTER
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.stack_sets import STACK_SET
from rolechain.cloudformation.texts import section
from rolechain.graph.abilities import GRANTING, LIFTING, Abilities, Means, is_own, means_of, one_of
from rolechain.graph.access import ASSUME, WEB_IDENTITY, everybody, narrowed
from rolechain.graph.arn_sets import ANY, accounts_in, arns_like, one_arn, versions_of
from rolechain.graph.calls import EVERYTHING
from rolechain.graph.language import Language, glob_of, matching, text_of
from rolechain.graph.permissions import RESOURCE, kind_of
from rolechain.graph.role_graph import PolicyRecord, Principal, RoleGraph, RoleRecord, Workload
from rolechain.graph.values import OneValue, Values
from rolechain.iam import condition_keys as keys_of
from rolechain.iam import escalation
from rolechain.iam.arn import account_of, is_arn, name_of, resource_of, resource_type_of
from rolechain.iam.escalation import Way
from rolechain.iam.glob import matches
from rolechain.model.chain import Chain

Rule = Literal["RC38", "RC39"]
CHANGES: Rule = "RC38"
ACTS: Rule = "RC39"

TAKEN_FOR_GRANTED = (
    "assuming that CDK's bootstrap execution role of each account is meant to change the chain"
)

_ASSUMING = (Way("sts:AssumeRole"),)
_PASSED_TO = "iam:passedtoservice"
_ANYWHERE = SourceLocation("", statement=0)
_EVERYTHING = PolicyRecord(_ANYWHERE, "everything", None, EVERYTHING)
_Each = TypeVar("_Each")
_NAMES_NONE = re.compile(r"\*.*|arn:\*|arn:([^:]*:){0,3}[^:]*|arn:([^:]*:){4}([\w-]*[:/])?[*?:/]+", re.ASCII)
"""An entry of Resource that names no resource of its kind, but all of them; an ARN that is cut short among them."""
_REGIONAL = re.compile(r"\.[a-z]{2}(-[a-z]+)+-\d(?=\.amazonaws\.com)|(?<=\.amazonaws\.com)\.cn", re.ASCII)
"""What a service's principal holds besides the service's name: a region, the partition."""
_OTHER_BOOTSTRAP_ROLES = frozenset(
    glob_of(f"*-{each}-role-*") for each in ("lookup", "file-publishing", "image-publishing", "cfn-exec")
)


@dataclass(frozen=True)
class Changer:
    """Somebody who may change a chain, or act as one of its roles.

    Attributes:
        who: the ARN of a role, user or group of the templates, or others in words.
        rule: ``RC38`` for who may change the roles, ``RC39`` for who may act as them.
        roles: the ARNs of the chain's roles, in its order.
        means: by what; one at least.
        declared: whether the chain declares it as an administrator.
    """

    who: str
    rule: Rule
    roles: tuple[str, ...]
    means: tuple[Means, ...]
    declared: bool

    @property
    def surely(self) -> bool:
        """Whether a statement that is known allows it."""
        return any(each.unknown is None for each in self.means)


def changers(chain: Chain, graph: RoleGraph) -> tuple[Changer, ...]:
    """Everybody of the templates who may change a chain or act as one of its roles, in the order of the templates."""
    order = {role.arn: number for number, role in enumerate(chain.roles)}
    patterns = (*(chain.administrators or ()), escalation.EXECUTING)
    found: dict[tuple[str, Rule], dict[Means, set[str]]] = {}
    for who, (rule, arn, means) in _Search(chain, graph).all():
        found.setdefault((who, rule), {}).setdefault(means, set()).add(arn)
    return tuple(
        Changer(
            who,
            rule,
            tuple(sorted({arn for arns in by.values() for arn in arns}, key=order.__getitem__)),
            tuple(by),
            any(matches(pattern, who) for pattern in patterns),
        )
        for (who, rule), by in found.items()
    )


Reach = tuple[Rule, str, Means]
"""What somebody may do to which role of the chain, and by what."""


class _Search:
    """The principals of a graph, and the roles of a chain among them."""

    def __init__(self, chain: Chain, graph: RoleGraph) -> None:
        self._chain = chain
        self._graph = graph
        self._abilities = Abilities(chain.organization or "", graph.limits)
        self._may, self._has = self._abilities.may, self._abilities.has
        self._of, self._speaks = self._abilities.of, self._abilities.speaks
        self._chain_arns = {role.arn for role in chain.roles}
        self._roles = _grouped((role for role in graph.roles if role.arn in self._chain_arns), _account)
        self._workloads = _grouped(graph.workloads, lambda each: _placed(each.account))
        self._trusting: dict[tuple[RoleRecord, str], bool] = {}
        self._reached: dict[str, dict[tuple[Rule, str], list[Means]]] = {}
        self._gained: dict[Principal, Means] = {}
        self._lifted: dict[Principal, Means] = {}
        members = {arn for user in graph.identities for arn in user.groups}
        self._principals = [
            each
            for each in graph.principals
            if is_arn(each.arn) and each.arn not in members and not getattr(each, "imported", False)
        ]
        self._by_account = _grouped(self._principals, _account)
        self._principals = [self._enlarged(each) for each in self._principals]
        self._by_account = _grouped(self._principals, _account)

    @cached_property
    def _assuming(self) -> Mapping[str, Mapping[str, list[Principal]]]:
        """Who may have the permission to assume each role that a statement names, and any by ``*``, by account."""
        found: dict[str, dict[str, list[Principal]]] = {}
        for principal in self._principals:
            for allowed in self._of(principal, ASSUME):
                resources = allowed.statement.resources
                plain = resources and not resources.negated and not resources.tests
                for arn in resources.exact if resources and plain else ("*",):
                    found.setdefault(arn, {}).setdefault(_account(principal), []).append(principal)
        return found

    def all(self) -> Iterator[tuple[str, Reach]]:
        """Who reaches which role of the chain, and by what."""
        for principal in self._principals:
            self._add(principal, [*self._direct(principal), *self._by_deployment(principal)])
        for principal, reach in self._entrances():
            self._add(principal, [reach])
        self._follow()
        for arn in dict.fromkeys(each.arn for each in self._principals):
            unplaced = account_of(arn).startswith("<")
            for (rule, role), ways in self._reached.get(arn, {}).items():
                for means in ways:
                    if unplaced and means.unknown is None:
                        means = replace(means, unknown="its account")
                    yield arn, (rule, role, means)
        yield from self._open()

    def _add(self, principal: Principal, found: Iterable[Reach]) -> bool:
        """Adds what a principal was not known to reach; whether there was any."""
        known = self._reached.setdefault(principal.arn, {})
        before = set(known)
        for rule, role, means in found:
            if (rule, role) not in before:
                known.setdefault((rule, role), []).append(self._told(principal, means))
        return len(known) > len(before)

    def _told(self, principal: Principal, means: Means) -> Means:
        """By what a principal may do something, where it has given itself the permission for it."""
        gained, lifted = self._gained.get(principal), self._lifted.get(principal)
        if gained and means.place == _ANYWHERE:
            return replace(gained, words=f"{gained.words}, which gives it any permission")
        boundary = principal.boundary
        if gained and boundary and replace(means.place, statement=boundary.place.statement) == boundary.place:
            return replace(gained, words=f"{means.words}, after {gained.words} within its boundary")
        if lifted:
            words = f"{means.words}, after {lifted.words} on its boundary"
            return replace(means, words=words, unknown=means.unknown or lifted.unknown)
        return means

    def _direct(self, principal: Principal) -> Iterator[Reach]:
        """What a principal may do to the chain's roles of its own account, and to those that its stack sets make."""
        if not self._speaks(principal):
            return
        for role in _near(self._roles, principal.arn):
            yield from ((CHANGES, role.arn, means) for means in self._changes(principal, role))
            yield from ((ACTS, role.arn, means) for means in self._acts(principal, role))
        for account, on, role in self._stack_sets:
            if "<" in (account, _account(principal)) or account == _account(principal):
                ways = self._may(principal, escalation.ON_STACK_SET, on)
                yield from ((CHANGES, role.arn, means) for means in ways)

    def _changes(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        yield from self._may(principal, escalation.ON_ROLE, one_arn(role.arn), role)
        policies = {record.name for record in role.policies if is_own(record.name)}
        if role.boundary and is_own(role.boundary.name):
            policies.add(role.boundary.name)
        for name in sorted(policies):
            yield from self._may(principal, escalation.ON_POLICY, one_arn(name))
        yield from self._may(principal, escalation.ON_STACK, self._stack_of(role))

    def _acts(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        if self._has(principal, escalation.PASS_ROLE):
            named = {_REGIONAL.sub("", name) for name in _services(role)}
            for service in sorted(named | set(escalation.PASSING)):
                if self._trusts(role, service):
                    yield from self._passed(principal, one_arn(role.arn), service)
        for workload in _near(self._workloads, role.arn):
            runner = escalation.RUNNING[workload.kind]
            ways = [way for way in runner.ways if self._has(principal, way.action)]
            if ways and (
                _runs_as(workload, role) or (workload.role is None and self._trusts(role, runner.service))
            ):
                arn, account = workload.arn, workload.account
                on = versions_of(arn) if arn else arns_like("*", "*", account, "*")
                yield from self._may(principal, ways, on)
        yield from self._of_others(principal, role)

    def _passed(self, principal: Principal, on: Language, service: str) -> Iterator[Means]:
        """By what a principal may pass a role to a service, and have it run code."""
        name, _, rest = service.partition(".amazonaws.com")
        in_any_region = glob_of(f"{name}.*.amazonaws.com{rest}", ".")
        passed = matching([text_of(service), text_of(f"{service}.cn"), in_any_region])
        for first in self._abilities.allowed(
            principal, escalation.PASS_ROLE, on, {_PASSED_TO: OneValue(passed, absent=False)}
        ):
            if service not in escalation.PASSING:
                yield replace(first, words=f"{escalation.PASS_ROLE} to {service}")
            for means in self._may(principal, escalation.PASSING.get(service, ()), ANY):
                words = f"{escalation.PASS_ROLE} with {means.words}"
                place = means.place if means.place == _ANYWHERE else first.place
                yield Means(words, place, first.unknown or means.unknown)

    def _of_others(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        """Workloads that are not in the templates, of a service that a role trusts: who may change any of them."""
        known = list(_near(self._workloads, role.arn))
        for kind, runner in escalation.RUNNING.items():
            if any(each.kind == kind and _runs_as(each, role) for each in known):
                continue
            ways = [way for way in runner.ways if way.changes and self._has(principal, way.action)]
            if not ways or not self._trusts(role, runner.service):
                continue
            for way in ways:
                for allowed in self._of(principal, way.action):
                    resources = allowed.statement.resources
                    written = resources.written if resources and not resources.negated else ("*",)
                    if any(map(_NAMES_NONE.fullmatch, written)):
                        yield means_of(allowed, way.action)

    def _by_deployment(self, principal: Principal) -> Iterator[Reach]:
        """Who may act as a role that administers an account and is not in the templates: CDK's, or one of AWS.

        CDK's trusts its own account, so that there every AssumeRole counts that may be about it; elsewhere one that
        names it. CDK's execution role is passed to CloudFormation.
        """
        own = _accounts(self._roles, _account(principal))
        for allowed in self._of(principal, ASSUME):
            resources = allowed.statement.resources
            written = resources.written if resources and not resources.negated else ()
            for name in escalation.ADMINISTERING:
                begins = name.split("-")[0]
                named = any(begins in each for each in written)
                for account in self._roles if named else own if name == escalation.DEPLOYING else ():
                    role = name.format(account=account)
                    others = Language(without=_OTHER_BOOTSTRAP_ROLES)
                    on = arns_like("iam", "", account, f"role/{role}", self._chain.partition) & others
                    if narrowed(allowed.requests, {RESOURCE: OneValue(on, absent=False)}):
                        words = f"sts:AssumeRole of {role}, which administers account {account}"
                        yield from self._all_of(account, means_of(allowed, words))
        for account in own if self._has(principal, escalation.PASS_ROLE) else ():
            on = arns_like("iam", "", account, resource_of(escalation.EXECUTING), self._chain.partition)
            for means in self._passed(principal, on, "cloudformation.amazonaws.com"):
                words = f"{means.words} of CDK's execution role, which administers account {account}"
                yield from self._all_of(account, replace(means, words=words))

    def _all_of(self, account: str, means: Means) -> Iterator[Reach]:
        for role in self._roles[account]:
            yield CHANGES, role.arn, means

    def _enlarged(self, principal: Principal) -> Principal:
        """A principal with what it may give itself: any permission, as far as a boundary that it cannot lift leaves it.

        That is by its own policies, or by making or taking over somebody.
        """
        if not self._has(principal, *GRANTING, *LIFTING):
            return principal
        lift = next(self._abilities.lifting(principal, principal), None) if principal.boundary else None
        found = replace(principal, boundary=None) if lift else principal
        own = next(self._abilities.granting(found, found), None)
        made = next(self._abilities.by_making(found), None)
        gained = made or (None if found.boundary else own)
        # Its own boundary and Deny statements do not bind whom it makes or takes over.
        is_free = made is not None
        if not gained and self._has(found, *GRANTING, *LIFTING):
            others = [each for each in _near(self._by_account, found.arn) if each is not principal]
            for each in sorted(others, key=lambda each: each.boundary is not None):
                if gained := next(self._overtakes(found, each), None):
                    is_free = each.boundary is None or self._frees(found, each) is not None
                    break
        if is_free and (found.boundary or any(record.policy.denies for record in found.policies)):
            found = replace(found, boundary=None, policies=())
        power = _EVERYTHING if gained or not found.boundary else found.boundary
        if gained := gained or own:
            found = replace(found, policies=(*found.policies, power))
            self._gained[found] = gained
        if lift:
            self._lifted[found] = lift
        return found

    def _overtakes(self, principal: Principal, other: Principal) -> Iterator[Means]:
        """By what a principal may both enlarge another one and act as it."""
        if other.arn not in self._chain_arns and (
            grant := next(self._abilities.granting(principal, other), self._frees(principal, other))
        ):
            for take in self._takes(principal, other):
                yield replace(grant, words=f"{grant.words} and {take.words} on {other.arn}")

    def _frees(self, principal: Principal, other: Principal) -> Means | None:
        """By what a principal may lift the boundary of another one whose policies name a way."""
        if other.boundary is None or not self._speaks(other):
            return None
        return next(self._abilities.lifting(principal, other), None)

    def _follow(self) -> None:
        """Adds who may act as somebody who reaches the chain, until nobody is left."""
        records = _grouped(self._principals, lambda each: each.arn)
        waiting = [arn for arn, pairs in self._reached.items() if pairs and arn not in self._chain_arns]
        verb = {CHANGES: "change", ACTS: "act as"}
        while waiting:
            arn = waiting.pop()
            pairs = self._reached[arn]
            trusted = _trusted_accounts(records[arn])
            others = (
                each
                for by_account in (self._assuming.get(arn, {}), self._assuming.get("*", {}))
                for account in (by_account if trusted is None else sorted(trusted & by_account.keys()))
                for each in by_account[account]
            )
            for principal in dict.fromkeys((*_near(self._by_account, records[arn][0].arn), *others)):
                if principal.arn == arn or pairs.keys() <= self._reached[principal.arn].keys():
                    continue
                takes = (means for each in records[arn] for means in self._takes(principal, each))
                if (means := next(takes, None)) is None:
                    continue
                words = f"{means.words}, as {arn}"
                found = [
                    (rule, role, replace(means, words=f"{words}, which may {verb[rule]} it"))
                    for rule, role in pairs
                ]
                if self._add(principal, found) and principal.arn not in self._chain_arns:
                    waiting.append(principal.arn)

    def _takes(self, principal: Principal, other: Principal) -> Iterator[Means]:
        if isinstance(other, RoleRecord):
            yield from self._assumes(principal, other)
        elif resource_type_of(other.arn) == "role" and IDENTITY_CENTER not in other.arn:
            for means in self._may(principal, _ASSUMING, one_arn(other.arn)):
                yield replace(means, unknown=means.unknown or f"the trust policy of {other.arn}")
        accounts = {_account(principal), _account(other)}
        if (len(accounts) == 1 or "<" in accounts) and self._speaks(principal):
            yield from self._abilities.taking(principal, escalation.TAKES, other)
            if isinstance(other, RoleRecord):
                yield from self._acts(principal, other)

    def _assumes(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        """By what a principal may assume a role of the templates that lets it in."""
        if principal.arn in self._chain_arns and role.arn in self._chain_arns:
            return
        named = any(
            statement.principals
            and (statement.principals.everyone or principal.arn in statement.principals.aws)
            for statement in role.trust.policy.allows
        )
        if not named and not self._has(principal, ASSUME):
            return
        caller: Mapping[str, Values] = {keys_of.PRINCIPAL_ARN: one_of(principal.arn)}
        requests = [
            one
            for one in everybody(role.trust.policy, role.callee)
            if one.kind in (kind_of(principal), "unknown")
        ]
        if not narrowed(requests, caller):
            return
        yield from self._may(principal, _ASSUMING, one_arn(role.arn))
        if named and account_of(principal.arn) == account_of(role.arn):
            yield Means("sts:AssumeRole", role.trust.place)

    def _entrances(self) -> Iterator[tuple[Principal, Reach]]:
        """Who may come in by an entrance that is meant for somebody else."""
        for source in self._chain.sources:
            for entrance in source.entrances:
                value = entrance.value
                ways = escalation.ON_PROVIDER.get(entrance.kind, ())
                if ":oidc-provider/oidc.eks." in value:
                    ways = (*ways, *escalation.ON_CLUSTERS)
                account = account_of(value)
                if entrance.kind == "arn":
                    ways = escalation.TAKES.get(resource_type_of(value), ())
                elif entrance.kind == "permission_set":
                    ways, account = escalation.ON_ASSIGNMENTS, ""
                if not ways:
                    continue
                roles = self._graph.by_arn.get(value, ())
                for principal in _near(self._by_account, value) if account else self._principals:
                    if principal.arn == value or not self._speaks(principal):
                        continue
                    found: list[Means] = []
                    for way in ways:
                        on = one_arn(value) if way.action.startswith("iam:") else ANY
                        found += self._may(principal, [way], on)
                    found += (means for role in roles for means in self._acts(principal, role))
                    for means in found:
                        words = f"{means.words} on {value}, by which the chain is entered"
                        yield principal, (ACTS, source.arn, replace(means, words=words))

    def _open(self) -> Iterator[tuple[str, Reach]]:
        """Who else may call a function that runs as a role of the chain."""
        for grant in self._graph.invocation_grants:
            account = _placed(grant.account)
            functions = [
                each
                for where in _accounts(self._workloads, account)
                for each in self._workloads[where]
                if each.kind == FUNCTION and (grant.workload is None or _names(grant.workload, each))
            ]
            for where in _accounts(self._roles, account) if functions else ():
                for role in self._roles[where]:
                    if any(each.role is None or _runs_as(each, role) for each in functions):
                        yield grant.who, (ACTS, role.arn, Means(grant.how, grant.place))

    @cached_property
    def _stack_sets(self) -> tuple[tuple[str, Language, RoleRecord], ...]:
        """The chain's roles that stack sets make: the account of the stack set, and which one it is."""
        found = []
        for role in (role for roles in self._roles.values() for role in roles):
            name = role.place.template
            while "/" in name:
                name, logical_id = name.rsplit("/", 1)
                template = self._graph.templates.get(name)
                resource = section(section(template.body if template else None, "Resources"), logical_id)
                if template and resource.get("Type") == STACK_SET:
                    own = section(resource, "Properties").get("StackSetName")
                    on = f"stackset/{own if isinstance(own, str) else '*'}:*"
                    account = _placed(template.account or "<")
                    found.append((account, arns_like("cloudformation", "*", "*", on), role))
        return tuple(found)

    def _trusts(self, role: RoleRecord, service: str) -> bool:
        """Whether a service may act as a role, by its principal of any region and partition."""
        if (role, service) not in self._trusting:
            policy, callee = role.trust.policy, role.callee
            services = [one for one in everybody(policy, callee) if one.kind == "service"]
            names = {service, *(each for each in _services(role) if _REGIONAL.sub("", each) == service)}
            found = any(narrowed(services, {keys_of.SERVICE: one_of(name)}) for name in names)
            if not found and service == "cognito-identity.amazonaws.com":
                tokens = everybody(policy, callee, WEB_IDENTITY)
                found = bool(narrowed(tokens, {keys_of.PROVIDER: one_of(service)}))
            self._trusting[role, service] = found
        return self._trusting[role, service]

    def _stack_of(self, role: RoleRecord) -> Language:
        templates = self._graph.templates
        template = templates.get(role.place.template)
        name = template.stack_name if template and template.stack_name else "*"
        region = template.region if template and template.region else "*"
        found = arns_like("cloudformation", region, account_of(role.arn), f"stack/{name}/*")
        if template:
            return found
        # A role that is not in the templates is in none of their stacks.
        others = {each.stack_name for each in templates.values() if each.stack_name}
        return found & Language(without=frozenset(glob_of(f"*:stack/{each}/*") for each in others))


def _grouped(items: Iterable[_Each], key: Callable[[_Each], str]) -> dict[str, list[_Each]]:
    found: dict[str, list[_Each]] = {}
    for each in items:
        found.setdefault(key(each), []).append(each)
    return found


def _trusted_accounts(records: Iterable[Principal]) -> frozenset[str] | None:
    """The accounts of which trust policies may let somebody in, and any that is not known; None for any."""
    found = {"<"}
    for each in records:
        for one in everybody(each.trust.policy, each.callee) if isinstance(each, RoleRecord) else (None,):
            values = one and one.values.get(keys_of.PRINCIPAL_ARN)
            accounts = accounts_in(values.texts) if isinstance(values, OneValue) else None
            if accounts is None and (one is None or one.kind in ("role", "user", "unknown")):
                return None
            found |= accounts or set()
    return frozenset(map(_placed, found))


def _account(principal: Principal) -> str:
    return _placed(account_of(principal.arn))


def _placed(account: str) -> str:
    """An account; ``<`` for any that is not known."""
    return "<" if account.startswith("<") else account


def _accounts(known: Mapping[str, object], account: str) -> Iterable[str]:
    """Those of some accounts that may be the same as another one."""
    return known if account == "<" else [each for each in (account, "<") if each in known]


def _near(by_account: Mapping[str, list[_Each]], arn: str) -> Iterator[_Each]:
    """What may be in the account of an ARN."""
    for account in _accounts(by_account, _placed(account_of(arn))):
        yield from by_account[account]


def _services(role: RoleRecord) -> frozenset[str]:
    found = (each.principals.services for each in role.trust.policy.allows if each.principals)
    return frozenset(name for services in found for name in services)


def _runs_as(workload: Workload, role: RoleRecord) -> bool:
    """Whether a workload of its account is known to run as a role, which it names by ARN or by name."""
    names = role.arn, name_of(role.arn)
    return workload.role is not None and workload.role.lower() in map(str.lower, names)


def _names(name: str, workload: Workload) -> bool:
    """Whether a function's name or ARN, qualified or not, is that of a workload."""
    function = workload.arn.rsplit(":function:", 1)[-1]
    return name.rsplit(":function:", 1)[-1].split(":")[0] == function
