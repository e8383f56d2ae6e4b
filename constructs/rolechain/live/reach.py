"""What of accounts may reach a chain, told from the documents alone, so that nothing else has to be compiled.

The answer surely holds everybody who may: left out is whose policies speak of no way to change a role or to act as one
(``rolechain.graph.escalation``), of no AssumeRole of anybody who is kept, and whom no trust policy of theirs names. A
document that is not at hand, or that cannot be read so, is taken to speak of everything.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from rolechain.graph import aws_managed
from rolechain.graph.abilities import GRANTING
from rolechain.graph.escalation import ACTIONS, ADMINISTERING, DEPLOYING
from rolechain.iam.arn import account_of, is_arn, name_of, partition_of, resource_of
from rolechain.iam.glob import matches
from rolechain.live.account import Account
from rolechain.live.template import default_version
from rolechain.model.chain import Chain
from rolechain.policy import actions as actions_of
from rolechain.policy import conditions as conditions_of
from rolechain.policy.document import CURRENT, FIRST
from rolechain.policy.document import ELEMENTS as DOCUMENT
from rolechain.policy.elements import PolicyError
from rolechain.policy.statement import ELEMENTS as STATEMENT

Json = Any

_ASSUME = "sts:assumerole"
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
_ANY, _NONE = "*", frozenset[str]()


class _Said(NamedTuple):
    """What documents speak of.

    Attributes:
        ways: whether of a way to change a role or to act as one, besides AssumeRole.
        assumed: the entries of Resource for AssumeRole.
        granted: the entries of Resource for what gives permissions to others.
        administers: whether they allow everything, so that nothing can be added by others.
        refuses: whether they hold a Deny.
    """

    ways: bool = False
    assumed: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()
    administers: bool = False
    refuses: bool = False

    def __or__(self, other: _Said) -> _Said:
        return _Said(*map(operator.or_, self, other))


_EVERYTHING = _Said(ways=True, assumed=frozenset({_ANY}), granted=frozenset({_ANY}), refuses=True)


@dataclass(eq=False)
class _Entity:
    """A role, user or group, with what its policies and its groups' speak of.

    ``names`` are the ARNs of what others may change to change it: its groups and policies, and its own.
    """

    arn: str
    account: str
    detail: Mapping[str, Json]
    said: _Said
    names: tuple[str, ...]


def reaching(chain: Chain, accounts: Iterable[Account]) -> list[Account]:
    """Accounts with those of their roles, users, groups and policies alone that may reach a chain.

    Args:
        chain: the chain.
        accounts: what was read.
    """
    held = list(accounts)
    kept = _Search(chain, held).kept()
    return [_only(account, kept) for account in held]


def _only(account: Account, kept: frozenset[str]) -> Account:
    details = {
        section: [each for each in account.details[section] if each["Arn"] in kept] for section in _INLINE
    }
    named = {arn for section in _INLINE for each in details[section] for arn in _policies_of(each)}
    policies = [each for each in account.details["Policies"] if each["Arn"] in named]
    return replace(account, details={**details, "Policies": policies})


class _Search:
    """Everybody of some accounts, by what leads from one to another."""

    def __init__(self, chain: Chain, accounts: Iterable[Account]) -> None:
        self._chain = chain
        self._entities: dict[str, _Entity] = {}
        self._by_account: dict[str, list[_Entity]] = {}
        self._by_name: dict[str, list[str]] = {}
        self._assuming: dict[str, list[_Entity]] = {}
        self._kept: dict[str, None] = {}
        for account in accounts:
            for entity in _entities(account):
                self._entities[entity.arn] = entity
                self._by_account.setdefault(account.id, []).append(entity)
                self._by_name.setdefault(name_of(entity.arn).lower(), []).append(entity.arn)
                for entry in entity.said.assumed:
                    self._assuming.setdefault(entry, []).append(entity)

    def kept(self) -> frozenset[str]:
        """The ARNs of all who may reach the chain, and of all whom they name."""
        entrances = (each for role in self._chain.sources for each in role.entrances)
        waiting = [role.arn for role in self._chain.roles]
        waiting += (value for each in entrances for value in (each.value, *each.others))
        waiting += (each.arn for each in self._entities.values() if each.said.ways)
        accounts = set(self._chain.accounts)
        for entry, callers in self._assuming.items():
            named = any(name in entry for name in _ADMINISTERING)
            waiting += (
                each.arn
                for each in callers
                if named or (each.account in accounts and _deploys(entry, each.arn))
            )
        while new := [arn for arn in dict.fromkeys(waiting) if arn not in self._kept]:
            self._kept |= dict.fromkeys(new)
            waiting = list(self._callers(new))
            for entity in (self._entities[arn] for arn in new if arn in self._entities):
                waiting += self._beside(entity)
        return frozenset(self._kept)

    def _callers(self, arns: list[str]) -> Iterator[str]:
        """Who has the permission to assume one of some roles."""
        found = [entry for arn in arns if (entry := arn) in self._assuming]
        texts: dict[str, list[str]] = {}
        for arn in arns:
            texts.setdefault(account_of(arn), []).append(arn)
        joined = {account: "\n".join(lines) for account, lines in texts.items()}
        everywhere = "\n".join(joined.values())
        for entry in self._assuming:
            if "*" in entry or "?" in entry:
                account = account_of(entry)
                text = joined.get(account, "") if account.isdecimal() else everywhere
                if text and _lines(entry).search(text):
                    found.append(entry)
        for entry in found:
            yield from (each.arn for each in self._assuming.pop(entry))

    def _beside(self, entity: _Entity) -> Iterator[str]:
        """Whom somebody who is kept names, may enlarge, or lets in without a permission."""
        # A resource of a chain is looked for by its name as well.
        yield from self._by_name.pop(name_of(entity.arn).lower(), ())
        yield from (arn for arn in (*entity.names, *entity.said.assumed) if arn in self._entities)
        near = self._by_account[entity.account]
        for name in _trusted(entity.detail):
            if name == _ANY:
                yield from (each.arn for each in near)
            elif ":assumed-role/" in name:
                yield from self._by_name.pop(resource_of(name).split("/")[1].lower(), ())
            elif name in self._entities:
                yield name
        if entity.said.granted and not self._is_administrator(entity):
            for entry in entity.said.granted:
                yield from (each.arn for each in near if any(matches(entry, name) for name in each.names))

    def _is_administrator(self, entity: _Entity) -> bool:
        """Whether somebody surely may give itself everything, so that it needs nobody else for it."""
        bounded = entity.detail.get("PermissionsBoundary") is not None
        return entity.said.administers and not entity.said.refuses and not bounded


def _deploys(entry: str, arn: str) -> bool:
    """Whether an entry of Resource may be about CDK's deployment role of the account of an ARN."""
    begins = re.split(r"[*?]", entry)[0]
    role = f"arn:{partition_of(arn)}:iam::{account_of(arn)}:role/{_BOOTSTRAP}"
    return begins != entry and (role.startswith(begins) or begins.startswith(role))


