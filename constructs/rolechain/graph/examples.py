"""One request of a set, in full, and what is decided about it.

A set may hold more than it stands for: only an example that the decision allows shows that somebody gets in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from math import floor

from rolechain.graph.access import SAML, WEB_IDENTITY
from rolechain.graph.calls import EVERYTHING, SESSION_NAME, session_of
from rolechain.graph.language import TooLarge
from rolechain.graph.requests import Requests
from rolechain.graph.values import OneValue, WholeNumber
from rolechain.iam import condition_keys as keys_of
from rolechain.iam.arn import account_of, is_arn
from rolechain.iam.condition_keys import ALWAYS, actions_for, principal_keys
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request, Verdict, decide
from rolechain.policy.conditions import Condition
from rolechain.policy.context import Context
from rolechain.policy.logic import Ternary, all_of, any_of
from rolechain.policy.operators import date, network, number
from rolechain.policy.statement import Statement
from rolechain.policy.variables import Variable
from rolechain.policy.variables import parse as parse_template

_TIME = (keys_of.CURRENT_TIME, keys_of.EPOCH_TIME)
"""The keys, in lower case, that both say when a call is made."""


@dataclass(frozen=True)
class Example:
    """One request that a set holds.

    Attributes:
        kind: the kind of caller.
        context: its condition keys.
        words: the request in words, what was chosen included.
    """

    kind: keys_of.Kind
    context: Mapping[str, ContextValue]
    words: str


def example_of(
    requests: Requests, statements: Iterable[Statement], constants: Mapping[str, str]
) -> Example | None:
    """A request of a product; None where none can be written down.

    Args:
        requests: the product.
        statements: the statements by whose conditions the rest is chosen: times, numbers, addresses, and values that
            name other keys.
        constants: the keys that the callee settles.
    """
    context: dict[str, ContextValue] = {**ALWAYS[requests.kind], **constants}
    chosen: dict[str, ContextValue] = {}
    try:
        for key, values in requests.values.items():
            if key == keys_of.USER_ID and isinstance(values, OneValue):
                # Every caller has one, and it names the session.
                values = replace(values, absent=False)
            if key == keys_of.CURRENT_TIME and isinstance(values, WholeNumber):
                times = _at(str(values.low if values.high is None else values.high))
                chosen[key] = times[key]
                context |= times
            elif (value := values.example()) is not None:
                chosen[key] = value
    except TooLarge:
        return None
    arn, paths = chosen.get(keys_of.PRINCIPAL_ARN), chosen.get(keys_of.ORGANIZATION_PATHS)
    if isinstance(arn, str) and is_arn(arn):
        context |= {key.lower(): value for key, value in principal_keys(arn).items()}
    if isinstance(paths, tuple) and paths:
        context[keys_of.ORGANIZATION] = paths[0].split("/", 1)[0]
    context |= chosen
    names = {keys_of.ORGANIZATION: "aws:PrincipalOrgID"}
    for statement in statements:
        conditions = [each for each in statement.conditions if isinstance(each, Condition)]
        _complete(context, [each for each in conditions if not _is_followed(each, requests)])
        names |= {each.lookup: each.key for each in conditions}
    return Example(requests.kind, context, _words(requests.kind, context, chosen, names))


def _is_followed(condition: Condition, requests: Requests) -> bool:
    """Whether a set says all that a condition asks for: texts, patterns, booleans and times, without variables."""
    if condition.lookup in _TIME:
        return keys_of.CURRENT_TIME in requests.values
    return condition.name.startswith(("string", "arn", "bool")) and condition.keys == {condition.lookup}


def _complete(context: dict[str, ContextValue], conditions: list[Condition]) -> None:
    """Gives ``context`` what conditions ask of keys that the set leaves open, or that name other keys."""
    for condition in conditions:
        keys = _TIME if condition.lookup in _TIME else (condition.lookup,)
        alike = [each for each in conditions if each.lookup in keys]
        if all(each.holds(Context(context)) for each in alike):
            continue
        for value in _candidates(alike, Context(context)):
            given = _at(value) if keys == _TIME else {condition.lookup: value}
            if all(each.holds(Context({**context, **given})) for each in alike):
                context |= given
                break
        else:
            _choose_variable(context, condition)


def _choose_variable(context: dict[str, ContextValue], condition: Condition) -> None:
    """Gives ``context`` the key that a value of a condition names, so that the condition's own key is met."""
    given = context.get(condition.lookup)
    for element in condition.elements:
        parts = parse_template(element, condition.variables).parts if isinstance(element, str) else ()
        names = [part.key for part in parts if isinstance(part, Variable)]
        if not isinstance(given, str) or len(names) != 1 or names[0] in context:
            continue
        sources = (
            "(.*)" if isinstance(part, Variable) else re.sub(r"(\\\*)+", ".*", re.escape(part.text))
            for part in parts
        )
        match = re.fullmatch("".join(sources), given)
        if match and condition.holds(Context({**context, names[0]: match[1]})):
            context[names[0]] = match[1]
            return


