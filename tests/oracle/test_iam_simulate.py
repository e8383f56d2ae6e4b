"""Another engine decides random cases as this one does, but for where it departs from AWS's documents.

Each known difference is a reading: it turns a case into the one that the other engine takes it for. The decision of
what is read must be the other engine's decision of what was written. Two rules of AWS's that it does not know cannot
be read so and are left out of the cases: no root user assumes a role, and no call leaves its partition.

ROLECHAIN_ORACLE_CASES sets how many cases are tried.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.oracle import Oracle
from rolechain.policy import Verdict
from rolechain.policy.cases import parse
from rolechain.policy.context import Context
from rolechain.policy.variables import parse as template

Json = dict[str, Any]

CASES = int(os.environ.get("ROLECHAIN_ORACLE_CASES", "1000"))
NOTHING, CURRENT = "arn:aws:iam::000000000000:role/none", "2012-10-17"


class Difference(NamedTuple):
    """Where the other engine departs from AWS's documents.

    Attributes:
        document: the document that settles it.
        read: turns a case into the one that the other engine takes it for.
        example: what sets a case apart that shows it, as ``_case`` takes it.
    """

    document: str
    read: Callable[[Json], None]
    example: Json


def _version_is_ignored(case: Json) -> None:
    for policy in _policies(case):
        policy["Version"] = CURRENT


def _unique_ids_are_unknown(case: Json) -> None:
    case["caller"].pop("unique_id", None)


def _partition_of_an_account_is_ignored(case: Json) -> None:
    root = re.compile(r"arn:[^:]+:(iam::\d+:root)")
    partition = case["callee"]["arn"].split(":")[1]
    _rename(case, lambda name: f"arn:{partition}:{match[1]}" if (match := root.fullmatch(name)) else name)


def _path_and_case_of_a_role_are_ignored(case: Json) -> None:
    own = case["caller"].get("role_arn")

    def plain(arn: str) -> tuple[str, str]:
        return arn.split("/")[0], arn.split("/")[-1].lower()

    if own:
        _rename(case, lambda name: own if plain(name) == plain(own) else name)


def _session_policy_limits_every_grant(case: Json) -> None:
    # As a service control policy does, which must allow whoever is named and however.
    if case["session_policy"]:
        levels = [] if case["caller"]["in_management_account"] else case["caller_scps"] or []
        case["caller_scps"] = [*levels, [case["session_policy"]]]
        case["caller"]["in_management_account"] = False


def _wildcard_stands_for_no_missing_field(case: Json) -> None:
    rcps = [statement for statement in _statements(case) if "Principal" in statement]
    for statement in _statements(case):
        for element in ("Resource", "NotResource"):
            for index, arn in enumerate(statement.get(element, ())):
                missing = 5 - re.sub(r"\$\{.*?\}", "", arn).count(":")
                if arn != "*" and missing > 0:
                    completed = NOTHING if statement in rcps else arn + ":*" * missing
                    statement[element][index] = "*" if element == "NotResource" else completed


def _variable_without_value_equals_anything(case: Json) -> None:
    context = Context(case["request"]["context"])
    for statement in _statements(case):
        if any(_is_void(arn, context) for arn in statement.get("NotResource", ())):
            statement["NotResource"] = ["*"]
        for operator, keys in list(statement.get("Condition", {}).items()):
            negated = re.sub(r"(String|Arn)Not(Equals(IgnoreCase)?|Like)", "StringNotLike", operator)
            for key, values in list(keys.items()):
                if "StringNot" in negated and any(_is_void(value, context) for value in values):
                    del keys[key]
                    statement["Condition"].setdefault(negated, {})[key] = ["*"]


def _literal_wildcard_is_no_variable_where_texts_are_equal(case: Json) -> None:
    for statement in _statements(case):
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                if re.search("String(Not)?Equals", operator):
                    keys[key] = [re.sub(r"\$(\{[*?$]\})", r"${$}\1", value) for value in values]


def _what_is_not_listed_for_an_action_is_absent(case: Json) -> None:
    absent = {
        "sts:TagSession": ["sts:ExternalId", "sts:RoleSessionName", "sts:SourceIdentity"],
        "sts:SetSourceIdentity": ["sts:ExternalId", "sts:RoleSessionName", "sts:TransitiveTagKeys"],
    }
    for action in case["request"]["actions"]:
        for key in absent.get(action, ()):
            case["request"]["context"].pop(key, None)


def _range_of_all_addresses_is_empty(case: Json) -> None:
    for statement in _statements(case):
        for keys in statement.get("Condition", {}).values():
            for key, values in keys.items():
                keys[key] = ["255.255.255.255/32" if value == "0.0.0.0/0" else value for value in values]


_EXTERNAL_ID, _GUIDE = {"sts:ExternalId": "blue"}, "IAM User Guide, "
_SOURCE = "arn:aws:iam::111111111111:role/source"
_SESSION = "arn:aws:sts::111111111111:assumed-role/source/s1"
_GOV = {"arn": _SESSION.replace("aws", "aws-us-gov", 1), "role_arn": _SOURCE.replace("aws", "aws-us-gov", 1)}
DIFFERENCES = [
    Difference(
        _GUIDE + "IAM JSON policy elements: Version",
        _version_is_ignored,
        {"version": "2008-10-17", "context": _EXTERNAL_ID, "asked": ["${sts:ExternalId}"]},
    ),
    Difference(
        _GUIDE + "IAM identifiers: Unique identifiers",
        _unique_ids_are_unknown,
        {"principal": "AROASOURCE00000000000"},
    ),
    Difference(
        _GUIDE + "Amazon Resource Names (ARNs): partition",
        _partition_of_an_account_is_ignored,
        {"caller": _GOV, "callee": "arn:aws-us-gov:iam::222222222222:role/middle"},
    ),
    Difference(
        _GUIDE + "IAM identifiers: Friendly names and paths",
        _path_and_case_of_a_role_are_ignored,
        {"principal": "arn:aws:iam::111111111111:role/team/SOURCE"},
    ),
    Difference(
        _GUIDE + "Policies and permissions: Session policies",
        _session_policy_limits_every_grant,
        {
            "callee": "arn:aws:iam::111111111111:role/middle",
            "session": {"Effect": "Allow", "Action": "s3:*", "Resource": ["*"]},
            "principal": _SESSION,
        },
    ),
    Difference(
        _GUIDE + "IAM JSON policy elements: Resource",
        _wildcard_stands_for_no_missing_field,
        {"resource": "arn:aws:iam*:role/*"},
    ),
    Difference(
        _GUIDE + "IAM policy elements: Variables and tags",
        _variable_without_value_equals_anything,
        {"context": _EXTERNAL_ID, "operator": "StringNotEquals", "asked": ["${aws:username}"]},
    ),
    Difference(
        _GUIDE + "IAM policy elements: Variables and tags: predefined policy variables",
        _literal_wildcard_is_no_variable_where_texts_are_equal,
        {"context": {"sts:ExternalId": "*"}, "asked": ["${*}"]},
    ),
    Difference(
        _GUIDE + "IAM JSON policy elements: Condition operators: IP address",
        _range_of_all_addresses_is_empty,
        {"context": {"aws:SourceIp": "203.0.113.42"}, "operator": "IpAddress", "asked": ["0.0.0.0/0"]},
    ),
    Difference(
        "none: Service Authorization Reference, AWS Security Token Service, says which are listed, and no more",
        _what_is_not_listed_for_an_action_is_absent,
        {"action": "sts:SetSourceIdentity", "context": _EXTERNAL_ID, "asked": ["blue"]},
    ),
]


def _case(
    version: str = CURRENT,
    callee: str = "arn:aws:iam::222222222222:role/middle",
    caller: Json | None = None,
    principal: str = "arn:aws:iam::111111111111:root",
    action: str = "sts:AssumeRole",
    resource: str = "*",
    session: Json | None = None,
    operator: str = "StringEquals",
    asked: list[str] | None = None,
    context: Json | None = None,
) -> Json:
    """A case that is allowed, changed; ``asked`` are the values that the trust policy asks of the context's key."""

    def document(statement: Json) -> Json:
        return {"Version": version, "Statement": [{"Effect": "Allow", "Action": "*", **statement}]}

    called = {"type": "role-session", "arn": _SESSION, "role_arn": _SOURCE, "in_management_account": False}
    trust: Json = {"Principal": {"AWS": [principal]}}
    if asked:
        trust["Condition"] = {operator: dict.fromkeys(context or {}, asked)}
    return {
        "id": "example",
        "caller": called | {"unique_id": "AROASOURCE00000000000"} | (caller or {}),
        "caller_policies": [document({"Resource": [resource]})],
        "permissions_boundary": None,
        "session_policy": document(session) if session else None,
        "caller_scps": None,
        "callee": {"arn": callee, "trust_policy": document(trust), "rcps": None},
        "request": {"actions": [action], "context": context or {}},
    }


