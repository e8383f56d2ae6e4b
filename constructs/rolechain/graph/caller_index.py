"""Which roles of the templates may call which: found by ARN and principal, never by trying all pairs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rolechain.graph.calls import SESSION_NAME
from rolechain.graph.policy_about import is_exact
from rolechain.graph.role_graph import RoleGraph, RoleRecord
from rolechain.iam.arn import account_of
from rolechain.policy import Policy
from rolechain.policy.conditions import Condition
from rolechain.policy.statement import Statement

ASSUME = "sts:assumerole"
PRINCIPAL_ARN = "aws:principalarn"
_EXACT = re.compile(r"(?:foranyvalue:)?(?:stringequals|stringlike|arnequals|arnlike)")
_ACCOUNT = re.compile(r"(?:arn:[^:]+:iam::)?([^:]+)(?::root)?")
_SESSION = re.compile(r"arn:[^:]+:sts::([^:]+):assumed-role/([^/]+)/(.+)")


def exact_callers(statement: Statement) -> frozenset[str] | None:
    """The only values of ``aws:PrincipalArn`` that a statement lets through; None if its conditions list none."""
    found: frozenset[str] | None = None
    for condition in statement.conditions:
        if (
            isinstance(condition, Condition)
            and condition.lookup == PRINCIPAL_ARN
            and _EXACT.fullmatch(condition.operator.lower())
            and not any(set(value) & set("*?$") or not value.startswith("arn:") for value in condition.values)
        ):
            values = frozenset(condition.values)
            found = values if found is None else found & values
    return found


def account_named(principal: str, own: str = "") -> str | None:
    """The account that a principal stands for as a whole, whether by its root's ARN or by its id.

    Args:
        principal: an ARN or id.
        own: the role's own account, whose id may be a placeholder.
    """
    if principal == own:
        return own or None
    if principal.startswith("arn:") and not principal.endswith(":root"):
        return None
    match = _ACCOUNT.fullmatch(principal)
    return match[1] if match and (principal.startswith("arn:") or match[1].isdecimal()) else None


class Index:
    """The roles of a world, by what they may assume.

    Args:
        world: the roles.
    """

    def __init__(self, world: RoleGraph) -> None:
        self._world = world
        self._by_resource: dict[str, list[RoleRecord]] = {}
        self._wide: dict[str, list[RoleRecord]] = {}
        self._in_account: dict[str, list[RoleRecord]] = {}
        self._read: dict[int, tuple[frozenset[str], bool]] = {}
        for role in world.roles:
            account = account_of(role.arn)
            self._in_account.setdefault(account, []).append(role)
            exact, wide = self._permitted(role)
            if wide:
                self._wide.setdefault(account, []).append(role)
            for arn in exact:
                self._by_resource.setdefault(arn, []).append(role)

    def _permitted(self, role: RoleRecord) -> tuple[frozenset[str], bool]:
        """The ARNs that a role's policies name for AssumeRole, and whether they name more than single ones."""
        exact: set[str] = set()
        wide = False
        for record in role.policies:
            key = id(record.policy)
            if key not in self._read:
                self._read[key] = _permitted(record.policy)
            arns, more = self._read[key]
            exact |= arns
            wide = wide or more
        return frozenset(exact), wide

    def callers(self, callee: RoleRecord) -> Iterator[tuple[RoleRecord, str]]:
        """The roles that may get into ``callee``, each once with the session name that it would take."""
        seen: set[tuple[int, str]] = set()
        for statement in callee.trust.policy.allows:
            if statement.actions.match(ASSUME) is False:
                continue
            for role, session_name in self._named_by(statement, callee):
                if (id(role), session_name) not in seen:
                    seen.add((id(role), session_name))
                    yield role, session_name

    def _named_by(self, statement: Statement, callee: RoleRecord) -> Iterator[tuple[RoleRecord, str]]:
        exact = exact_callers(statement)
        principals = statement.principals
        by_arn = self._world.by_arn
        if exact is not None:
            yield from ((role, SESSION_NAME) for arn in sorted(exact) for role in by_arn.get(arn, ()))
        elif principals is None or principals.everyone or principals.unknown:
            yield from ((role, SESSION_NAME) for role in self._in_account[account_of(callee.arn)])
            yield from ((role, SESSION_NAME) for role in self._by_resource.get(callee.arn, ()))
            yield from ((role, SESSION_NAME) for roles in self._wide.values() for role in roles)
        else:
            for principal in sorted(principals.aws):
                yield from ((role, SESSION_NAME) for role in by_arn.get(principal, ()))
                if account := account_named(principal, account_of(callee.arn)):
                    permitted = self._by_resource.get(callee.arn, ())
                    yield from ((role, SESSION_NAME) for role in permitted if account_of(role.arn) == account)
                    yield from ((role, SESSION_NAME) for role in self._wide.get(account, ()))
        for principal in sorted(principals.aws) if principals else ():
            if session := _SESSION.fullmatch(principal):
                for role in self._in_account.get(session[1], ()):
                    if role.arn.rsplit("/", 1)[-1] == session[2]:
                        yield role, session[3]


def _permitted(policy: Policy) -> tuple[frozenset[str], bool]:
    exact: set[str] = set()
    wide = False
    for statement in policy.allows:
        if statement.actions.match(ASSUME) is False or statement.resources is None:
            continue
        if statement.resources.negated:
            wide = True
            continue
        for written in statement.resources.written:
            if is_exact(written):
                exact.add(written)
            else:
                wide = True
    return frozenset(exact), wide
