"""Whom the statements of a trust policy name, read for the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from rolechain.graph.access import ASSUME, narrowed
from rolechain.graph.language import Language, Pattern, text_of
from rolechain.graph.narrowing import names_variable, unlike, written
from rolechain.graph.values import OneValue, Values
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, is_arn, partition_of, resource_of, root_of, service_of
from rolechain.policy.conditions import Condition
from rolechain.policy.elements import Intrinsic
from rolechain.proof.rules.located_statement import ACCOUNT, LocatedStatement

_OF_ACCOUNT = re.compile(rf"arn:([^:*?]+):(?:iam|sts)::({ACCOUNT.pattern}):.+", re.ASCII)

Account = tuple[str, str]
"""An account's id, and its partition."""


def everyone(located: LocatedStatement) -> bool:
    """Whether a statement names ``*``."""
    return located.statement.principals is not None and located.statement.principals.everyone


def services(located: LocatedStatement) -> list[str]:
    """The service principals that a statement names, in order."""
    return sorted(located.statement.principals.services) if located.statement.principals else []


def delegated(located: LocatedStatement) -> list[Account]:
    """The accounts that a statement names as a whole: by root, by id, or as the only ones that ``*`` leaves."""
    if not everyone(located):
        return list(located.whole_accounts)
    partition = partition_of(located.arn)
    found = dict.fromkeys(located.whole_accounts)
    for value in pinned(located, keys_of.PRINCIPAL_ACCOUNT):
        if ACCOUNT.fullmatch(value):
            found[value, partition] = None
    for value in pinned(located, keys_of.PRINCIPAL_ARN):
        if match := _OF_ACCOUNT.fullmatch(value):
            found[match[2], match[1]] = None
    return list(found)


def of_accounts(located: LocatedStatement) -> list[Account]:
    """The accounts that a statement names, as a whole or by one of their principals."""
    found = dict.fromkeys(delegated(located))
    for value in located.aws:
        if match := _OF_ACCOUNT.fullmatch(value):
            found[match[2], match[1]] = None
    return list(found)


def pinned(located: LocatedStatement, key: str) -> Iterator[str]:
    """The values that a statement's conditions give for a key, in lower case."""
    for condition in located.by_key.get(key, ()):
        if isinstance(condition, Condition) and not condition.negated:
            yield from condition.values


def role_arns(located: LocatedStatement) -> list[str]:
    """The roles that a statement names directly."""
    return [value for value in located.aws if is_role(value)]


def is_role(value: str) -> bool:
    """Whether a text is the ARN of one role."""
    is_named = service_of(value) == "iam" and resource_of(value).startswith("role/")
    return is_named and not set(value) & set("*?$")


def within_organization(located: LocatedStatement) -> bool:
    """Whether a statement lets in principals of organizations that its policy names only."""
    if names_variable(located.statement, keys_of.ORGANIZATION, keys_of.RESOURCE_ORGANIZATION):
        return True
    named = [
        pattern
        for pattern in values_named(located, keys_of.ORGANIZATION)
        if not any(position.repeated for position in pattern.positions)
    ]
    paths = (str(pattern).partition("/") for pattern in values_named(located, keys_of.ORGANIZATION_PATHS))
    named += [text_of(head) for head, slash, _ in paths if slash and not set(head) & set("*?")]
    return bool(named) and not any(
        located.may({keys_of.ORGANIZATION: values}) for values in unlike(keys_of.ORGANIZATION, named)
    )


def values_named(located: LocatedStatement, key: str) -> list[Pattern]:
    """What the conditions of a statement, and of those that deny beside it, name as values of a key."""
    statements = (located.statement, *located.denies)
    constants = located.role.callee.constants
    return [pattern for statement in statements for pattern in written(statement, key, constants)]


def asks_for_external_id(located: LocatedStatement) -> bool:
    """Whether a statement refuses calls without an external id, and those with any other than its own.

    One that is not known before the deployment is reported as unknown, and not as missing.
    """
    unknown = any(
        isinstance(element, Intrinsic)
        for condition in located.by_key.get(keys_of.EXTERNAL_ID, ())
        if isinstance(condition, Condition) and not condition.negated
        for element in condition.elements
    )
    return located.pins(keys_of.EXTERNAL_ID) or (unknown and not located.may_lack(keys_of.EXTERNAL_ID))


def lets_role_in(located: LocatedStatement, arn: str, action: str = ASSUME) -> bool:
    """Whether a statement may let in a session of a role, of which only the ARN is known."""
    return located.may({keys_of.PRINCIPAL_ARN: only(arn)}, action)


