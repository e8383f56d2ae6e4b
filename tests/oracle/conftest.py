"""Random AssumeRole cases, in the format of ``rolechain simulate``, and the other engine that decides them too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from benchmarks.oracle import Oracle, missing, started

Json = dict[str, Any]

OWN, OTHER, THIRD = "111111111111", "222222222222", "333333333333"
TEXTS = ["blue", "Blue", "red", "blue-1", "b*", ""]
PARTITIONS = ["aws"] * 8 + ["aws-cn", "aws-us-gov"]
VARIABLES = [
    "${aws:PrincipalTag/team}",
    "${aws:username}",
    "${aws:PrincipalTag/none}",
    "${aws:PrincipalTag/none, 'blue'}",
    "${AWS:requesttag/TEAM}",
    "b${*}",
    "${?}lue",
    "${$}",
]
STRING = ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"]
STRING += ["StringLike", "StringNotLike"]
ARN = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", *STRING]
NUMBERS, ORDER = ["3600", "60", "3600.0", "7200"], ["LessThan", "LessThanEquals", "GreaterThan"]
DATES = ["2026-11-22T00:00:00Z", "2026-11-21T00:00:00Z", "2027-01-01T00:00:00Z"]
ADDRESSES = ["203.0.113.42", "203.0.113.0/24", "198.51.100.0/24", "0.0.0.0/0", "2001:db8::/32"]
KINDS: dict[str, tuple[list[str], list[str]]] = {
    "text": (STRING, TEXTS + VARIABLES),
    "number": (
        [f"Numeric{order}" for order in ["Equals", "NotEquals", *ORDER, "GreaterThanEquals"]],
        NUMBERS,
    ),
    "date": ([f"Date{order}" for order in ["Equals", "NotEquals", *ORDER, "GreaterThanEquals"]], DATES),
    "boolean": (["Bool"], ["true", "false", "True"]),
    "address": (["IpAddress", "NotIpAddress"], ADDRESSES),
}
"""By what a key holds, the operators for it and the values of a policy."""

KEYS = {
    "aws:PrincipalTag/team": "text",
    "aws:RequestTag/team": "text",
    "aws:ResourceTag/team": "text",
    "aws:PrincipalOrgID": "text",
    "aws:SourceIdentity": "text",
    "sts:ExternalId": "text",
    "sts:SourceIdentity": "text",
    "sts:RoleSessionName": "text",
    "aws:TagKeys": "texts",
    "sts:TransitiveTagKeys": "texts",
    "aws:PrincipalOrgPaths": "texts",
    "aws:PrincipalArn": "arn",
    "aws:PrincipalAccount": "account",
    "aws:MultiFactorAuthAge": "number",
    "aws:MultiFactorAuthPresent": "boolean",
    "aws:SecureTransport": "boolean",
    "aws:CurrentTime": "date",
    "aws:TokenIssueTime": "date",
    "aws:SourceIp": "address",
}
ACTIONS: list[Any] = [
    *["sts:AssumeRole", "sts:*", "*", ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]] * 3,
    "STS:assumerole",
    "sts:Assume*",
    "sts:A?sumeRole",
    "sts:TagSession",
    ["sts:SetSourceIdentity", "s3:*"],
    "s3:GetObject",
]
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": ["*"]}


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """The other engine."""
    if reason := missing():
        pytest.skip(reason)
    with started() as running:
        yield running


@pytest.fixture(scope="session")
def cases() -> st.SearchStrategy[Json]:
    """Cases of every kind of caller, policy, condition, tag and identity."""
    return made()


@st.composite
def made(draw: st.DrawFn) -> Json:
    caller = draw(callers())
    account = draw(st.sampled_from([OWN, OTHER, OTHER, OTHER]))
    name = draw(st.sampled_from(["middle", "team/middle", "blue"]))
    callee = f"arn:{caller.get('partition', 'aws')}:iam::{account}:role/{name}"
    context = draw(contexts(caller))
    actions = ["sts:AssumeRole"]
    actions += ["sts:TagSession"] if "aws:TagKeys" in context else []
    actions += ["sts:SetSourceIdentity"] if "sts:SourceIdentity" in context else []

    own = documents(allowing(callee, caller))
    levels = st.none() | st.lists(st.lists(mostly_open(own), min_size=1, max_size=2), min_size=1, max_size=3)
    limit = st.none() | mostly_open(own)
    denial = st.lists(denying(callee, caller), min_size=1, max_size=2).map(_current)
    rcps = st.none() | st.none() | st.lists(st.lists(denial, min_size=1, max_size=2), min_size=1, max_size=2)
    service = caller["type"] == "service"
    return {
        "id": "random",
        "caller": caller,
        "caller_policies": [] if service else draw(st.lists(own, min_size=1, max_size=2)),
        "permissions_boundary": None if service else draw(limit),
        "session_policy": draw(limit) if caller["type"] == "role-session" else None,
        "caller_scps": None if service else draw(levels),
        "callee": {
            "arn": callee,
            "trust_policy": draw(documents(trusting(caller), least=1)),
            "rcps": draw(rcps),
            "in_management_account": draw(st.sampled_from([False] * 14 + [True])),
        },
        "request": {"actions": actions, "context": context},
    }


@st.composite
def callers(draw: st.DrawFn) -> Json:
    partition = draw(st.sampled_from(PARTITIONS))
    kind = draw(st.sampled_from(["role-session"] * 12 + ["user"] * 4 + ["service"] * 2))
    name = draw(st.sampled_from(["source", "team/source", "Source"]))
    made: Json = {"type": kind, "account": OWN, "partition": partition}
    if kind == "service":
        return {"type": kind, "service": draw(st.sampled_from(["lambda.amazonaws.com", "ec2.amazonaws.com"]))}
    if kind == "user":
        made |= {"arn": f"arn:{partition}:iam::{OWN}:user/{name}", "unique_id": "AIDASOURCE00000000000"}
    else:
        session = f"arn:{partition}:sts::{OWN}:assumed-role/{name.rsplit('/', 1)[-1]}/s1"
        role = f"arn:{partition}:iam::{OWN}:role/{name}"
        made |= {"arn": session, "role_arn": role, "unique_id": "AROASOURCE00000000000"}
    return made | {"in_management_account": draw(st.sampled_from([False] * 14 + [True]))}


@st.composite
def contexts(draw: st.DrawFn, caller: Json) -> Json:
    context: Json = {}
    for key, kind in KEYS.items():
        if kind in ("text", "texts") and draw(st.integers(0, 2)):
            continue
        if kind == "texts":
            context[key] = draw(st.lists(st.sampled_from(TEXTS[:4]), min_size=1, max_size=2, unique=True))
        elif kind == "text":
            context[key] = draw(st.sampled_from(TEXTS[:5]))
        elif kind in KINDS and key != "aws:MultiFactorAuthAge":
            context[key] = KINDS[kind][1][0]
    if caller["type"] == "user":
        context |= {"aws:username": "source", "aws:MultiFactorAuthAge": "3600"}
    if caller["type"] != "service":
        context |= {"aws:PrincipalAccount": OWN, "aws:PrincipalArn": caller.get("role_arn", caller["arn"])}
    context["aws:TagKeys"] = ["team"]
    if "aws:RequestTag/team" not in context:
        for key in ("aws:TagKeys", "sts:TransitiveTagKeys"):
            context.pop(key, None)
    return context


def documents(statement: st.SearchStrategy[Json], least: int = 0) -> st.SearchStrategy[Json]:
    """Policy documents of these statements, of either version or none."""
    versions = st.sampled_from([{"Version": "2012-10-17"}] * 8 + [{"Version": "2008-10-17"}, {}])
    listed = st.lists(statement, min_size=max(least, 1), max_size=2)
    return st.builds(lambda version, several: {**version, "Statement": several}, versions, listed)


def _current(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def mostly_open(document: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """A document that limits nothing, or any."""
    return st.just(_current([ANYTHING])) | document


@st.composite
def trusting(draw: st.DrawFn, caller: Json) -> Json:
    """A statement of a trust policy, which names the caller more often than not."""
    return _statement(draw, caller) | {"Principal": draw(principals(caller))}


@st.composite
def allowing(draw: st.DrawFn, callee: str, caller: Json) -> Json:
    """A statement of an identity policy, of a limit or of a service control policy."""
    listed = draw(st.lists(st.sampled_from(_resources(callee)), min_size=1, max_size=2))
    element = draw(st.sampled_from(["Resource"] * 11 + ["NotResource"]))
    return _statement(draw, caller) | {element: listed}


@st.composite
def denying(draw: st.DrawFn, callee: str, caller: Json) -> Json:
    """A statement of a resource control policy."""
    about = draw(st.sampled_from(["sts:AssumeRole", "sts:*", "sts:TagSession", "sts:GetCallerIdentity"]))
    made: Json = {"Effect": "Deny", "Principal": "*", "Action": about}
    if draw(st.integers(0, 4)):
        made["Condition"] = draw(conditions(caller))
    return made | {"Resource": [draw(st.sampled_from(_resources(callee)))]}


def _resources(callee: str) -> list[str]:
    partition, account = callee.split(":")[1], callee.split(":")[4]
    prefix = f"arn:{partition}:iam::{account}:role/"
    patterns = [
        f"{prefix}*",
        "arn:*:iam::*:role/*m?ddle",
        f"{prefix}none",
        f"{prefix}M*",
        "arn:aws:iam::*",
        "arn:aws:iam*:role/*",
    ]
    variables = ["${aws:PrincipalTag/team}", "${aws:PrincipalTag/none}", "${aws:PrincipalTag/none, 'middle'}"]
    return [*[callee, "*"] * 4, *patterns, *(prefix + variable for variable in variables)]


@st.composite
def principals(draw: st.DrawFn, caller: Json) -> Any:
    """Whom a statement names."""
    if caller["type"] == "service":
        return draw(st.sampled_from([{"Service": "lambda.amazonaws.com"}, {"AWS": [OWN]}, "*"]))
    partition = caller["partition"]
    root = f"arn:{partition}:iam::{OWN}:root"
    role = str(caller.get("role_arn", caller["arn"]))
    good = [root, OWN, role, role, caller["arn"], caller.get("unique_id", OWN)]
    elsewhere = [f"arn:{name}:iam::{OWN}:root" for name in ("aws", "aws-cn")]
    alike = [role.replace("/team/", "/"), role.replace("ource", "OURCE"), f"{role}r", "AROAGONE0000000000000"]
    others = [f"arn:{partition}:iam::{THIRD}:root", OTHER, *elsewhere, *alike]
    listed = draw(st.lists(st.sampled_from([*good * 2, *others, "*"]), min_size=1, max_size=2, unique=True))
    return draw(st.sampled_from([{"AWS": listed}] * 5 + ["*"]))


def _statement(draw: st.DrawFn, caller: Json) -> Json:
    element = draw(st.sampled_from(["Action"] * 14 + ["NotAction"]))
    effect = draw(st.sampled_from(["Allow"] * 12 + ["Deny"]))
    made: Json = {"Effect": effect, element: draw(st.sampled_from(ACTIONS))}
    if draw(st.integers(0, 2)) == 0:
        made["Condition"] = draw(conditions(caller))
    return made


@st.composite
def conditions(draw: st.DrawFn, caller: Json) -> Json:
    """A Condition element of one or two operators."""
    element: Json = {}
    for key in draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2, unique=True)):
        kind = KEYS[key]
        if kind == "arn":
            arn = str(caller.get("role_arn", caller.get("arn", "arn:aws:iam::1:role/x")))
            operators, values = ARN, [arn, arn, arn.replace("source", "*"), "arn:*:iam::*:role/*", f"{arn}?"]
        elif kind == "account":
            operators, values = STRING, [OWN, OTHER, "1*"]
        else:
            operators, values = KINDS["text" if kind == "texts" else kind]
        operator = draw(st.sampled_from(operators)) + draw(st.sampled_from(["", "", "", "IfExists"]))
        listed = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True))
        if kind == "texts" or draw(st.integers(0, 11)) == 0:
            operator = draw(st.sampled_from(["ForAllValues:", "ForAnyValue:", ""])) + operator
        if draw(st.integers(0, 11)) == 0:
            operator, listed = "Null", [draw(st.sampled_from(["true", "false"]))]
        spelled = draw(st.sampled_from([key, key, key.upper(), key.lower()]))
        element.setdefault(operator, {})[spelled] = listed
    return element
