"""What the accounts of a chain must report, as patterns of EventBridge over the events of CloudTrail.

A call of AssumeRole that another account's role answers is an event in both accounts: that of the caller says who
called, that of the role only from which account. So each account watches the roles that it holds and the calls that its
own principals make. Refused calls are events of the caller's account alone. Where a pattern cannot tell, it reports.

Sources: EventBridge User Guide, "Comparison operators for use in event patterns"; IAM User Guide, "Logging IAM and AWS
STS API calls with AWS CloudTrail".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from rolechain.iam.arn import account_of, iam_arn, permission_set_arn, resource_type_of, session_arn
from rolechain.model.canary import canary_arn, session_name
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.role import ChainRole
from rolechain.statements.revocation import REVOCATION

Pattern = dict[str, Any]
_MOST_OF_ROLES = 600
"""Characters of the roles that a pattern lists, twice at most: it has 2,048 in all unless AWS has raised the quota."""

_ACCOUNT, _ISSUER, _ARN, _SAML = "accountId", "sessionContext.sessionIssuer.arn", "arn", "principalArn"
_Caller = tuple[str, str]
"""A field of ``userIdentity``, in case of SAML of the parameters, and the value by which it tells a declared caller."""


class Watch(NamedTuple):
    """One thing to report.

    Attributes:
        id: what it is called among those of its account.
        words: what it reports.
        pattern: the events.
        of_iam: whether they are events of IAM, which are in its own region alone (us-east-1).
    """

    id: str
    words: str
    pattern: Pattern
    of_iam: bool = False


def watches_of(chain: Chain, account: str) -> list[Watch]:
    """Everything that one account of a chain reports; ``*`` is any account of its organizational units."""
    own = [role for role in chain.roles if role.account == account]
    declared = {role: frozenset(_callers(chain, role)) for role in chain.roles}
    found = []
    for number, (callers, roles) in enumerate(_by_callers(own, declared), 1):
        words = "a role of the chain was assumed by another than its declared caller"
        found.append(Watch(f"Assumed{number}", words, _assumed(roles, callers)))
    for number, source in enumerate([role for role in own if any(each.until for each in role.entrances)], 1):
        words = "an entrance that is for an emergency was used"
        found.append(Watch(f"Emergency{number}", words, _in_emergency(source)))
    # An entrance that is a whole account lets every principal of it in.
    called = [role for role in chain.roles if role.account != account and not role.assumed_by]
    called += [
        source
        for source in chain.sources
        if source.account != account and source.assumed_by and (_ACCOUNT, account) not in declared[source]
    ]
    here = {role: frozenset(_callers(chain, role, seen_in=account)) for role in called}
    for number, (callers, roles) in enumerate(_by_callers(called, here), 1):
        words = "a principal of this account assumed a role of the chain, and the chain does not declare it"
        found.append(Watch(f"Called{number}", words, _assumed(roles, callers)))
    found.append(Watch("Refused", "a call for a role of the chain was refused", _refused(chain, account)))
    if own:
        revoked = {
            "eventName": ["PutRolePolicy"],
            "requestParameters": {"roleName": _names(own), "policyName": [REVOCATION]},
        }
        words = "the sessions of a role of the chain were ended"
        found.append(Watch("Revoked", words, _event("aws.iam", revoked), of_iam=True))
        found.append(
            Watch("Changed", "a role or a policy of the chain was changed", _changed(own), of_iam=True)
        )
    return found


def walks_of(chain: Chain) -> Pattern:
    """The sessions of targets that the last callers of a chain have taken, seen in a caller's account."""
    callers = {hop.caller.arn for target in chain.targets for hop in chain.calls_into(target)}
    return _event(
        "aws.sts",
        {
            "eventName": ["AssumeRole"],
            "errorCode": [{"exists": False}],
            "requestParameters": {"roleArn": _named(chain.targets)},
            "userIdentity": {"sessionContext": {"sessionIssuer": {"arn": sorted(callers)}}},
        },
    )


def _callers(chain: Chain, role: ChainRole, *, seen_in: str | None = None) -> Iterator[_Caller]:
    """What tells the declared callers of a role in the events of its own account, or of another one where they call."""
    for hop in chain.calls_into(role):
        yield from _principal(hop.caller.arn, seen_in or role.account, only_here=seen_in is not None)
    for entrance in role.entrances:
        if seen_in is None:
            yield from _entering(entrance, role)
        elif entrance.kind == "arn":
            yield from _principal(entrance.value, seen_in, only_here=True)


def _principal(arn: str, account: str, *, only_here: bool) -> Iterator[_Caller]:
    if account_of(arn) != account:
        if not only_here:
            yield _ACCOUNT, account_of(arn)
    else:
        yield (_ISSUER if resource_type_of(arn) == "role" else _ARN), arn


def _entering(entrance: Entrance, source: ChainRole) -> Iterator[_Caller]:
    match entrance.kind:
        case "arn":
            yield from _principal(entrance.value, source.account, only_here=False)
        case "service":
            yield "invokedBy", entrance.value
        case "account":
            yield _ACCOUNT, entrance.value
        case "permission_set":
            yield _ISSUER, permission_set_arn(source.partition, source.account, entrance.value)
        case "saml":
            yield _SAML, entrance.value
        case "oidc":
            for audience, subject in product(entrance.audiences, entrance.subjects):
                yield "principalId", f"{entrance.value}:{audience}:{subject}"


