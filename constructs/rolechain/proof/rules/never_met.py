"""Statements of trust policies that can let nobody in whom they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rolechain.graph.access import ENTERING, admitted, meeting, principal_named
from rolechain.graph.narrowing import narrowing
from rolechain.graph.requests import Requests, anybody, where
from rolechain.graph.trusted_access import closes_at
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import is_arn, partition_of
from rolechain.iam.condition_keys import ALWAYS, NEVER, Kind
from rolechain.iam.glob import GlobPart
from rolechain.iam.limits import moment_of
from rolechain.model.entry_principal import ROLES_ANYWHERE
from rolechain.policy.conditions import AnyCondition, Condition, NullCheck, UnknownCondition
from rolechain.policy.statement import Statement
from rolechain.policy.variables import parse as parse_template
from rolechain.proof.rules.conditions import needs_key
from rolechain.proof.rules.context import RuleContext
from rolechain.proof.rules.located_statement import LocatedStatement
from rolechain.proof.rules.rule import Violation, Violations, rule

_CALLERS: dict[Kind, str] = {
    "role": "a role's session",
    "user": "an IAM user",
    "service": "a service",
    "web_identity": "a token",
    "saml": "an assertion",
}
_FEDERATED = {"web_identity": "sts:AssumeRoleWithWebIdentity", "saml": "sts:AssumeRoleWithSAML"}
_OF_SERVICE = {
    keys_of.ORGANIZATION: "aws:SourceOrgID",
    keys_of.ORGANIZATION_PATHS: "aws:SourceOrgPaths",
    keys_of.PRINCIPAL_ACCOUNT: "aws:SourceAccount",
    keys_of.PRINCIPAL_ARN: "aws:SourceArn",
}
"""What a service tells of the resource that it works for, by what it does not tell of itself."""

_NO_WILDCARD = frozenset(
    {
        keys_of.ORGANIZATION,
        keys_of.PRINCIPAL_ACCOUNT,
        keys_of.PRINCIPAL_ARN,
        keys_of.SESSION_NAME,
        keys_of.SET_SOURCE_IDENTITY,
        "aws:sourceaccount",
        "aws:sourceorgid",
    }
)
"""Keys, in lower case, of which no value holds ``*`` or ``?``; neither does the subject of a token."""


@dataclass(frozen=True)
class _Group:
    """What a statement names of one type of principal, and the requests that these may make, whatever it asks for."""

    names: tuple[str, ...]
    requests: tuple[Requests, ...]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of callers among them."""
        return tuple(dict.fromkeys(each.kind for each in self.requests))

    @property
    def who(self) -> str:
        """The same in words."""
        return " or ".join(_CALLERS[kind] for kind in self.kinds)


@rule(
    "RC40",
    "every statement of a trust policy can let in whom it names: its action admits them, and their calls carry what "
    "its conditions ask for, before the time at which it closes",
    prevents="a hop that never works, and a reader who believes that it does",
    source="IAM User Guide, AWS global condition context keys; Available keys for AWS web identity federation; AWS STS "
    "API Reference",
    levels="warning",
)
def never_met(context: RuleContext) -> Violations:
    """Principals that no request lets in, whatever it brings; a condition that is not known may be met."""
    for entry in context.entries:
        for group in _groups(entry):
            yield from _causes(entry, group)
        closes = closes_at(one for action in ENTERING for one in entry.requests(action))
        if closes is not None and closes <= context.now.timestamp():
            until = moment_of(datetime.fromtimestamp(closes, UTC))
            yield entry.violation(
                f"lets nobody in any more: it closed at {until}",
                "remove it, of a declared entrance from assumed_by; or write a later time",
            )
    entered = {entry.arn for entry in context.entries}
    for role in context.graph.roles:
        if role.imported or role.arn in entered or not role.trust.place.template:
            continue
        if not role.trust.policy.denies and not any(map(_entering, role.trust.policy.statements)):
            yield Violation(
                role.trust.place,
                f"the trust policy of {role.arn} lets nobody in: no statement allows sts:AssumeRole",
                "add a statement that does, or leave the role out",
            )


