"""What trust policies say, as the keys of a chain: the inverse of ``rolechain.statements.trust_policy``.

A key is a reading of a policy, and may miss something of it. What decides is the comparison: the statements that the
chain would write, and those that are there, each cut into its grants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rolechain.cloudformation.texts import holds_unknown
from rolechain.graph.documents import statements_in
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import (
    IDENTITY_CENTER_PATH,
    PERMISSION_SET_PREFIX,
    account_of,
    iam_arn,
    partition_of,
    resource_of,
    root_of,
)
from rolechain.iam.glob import has_wildcard, matches
from rolechain.iam.limits import ACCOUNT, folded, is_moment
from rolechain.iam.partitions import saml_audience
from rolechain.iam.sts_actions import ASSUME_ROLE, SET_SOURCE_IDENTITY, TAG_SESSION
from rolechain.model.entry_principal import Entrance, EntranceKind
from rolechain.model.role import ChainRole
from rolechain.model.session_values import SessionTag, SourceIdentity
from rolechain.statements.statement_json import one_or_all
from rolechain.statements.trust_policy import entrance_statements

_ENTERING = (ASSUME_ROLE.lower(), "sts:assumerolewithwebidentity", "sts:assumerolewithsaml")
_EQUALS = ("stringequals", "stringlike", "arnlike")
_PERMISSION_SET = re.compile(
    rf".*role{re.escape(IDENTITY_CENTER_PATH)}.*{PERMISSION_SET_PREFIX}([\w+=,.@-]+)_[?*]+"
)


@dataclass(frozen=True)
class Grant:
    """One action that a statement of a trust policy grants one principal, or one of permissions allows on a resource.

    Attributes:
        index: the statement, counted from 0.
        action: the action, in lower case; empty for a statement that no chain writes.
        principal: ``AWS``, ``Service`` or ``Federated``, and the principal; in place of both the statement as JSON. Of
            permissions ``Resource``, and the resource.
        conditions: operator, key and values of each condition; operators that mean the same are written alike.
    """

    index: int
    action: str
    principal: tuple[str, str]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @cached_property
    def meaning(self) -> object:
        """The same without its place and the order of its parts."""
        asked = ((operator, key.lower(), frozenset(values)) for operator, key, values in self.conditions)
        return self.action, self.principal, frozenset(asked)

    @property
    def who(self) -> object:
        """The principal, and what is asked about its ARN."""
        return self.principal, self.values(keys_of.PRINCIPAL_ARN)

    @property
    def words(self) -> str:
        """Whom it lets in; empty where that is not known."""
        whom = " or ".join(self.values(keys_of.PRINCIPAL_ARN)) or self.principal[1]
        action = self.action.removeprefix("sts:")
        return whom if action == "assumerole" else f"{whom} ({action})" if action else ""

    def values(self, key: str, *operators: str) -> tuple[str, ...]:
        """The values of which a key, in lower case, must have one; none where they are not asked for."""
        wanted = operators or _EQUALS
        return next((each for name, of, each in self.conditions if of.lower() == key and name in wanted), ())

    def asks(self, key: str) -> bool:
        """Whether a key, in lower case, must be there."""
        return bool(self.values(key)) or self.values(key, "null") == ("false",)

    def lets_in(self, arn: str) -> bool:
        """Whether it names a role, by its ARN, its account or everybody, as far as conditions on its ARN tell."""
        if self.principal in (("AWS", root_of(arn)), ("AWS", "*")):
            asked = self.values(keys_of.PRINCIPAL_ARN)
            return not asked or any(matches(each, arn) for each in asked)
        return self.principal == ("AWS", arn)

    @property
    def arns(self) -> tuple[str, ...]:
        """The principals that it names one by one."""
        named = self.values(keys_of.PRINCIPAL_ARN) or (self.principal[1],)
        single = (each for each in named if re.match(r"arn:[^:]+:iam::\d{12}:(role|user)/", each))
        return tuple(each for each in single if not has_wildcard([each]))


def grants_of(statements: Iterable[Any], partition: str) -> Iterator[Grant]:
    """The grants of the statements of a trust policy of a role in a partition."""
    for index, statement in enumerate(statements):
        if not _is_plain(statement):
            yield Grant(index, "", ("", json.dumps(statement, sort_keys=True, default=str)))
            continue
        conditions = tuple(_conditions(statement.get("Condition", {})))
        named = statement["Principal"]
        for kind, principals in ({"AWS": "*"} if named == "*" else named).items():
            for principal in listed(principals):
                whole = iam_arn(partition, principal, "root") if ACCOUNT.fullmatch(principal) else principal
                for asked in _of_principal(kind, whole, conditions):
                    for action in listed(statement["Action"]):
                        yield Grant(index, action.lower(), (kind, whole), asked)


def units_of(statement: Any) -> list[Grant]:
    """What a statement of permissions allows, an action and a resource each; nothing where it is put otherwise."""
    if not _allows(statement, "Resource"):
        return []
    conditions = tuple(_conditions(statement.get("Condition", {})))
    actions, resources = (listed(statement.get(element, ())) for element in ("Action", "Resource"))
    return [
        Grant(0, str(action).lower(), ("Resource", str(resource)), conditions)
        for action in actions
        for resource in resources
    ]


def _allows(statement: Any, element: str) -> bool:
    """Whether a statement that is known as a whole allows, with some element besides Action and Condition."""
    elements = {"Sid", "Effect", "Action", element, "Condition"}
    return is_sound(statement) and set(statement) <= elements and statement.get("Effect") == "Allow"


def _is_plain(statement: Any) -> bool:
    if not _allows(statement, "Principal"):
        return False
    named = statement.get("Principal")
    by_kind = named.values() if isinstance(named, Mapping) else [named] if named == "*" else []
    principals = [each for one in by_kind for each in listed(one)]
    texts = [*principals, *listed(statement.get("Action"))]
    return bool(principals) and all(isinstance(each, str) for each in texts)


def is_sound(statement: Any) -> bool:
    """Whether a statement is known as a whole, and its conditions stand as IAM takes them."""
    if not isinstance(statement, Mapping) or holds_unknown(statement):
        return False
    condition = statement.get("Condition", {})
    return isinstance(condition, Mapping) and all(isinstance(keys, Mapping) for keys in condition.values())


def _conditions(condition: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The conditions of a statement, of operators that mean the same always one."""
    for written, keys in condition.items():
        for key, value in keys.items():
            values = tuple(
                str(each).lower() if isinstance(each, bool) else str(each) for each in listed(value)
            )
            quantifier, _, operator = written.lower().rpartition(":")
            operator = operator.replace("arnequals", "arnlike")
            if not has_wildcard(values):
                operator = operator.replace("stringlike", "stringequals")
                if key.lower() == keys_of.PRINCIPAL_ARN:
                    operator = operator.replace("stringequals", "arnlike")
            yield f"{quantifier}:{operator}" if quantifier else operator, key, values


