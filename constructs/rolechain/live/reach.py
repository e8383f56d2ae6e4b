"""What of accounts may reach a chain, told from the documents alone, so that nothing else has to be compiled.

The answer surely holds everybody who may: left out is whose policies speak of no way to change a role or to act as one
(``rolechain.iam.escalation``), of no AssumeRole of anybody who is kept, and whom no trust policy of theirs names. A
document that is not at hand, or that does not follow IAM's grammar, is taken to speak of everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from rolechain.graph import aws_managed
from rolechain.graph.abilities import GRANTING
from rolechain.graph.access import ASSUME
from rolechain.iam.arn import account_of, iam_arn, is_arn, name_of, partition_of, session_names
from rolechain.iam.escalation import ACTIONS, ADMINISTERING, DEPLOYING
from rolechain.iam.glob import WILDCARD, GlobPart, glob, has_wildcard, matches
from rolechain.live.account import Account, policies_of
from rolechain.live.template import default_version
from rolechain.model.chain import Chain
from rolechain.policy import Policy, PolicyError, actions, conditions
from rolechain.policy.document import CURRENT, FIRST
from rolechain.policy.document import ELEMENTS as DOCUMENT
from rolechain.policy.statement import ELEMENTS as STATEMENT

Json = Any

_GRANTING = frozenset(map(str.lower, GRANTING))
_BOOTSTRAP = DEPLOYING.split("*")[0]
_ADMINISTERING = tuple(name.split("-")[0] for name in ADMINISTERING)
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_INLINE = {
    "RoleDetailList": "RolePolicyList",
    "UserDetailList": "UserPolicyList",
    "GroupDetailList": "GroupPolicyList",
}
_DOCUMENT, _STATEMENT = frozenset(DOCUMENT), frozenset(STATEMENT)
_ANY = "*"


class _Said(NamedTuple):
    """A statement that speaks of what is looked for.

    Attributes:
        about: the entries of its Resource.
        ways: whether it speaks of a way to change a role or to act as one, besides AssumeRole.
        assumes: whether it speaks of AssumeRole.
        grants: whether it speaks of what gives permissions to others.
        administers: whether it allows everything, so that nothing can be added by others.
        refuses: whether it is a Deny.
    """

    about: frozenset[str] = frozenset()
    ways: bool = False
    assumes: bool = False
    grants: bool = False
    administers: bool = False
    refuses: bool = False


_EVERYTHING = (_Said(frozenset({_ANY}), ways=True, assumes=True, grants=True), _Said(refuses=True))


class _Entity:
    """A role, user or group.

    Args:
        account: the id of its account.
        detail: what IAM says of it.
        said: what its policies speak of, its groups' among them.
        groups: the ARNs of its groups.
    """

    def __init__(
        self, account: str, detail: Mapping[str, Json], said: Iterable[_Said], groups: Iterable[str]
    ) -> None:
        held = tuple(said)
        self.arn: str = detail["Arn"]
        self.account = account
        self.detail = detail
        self.ways = any(each.ways for each in held)
        self.assumed = frozenset().union(*(each.about for each in held if each.assumes))
        # What others may change to change it.
        self.names = (self.arn, *policies_of(detail), *groups)
        # Who surely may give itself everything needs nobody else for it.
        bound = "PermissionsBoundary" in detail or any(each.refuses for each in held)
        needs_nobody = any(each.administers for each in held) and not bound
        self.granted = (
            frozenset() if needs_nobody else frozenset().union(*(each.about for each in held if each.grants))
        )


def reaching(chain: Chain, accounts: Iterable[Account]) -> list[Account]:
    """Accounts with those of their roles, users, groups and policies alone that may reach a chain.

    Args:
        chain: the chain.
        accounts: what was read.
    """
    held = list(accounts)
    kept = _Search(chain, held).kept()
    return [only(account, kept) for account in held]


def only(account: Account, arns: Iterable[str]) -> Account:
    """An account with those of its roles, users and groups that have some ARNs, and with their policies."""
    kept = frozenset(arns)
    details = {
        section: [each for each in account.details[section] if each["Arn"] in kept] for section in _INLINE
    }
    named = {arn for section in _INLINE for each in details[section] for arn in policies_of(each)}
    policies = [each for each in account.details["Policies"] if each["Arn"] in named]
    return replace(account, details={**details, "Policies": policies})


class _Search:
    """Everybody of some accounts, by what leads from one to another."""

    def __init__(self, chain: Chain, accounts: Iterable[Account]) -> None:
        self._chain = chain
        # An ARN occurs twice where an account was given twice.
        self._by_arn: dict[str, list[_Entity]] = {}
        self._by_account: dict[str, list[_Entity]] = {}
        self._by_name: dict[str, list[str]] = {}
        self._assuming: dict[str, list[_Entity]] = {}
        for account in accounts:
            for entity in _entities(account):
                self._by_arn.setdefault(entity.arn, []).append(entity)
                self._by_account.setdefault(account.id, []).append(entity)
                self._by_name.setdefault(name_of(entity.arn).lower(), []).append(entity.arn)
                for entry in entity.assumed:
                    self._assuming.setdefault(entry, []).append(entity)

    def kept(self) -> frozenset[str]:
        """The ARNs of all who may reach the chain, and of all whom they name."""
        waiting = [each.arn for each in self._chain.roles]
        # A role of a chain is looked for by its name as well.
        waiting += (arn for each in self._chain.roles for arn in self._by_name.get(each.role.lower(), ()))
        entrances = (each for role in self._chain.sources for each in role.entrances)
        waiting += (value for each in entrances for value in (each.value, *each.others))
        waiting += (arn for arn, entities in self._by_arn.items() if any(each.ways for each in entities))
        accounts = set(self._chain.accounts)
        for entry, callers in self._assuming.items():
            named = any(name in entry for name in _ADMINISTERING)
            deploying = (
                each.arn for each in callers if each.account in accounts and _deploys(entry, each.arn)
            )
            waiting += (each.arn for each in callers) if named else deploying
        kept: dict[str, None] = {}
        while new := [arn for arn in dict.fromkeys(waiting) if arn not in kept]:
            kept |= dict.fromkeys(new)
            waiting = list(self._callers(new))
            for arn in new:
                for entity in self._by_arn.get(arn, ()):
                    waiting += self._beside(entity)
        return frozenset(kept)

    def _callers(self, arns: list[str]) -> Iterator[str]:
        """Who has the permission to assume one of some roles."""
        by_account: dict[str, list[str]] = {}
        for arn in arns:
            by_account.setdefault(account_of(arn), []).append(arn)
        found = [arn for arn in arns if arn in self._assuming]
        for entry in self._assuming:
            if has_wildcard([entry]):
                account, matched = account_of(entry), glob((GlobPart(entry),))
                if any(map(matched, by_account.get(account, ()) if account.isdecimal() else arns)):
                    found.append(entry)
        for entry in dict.fromkeys(found):
            yield from (each.arn for each in self._assuming.pop(entry))

    def _beside(self, entity: _Entity) -> Iterator[str]:
        """Whom somebody who is kept names, may enlarge, or lets in without a permission."""
        yield from (arn for arn in (*entity.names, *entity.assumed) if arn in self._by_arn)
        near = self._by_account[entity.account]
        for name in _trusted(entity.detail):
            if name == _ANY:
                yield from (each.arn for each in near)
            elif session := session_names(name):
                yield from self._by_name.get(session[0].lower(), ())
            elif name in self._by_arn:
                yield name
        for entry in entity.granted:
            yield from (each.arn for each in near if any(matches(entry, name) for name in each.names))


def _deploys(entry: str, arn: str) -> bool:
    """Whether an entry of Resource may be about CDK's deployment role of the account of an ARN."""
    begins = WILDCARD.split(entry)[0]
    role = iam_arn(partition_of(arn), account_of(arn), f"role/{_BOOTSTRAP}")
    return begins != entry and (role.startswith(begins) or begins.startswith(role))


