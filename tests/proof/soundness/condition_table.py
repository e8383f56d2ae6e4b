"""Conditions by name and by rule, and every one of a few hundred requests that might meet them.

Each stands in the trust policy of a middle role, whose chain declares one caller, an organization and an external id.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from rolechain import Chain, ChainRole, Entrance
from rolechain.policy import Callee, Caller, ContextValue, Policy, Request, decide
from rolechain.statements.builder import trust_statements

Json = dict[str, Any]

ORG, OTHER_ORG = "o-exampleorg1", "o-otherother1"
SOURCE, MIDDLE, ELSEWHERE = "111111111111", "222222222222", "444444444444"
CHAIN = Chain(
    "deploy",
    organization=ORG,
    source=ChainRole(SOURCE, assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=[ChainRole(MIDDLE, external_id="jump-1")],
    targets=[ChainRole("333333333333")],
)
DECLARED = trust_statements(CHAIN, CHAIN.middle[0])
GUARDS: Json = {"StringEquals": {"aws:PrincipalOrgID": ORG, "sts:ExternalId": "jump-1"}}


def _allow(condition: Json, principal: Any = "*") -> Json:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition}


def _guarded(condition: Json) -> list[Json]:
    """Everyone of the organization with the external id who meets a condition; tags may be passed."""
    keys = {**GUARDS["StringEquals"], **condition.get("StringEquals", {})}
    tags = _allow({"StringEquals": {"aws:PrincipalOrgID": ORG}}) | {"Action": "sts:TagSession"}
    return [_allow({**condition, "StringEquals": keys}), *([tags] if "aws:TagKeys" in str(condition) else [])]


def _unless(condition: Json) -> list[Json]:
    """Everyone of the organization with the external id, but for a Deny."""
    return [*_guarded({}), _allow(condition) | {"Effect": "Deny"}]


NOON = {
    "DateGreaterThan": {"aws:CurrentTime": "2026-11-27T00:00:00Z"},
    "DateLessThan": {"aws:CurrentTime": "2026-11-27T12:00:00Z"},
}
ACCOUNTS = ["000000000000", "987654321098", "333333333333"]
MANY = [f"arn:aws:iam::*:{each}" for each in ("role/app", "role/ops*", "role/x", "user/a*", "user/ops*")]

NAMED: dict[str, list[Json]] = {
    "a service for half a day": [_allow(NOON, {"Service": "ec2.amazonaws.com"})],
    "all accounts but three": [_allow({"StringNotEquals": {"aws:PrincipalAccount": ACCOUNTS}})],
    "a network without its first address": _guarded(
        {
            "IpAddress": {"aws:SourceIp": "198.51.100.0/24"},
            "NotIpAddress": {"aws:SourceIp": "198.51.100.0/32"},
        }
    ),
    "a session named after its user": _guarded(
        {
            "StringEquals": {"sts:RoleSessionName": "${aws:username}"},
            "StringLike": {"aws:username": "ops-*"},
        }
    ),
    "a number between two": _guarded(
        {
            "NumericGreaterThan": {"aws:PrincipalTag/cost": "10"},
            "NumericLessThan": {"aws:PrincipalTag/cost": "10.5"},
        }
    ),
    "a pattern without another": _guarded(
        {"StringLike": {"sts:RoleSessionName": "a*"}, "StringNotLike": {"sts:RoleSessionName": "a????"}}
    ),
    "a text in any case but one": _guarded(
        {
            "StringEqualsIgnoreCase": {"sts:RoleSessionName": "abc"},
            "StringNotEquals": {"sts:RoleSessionName": "abc"},
        }
    ),
    "two tag keys at once": _guarded(
        {"ForAnyValue:StringEquals": {"aws:TagKeys": "Team"}, "ForAnyValue:StringLike": {"aws:TagKeys": "S*"}}
    ),
    "an external id that is any but one": [
        _allow(
            {
                "StringEquals": {"aws:PrincipalOrgID": ORG},
                "ForAnyValue:StringNotEquals": {"sts:ExternalId": "x"},
            }
        )
    ],
    "any organization but one": [
        _allow(
            {
                "StringNotLike": {"aws:PrincipalOrgID": "o-example*"},
                "StringEquals": {"sts:ExternalId": "jump-1"},
            }
        )
    ],
    "more patterns than three": _guarded({"StringNotLike": {"aws:PrincipalArn": MANY}}),
    "a moment but one second": _guarded(
        NOON | {"DateNotEquals": {"aws:CurrentTime": "2026-11-27T06:00:00Z"}}
    ),
    "MFA of one second": _guarded(
        {
            "NumericGreaterThan": {"aws:MultiFactorAuthAge": "10"},
            "NumericLessThan": {"aws:MultiFactorAuthAge": "12"},
        }
    ),
    "an epoch between two": _guarded(
        {
            "NumericGreaterThan": {"aws:EpochTime": "1795759200"},
            "NumericLessThan": {"aws:EpochTime": "1795759202"},
        }
    ),
    "an external id but the usual ones": [
        _allow(
            {
                "StringEquals": {"aws:PrincipalOrgID": ORG},
                "StringNotEquals": {"sts:ExternalId": ["stranger-id", "x"]},
            }
        )
    ],
    "an organization but the usual ones": [
        _allow(
            {
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": ["o-stranger00", ORG]},
                "StringEquals": {"sts:ExternalId": "jump-1"},
            }
        )
    ],
    "a name without two letters": _guarded({"StringNotLike": {"sts:RoleSessionName": ["*q*", "*7*"]}}),
    "no MFA": _guarded({"Null": {"aws:MultiFactorAuthPresent": "true"}}),
    "a user with MFA": _guarded({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    "a unit of the organization": _guarded(
        {
            "ForAllValues:StringLike": {"aws:PrincipalOrgPaths": f"{ORG}/*"},
            "ForAnyValue:StringNotLike": {"aws:PrincipalOrgPaths": "*/ou-ab12-1/*"},
        }
    ),
    "an ARN of its own user name": _guarded(
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}}
    ),
    "whoever is no role": _guarded({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}),
    "a tag that is the session's name": _guarded(
        {"StringEquals": {"aws:PrincipalTag/team": "${sts:RoleSessionName}"}}
    ),
    "all but a region": _unless({"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}}),
    "all but outside of a network": _unless(
        {
            "NotIpAddressIfExists": {"aws:SourceIp": ["198.51.100.0/24"]},
            "Bool": {"aws:SecureTransport": "true"},
        }
    ),
    "all but one role": _unless({"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{ELSEWHERE}:role/a?p"}}),
}
"""Statements that let somebody in whom the chain does not declare, by what is asked."""

TEXT = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"]
TEXT += ["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"]
ORDER = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
ARN = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"]
BY_KEY: dict[str, tuple[list[str], list[Any]]] = {
    "sts:RoleSessionName": (TEXT, ["abc", "a????", "${aws:username}", ["ABC", "ops-*"]]),
    "aws:PrincipalTag/team": (TEXT, ["abc", "a*"]),
    "aws:username": (TEXT, ["ops-*"]),
    "aws:PrincipalAccount": (TEXT, [ELSEWHERE, ACCOUNTS]),
    "aws:PrincipalOrgID": (TEXT, [ORG, "o-other*"]),
    "aws:PrincipalOrgPaths": (TEXT, [f"{ORG}/r-ab12/*"]),
    "aws:TagKeys": (TEXT, ["Team"]),
    "aws:PrincipalArn": (ARN + TEXT, [f"arn:aws:iam::{ELSEWHERE}:role/a?p", "arn:aws:iam::*:role/*"]),
    "aws:PrincipalTag/cost": ([f"Numeric{each}" for each in ORDER], ["10.25"]),
    "aws:MultiFactorAuthAge": ([f"Numeric{each}" for each in ORDER], ["11"]),
    "aws:CurrentTime": ([f"Date{each}" for each in ORDER], ["2026-11-27T06:00:00Z"]),
    "aws:SourceIp": (["IpAddress", "NotIpAddress"], ["198.51.100.0/24"]),
    "aws:SecureTransport": (["Bool"], ["true", "false"]),
    "aws:MultiFactorAuthPresent": (["Bool"], ["true", "false"]),
    "aws:PrincipalTag/bin": (["BinaryEquals"], ["QUJD"]),
}
"""By key, the operators for it and values to ask for."""


def systematic() -> Iterator[tuple[str, list[Json]]]:
    """Every operator with every set operator, IfExists and kind of key, for everyone of the organization."""
    for key, (operators, asked) in BY_KEY.items():
        for operator, value in product(operators, asked):
            for before, after in product(("", "ForAnyValue:", "ForAllValues:"), ("", "IfExists")):
                name = f"{before}{operator}{after}"
                yield f"{name} {key} {value}", _guarded({name: {key: value}})
        for value in ("true", "false"):
            yield f"Null {key} {value}", _guarded({"Null": {key: value}})


FREE: dict[str, list[ContextValue | None]] = {
    "sts:RoleSessionName": ["abc", "ABC", "ops-ann", "aq7"],
    "sts:ExternalId": ["jump-1", "other"],
    "aws:PrincipalTag/team": [None, "abc", "xyz"],
    "aws:PrincipalTag/cost": [None, "10", "10.25", "11"],
    "aws:PrincipalTag/bin": [None, "QUJD", "QUJE"],
    "aws:TagKeys": [None, ["Team"], ["Team", "Stage"], ["Stage"]],
    "aws:EpochTime": ["1795759201", "1795759200"],
    "aws:CurrentTime": ["2026-11-27T06:00:01Z", "2026-11-27T06:00:00Z", "2026-11-28T00:00:00Z"],
    "aws:SourceIp": [None, "198.51.100.7", "198.51.100.0", "203.0.113.9"],
    "aws:RequestedRegion": ["us-east-1", "ap-south-1"],
    "aws:SecureTransport": ["true"],
    "aws:MultiFactorAuthAge": [None, "10", "11", "900"],
}
"""What a caller chooses and the moment brings; only users bring MFA. None is a key that is not there."""


def _callers() -> Iterator[tuple[Caller, dict[str, ContextValue]]]:
    for account, organization in ((ELSEWHERE, ORG), (ELSEWHERE, OTHER_ORG), (ELSEWHERE, None), (MIDDLE, ORG)):
        home: dict[str, ContextValue] = {}
        if organization:
            home = {"aws:PrincipalOrgID": organization, "aws:PrincipalOrgPaths": [f"{organization}/r-ab12/"]}
        for kind, name in (("role", "app"), ("role", "abc"), ("user", "ops-ann"), ("user", "bob")):
            arn = f"arn:aws:iam::{account}:{kind}/{name}"
            keys = home | {"aws:PrincipalArn": arn, "aws:PrincipalAccount": account}
            session = f"arn:aws:sts::{account}:assumed-role/{name}/s"
            if kind == "role":
                yield Caller("role-session", session, account, arn), keys
            else:
                yield Caller("user", arn, account), keys | {"aws:username": name}
    yield Caller("service", "ec2.amazonaws.com"), {}


def admitted(statements: list[Json]) -> Request | None:
    """A request that these statements let in beside the declared ones, and those alone do not."""
    written = str(statements)
    chosen = {key: values if key in written else values[:1] for key, values in FREE.items()}
    if "MultiFactorAuthPresent" in written:
        chosen["aws:MultiFactorAuthAge"] = FREE["aws:MultiFactorAuthAge"]
    before, after = (_policy(each) for each in (DECLARED, [*DECLARED, *statements]))
    own = [_policy([{"Effect": "Allow", "Action": "*", "Resource": "*"}])]
    for caller, fixed in _callers():
        for values in product(*chosen.values()):
            keys = {
                key: value for key, value in zip(chosen, values, strict=True) if value is not None
            } | fixed
            if "aws:MultiFactorAuthAge" in keys:
                keys["aws:MultiFactorAuthPresent"] = "true"
                if caller.kind != "user":
                    continue
            actions = ["sts:AssumeRole", *["sts:TagSession"] * ("aws:TagKeys" in keys)]
            asked = Request(caller, Callee(CHAIN.middle[0].arn, after), keys, actions, own)
            if decide(asked).allowed:
                declared = Request(caller, Callee(CHAIN.middle[0].arn, before), keys, actions, own)
                if not decide(declared).allowed:
                    return asked
    return None


def _policy(statements: list[Json]) -> Policy:
    return Policy.parse({"Version": "2012-10-17", "Statement": statements})
