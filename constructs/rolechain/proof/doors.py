"""Who is let in by a role's trust policy, whether the templates hold it or not.

The roles of the templates are not all the principals there are. Each statement is tried with callers that stand
for those outside: anybody of an account, anybody at all, each ARN that a condition speaks of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

from rolechain.policy import Callee, Caller, ContextValue, Decision, Policy, Request, Side, Verdict
from rolechain.policy.conditions import Condition
from rolechain.policy.context import Context
from rolechain.policy.request import ASSUME_ROLE
from rolechain.policy.statement import Statement
from rolechain.proof.calls import EVERYTHING, SESSION_NAME, account_of, session_of
from rolechain.proof.candidates import values_of
from rolechain.proof.federated import FEDERATED_ACTIONS, federated_doors
from rolechain.proof.generous import NEVER_ROLES, most_generous
from rolechain.proof.index import ASSUME, PRINCIPAL_ARN, account_named, exact_callers
from rolechain.proof.place import Place
from rolechain.proof.witness import FRESH, instance, witness
from rolechain.proof.world import RoleRecord

STRANGERS = ("000000000000", "987654321098")
"""Stand for accounts that nobody has spoken of."""

_WHOLE = {"account": "everyone"}

_AT_ONCE = 3
_ORGANIZATION = "aws:principalorgid"
_SESSION = re.compile(r"arn:([^:]+):sts::([^:]+):assumed-role/([^/]+)/(.+)")
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)


@dataclass(frozen=True)
class Door:
    """Somebody whom a trust policy lets in.

    Attributes:
        role: the role.
        kind: ``everyone``, ``account``, ``pattern``, ``arn``, ``session``,
            ``service``, ``federated`` or ``unknown``.
        who: the account id, pattern, ARN, service or provider.
        words: the same, as a person says it.
        place: the statement.
        certain: whether it is known that it is let in.
        keys: for ``federated``, the keys of a token that is let in.
    """

    role: RoleRecord
    kind: str
    who: str
    words: str
    place: Place
    certain: bool = True
    keys: tuple[tuple[str, str], ...] = ()


class _Found(NamedTuple):
    kind: str
    who: str
    words: str
    decision: Decision


def doors(role: RoleRecord) -> Iterator[Door]:
    """Whom each statement of a role's trust policy lets in; every door once for each statement."""
    for statement in role.trust.policy.allows:
        place = replace(role.trust.place, statement=None if statement.stands_in else statement.index)
        if statement.effect is None or statement.principals is None or statement.resources is not None:
            if statement.effect is None:
                yield Door(role, "unknown", "", "somebody who is not known", place, certain=False)
            continue
        if statement.actions.match(ASSUME) is not False:
            yield from dict.fromkeys(
                Door(role, found.kind, found.who, found.words, place, found.decision.allowed)
                for found in _of_statement(role, statement)
            )
        if any(statement.actions.match(action) is not False for action in FEDERATED_ACTIONS):
            for provider, words, keys, certain in federated_doors(role, statement):
                yield Door(role, "federated", provider, words, place, certain, keys)


def _of_statement(role: RoleRecord, statement: Statement) -> Iterator[_Found]:
    principals = statement.principals
    if principals is None:
        return
    # Only this statement is asked, and every Deny.
    policy = Policy((statement, *role.trust.policy.denies))
    if principals.unknown:
        unknown = Decision(Verdict.UNKNOWN, Side.TRUST_POLICY, ASSUME_ROLE, "")
        yield _Found("unknown", "", "a principal that cannot be resolved", unknown)
    for service in sorted(principals.services):
        caller = Caller("service", service)
        yield from _let_in(admitted(role, policy, caller), "service", service, f"the service {service}")
    if principals.everyone:
        yield from _everyone(role, policy, statement)
        return
    for principal in sorted(principals.aws):
        if account := account_named(principal, account_of(role.arn)):
            yield from _of_account(role, policy, statement, account, f"every principal of account {account}")
        else:
            yield from _of_principal(role, policy, principal)