def _entities(account: Account) -> Iterator[_Entity]:
    details = account.details
    managed = {policy["Arn"]: _said(default_version(policy)) for policy in details["Policies"]}

    def said(detail: Mapping[str, Json], inline: str) -> Iterator[_Said]:
        for policy in detail.get(inline, ()):
            yield from _said(policy["PolicyDocument"])
        for policy in detail.get("AttachedManagedPolicies", ()):
            arn = policy["PolicyArn"]
            yield from managed[arn] if arn in managed else _said(aws_managed.document_of(arn))

    groups = {
        each["GroupName"]: (each["Arn"], tuple(said(each, "GroupPolicyList")))
        for each in details["GroupDetailList"]
    }
    for section, inline in _INLINE.items():
        for each in details[section]:
            of_groups = [groups.get(name, (name, _EVERYTHING)) for name in each.get("GroupList", ())]
            held = (*said(each, inline), *(one for _, of_group in of_groups for one in of_group))
            yield _Entity(account.id, each, held, (arn for arn, _ in of_groups))


def _said(document: Json) -> tuple[_Said, ...]:
    """What a document speaks of."""
    try:
        return tuple(_statements(document))
    except PolicyError:
        return _EVERYTHING


def _statements(document: Json) -> Iterator[_Said]:
    """What the statements of a document speak of.

    Raises:
        PolicyError: it may not be one that IAM takes.
    """
    if not isinstance(document, Mapping) or not document.keys() <= _DOCUMENT or "Statement" not in document:
        raise PolicyError("not a policy")
    listed = document["Statement"]
    sids: set[str] = set()
    for each in listed if isinstance(listed, list) else [listed]:
        if not isinstance(each, Mapping) or not each.keys() <= _STATEMENT:
            raise PolicyError("not a statement")
        if each.get("Effect") not in ("Allow", "Deny") or ("Action" in each) is ("NotAction" in each):
            raise PolicyError("not a statement")
        if ("Resource" in each and "NotResource" in each) or ("Principal" in each and "NotPrincipal" in each):
            raise PolicyError("not a statement")
        (sid,) = _texts(each.get("Sid") or "")
        if sid in sids:
            raise PolicyError("a Sid that occurs twice")
        sids |= {sid} if sid else set()
        if "Condition" in each:
            conditions.parse(each["Condition"], True)
        negated = "NotAction" in each
        named = _texts(each["NotAction" if negated else "Action"])
        spoken, resources = _spoken(named, negated), _texts(each.get("Resource", _ANY))
        if each["Effect"] == "Deny":
            yield _Said(refuses=True)
        elif spoken:
            everything = _ANY in named and not negated and _ANY in resources
            yield _Said(
                frozenset(map(_pattern, resources)),
                ways=bool(spoken - {ASSUME}),
                assumes=ASSUME in spoken,
                grants=bool(spoken & _GRANTING),
                administers=everything and "Resource" in each and "Condition" not in each,
            )
    if document.get("Version", FIRST) not in (FIRST, CURRENT):
        raise PolicyError("not a policy")