def _of_principal(
    kind: str, principal: str, conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
) -> Iterator[tuple[tuple[str, str, tuple[str, ...]], ...]]:
    """The conditions for one of a statement's principals: of the callers' ARNs those of its account, each by itself."""
    asked = next(
        (each for each in conditions if (each[0], each[1].lower()) == ("arnlike", keys_of.PRINCIPAL_ARN)),
        None,
    )
    if kind != "AWS" or asked is None or principal == "*":
        yield conditions
        return
    for value in asked[2]:
        # A caller of another account is none of the principal's.
        accounts = {account for account in map(account_of, (principal, value)) if ACCOUNT.fullmatch(account)}
        if len(accounts) < 2:
            yield (*(each for each in conditions if each != asked), (asked[0], asked[1], (value,)))


def listed(value: Any) -> list[Any]:
    """A value, or each of several."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def entering(grants: Iterable[Grant], callers: Sequence[str]) -> list[Grant]:
    """The grants of AssumeRole to the roles that call."""
    of_roles = (each for each in grants if each.action == ASSUME_ROLE.lower())
    return [each for each in of_roles if any(each.lets_in(caller) for caller in callers)]


def organization_of(grants: Iterable[Grant], home: Iterable[str]) -> str | None:
    """The organization that every grant to an account asks for; one with an external id to another account may not.

    Args:
        grants: the grants that let somebody in.
        home: the accounts of the chain's roles.
    """
    asked: set[str] = set()
    for grant in grants:
        if grant.principal[0] != "AWS" or grant.action != ASSUME_ROLE.lower():
            continue
        found = grant.values(keys_of.ORGANIZATION)
        if not found and (account_of(grant.principal[1]) in home or not grant.asks(keys_of.EXTERNAL_ID)):
            return None
        asked |= set(found)
    return asked.pop() if len(asked) == 1 else None


def keys_of_callee(
    grants: Sequence[Grant], callers: Sequence[str], organization: str | None, inherited: Sequence[str]
) -> dict[str, Any]:
    """The keys of a role that the trust policy tells: external id, session values, form of trust, units.

    Args:
        grants: those of the trust policy.
        callers: the ARNs of the roles that call.
        organization: the chain's.
        inherited: the keys of the tags that the callers' sessions inherited.
    """
    first = next(iter(entering(grants, callers)), None)
    if first is None:
        return {}
    found: dict[str, Any] = _session_values(first, grants, inherited)
    if len(ids := first.values(keys_of.EXTERNAL_ID)) == 1:
        found["external_id"] = ids[0]
    units = first.values(keys_of.ORGANIZATION_PATHS, "foranyvalue:stringlike")
    if organization and units:
        found["caller_organizational_units"] = tuple(
            each.removeprefix(f"{organization}/").removesuffix("/*") for each in units
        )
    arns = first.values(keys_of.PRINCIPAL_ARN)
    if first.principal[1] == "*":
        found["trust"] = "organization"
    elif resource_of(first.principal[1]) != "root":
        found["trust"] = "role_arn"
    elif not arns or has_wildcard(arns):
        found["trust"] = "account"
    return found


def _session_values(first: Grant, grants: Sequence[Grant], inherited: Sequence[str]) -> dict[str, Any]:
    """The session tags and the source identity that a call passes."""
    beside = {each.action: each for each in reversed(grants) if each.who == first.who}
    tagging, setting = (beside.get(action.lower()) for action in (TAG_SESSION, SET_SOURCE_IDENTITY))
    found: dict[str, Any] = {}
    prior = {folded(key) for key in inherited}
    if tagging:
        prefix = len(keys_of.REQUEST_TAG)
        keys = [*tagging.values(keys_of.TAG_KEYS.lower(), "forallvalues:stringequals")]
        keys += [
            key[prefix:]
            for each in (first, tagging)
            for _, key, _ in each.conditions
            if key.lower().startswith(keys_of.REQUEST_TAG)
        ]
        named = {folded(key): key for key in reversed(keys) if folded(key) not in prior}
        found["session_tags"] = tuple(
            _tag(named[each], first, tagging) for each in dict.fromkeys(map(folded, keys)) if each in named
        )
        transitive = tagging.values(keys_of.TRANSITIVE_TAG_KEYS.lower(), "forallvalues:stringequals")
        found["transitive_tag_keys"] = tuple(key for key in transitive if folded(key) not in prior)
    if setting:
        asked = [each for each in (setting, first) if each.asks(keys_of.SET_SOURCE_IDENTITY)]
        if asked:
            values = asked[0].values(keys_of.SET_SOURCE_IDENTITY)
            found["source_identity"] = SourceIdentity(values, required=first in asked)
    return {key: value for key, value in found.items() if value}


def _tag(key: str, first: Grant, tagging: Grant) -> SessionTag:
    asked = f"{keys_of.REQUEST_TAG}{key.lower()}"
    values = tagging.values(asked) or first.values(asked)
    values = values or tagging.values(asked, "stringequalsifexists", "stringlikeifexists")
    return SessionTag(key, values, required=first.asks(asked))


def entrances_of(grants: Sequence[Grant], role: ChainRole, organization: str | None) -> Iterator[Entrance]:
    """The entrances that a source role's trust policy lets in, as far as a chain lets in nobody else by them.

    Args:
        grants: those of the trust policy.
        role: the source role.
        organization: the chain's.
    """
    there = {_by_root(grant).meaning for grant in grants}
    for grant in grants:
        if grant.action not in _ENTERING or (found := _kind(grant, role.account)) is None:
            continue
        kind, value, keys = found
        keys |= _session_values(grant, grants, ())
        if len(ends := grant.values(keys_of.CURRENT_TIME, "datelessthan")) == 1 and is_moment(ends[0]):
            keys["until"] = ends[0]
        if kind in ("account", "arn"):
            if len(ids := grant.values(keys_of.EXTERNAL_ID)) == 1:
                keys["external_id"] = ids[0]
                keys["third_party"] = organization is not None and not grant.values(keys_of.ORGANIZATION)
            keys["mfa"] = grant.values(keys_of.MFA_PRESENT, "bool") == ("true",)
            if (age := grant.values(keys_of.MFA_AGE, "numericlessthanequals")) and age[0].isdecimal():
                keys["mfa_max_age"] = int(age[0])
        entrance = Entrance(kind, value, **keys)
        said = grants_of(entrance_statements([entrance], role, organization), role.partition)
        if {each.meaning for each in said} <= there:
            yield entrance


def _kind(grant: Grant, account: str) -> tuple[EntranceKind, str, dict[str, Any]] | None:
    principal, name = grant.principal
    if principal == "Service":
        return "service", name, _of_service(grant)
    if principal == "Federated" and ":oidc-provider/" in name:
        host = name.split(":oidc-provider/", 1)[1].lower()
        audience, subject = grant.values(f"{host}:aud"), grant.values(f"{host}:sub")
        return "oidc", name, {"audience": one_or_all(audience), "subject": one_or_all(subject)}
    if principal == "Federated" and ":saml-provider/" in name:
        audience = grant.values("saml:aud")
        usual = (saml_audience(partition_of(name)),)
        return "saml", name, {} if audience == usual else {"audience": one_or_all(audience)}
    if grant.arns:
        return "arn", grant.arns[0], {}
    arns = grant.values(keys_of.PRINCIPAL_ARN)
    if principal == "AWS" and resource_of(name) == "root":
        if account_of(name) == account and arns and (found := _PERMISSION_SET.fullmatch(arns[0])):
            return "permission_set", found[1], {}
        everybody = {"iam_users": False} if arns else {}
        return "account", account_of(name), everybody
    return None


def _of_service(grant: Grant) -> dict[str, Any]:
    tag = "aws:principaltag/"
    certificate = {
        key[len(tag) :]: values[0]
        for operator, key, values in grant.conditions
        if key.lower().startswith(f"{tag}x509") and operator == "stringequals" and len(values) == 1
    }
    organization = grant.values("aws:sourceorgid")
    return {
        "source_account": grant.values("aws:sourceaccount"),
        "source_arn": grant.values("aws:sourcearn"),
        "source_organization": organization[0] if len(organization) == 1 else None,
        "certificate": certificate,
    }


def not_said(
    found: Any, said: Iterable[Any], partition: str, *, entered: bool
) -> tuple[list[Grant], list[Grant]]:
    """The grants of a trust policy that a chain does not write, and those that only the chain writes.

    Args:
        found: the document of the trust policy.
        said: the statements that the chain writes.
        partition: the role's.
        entered: whether the role is a source.
    """
    there, written = (list(grants_of(statements, partition)) for statements in (statements_in(found), said))
    if entered:
        there = [_by_root(grant) for grant in there]
    one, other = {each.meaning for each in there}, {each.meaning for each in written}
    return [each for each in there if each.meaning not in other], [
        each for each in written if each.meaning not in one
    ]


def _by_root(grant: Grant) -> Grant:
    """A grant that names a role or user by its ARN, as a chain names an entrance: by its account and that ARN."""
    kind, name = grant.principal
    if kind != "AWS" or (name,) != grant.arns:
        return grant
    pinned = ("arnlike", keys_of.PRINCIPAL_ARN, (name,))
    return replace(grant, principal=(kind, root_of(name)), conditions=(*grant.conditions, pinned))