def _everyone(role: RoleRecord, policy: Policy, statement: Statement) -> Iterator[_Found]:
    if exact_callers(statement) is None:
        for stranger in STRANGERS:
            found = list(_of_account(role, policy, statement, stranger, "everyone"))
            if whole := [each for each in found if each.kind in ("account", "unknown")]:
                yield from (each._replace(who="*", kind=_WHOLE.get(each.kind, each.kind)) for each in whole)
                return
    for account in _accounts(role, policy):
        for each in _of_account(role, policy, statement, account, f"every principal of account {account}"):
            # Who stands for an account that nobody has spoken of stands for any.
            whose = "any account" if account in STRANGERS else f"account {account}"
            yield each._replace(words=each.words.replace(f"account {account}", whose))


def _accounts(role: RoleRecord, policy: Policy) -> list[str]:
    """The accounts that conditions speak of, one standing for those that are like a pattern, and the role's own."""
    arns = values_of([policy], PRINCIPAL_ARN, {})
    patterns = dict.fromkeys([*map(account_of, arns), *values_of([policy], "aws:principalaccount", {}), "*"])
    found = {account_of(role.arn), *STRANGERS}
    for size in range(1, min(len(patterns), 2) + 1):
        for chosen in combinations(patterns, size):
            account = witness([*chosen, "?" * 12]) or ""
            # What no pattern asks for is any digit.
            found.add(account.replace(FRESH[0], "0"))
    return sorted(filter(_ACCOUNT.fullmatch, found))


def _of_account(
    role: RoleRecord, policy: Policy, statement: Statement, account: str, whole: str
) -> Iterator[_Found]:
    """Those of an account whom the policy lets in: all of them, those like a pattern, or single ones."""
    partition = role.arn.split(":", 2)[1]
    begins = f"arn:{partition}:iam::{account}"
    exact = exact_callers(statement)
    if exact is not None:
        for arn in sorted(exact):
            if account_of(arn) == account and (caller := caller_of(arn)):
                yield from _let_in(admitted(role, policy, caller, arn), "arn", arn, f"the principal {arn}")
        return
    best: Decision | None = None
    for arn in (f"{begins}:role/{FRESH}", f"{begins}:user/{FRESH}"):
        decision = admitted(role, policy, caller_of(arn), arn)
        if decision.allowed or (decision.verdict is Verdict.UNKNOWN and best is None):
            best = decision
    if best and best.allowed:
        yield _Found("account", account, f"{whole}{_within(policy)} that its own account allows", best)
        return
    if best:
        yield _Found("unknown", account, f"{whole}, it may be", best)
    yield from _of_patterns(role, policy, account, begins)


def _of_patterns(role: RoleRecord, policy: Policy, account: str, begins: str) -> Iterator[_Found]:
    """Those of an account whose ARNs are like what conditions speak of, alone or several at once."""
    patterns = values_of([policy], PRINCIPAL_ARN, {"aws:principalaccount": account})
    let_in: list[set[str]] = []
    for size in range(1, min(len(patterns), _AT_ONCE) + 1):
        for chosen in combinations(patterns, size):
            if any(known <= set(chosen) for known in let_in):
                continue
            like = " and ".join(chosen)
            for arn in _arns_like(chosen, begins):
                is_pattern = any(set(pattern) & set("*?") for pattern in chosen)
                kind, who = ("pattern", like) if is_pattern else ("arn", arn)
                every = f"every principal of account {account} whose ARN is like {like}"
                words = every if is_pattern else f"the principal {arn}"
                for found in _let_in(admitted(role, policy, caller_of(arn), arn), kind, who, words):
                    let_in.append(set(chosen))
                    yield found
    if not let_in and _demands(policy) > _AT_ONCE:
        words = f"principals of account {account} whose ARN is like more patterns than are tried at once"
        unknown = Decision(Verdict.UNKNOWN, Side.TRUST_POLICY, ASSUME_ROLE, "")
        yield _Found("unknown", account, words, unknown)