@lru_cache(maxsize=65536)
def _spoken(named: tuple[str, ...], negated: bool) -> frozenset[str]:
    """The actions of the ways that an Action or NotAction speaks of."""
    match = actions.parse(list(named), negated).match
    return frozenset(each for each in ACTIONS if match(each) is not False)


def _trusted(detail: Mapping[str, Json]) -> Iterator[str]:
    """The principals of AWS that a trust policy names; ``*`` where they may be any."""
    if "AssumeRolePolicyDocument" not in detail:
        return
    try:
        trust = Policy.parse(detail["AssumeRolePolicyDocument"])
    except PolicyError:
        yield _ANY
        return
    for principals in (statement.principals for statement in trust.allows):
        if principals is None or principals.everyone or principals.unknown:
            yield _ANY
        else:
            yield from principals.aws


def _pattern(entry: str) -> str:
    """What an entry of Resource may match: anything for a variable, and any end of an ARN that is cut short."""
    found = _VARIABLE.sub("*", entry)
    is_whole = entry == _ANY or (found.startswith("arn:") and is_arn(_VARIABLE.sub("", entry)))
    return found if is_whole else f"{found}*"


def _texts(value: Json) -> tuple[str, ...]:
    """One text or several."""
    listed = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not all(isinstance(each, str) for each in listed):
        raise PolicyError("not a text")
    return listed