def _lines(entry: str) -> re.Pattern[str]:
    """Finds a line that an entry of Resource matches."""
    pieces = (
        ".*" if each == "*" else "." if each == "?" else re.escape(each)
        for each in re.split(r"([*?])", entry)
    )
    return re.compile(f"^{''.join(pieces)}$", re.MULTILINE)


def _entities(account: Account) -> Iterator[_Entity]:
    details = account.details
    managed = {policy["Arn"]: _said(default_version(policy)) for policy in details["Policies"]}
    groups = {
        each["GroupName"]: (each["Arn"], _of_policies(each, "GroupPolicyList", managed))
        for each in details["GroupDetailList"]
    }
    for section, inline in _INLINE.items():
        for each in details[section]:
            said = _of_policies(each, inline, managed)
            names = [each["Arn"], *_policies_of(each)]
            for group in each.get("GroupList", ()):
                arn, of_group = groups.get(group, (group, _EVERYTHING))
                said |= of_group
                names.append(arn)
            yield _Entity(each["Arn"], account.id, each, said, tuple(names))


def _of_policies(detail: Mapping[str, Json], inline: str, managed: Mapping[str, _Said]) -> _Said:
    found = _Said()
    for policy in detail.get(inline, ()):
        found |= _said(policy["PolicyDocument"])
    for policy in detail.get("AttachedManagedPolicies", ()):
        arn = policy["PolicyArn"]
        found |= managed[arn] if arn in managed else _said(aws_managed.document_of(arn))
    return found