def _groups(entry: LocatedStatement) -> Iterator[_Group]:
    """The principals of a statement by their type, as far as all of a type are known; ``*`` is one of its own."""
    named = entry.statement.principals
    if named is None or entry.statement.not_principal or entry.statement.resources is not None:
        return  # IAM refuses it
    if named.unknown or any(set(name) & set("*?") for name in named.aws | named.services | named.federated):
        return
    if named.everyone:
        kinds = dict.fromkeys(kind for action in _entering(entry.statement) for kind in ENTERING[action])
        yield _Group(("*",), tuple(anybody(kind, "*") for kind in kinds))
        return
    known = entry.role.callee.callers
    callers = tuple(each for name in sorted(named.aws) for each in principal_named(name, "*", known))
    if callers and not any(each.kind == "unknown" for each in callers):
        yield _Group(tuple(sorted(named.aws)), callers)
    if named.services:
        yield _Group(tuple(sorted(named.services)), (Requests("service"),))
    if named.unknown_federated:
        return
    for provider in entry.federated:
        yield _Group((provider,), (Requests("saml" if ":saml-provider/" in provider else "web_identity"),))


def _entering(statement: Statement) -> list[str]:
    """The actions, in lower case, that let somebody in and that a statement is or may be about."""
    return [action for action in ENTERING if statement.actions.match(action) is not False]


def _causes(entry: LocatedStatement, group: _Group) -> Violations:
    """Why nobody of a group gets in; nothing where somebody may."""
    kinds = {kind for action in _entering(entry.statement) for kind in ENTERING[action]}
    if not kinds & set(group.kinds):
        right = " and ".join(dict.fromkeys(_FEDERATED.get(kind, "sts:AssumeRole") for kind in group.kinds))
        actions = entry.statement.actions
        written = ("all but " if actions.negated else "") + ", ".join(actions.written)
        yield entry.violation(
            f"names {_listed(group.names)} with {written}, which never lets {group.who} in",
            f"write the Action {right}" if actions.negated else f"write {right}",
        )
        return
    # Whoever gets in meets every condition; a token may carry what the provider that it names never says.
    lets_in, of_aws = _lets_in(entry, group), set(group.kinds) <= {"role", "user"}
    for condition in entry.statement.conditions:
        # An operator that takes a wildcard as it is written would let in whose value holds it too.
        values = condition.elements if isinstance(condition, Condition) else ()
        if lets_in and of_aws and not any(set(str(each)) & set("*?") for each in values):
            continue
        causes = [_of_condition(entry, condition, group, each) for each in group.requests]
        if causes[0] and all(causes):
            yield causes[0]
            return
    asks_for_mfa = not {keys_of.MFA_PRESENT, keys_of.MFA_AGE}.isdisjoint(entry.by_key)
    if lets_in or _unsettled(entry) or (asks_for_mfa and "role" in group.kinds):
        return
    constants = entry.role.callee.constants
    named = (anybody(each.kind, "*") & each for each in group.requests)
    if not any(each and meeting(each, entry.statement, constants, surely=False) for each in named):
        yield entry.violation(
            f"names {_listed(group.names)}, and no call of {group.who} that is named meets every condition of the "
            "statement",
            "let the conditions and the Principal speak of the same callers",
        )
    elif all(deny.conditions for deny in entry.denies):
        yield entry.violation(
            f"names {_listed(group.names)}, and the statements that deny keep all of them out",
            "except them from what the policy denies, or leave the statement out",
        )