def _demands(policy: Policy) -> int:
    """How many conditions on a caller's ARN must be met at once."""
    return sum(
        isinstance(condition, Condition)
        and condition.lookup == PRINCIPAL_ARN
        and condition.negated == (statement.effect != "Allow")
        for statement in policy.statements
        for condition in statement.conditions
    )


def _arns_like(patterns: tuple[str, ...], begins: str) -> Iterator[str]:
    """ARNs of roles and users of an account that match every pattern."""
    for kind in ("role", "user"):
        # A longer name than the shortest that fits: no other pattern is likely to speak of it.
        longer = instance(patterns[0]) if len(patterns) == 1 else ""
        for arn in dict.fromkeys((longer, witness([*patterns, f"{begins}:{kind}/?*"]) or "")):
            if arn.startswith(f"{begins}:{kind}/"):
                yield arn


def _of_principal(role: RoleRecord, policy: Policy, principal: str) -> Iterator[_Found]:
    """One role, user or session that a statement names itself."""
    if set(principal) & set("*?"):
        return  # IAM refuses a wildcard within a principal, and it matches nothing
    caller = caller_of(principal)
    if caller is None:
        words = f"the principal {principal}, whoever that is"
        decision = Decision(Verdict.ALLOW, Side.TRUST_POLICY, ASSUME_ROLE, words)
        yield _Found("arn", principal, words, decision)
        return
    arn = caller.role_arn or caller.arn
    kind = "session" if _SESSION.fullmatch(principal) else "arn"
    yield from _let_in(admitted(role, policy, caller, arn), kind, arn, f"the principal {principal}")


def caller_of(arn: str) -> Caller | None:
    """The caller that an ARN names; None if it names no role, user or session."""
    if session := _SESSION.fullmatch(arn):
        return session_of(f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}", session[4])
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[5].startswith("role/"):
        return session_of(arn, SESSION_NAME)
    if len(parts) == 6 and parts[5].startswith("user/"):
        return Caller("user", arn, parts[4])
    return None


def admitted(role: RoleRecord, policy: Policy, caller: Caller | None, arn: str = "") -> Decision:
    """Whether a trust policy lets a caller in that its own account allows everything.

    Args:
        role: the role that is assumed.
        policy: its trust policy, or a part of it.
        caller: who calls.
        arn: its ``aws:PrincipalArn``; a service has none.
    """
    if caller is None:
        raise ValueError(f"{arn} names no role, user or session")
    context: dict[str, ContextValue] = {
        "aws:SecureTransport": "true",
        "aws:ResourceAccount": account_of(role.arn),
        "aws:PrincipalIsAWSService": "true" if caller.kind == "service" else "false",
    }
    if arn:
        kind = "User" if caller.kind == "user" else "AssumedRole"
        context |= {
            "aws:PrincipalArn": arn,
            "aws:PrincipalAccount": caller.account,
            "aws:PrincipalType": kind,
        }
    request = Request(
        caller=caller, callee=Callee(role.arn, policy), context=context, identity_policies=(EVERYTHING,)
    )
    return most_generous(request, NEVER_ROLES if caller.kind == "role-session" else frozenset()).decision


def _let_in(decision: Decision, kind: str, who: str, words: str) -> Iterator[_Found]:
    if decision.allowed:
        yield _Found(kind, who, words, decision)
    elif decision.verdict is Verdict.UNKNOWN:
        yield _Found("unknown", who, f"{words}, it may be", decision)


def _within(policy: Policy) -> str:
    """The organizations that conditions keep to, in words."""
    ids = values_of([policy], _ORGANIZATION, {})
    if not policy.denies and any(map(_lets_out, policy.allows)):
        return ""
    return f" in organization {' or '.join(ids)}" if ids else ""


def _lets_out(statement: Statement) -> bool:
    """Whether a statement lets in those of no organization, whatever id it speaks of, as IfExists does."""
    asked = (
        each for each in statement.conditions if isinstance(each, Condition) and each.lookup == _ORGANIZATION
    )
    return all(condition.holds(Context({})) for condition in asked)