def _policies_of(detail: Mapping[str, Json]) -> Iterator[str]:
    """The ARNs of somebody's managed policies and of its boundary."""
    yield from (each["PolicyArn"] for each in detail.get("AttachedManagedPolicies", ()))
    if boundary := detail.get("PermissionsBoundary"):
        yield boundary["PermissionsBoundaryArn"]


def _said(document: Json) -> _Said:
    """What a document speaks of; of everything where it is not as IAM writes it."""
    found = _Said()
    try:
        for statement in _statements(document):
            negated = "NotAction" in statement
            ways, assumes, grants, every = _spoken(
                _texts(statement["NotAction" if negated else "Action"]), negated
            )
            entries = _texts(statement.get("Resource", _ANY))
            if statement["Effect"] == "Deny":
                found |= _Said(refuses=True)
            elif ways or assumes or grants:
                about = frozenset(map(_pattern, entries))
                every = every and "Resource" in statement and _ANY in entries and "Condition" not in statement
                found |= _Said(ways, about if assumes else _NONE, about if grants else _NONE, every)
    except PolicyError:
        return _EVERYTHING
    return found


@lru_cache(maxsize=65536)
def _spoken(actions: tuple[str, ...], negated: bool) -> tuple[bool, bool, bool, bool]:
    """Whether Action speaks of a way, of AssumeRole, of what gives permissions, and of everything."""
    match = actions_of.parse(list(actions), negated).match
    spoken = {each for each in ACTIONS if match(each) is not False}
    return (
        bool(spoken - {_ASSUME}),
        _ASSUME in spoken,
        bool(spoken & _GRANTING),
        not negated and _ANY in actions,
    )


def _trusted(detail: Mapping[str, Json]) -> Iterator[str]:
    """The principals of AWS that a trust policy names; ``*`` where they may be any."""
    if "AssumeRolePolicyDocument" not in detail:
        return
    try:
        for statement in _statements(detail["AssumeRolePolicyDocument"]):
            principal = statement.get("Principal", _ANY)
            if statement["Effect"] == "Allow":
                yield from _texts(principal.get("AWS", ()) if isinstance(principal, Mapping) else principal)
    except PolicyError:
        yield _ANY


def _statements(document: Json) -> Iterator[Mapping[str, Json]]:
    """The statements of a document.

    Raises:
        PolicyError: it may not be one that IAM takes.
    """
    if not isinstance(document, Mapping) or not document.keys() <= _DOCUMENT or "Statement" not in document:
        raise PolicyError("not a policy")
    listed = document["Statement"]
    statements = listed if isinstance(listed, list) else [listed]
    sids = [sid for each in statements if isinstance(each, Mapping) and (sid := each.get("Sid"))]
    if document.get("Version", FIRST) not in (FIRST, CURRENT) or len(set(_texts(sids))) < len(sids):
        raise PolicyError("not a policy")
    for each in statements:
        if not isinstance(each, Mapping) or not each.keys() <= _STATEMENT:
            raise PolicyError("not a statement")
        if each.get("Effect") not in ("Allow", "Deny") or ("Action" in each) is ("NotAction" in each):
            raise PolicyError("not a statement")
        if ("Resource" in each and "NotResource" in each) or ("Principal" in each and "NotPrincipal" in each):
            raise PolicyError("not a statement")
        if "Condition" in each:
            conditions_of.parse(each["Condition"], True)
        yield each


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