def _of_condition(
    entry: LocatedStatement, condition: AnyCondition, group: _Group, requests: Requests
) -> Violation | None:
    """Why no caller of a kind ever meets a condition; None where one may."""
    if isinstance(condition, UnknownCondition):
        return None
    kind, key = requests.kind, condition.key
    if kind == "role" and condition.lookup == keys_of.MFA_AGE:
        return None  # RC14 is about it
    if _is_of_another_provider(condition, group, kind):
        return entry.violation(
            f"asks {group.who} of {_listed(group.names)} for {key}, which only tokens of another provider carry",
            "ask for the keys of the provider that is named",
        )
    of_tags = condition.lookup.startswith("aws:principaltag/") and needs_key(condition)
    if kind == "service" and of_tags and ROLES_ANYWHERE not in group.names:
        return entry.violation(
            f"asks {group.who} ({_listed(group.names)}) for {key}, which no call of a service carries but of "
            f"{ROLES_ANYWHERE}",
            f"leave {key} out for a service",
        )
    if cause := _of_wildcard(entry, condition, kind):
        return cause
    asked = narrowing(condition, kind, entry.role.callee.constants, surely=False)
    if where(anybody(kind, "*"), asked) is not None:
        return None
    whose = f"{group.who} ({_listed(group.names)})"
    if condition.lookup in NEVER[kind]:
        instead = _OF_SERVICE.get(condition.lookup) if kind == "service" else None
        return entry.violation(
            f"asks {whose} for {key}, which no call of {_CALLERS[kind]} carries",
            f"write {instead}" if instead else f"leave {key} out for {group.who}",
        )
    if (constant := ALWAYS[kind].get(condition.lookup)) is not None and isinstance(condition, Condition):
        return entry.violation(
            f"asks {whose} for {key} {_listed(condition.values)}, and it is {constant} for {_CALLERS[kind]}",
            f"leave {key} out for {group.who}",
        )
    if condition.lookup == keys_of.PRINCIPAL_ARN and not (
        where(anybody("role", "*"), asked) or where(anybody("user", "*"), asked) or _unsettled(entry)
    ):
        values = _listed(condition.values) if isinstance(condition, Condition) else "to be absent"
        return entry.violation(
            f"asks {whose} for {key} {values}, which no call carries: it is the ARN of a role or of an IAM user, a "
            "session's too",
            "write arn:<partition>:iam::<account>:role/<path and name>",
        )
    return None


def _of_wildcard(entry: LocatedStatement, condition: Condition | NullCheck, kind: Kind) -> Violation | None:
    """That a condition compares a wildcard as a text, where the key has none."""
    if not isinstance(condition, Condition) or not needs_key(condition):
        return None
    of_subject = kind == "web_identity" and condition.lookup.endswith(":sub")
    as_written = not condition.negated and condition.name.startswith("stringequals")
    if not as_written or not (of_subject or condition.lookup in _NO_WILDCARD):
        return None
    if not all(set(text) & set("*?") for text in _texts(condition)):
        return None
    return entry.violation(
        f"asks for {condition.operator} {condition.key} {_listed(condition.values)}, which takes a wildcard as it "
        "stands, and no value of that key holds one",
        f"write StringLike for {condition.key}",
    )


def _texts(condition: Condition) -> Iterator[str]:
    """Each value without its variables, empty where it is not known; of an ARN its name, as a path may hold a ``*``."""
    for element in condition.elements:
        if not isinstance(element, str):
            yield ""
            continue
        parts = parse_template(element, condition.variables).parts
        text = "".join(part.text for part in parts if isinstance(part, GlobPart))
        yield text.rsplit("/", 1)[-1] if condition.lookup == keys_of.PRINCIPAL_ARN else text


def _is_of_another_provider(condition: Condition | NullCheck, group: _Group, kind: Kind) -> bool:
    """Whether a condition needs a claim that tokens of the provider of a group do not carry under that name."""
    issuer = condition.lookup.rpartition(":")[0]
    if kind not in ("web_identity", "saml") or not needs_key(condition):
        return False
    if ":" in issuer or "." not in issuer:
        return False
    if kind == "saml":
        return True
    hosts = [name.split(":oidc-provider/", 1)[-1].lower().rstrip("/") for name in group.names if name != "*"]
    asked = f"{issuer.rstrip('/')}/"
    return bool(hosts) and not any(
        "<" in host or f"{host}/".startswith(asked) or asked.startswith(f"{host}/") for host in hosts
    )


def _lets_in(entry: LocatedStatement, group: _Group) -> bool:
    """Whether somebody of a group may get in, in whichever partition the role is."""
    if any(each.kind in group.kinds for each in entry.requests()):
        return True
    anywhere = replace(entry.role.callee, partition="*")
    return any(
        each.kind in group.kinds
        for action in _entering(entry.statement)
        for each in admitted(entry.record.policy, anywhere, action, alone=True).get(entry.statement.index, ())
    )


def _unsettled(entry: LocatedStatement) -> bool:
    """Whether an account that is not known, or several partitions, stand in a policy: whom it names may be the same."""
    texts = [
        text
        for statement in entry.record.policy.statements
        for text in (
            *(statement.principals.written if statement.principals else ()),
            *(value for each in statement.conditions if isinstance(each, Condition) for value in each.values),
        )
    ]
    partitions = {partition_of(text) for text in texts if is_arn(text) and text.startswith("arn:")}
    return any("<" in text for text in texts) or len(partitions) > 1


def _listed(texts: Iterable[str]) -> str:
    return " or ".join(texts)