def only(*texts: str) -> OneValue:
    """The requests that have one of ``texts`` as a key."""
    return OneValue(Language(frozenset(texts)), absent=False)


def lets_whole_account_in(
    located: LocatedStatement, account: str | None = None, *, users: bool = False
) -> bool:
    """Whether a statement may let in principals of an account, or of any, whom none of its conditions names.

    A condition names somebody by an ARN with a part of a name in it, or by a unique id; of principals of any account
    also by the account and by the organization.

    Args:
        located: the statement.
        account: the id of the account; None for any.
        users: whether IAM users are asked about only.
    """
    of_any = account is None and not users
    names_somebody = _names_account if of_any else _names_name
    if _only_named(located, names_somebody):
        return False
    arns = filter(names_somebody, values_named(located, keys_of.PRINCIPAL_ARN))
    wanted: dict[str, Values] = {}
    if account:
        wanted[keys_of.PRINCIPAL_ACCOUNT] = only(account)
    elif of_any:
        if within_organization(located):
            return False
        accounts = (
            each for each in values_named(located, keys_of.PRINCIPAL_ACCOUNT) if each.literal is not None
        )
        (wanted[keys_of.PRINCIPAL_ACCOUNT],) = unlike(keys_of.PRINCIPAL_ACCOUNT, accounts)
    (wanted[keys_of.PRINCIPAL_ARN],) = unlike(keys_of.PRINCIPAL_ARN, arns)
    # A pattern of a session's name alone names no principal.
    named = values_named(located, keys_of.USER_ID)
    ids = [each for each in named if str(each).partition(":")[0].strip("*?")]
    (wanted[keys_of.USER_ID],) = unlike(keys_of.USER_ID, ids)
    found = narrowed(located.requests(ASSUME), wanted)
    return any(each.kind in (("user",) if users else ("role", "user")) for each in found)


def untrusted(located: LocatedStatement) -> str | None:
    """The callers, in words, that a statement with ``*`` lets in and that no condition names; None for none."""
    if lets_whole_account_in(located):
        return "a stranger's account"
    if _lets_any_in(located, "service", _OF_SERVICE):
        return "a service that works for a stranger's account"
    claims = [key for key in located.statement.keys if not key.startswith(("aws:", "sts:"))]
    for kind in ("web_identity", "saml"):
        if _lets_any_in(located, kind, (keys_of.PROVIDER, *claims)):
            return "another provider's token"
    return None


_OF_SERVICE = (keys_of.SERVICE, "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")


def _lets_any_in(located: LocatedStatement, kind: keys_of.Kind, keys: Iterable[str]) -> bool:
    """Whether a statement lets callers of a kind in, whatever each of some keys, in lower case, is."""
    requests = [each for each in located.requests() if each.kind == kind]
    return bool(requests) and all(
        any(narrowed(requests, {key: values}) for values in unlike(key, values_named(located, key)))
        for key in keys
    )


def _only_named(located: LocatedStatement, names_somebody: Callable[[Pattern], bool]) -> bool:
    """Whether a condition of a statement asks for ARNs that name somebody, so that nothing need be tried."""
    constants = located.role.callee.constants
    for condition in located.by_key.get(keys_of.PRINCIPAL_ARN, ()):
        if not isinstance(condition, Condition):
            continue
        may_be_met_without = (
            condition.negated or condition.if_exists or condition.quantifier == "ForAllValues"
        )
        if not may_be_met_without:
            patterns = written(located.statement, keys_of.PRINCIPAL_ARN, constants, condition)
            if len(patterns) == len(condition.elements) and all(map(names_somebody, patterns)):
                return True
    return False


def _names_account(pattern: Pattern) -> bool:
    return is_arn(str(pattern)) and not set(account_of(str(pattern))) & set("*?")


def _names_name(pattern: Pattern) -> bool:
    text = str(pattern)
    resource = resource_of(text) if is_arn(text) else text.rpartition(":")[2]
    return bool(resource.removeprefix("role/").removeprefix("user/").strip("*?"))


def by_root(arn: str) -> str:
    """How a trust policy names a role that may be made again: by its account's root, with its ARN as condition."""
    return f'"Principal": {{"AWS": "{root_of(arn)}"}} with {{"ArnEquals": {{"aws:PrincipalArn": "{arn}"}}}}'


def names(located: LocatedStatement, role_arn: str) -> bool:
    """Whether a statement names a role: itself, its account, or everyone."""
    named = located.statement.principals
    if named is None:
        return False
    root = root_of(role_arn)
    return named.everyone or bool({role_arn, root, account_of(role_arn)} & named.aws)
