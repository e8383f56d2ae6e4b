"""What a chain declares of who gets in where: whom its own statements let in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from rolechain.graph.access import ASSUME, CalleeFacts, surely_allowed
from rolechain.graph.documents import statements_in
from rolechain.graph.narrowing import narrowing
from rolechain.graph.requests import Requests, beyond, both
from rolechain.graph.role_graph import RoleRecord
from rolechain.iam import condition_keys as keys_of
from rolechain.model.chain import Chain
from rolechain.model.role import ChainRole
from rolechain.policy import Policy
from rolechain.policy.conditions import AnyCondition, Condition, NullCheck
from rolechain.policy.statement import Statement
from rolechain.statements.builder import trust_statements


class Declared:
    """Whom a chain lets into each of its roles.

    Attributes:
        chain: the chain.
        hops: caller and callee of each declared hop, as ARNs.
        callees: the ARNs of the roles that a hop ends in.
        roles: the chain's roles by ARN.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.roles: Mapping[str, ChainRole] = {role.arn: role for role in chain.roles}
        self.hops = frozenset((hop.caller.arn, hop.callee.arn) for hop in chain.hops())
        self.callees = frozenset(callee for _, callee in self.hops)
        self._statements: dict[str, list[str]] = {}
        self._policies: dict[str, tuple[Policy, Policy]] = {}
        self._allowed: dict[tuple[int, CalleeFacts, str], tuple[Requests, ...]] = {}

    def writes(self, role: RoleRecord, statement: Statement) -> bool:
        """Whether a statement of a role's trust policy is one that the chain itself writes, whatever its Sid."""
        elements = statements_in(role.trust.document)
        if statement.index >= len(elements) or not isinstance(elements[statement.index], Mapping):
            return False
        return _text(elements[statement.index]) in self._texts(role.arn)

    def writes_all(self, role: RoleRecord) -> bool:
        """Whether a role's trust policy holds the chain's statements and no others."""
        found = [_text(each) for each in statements_in(role.trust.document) if isinstance(each, Mapping)]
        none_left_out = len(found) == len(role.trust.policy.statements)
        return none_left_out and sorted(found) == sorted(self._texts(role.arn))

    def undeclared(
        self, role: RoleRecord, requests: Iterable[Requests], action: str = ASSUME
    ) -> tuple[Requests, ...]:
        """Those of ``requests`` that nobody makes who is declared as a caller or an entrance."""
        return beyond(requests, self.who(role, action))

    def who(self, role: RoleRecord, action: str = ASSUME) -> tuple[Requests, ...]:
        """The requests of the declared callers and entrances."""
        _, who = self._whole_and_who(role)
        return self._let_in(who, role, action)

    def unenforced(
        self, role: RoleRecord, requests: Iterable[Requests], action: str = ASSUME
    ) -> Iterator[Condition | NullCheck]:
        """The conditions on more than who calls that the chain declares and ``requests`` may not meet."""
        left = beyond(requests, self.allowed(role, action))
        if not left:
            return
        whole, callers = self._whole_and_who(role)
        for statement, who in zip(whole.statements, callers.statements, strict=True):
            theirs = both(left, surely_allowed(Policy((who,)), role.callee, action))
            for condition in statement.conditions:
                if condition in who.conditions or not isinstance(condition, (Condition, NullCheck)):
                    continue
                if theirs and _may_lack(theirs, condition, role):
                    yield condition

    def allowed(self, role: RoleRecord, action: str = ASSUME) -> tuple[Requests, ...]:
        """The requests that the chain's own statements let in."""
        whole, _ = self._whole_and_who(role)
        return self._let_in(whole, role, action)

    def _let_in(self, policy: Policy, role: RoleRecord, action: str) -> tuple[Requests, ...]:
        key = (id(policy), role.callee, action)
        if key not in self._allowed:
            self._allowed[key] = surely_allowed(policy, role.callee, action)
        return self._allowed[key]

    def _whole_and_who(self, role: RoleRecord) -> tuple[Policy, Policy]:
        """The declared trust policy, and the same without what it asks of callers besides who they are."""
        text = "\n".join(self._texts(role.arn))
        if text not in self._policies:
            statements = trust_statements(self.chain, self.roles[role.arn])
            whole = Policy.parse({"Version": "2012-10-17", "Statement": statements})
            who = Policy(tuple(replace(each, conditions=_who(each)) for each in whole.statements))
            self._policies[text] = whole, who
        return self._policies[text]

    def _texts(self, arn: str) -> list[str]:
        if arn not in self._statements:
            statements = trust_statements(self.chain, self.roles[arn]) if arn in self.roles else []
            self._statements[arn] = list(map(_text, statements))
        return self._statements[arn]


def _may_lack(requests: Iterable[Requests], condition: AnyCondition, role: RoleRecord) -> bool:
    for one in requests:
        asked = narrowing(condition, one.kind, role.callee.constants, surely=True)
        if isinstance(asked, bool):
            if not asked:
                return True
        elif beyond([one], [Requests(one.kind, {asked.key: asked.values})]):
            return True
    return False


def _text(statement: Mapping[str, Any]) -> str:
    return json.dumps(
        {key: value for key, value in statement.items() if key != "Sid"}, sort_keys=True, default=str
    )


def _who(statement: Statement) -> tuple[AnyCondition, ...]:
    everyone = statement.principals is not None and statement.principals.everyone
    return tuple(
        condition
        for condition in statement.conditions
        if isinstance(condition, (Condition, NullCheck)) and _says_who(condition, everyone=everyone)
    )


def _says_who(condition: Condition | NullCheck, *, everyone: bool) -> bool:
    key = condition.lookup
    if key == keys_of.PRINCIPAL_ARN and isinstance(condition, Condition):
        return not all(value.endswith(":role/*") for value in condition.values)
    if everyone:
        return key in (keys_of.ORGANIZATION, keys_of.ORGANIZATION_PATHS)
    return not key.startswith(("aws:", "sts:"))