def _candidates(conditions: list[Condition], context: Context) -> Iterator[str]:
    """Values of a key that may meet every one of some conditions on it."""
    borders: set[Decimal] = set()
    for condition in conditions:
        for element in condition.elements:
            if not isinstance(element, str):
                continue
            if condition.name.startswith(("string", "arn")):
                pattern = parse_template(element, condition.variables).resolve(context)
                if pattern:
                    yield "".join(
                        each.text if each.literal else each.text.replace("*", "").replace("?", "0")
                        for each in pattern
                    )
            elif (addresses := network(element)) is not None and "ipaddress" in condition.name:
                yield from (str(address) for address, _ in zip(addresses, range(4), strict=False))
                yield str(addresses[-1])
            elif condition.name.startswith(("date", "numeric")):
                read = date if condition.name.startswith("date") else number
                borders |= {found} if (found := read(element)) is not None else set()
            else:
                yield element
    ordered = sorted(borders)
    steps = (border + step for border in ordered for step in (0, -1, 1))
    between = ((one + other) / 2 for one, other in pairwise(ordered))
    is_date = any(condition.name.startswith("date") for condition in conditions)
    yield from (_moment(each) if is_date else str(each) for each in (*steps, *between))


def _at(time: str) -> dict[str, ContextValue]:
    """The keys of the time of a call."""
    seconds = floor(date(time) or 0)
    return {keys_of.CURRENT_TIME: _moment(Decimal(seconds)), keys_of.EPOCH_TIME: str(seconds)}


def _moment(seconds: Decimal) -> str:
    try:
        return datetime.fromtimestamp(float(seconds), UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def decided(example: Example, role_arn: str, policy: Policy) -> Ternary:
    """Whether a trust policy lets an example in whose own account allows it everything."""
    if example.kind in ("web_identity", "saml"):
        return _federated(example, policy)
    caller = _caller(example)
    if caller is None:
        return None
    request = Request(
        caller=caller,
        callee=Callee(role_arn, policy),
        context=example.context,
        actions=actions_for(example.context),
        identity_policies=(EVERYTHING,),
    )
    verdict = decide(request).verdict
    return None if verdict is Verdict.UNKNOWN else verdict is Verdict.ALLOW


def _caller(example: Example) -> Caller | None:
    context = example.context
    if example.kind == "service":
        return Caller("service", str(context.get(keys_of.SERVICE, "")))
    arn, user_id = context.get(keys_of.PRINCIPAL_ARN), context.get(keys_of.USER_ID)
    if not isinstance(arn, str) or not is_arn(arn) or example.kind == "unknown":
        return None
    unique_id, _, session = user_id.partition(":") if isinstance(user_id, str) else ("", "", "")
    account = account_of(arn)
    if example.kind == "user":
        return Caller("user", arn, account, unique_id=unique_id or None)
    return replace(session_of(arn, session or SESSION_NAME), unique_id=unique_id or None)


def _federated(example: Example, policy: Policy) -> Ternary:
    """The same of a token or an assertion, which the decision of an AssumeRole is not about."""
    action = SAML if example.kind == "saml" else WEB_IDENTITY
    provider = example.context.get(keys_of.PROVIDER)
    context = Context(example.context)

    def applies(statement: Statement) -> Ternary:
        named = statement.principals
        if statement.resources is not None or named is None:
            return None if statement.effect is None else False
        is_named: Ternary = named.everyone or provider in named.federated
        met = all_of(condition.holds(context) for condition in statement.conditions)
        return all_of(
            (statement.actions.match(action), is_named or (None if named.unknown_federated else False), met)
        )

    if any_of(applies(statement) for statement in policy.denies):
        return False
    return any_of(applies(statement) for statement in policy.allows)


_SAID = (keys_of.PRINCIPAL_ARN, keys_of.SERVICE, keys_of.PROVIDER)


def _words(
    kind: keys_of.Kind,
    context: Mapping[str, ContextValue],
    chosen: Mapping[str, ContextValue],
    names: Mapping[str, str],
) -> str:
    who = next((str(context[key]) for key in _SAID if key in context), "a caller")
    said = {key: value for key, value in context.items() if key in chosen and key not in _SAID}
    if said.pop(keys_of.ORGANIZATION_PATHS, None):
        said[keys_of.ORGANIZATION] = context.get(keys_of.ORGANIZATION, "")
    rest = ", ".join(
        f"{names.get(key, key)} {value if isinstance(value, str) else ' and '.join(value)}"
        for key, value in sorted(said.items())
        if key not in ALWAYS[kind]
    )
    return f"{who} with {rest}" if rest else who