def _policies(case: Json) -> Iterator[Json]:
    yield from case["caller_policies"]
    yield from (limit for limit in (case["permissions_boundary"], case["session_policy"]) if limit)
    for levels in (case["caller_scps"], case["callee"]["rcps"]):
        for level in levels or ():
            yield from level
    yield case["callee"]["trust_policy"]


def _statements(case: Json) -> Iterator[Json]:
    for policy in _policies(case):
        yield from policy["Statement"]


def _rename(case: Json, change: Callable[[str], str]) -> None:
    for statement in case["callee"]["trust_policy"]["Statement"]:
        if "AWS" in statement["Principal"]:
            statement["Principal"]["AWS"] = list(map(change, statement["Principal"]["AWS"]))


def _is_void(value: str, context: Context) -> bool:
    return template(value, variables=True).resolve(context) is False


def as_read(case: Json) -> Json:
    """A case as the other engine takes it."""
    case = copy.deepcopy(case)
    for difference in DIFFERENCES:
        difference.read(case)
    return case


def test_the_decisions_agree(oracle: Oracle, cases: st.SearchStrategy[Json]) -> None:
    """Whatever is asked, both engines decide alike; what is unknown here is rare, and every answer comes up."""
    tally: Counter[Verdict] = Counter()

    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def agree(case: Json) -> None:
        for action in case["request"]["actions"]:
            # Through JSON no two parts of it are one object, which a reading would change twice.
            asked = json.loads(json.dumps(case))
            asked["request"]["actions"] = [action]
            decision = parse(as_read(asked)).decide()
            tally[decision.verdict] += 1
            if decision.verdict is not Verdict.UNKNOWN:
                assert oracle.decide(asked) is decision.verdict, decision.reason

    agree()
    print({verdict.value: count for verdict, count in tally.items()})
    assert all(tally[verdict] >= CASES // 20 for verdict in Verdict if verdict is not Verdict.UNKNOWN), tally
    assert tally[Verdict.UNKNOWN] <= CASES // 20, tally


@pytest.mark.parametrize(
    "difference", DIFFERENCES, ids=lambda difference: difference.read.__name__.strip("_")
)
def test_a_difference_is_one(oracle: Oracle, difference: Difference) -> None:
    """Each known difference has a case that the two decide differently, and alike once it is read so."""
    case = _case(**difference.example)
    read = copy.deepcopy(case)
    difference.read(read)
    written, as_read_by_it = parse(case).decide().verdict, parse(read).decide().verdict
    assert oracle.decide(case) is as_read_by_it is not written
