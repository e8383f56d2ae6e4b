"""Who of the templates may change a chain, or act as one of its roles, in another way than by a declared hop.

Every answer is a set that surely holds everybody: a permission, a Deny or a boundary that is not known is taken to
let in. See ``rolechain.proof.escalation`` for the ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal
from weakref import WeakKeyDictionary

from rolechain.chain import Chain
from rolechain.policy import Policy
from rolechain.policy import condition_keys as keys_of
from rolechain.policy.language import Language, Pattern, Position, glob_of, matching, segments_of, text_of
from rolechain.proof import aws_managed, escalation
from rolechain.proof.access import ASSUME, WEB_IDENTITY, everybody, narrowed
from rolechain.proof.allowed_calls import RESOURCE, Allowed, Principal, allowed_calls, kind_of
from rolechain.proof.calls import account_of, is_arn
from rolechain.proof.escalation import Way
from rolechain.proof.place import Place
from rolechain.proof.requests import Requests, both
from rolechain.proof.resources import FUNCTION
from rolechain.proof.values import OneValue, Values
from rolechain.proof.world import IdentityRecord, RoleRecord, Workload, World
from rolechain.wildcards import matches

Rule = Literal["RC38", "RC39"]
CHANGES: Rule = "RC38"
ACTS: Rule = "RC39"

TAKEN_FOR_GRANTED = (
    "assuming that CDK's bootstrap execution role of each account is meant to change the chain"
)

_PASSED_TO, _BOUNDARY = "iam:passedtoservice", "iam:permissionsboundary"
_WITHIN_BOUNDARY = frozenset(
    {
        "iam:putrolepolicy",
        "iam:attachrolepolicy",
        "iam:deleterolepolicy",
        "iam:detachrolepolicy",
        "iam:deleterolepermissionsboundary",
        "iam:putuserpolicy",
        "iam:attachuserpolicy",
    }
)
"""The actions whose ``iam:PermissionsBoundary`` is the boundary that the role or user has; Service Authorization
Reference, IAM."""
_OWN_GRANTS = frozenset(way.action for way in (*escalation.ON_ROLE, *escalation.USER_GRANTS))
_ANY = matching([glob_of("*")])
_NAMES_NONE = re.compile(r"\*|arn:([^:]*:){4}([\w-]+[:/])?\*", re.ASCII)
"""An entry of Resource that names no resource of its kind, but all of them."""
_OTHER_BOOTSTRAP_ROLES = frozenset(
    glob_of(f"*-{each}-role-*") for each in ("lookup", "file-publishing", "image-publishing", "cfn-exec")
)


@dataclass(frozen=True)
class Means:
    """By what somebody may change or act as a role.

    Attributes:
        words: the actions, or through whom.
        place: the statement that allows it.
        unknown: the policy that is not known and so may allow it; None where a statement allows it.
    """

    words: str
    place: Place
    unknown: str | None = None


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


def changers(chain: Chain, world: World) -> tuple[Changer, ...]:
    """Everybody of the templates who may change a chain or act as one of its roles, in the order of the templates."""
    estate = _Estate(chain, world)
    order = {role.arn: number for number, role in enumerate(chain.roles)}
    patterns = (*(chain.administrators or ()), escalation.EXECUTING)
    found: dict[tuple[str, Rule], dict[Means, set[str]]] = {}
    for who, rule, arn, means in estate.all():
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


Reach = tuple[str, Rule, str, Means]


class _Estate:
    """The principals of a world, and the roles of a chain among them."""

    def __init__(self, chain: Chain, world: World) -> None:
        self._chain = chain
        self._world = world
        self._organization = chain.organization or ""
        self._chain_arns = {role.arn for role in chain.roles}
        self._calls: dict[tuple[int, str], tuple[Allowed, ...]] = {}
        self._speaking: WeakKeyDictionary[Policy, frozenset[str]] = WeakKeyDictionary()
        members = {arn for user in world.identities for arn in user.groups}
        everybody: list[Principal] = [*world.roles, *world.identities]
        self._principals = [
            each
            for each in everybody
            if is_arn(each.arn) and each.arn not in members and not getattr(each, "imported", False)
        ]

    @cached_property
    def _by_account(self) -> Mapping[str, list[Principal]]:
        found: dict[str, list[Principal]] = {}
        for each in self._principals:
            found.setdefault(account_of(each.arn), []).append(each)
        return found

    @cached_property
    def _roles(self) -> Mapping[str, list[RoleRecord]]:
        """The chain's roles by account."""
        found: dict[str, list[RoleRecord]] = {}
        for role in self._world.roles:
            if role.arn in self._chain_arns:
                found.setdefault(account_of(role.arn), []).append(role)
        return found

    @cached_property
    def _workloads(self) -> Mapping[str, list[Workload]]:
        found: dict[str, list[Workload]] = {}
        for each in self._world.workloads:
            found.setdefault(each.account, []).append(each)
        return found

    def all(self) -> Iterator[Reach]:
        """Who reaches which role of the chain, and by what."""
        reached: dict[str, list[Reach]] = {}
        for principal in self._principals:
            if direct := [*self._direct(principal), *self._by_deployment(principal)]:
                reached[principal.arn] = direct
        for principal in self._principals:
            if principal.arn not in reached and (own := list(self._by_itself(principal))):
                reached[principal.arn] = own
        self._follow(reached)
        for principal in self._principals:
            yield from reached.get(principal.arn, ())
        yield from self._entrances()
        yield from self._open()

    def _direct(self, principal: Principal) -> Iterator[Reach]:
        """What a principal may do to the chain's roles of its own account."""
        if not self._speaks(principal):
            return
        for role in self._roles.get(account_of(principal.arn), ()):
            for means in self._changes(principal, role):
                yield principal.arn, CHANGES, role.arn, means
            for means in self._acts(principal, role):
                yield principal.arn, ACTS, role.arn, means

    def _changes(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        for way in escalation.ON_ROLE:
            yield from self._may(principal, way, _one(role.arn), _bounded(way, role))
        policies = {record.name for record in role.policies if _is_own(record.name)}
        if role.boundary and _is_own(role.boundary.name):
            policies.add(role.boundary.name)
        for name in sorted(policies):
            for way in escalation.ON_POLICY:
                yield from self._may(principal, way, _one(name))
        for way in escalation.ON_STACK:
            yield from self._may(principal, way, self._stack_of(role))

    def _acts(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        yield from self._passes(principal, role)
        for workload in self._workloads.get(account_of(role.arn), ()):
            runner = escalation.RUNNING[workload.kind]
            if _runs_as(workload, role) or (workload.role is None and self._trusts(role, runner.service)):
                for way in runner.ways:
                    yield from self._may(principal, way, _workload(workload))
        yield from self._of_others(principal, role)

    def _passes(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        """The services to which a principal may pass a role that trusts them, and have them run code."""
        if not self._has(principal, escalation.PASS_ROLE):
            return
        named = {
            name
            for statement in role.trust.policy.allows
            for name in (statement.principals.services if statement.principals else ())
        }
        for service in sorted(named | set(escalation.PASSING)):
            if not self._trusts(role, service):
                continue
            passed: dict[str, Values] = {_PASSED_TO: _value(service)}
            for first in self._allowed(principal, escalation.PASS_ROLE, _one(role.arn), passed):
                ways = escalation.PASSING.get(service)
                if ways is None:
                    yield replace(first, words=f"{escalation.PASS_ROLE} to {service}")
                    continue
                for way in ways:
                    for means in self._may(principal, way, _ANY):
                        words = f"{escalation.PASS_ROLE} with {means.words}"
                        yield replace(first, words=words, unknown=first.unknown or means.unknown)

    def _of_others(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        """Workloads that are not in the templates, of a service that a role trusts: who may change any of them."""
        known = self._workloads.get(account_of(role.arn), ())
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
                        yield self._means(allowed, way.action)

    def _by_deployment(self, principal: Principal) -> Iterator[Reach]:
        """Who may assume a role that administers an account and is not in the templates: CDK's, or one of AWS.

        CDK's trusts its own account, so that there every AssumeRole counts that may be about it; elsewhere one that
        names it.
        """
        for allowed in self._of(principal, ASSUME):
            resources = allowed.statement.resources
            written = resources.written if resources and not resources.negated else ()
            for account, roles in self._roles.items():
                for role_name in escalation.ADMINISTERING:
                    begins = role_name.split("-")[0]
                    of_cdk = role_name == escalation.DEPLOYING
                    if not any(begins in each for each in written) and not (
                        of_cdk and account == account_of(principal.arn)
                    ):
                        continue
                    name = role_name.format(account=account)
                    texts = _arns("iam", "", account, f"role/{name}") & Language(
                        without=_OTHER_BOOTSTRAP_ROLES
                    )
                    if narrowed(allowed.requests, {RESOURCE: OneValue(texts, absent=False)}):
                        words = f"sts:AssumeRole of {name}, which administers account {account}"
                        for role in roles:
                            yield principal.arn, CHANGES, role.arn, self._means(allowed, words)

    def _by_itself(self, principal: Principal) -> Iterator[Reach]:
        """Who may give itself permissions, as far as its boundary lets it use them, or make somebody who has them."""
        if not self._speaks(principal):
            return
        for means in (*self._grants(principal, principal), *self._makes(principal)):
            enlarged = principal
            if principal.boundary and means.words in _OWN_GRANTS:
                enlarged = replace(principal, policies=(principal.boundary,), boundary=None)
                arns = [(rule, arn) for _, rule, arn, _ in self._direct(enlarged)]
            else:
                arns = [(CHANGES, role.arn) for role in self._roles.get(account_of(principal.arn), ())]
            for rule, arn in arns:
                words = f"{means.words}, which gives it any permission"
                yield principal.arn, rule, arn, replace(means, words=words)

    def _makes(self, principal: Principal) -> Iterator[Means]:
        """What makes a new role or user, gives it permissions, and acts as it."""
        free: Mapping[str, Values] = {_BOUNDARY: OneValue(Language(frozenset()), absent=True)}
        for making, grants, acting in escalation.MAKING:
            if not all(self._has(principal, each) for each in (making, *acting)):
                continue
            made = [narrowed(each.requests, free) for each in self._of(principal, making)]
            for grant in grants:
                for allowed in self._of(principal, grant):
                    given = [one for one in narrowed(allowed.requests, free) if not _is_harmless(one)]
                    if any(both(requests, given) for requests in made):
                        yield self._means(allowed, " with ".join((making, grant, *acting)))

    def _grants(self, principal: Principal, other: Principal) -> Iterator[Means]:
        """What gives another principal, or itself, permissions."""
        if isinstance(other, RoleRecord):
            for way in escalation.ON_ROLE[1:3]:
                yield from self._may(principal, way, _one(other.arn), _bounded(way, other))
        elif not other.is_group:
            for way in escalation.USER_GRANTS:
                yield from self._may(principal, way, _one(other.arn), _bounded(way, other))
        groups = other.groups if isinstance(other, IdentityRecord) else frozenset()
        for group in sorted(groups | ({other.arn} if ":group/" in other.arn else set())):
            for way in escalation.GROUP_GRANTS:
                yield from self._may(principal, way, _one(group))
        for name in sorted({record.name for record in other.policies if _is_own(record.name)}):
            for way in escalation.ON_POLICY:
                yield from self._may(principal, way, _one(name))

    def _follow(self, reached: dict[str, list[Reach]]) -> None:
        """Adds who may act as somebody who reaches the chain, until nobody is left."""
        by_arn = {each.arn: each for each in self._principals}
        groups = {each.arn: each for each in self._world.identities if each.is_group}
        waiting = list(reached)
        while waiting:
            arn = waiting.pop()
            through = by_arn.get(arn)
            if through is None or arn in self._chain_arns:
                continue
            for principal in self._principals:
                if principal.arn in reached or principal.arn == arn:
                    continue
                means = next(self._takes(principal, through, groups), None)
                if means is None:
                    continue
                verb = {CHANGES: "change", ACTS: "act as"}
                reached[principal.arn] = [
                    (
                        principal.arn,
                        rule,
                        role,
                        replace(means, words=f"{means.words}, as {arn}, which may {verb[rule]} it"),
                    )
                    for rule, role in dict.fromkeys((rule, role) for _, rule, role, _ in reached[arn])
                ]
                waiting.append(principal.arn)
        # Who may both enlarge and take over somebody reaches what that account holds.
        for principal in self._principals:
            if principal.arn in reached or not self._speaks(principal):
                continue
            for other in self._by_account[account_of(principal.arn)]:
                if other is principal or other.arn in self._chain_arns:
                    continue
                grant = next(self._grants(principal, other), None)
                take = grant and next(self._takes(principal, other, groups), None)
                if grant and take:
                    words = f"{grant.words} and {take.words} on {other.arn}, which gives it any permission"
                    reached[principal.arn] = [
                        (principal.arn, CHANGES, role.arn, replace(grant, words=words))
                        for role in self._roles.get(account_of(principal.arn), ())
                    ]
                    break

    def _takes(
        self, principal: Principal, other: Principal, groups: Mapping[str, IdentityRecord]
    ) -> Iterator[Means]:
        """By what a principal may act as another one."""
        if isinstance(other, RoleRecord):
            yield from self._assumes(principal, other)
        if account_of(principal.arn) != account_of(other.arn) or not self._speaks(principal):
            return
        if isinstance(other, RoleRecord):
            yield from self._may(principal, escalation.ON_ROLE[0], _one(other.arn))
            yield from self._acts(principal, other)
            return
        if other.is_group:
            for way in escalation.ON_GROUP:
                yield from self._may(principal, way, _one(other.arn))
            return
        for way in escalation.ON_USER:
            yield from self._may(principal, way, _one(other.arn))
        for group in sorted(other.groups & set(groups)):
            for way in escalation.ON_GROUP:
                yield from self._may(principal, way, _one(group))

    def _assumes(self, principal: Principal, role: RoleRecord) -> Iterator[Means]:
        """By what a principal may assume a role of the templates that lets it in."""
        if principal.arn in self._chain_arns and role.arn in self._chain_arns:
            return
        caller: Mapping[str, Values] = {keys_of.PRINCIPAL_ARN: _value(principal.arn)}
        requests = [
            one
            for one in everybody(role.trust.policy, role.callee)
            if one.kind in (kind_of(principal), "unknown")
        ]
        if not narrowed(requests, caller):
            return
        yield from self._may(principal, Way("sts:AssumeRole", ""), _one(role.arn))
        named = any(
            statement.principals and principal.arn in statement.principals.aws
            for statement in role.trust.policy.allows
        )
        if named and account_of(principal.arn) == account_of(role.arn):
            yield Means("sts:AssumeRole", role.trust.place)

    def _entrances(self) -> Iterator[Reach]:
        """Who may come in by an entrance that is meant for somebody else."""
        for source in self._chain.sources:
            for entrance in source.entrances:
                for value in (entrance.value, *entrance.others):
                    ways: Sequence[Way] = escalation.ON_PROVIDER.get(entrance.kind, ())
                    if ":oidc-provider/oidc.eks." in value:
                        ways = (*ways, *escalation.ON_CLUSTERS)
                    account = account_of(value)
                    if entrance.kind == "arn" and ":user/" in value:
                        ways = escalation.ON_USER
                    elif entrance.kind == "arn" and ":role/" in value:
                        ways = escalation.ON_ROLE[:1]
                    elif entrance.kind == "permission_set":
                        ways, account = escalation.ON_ASSIGNMENTS, ""
                    if not ways:
                        continue
                    for principal in self._by_account.get(account, self._principals if not account else ()):
                        if principal.arn == value:
                            continue
                        for way in ways:
                            on = _one(value) if way.action.startswith("iam:") else _ANY
                            for means in self._may(principal, way, on):
                                words = f"{means.words} on {value}, by which the chain is entered"
                                yield principal.arn, ACTS, source.arn, replace(means, words=words)

    def _open(self) -> Iterator[Reach]:
        """Who else may call a function that runs as a role of the chain."""
        for opening in self._world.openings:
            functions = [
                each
                for each in self._workloads.get(opening.account, ())
                if each.kind == FUNCTION and (opening.workload is None or _names(opening.workload, each))
            ]
            for role in self._roles.get(opening.account, ()):
                if any(each.role is None or _runs_as(each, role) for each in functions):
                    yield opening.who, ACTS, role.arn, Means(opening.how, opening.place)

    def _trusts(self, role: RoleRecord, service: str) -> bool:
        wanted: Mapping[str, Values] = {keys_of.SERVICE: _value(service)}
        services = [one for one in everybody(role.trust.policy, role.callee) if one.kind == "service"]
        if narrowed(services, wanted):
            return True
        if service != "cognito-identity.amazonaws.com":
            return False
        tokens = everybody(role.trust.policy, role.callee, WEB_IDENTITY)
        return bool(narrowed(tokens, {keys_of.PROVIDER: _value(service)}))

    def _stack_of(self, role: RoleRecord) -> Language:
        """The ARNs that the stack of a role may have."""
        template = self._world.templates.get(role.place.template)
        name = template.stack_name if template and template.stack_name else "*"
        region = template.region if template and template.region else "*"
        return _arns("cloudformation", region, account_of(role.arn), f"stack/{name}/*")

    def _may(
        self,
        principal: Principal,
        way: Way,
        on: Language,
        asked: Mapping[str, Values] | None = None,
    ) -> Iterator[Means]:
        """By what a principal may take a way, once."""
        for means in self._allowed(principal, way.action, on, asked or {}):
            others = [next(self._allowed(principal, each, _ANY, {}), None) for each in way.besides]
            known = [each for each in others if each]
            if len(known) == len(others):
                words = " with ".join((way.action, *way.besides))
                unknown = means.unknown or next((each.unknown for each in known if each.unknown), None)
                yield replace(means, words=words, unknown=unknown)

    def _allowed(
        self, principal: Principal, action: str, on: Language, asked: Mapping[str, Values]
    ) -> Iterator[Means]:
        """What lets a principal make a call: a statement that is known, else one that is not."""
        wanted = {RESOURCE: OneValue(on, absent=False), **asked}
        found = [each for each in self._of(principal, action) if narrowed(each.requests, wanted)]
        found.sort(key=lambda each: each.statement.effect is None)
        for allowed in found[:1]:
            yield self._means(allowed, action)

    def _means(self, allowed: Allowed, words: str) -> Means:
        record, statement = allowed.record, allowed.statement
        unknown = record.name if statement.effect is None else None
        index = None if statement.stands_in else statement.index
        return Means(words, replace(record.place, statement=index), unknown)

    def _of(self, principal: Principal, action: str) -> tuple[Allowed, ...]:
        key = (id(principal), action.lower())
        if key not in self._calls:
            has = self._has(principal, action)
            self._calls[key] = (
                tuple(allowed_calls(principal, action.lower(), self._organization)) if has else ()
            )
        return self._calls[key]

    def _speaks(self, principal: Principal) -> bool:
        """Whether a principal's policies speak of any way at all, besides assuming roles."""
        return any(self._spoken(record.policy) - {ASSUME} for record in principal.policies)

    def _has(self, principal: Principal, action: str) -> bool:
        return any(action.lower() in self._spoken(record.policy) for record in principal.policies)

    def _spoken(self, policy: Policy) -> frozenset[str]:
        """The actions of the ways that a policy speaks of."""
        if policy not in self._speaking:
            found: set[str] = set()
            for statement in policy.allows:
                actions = statement.actions
                if not actions.globs and not actions.negated and not actions.unknown:
                    found |= actions.exact & escalation.ACTIONS
                else:
                    found |= {each for each in escalation.ACTIONS if actions.match(each) is not False}
            self._speaking[policy] = frozenset(found)
        return self._speaking[policy]


def _one(arn: str) -> Language:
    """An ARN; what is not known of it may be any text, but no stand-in for what is not known of another one."""
    if "<" not in arn:
        return Language(frozenset({arn}))
    return matching([text_of(arn), Pattern(_around_unknown(arn))])


def _around_unknown(arn: str) -> Iterator[Position]:
    hidden = False
    for character in arn:
        if character == "<":
            yield Position(repeated=True, excluded="<")
        hidden = character == "<" or (hidden and character != ">")
        if not hidden and character != ">":
            yield Position(character)


def _arns(service: str, region: str, account: str, resource: str) -> Language:
    """The ARNs of a resource, whose name, as all of these, holds no colon; ``*`` alone is any resource."""
    last = resource if resource == "*" else glob_of(resource, ":").positions
    return matching([segments_of(("arn", "*", service, region, account, last))])


def _runs_as(workload: Workload, role: RoleRecord) -> bool:
    """Whether a workload of its account is known to run as a role, which it names by ARN or by name."""
    return workload.role in (role.arn, role.arn.rsplit("/", 1)[-1])


def _value(text: str) -> OneValue:
    return OneValue(_one(text), absent=False)


def _is_harmless(requests: Requests) -> bool:
    """Whether what may be attached are policies of AWS alone that give nobody a way."""
    values = requests.values.get("iam:policyarn")
    if not isinstance(values, OneValue) or values.absent or values.texts.values is None:
        return False
    documents = [aws_managed.document_of(arn) for arn in values.texts.values]
    return all(document is not None and not document["Statement"] for document in documents)


def _is_own(name: str) -> bool:
    """Whether a policy is a managed one of the customer's own."""
    return ":policy/" in name and ":iam::aws:" not in name


def _bounded(way: Way, other: Principal) -> Mapping[str, Values]:
    """What the boundary of a role or user makes of the conditions that ask for it."""
    if way.action.lower() not in _WITHIN_BOUNDARY:
        return {}
    if other.boundary is None:
        return {_BOUNDARY: OneValue(Language(frozenset()), absent=True)}
    return {_BOUNDARY: _value(other.boundary.name)} if is_arn(other.boundary.name) else {}


def _workload(workload: Workload) -> Language:
    """The ARNs that a workload may have, a version's or an alias's included."""
    if not workload.arn:
        return _arns("*", "*", workload.account, "*")
    qualified = [*_around_unknown(workload.arn), Position(":"), Position(repeated=True, excluded="<")]
    patterns = [text_of(workload.arn), Pattern(_around_unknown(workload.arn)), Pattern(qualified)]
    return matching(dict.fromkeys(patterns))


def _names(name: str, workload: Workload) -> bool:
    """Whether a function's name or ARN, qualified or not, is that of a workload."""
    function = workload.arn.rsplit(":function:", 1)[-1]
    return name.rsplit(":function:", 1)[-1].split(":")[0] == function
