"""What a chain declares about who gets in where."""

from __future__ import annotations

from rolechain.chain import Chain
from rolechain.entrance import Entrance
from rolechain.policy.patterns import Text, glob
from rolechain.policy.statement import Statement
from rolechain.policy.statements import entrance_statement
from rolechain.proof.calls import account_of
from rolechain.proof.doors import Door
from rolechain.proof.federated import audience_key, subject_key
from rolechain.proof.index import exact_callers
from rolechain.role import ChainRole


class Declared:
    """Whom a chain lets into each of its roles.

    Args:
        chain: the chain.

    Attributes:
        hops: caller and callee of each declared hop, as ARNs.
        roles: the ARNs of the chain's roles.
    """

    def __init__(self, chain: Chain) -> None:
        self._entrances = {source.arn: (source, source.assumed_by) for source in chain.sources}
        self._callees = {hop.callee.arn: hop.callee for hop in chain.hops()}
        self.roles = frozenset(role.arn for role in chain.roles)
        self.hops = frozenset((hop.caller.arn, hop.callee.arn) for hop in chain.hops())
        self._callers: dict[str, set[str]] = {}
        for caller, callee in self.hops:
            self._callers.setdefault(callee, set()).add(caller)

    def closes(self, callee: str, statement: Statement) -> bool:
        """Whether a statement's own words let in nobody but declared callers, so that nobody need be tried."""
        callers = self._callers.get(callee)
        if not callers or statement.effect is None or statement.principals is None:
            return False
        principals = statement.principals
        if principals.unknown or principals.services or len(principals.written) != len(principals.aws):
            return False
        exact = exact_callers(statement)
        return (exact is not None and exact <= callers) or principals.aws <= callers

    def covers(self, door: Door) -> bool:
        """Whether somebody who is let in is declared as a caller or as an entrance."""
        callers = self._callers.get(door.role.arn, set())
        if door.kind == "arn" and door.who in callers:
            return True
        if door.kind == "session" and any(_same_role(door.who, caller) for caller in callers):
            return True
        if door.kind in ("account", "pattern", "arn", "session", "everyone"):
            account = door.who if door.kind == "account" else account_of(door.who)
            if self._opens(door.role.arn, account):
                return True
        source, entrances = self._entrances.get(door.role.arn, (None, ()))
        return source is not None and any(_enters(entrance, source, door) for entrance in entrances)

    def opens(self, callee: str, arn: str) -> bool:
        """Whether a role lets in another as one of its account or organization, as its declared trust says."""
        return self._opens(callee, account_of(arn))

    def _opens(self, callee: str, account: str) -> bool:
        declared = self._callees.get(callee)
        if declared is None or declared.trust not in ("account", "organization"):
            return False
        callers = {account_of(caller) for caller in self._callers[callee]}
        return declared.trust == "organization" or account in callers

    def enters(self, callee: str, arn: str) -> bool:
        """Whether a role of the templates may enter at a source role, as one of a declared account or by its ARN."""
        _, entrances = self._entrances.get(callee, (None, ()))
        return any(
            (entrance.kind == "account" and entrance.value == account_of(arn))
            or (entrance.kind == "arn" and entrance.value == arn)
            for entrance in entrances
        )


def _enters(entrance: Entrance, source: ChainRole, door: Door) -> bool:
    if entrance.kind == "account":
        of_who = door.who if door.kind == "account" else account_of(door.who)
        return door.kind in ("account", "arn", "session", "pattern") and of_who == entrance.value
    if entrance.kind == "service":
        return door.kind == "service" and door.who == entrance.value
    if entrance.kind == "arn":
        same = door.kind == "session" and _same_role(door.who, entrance.value)
        return (door.kind == "arn" and door.who == entrance.value) or same
    if entrance.kind == "permission_set":
        condition = entrance_statement(entrance, source)["Condition"]
        pattern = condition["ArnLike"]["aws:PrincipalArn"]
        is_one = door.kind == "arn" and _like(pattern, door.who)
        return (door.kind == "pattern" and door.who == pattern) or is_one
    return _token(entrance, source, door)


def _token(entrance: Entrance, source: ChainRole, door: Door) -> bool:
    if door.kind != "federated" or door.who != entrance.value or not door.certain:
        return False
    keys = dict(door.keys)
    equals = entrance_statement(entrance, source)["Condition"]["StringEquals"]
    (audience,) = equals.values()
    if keys.get(audience_key(entrance.value)) != audience:
        return False
    return entrance.kind == "saml" or _like(entrance.subject or "", keys.get(subject_key(entrance.value)))


def _same_role(session_role: str, role: str) -> bool:
    """Whether a role as a session's ARN names it, without its path, is this one."""
    return account_of(session_role) == account_of(role) and session_role.split("/")[-1] == role.split("/")[-1]


def _like(pattern: str, text: str | None) -> bool:
    return text is not None and bool(glob((Text(pattern),))(text))