def _by_callers(
    roles: Iterable[ChainRole], callers: Mapping[ChainRole, frozenset[_Caller]]
) -> list[tuple[frozenset[_Caller], list[ChainRole]]]:
    groups: dict[frozenset[_Caller], list[ChainRole]] = {}
    for role in roles:
        groups.setdefault(callers[role], []).append(role)
    return list(groups.items())


def _assumed(roles: Sequence[ChainRole], callers: Iterable[_Caller]) -> Pattern:
    """The sessions of roles that none of their declared callers took."""
    by_field: dict[str, set[str]] = {}
    for field, value in callers:
        by_field.setdefault(field, set()).add(value)
    parameters: Pattern = {"roleArn": _named(roles)}
    identity: Pattern = {}
    for field, values in sorted(by_field.items()):
        if field == _SAML:
            parameters[_SAML] = _other_than(values)
            continue
        *path, last = field.split(".")
        place = identity
        for step in path:
            place = place.setdefault(step, {})
        place[last] = _other_than(values)
    detail = {
        "eventName": [{"prefix": "AssumeRole"}],
        "errorCode": [{"exists": False}],
        "requestParameters": parameters,
        **({"userIdentity": identity} if identity else {}),
    }
    return _event("aws.sts", detail)


def _in_emergency(source: ChainRole) -> Pattern:
    """The sessions of a source role that an entrance which closes at a time took."""
    ways = []
    for field, value in dict.fromkeys(
        caller for entrance in source.entrances if entrance.until for caller in _entering(entrance, source)
    ):
        value = _starred(value)
        way: Pattern = {field.split(".")[-1]: [{"wildcard": value} if "*" in value else value]}
        for step in reversed(field.split(".")[:-1]):
            way = {step: way}
        parameters = {"roleArn": _named([source])}
        ways.append(
            {"requestParameters": {**parameters, **way}}
            if field == _SAML
            else {"requestParameters": parameters, "userIdentity": way}
        )
    detail = {"eventName": [{"prefix": "AssumeRole"}], "errorCode": [{"exists": False}]}
    return _event("aws.sts", {**detail, **({"$or": ways} if len(ways) > 1 else ways[0])})


def _refused(chain: Chain, account: str) -> Pattern:
    """The refused calls of an account for any role of the chain, but those that the chain's canary makes on purpose."""
    detail: Pattern = {
        "eventName": [{"prefix": "AssumeRole"}],
        "errorCode": [{"anything-but": ["Throttling", "ThrottlingException"]}],
        # CloudTrail may leave the parameters of a refused call out.
        "$or": [
            {"requestParameters": {"roleArn": _named(chain.roles)}},
            {"errorMessage": [{"wildcard": f"*on resource: {arn}*"} for arn in _patterns(chain.roles)]},
        ],
    }
    declares = any(
        entrance.value == canary_arn(chain, source)
        for source in chain.sources
        for entrance in source.entrances
    )
    callers = [role for roles in chain.positions[:-1] for role in roles if role.account == account]
    if declares and callers:
        sessions = [session_arn(role.arn, session_name(chain)) for role in callers]
        detail["userIdentity"] = {"arn": _other_than(sessions)}
    return _event("aws.sts", detail)


def _changed(roles: Sequence[ChainRole]) -> Pattern:
    """The changes of an account's roles of a chain, and of the policies in their paths, attached or bounding."""
    policies = {iam_arn(role.partition, role.account, f"policy{role.path}*") for role in roles}
    policies |= {role.boundary_arn for role in roles if role.boundary_arn}
    policies |= {name for role in roles for name in role.managed_policies if account_of(name) == role.account}
    named = {"roleName": _names(roles)}
    attached = {"policyArn": [{"wildcard": _starred(policy)} for policy in sorted(policies)]}
    changing = [{"requestParameters": named}, {"requestParameters": attached}]
    return _event("aws.iam", {"readOnly": [False], "$or": changing})


def _event(source: str, detail: Pattern) -> Pattern:
    return {"source": [source], "detail-type": ["AWS API Call via CloudTrail"], "detail": detail}


def _other_than(values: Iterable[str]) -> list[Any]:
    """A field that is none of some values, or that the event does not have."""
    return [{"anything-but": {"wildcard": sorted(map(_starred, values))}}, {"exists": False}]


def _named(roles: Iterable[ChainRole]) -> list[Any]:
    return [{"wildcard": each} if "*" in each else each for each in _patterns(roles)]


def _names(roles: Iterable[ChainRole]) -> list[Any]:
    """The names of roles as a call may write them, as IAM does not distinguish case; of too many, every name."""
    names = [{"equals-ignore-case": name} for name in sorted(role.role for role in roles)]
    return names if len(str(names)) <= 2 * _MOST_OF_ROLES else [{"exists": True}]


def _patterns(roles: Iterable[ChainRole]) -> list[str]:
    """The ARNs of roles; of too many for one pattern their paths and names in any account, else their paths."""
    listed = list(roles)
    for resource in (None, "{0.path}{0.role}", "{0.path}*"):
        patterns = {
            role.arn if resource is None else iam_arn(role.partition, "*", f"role{resource.format(role)}")
            for role in listed
        }
        if sum(map(len, patterns)) <= _MOST_OF_ROLES:
            break
    return sorted(patterns)


def _starred(pattern: str) -> str:
    """A pattern of IAM as one of EventBridge, which knows ``*`` alone and not twice in a row."""
    return re.sub(r"\*+", "*", pattern.replace("?", "*"))
