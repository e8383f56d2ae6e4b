"""The sample file of cases, and what a file of cases must be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rolechain.policy import Side, Verdict
from rolechain.policy.cases import CaseError, parse, read

FILE = Path(__file__).parent / "assume_role_cases.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_decides_each_case_as_aws_does(vector: dict[str, Any]) -> None:
    """Every case of the sample file has the decision that AWS documents for it."""
    assert parse(vector).decide().verdict == vector["expected"], vector["why"]


def test_reads_every_case_in_order() -> None:
    """A file's cases come in the file's order, none left out."""
    assert [case.id for case in read(FILE)] == [vector["id"] for vector in VECTORS]
    assert len(VECTORS) == 100


@pytest.fixture
def case() -> Callable[..., dict[str, Any]]:
    """Makes a case: B01 of the sample file with changes, as a path of keys and a value."""
    base = next(vector for vector in VECTORS if vector["id"] == "B01")

    def make(**changes: Any) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(json.dumps(base))
        for path, value in changes.items():
            *steps, last = path.split("__")
            target = made
            for step in steps:
                target = target[step]
            if value is ...:
                del target[last]
            else:
                target[last] = value
        return made

    return make


def test_refused_policy_denies_its_case(case: Callable[..., dict[str, Any]]) -> None:
    """A case with a policy that IAM would refuse is denied, and the reason names the mistake."""
    decision = parse(case(callee__trust_policy={"Statement": {"Effect": "allow"}})).decide()
    assert decision.verdict is Verdict.IMPLICIT_DENY
    assert decision.side is Side.TRUST_POLICY
    assert decision.reason == (
        "IAM refuses the trust policy, which never takes effect: statement 0: Action is missing: "
        "name what the statement is about"
    )


def test_explicit_deny_wins_over_a_refused_policy(case: Callable[..., dict[str, Any]]) -> None:
    """Where another policy of the case denies explicitly, the decision is that denial."""
    deny = {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
    decision = parse(case(caller_policies=[{"Statement": {"Effect": "allow"}}, deny])).decide()
    assert (decision.verdict, decision.side) == (Verdict.EXPLICIT_DENY, Side.IDENTITY_POLICY)


@pytest.mark.parametrize("kind", ["federated-user", "robot", None])
def test_caller_of_another_type_is_unknown(case: Callable[..., dict[str, Any]], kind: str | None) -> None:
    """A type of caller that the format does not know leaves its own case open, and the reason says so."""
    decision = parse(case(caller__type=kind)).decide()
    assert decision.verdict is Verdict.UNKNOWN
    assert decision.reason == (
        f"caller.type is {kind!r}, which is not decided here: write one of role-session, user, root, service"
    )


def test_null_is_a_missing_key(case: Callable[..., dict[str, Any]]) -> None:
    """A condition key or an element that is null is absent."""
    trust = {
        "Statement": {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "sts:AssumeRole",
            "Condition": {"Null": {"sts:ExternalId": "true"}},
        }
    }
    context = {"sts:ExternalId": None}
    made = case(callee__trust_policy=trust, request__context=context, request__actions=None)
    assert parse(made).decide().verdict is Verdict.ALLOW


@pytest.mark.parametrize("key", ["service", "service_principal", "principal", "name", "arn"])
def test_service_may_be_named_by_any_of_its_keys(case: Callable[..., dict[str, Any]], key: str) -> None:
    """A service caller is named by service, principal, name or arn, and gets in by the trust policy alone."""
    trust = {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    }
    made = case(
        caller={"type": "service", key: "ec2.amazonaws.com"}, callee__trust_policy=trust, caller_policies=[]
    )
    assert parse(made).decide().verdict is Verdict.ALLOW


def test_optional_elements_may_be_left_out(case: Callable[..., dict[str, Any]]) -> None:
    """Boundary, session policy, control policies, expectation and notes need not stand in a case."""
    made = case(
        permissions_boundary=..., session_policy=..., caller_scps=..., expected=..., why=..., tags=...
    )
    assert parse(made).decide().verdict is Verdict.ALLOW


def test_unknown_elements_are_passed_by(case: Callable[..., dict[str, Any]]) -> None:
    """Elements that the format does not know change nothing."""
    assert parse(case(colour="blue", caller__shoe=43)).decide().verdict is Verdict.ALLOW


def test_management_account_is_exempt_from_control_policies(case: Callable[..., dict[str, Any]]) -> None:
    """in_management_account lifts SCPs from a caller and RCPs from a callee."""
    deny = [[{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}]]
    assert parse(case(caller_scps=deny)).decide().verdict is Verdict.EXPLICIT_DENY
    assert parse(case(caller_scps=deny, caller__in_management_account=True)).decide().verdict is Verdict.ALLOW
    assert parse(case(callee__rcps=deny)).decide().verdict is Verdict.EXPLICIT_DENY
    assert (
        parse(case(callee__rcps=deny, callee__in_management_account=True)).decide().verdict is Verdict.ALLOW
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": ...}, "the case.id is missing: write a text"),
        ({"caller": "me"}, "caller is 'me': write an object"),
        ({"caller__role_arn": ...}, "caller.role_arn is missing: write a text"),
        ({"caller__arn": "alice"}, "caller.arn is 'alice': write the caller's ARN"),
        ({"callee__arn": "middle"}, "callee.arn is 'middle': write the ARN of a role"),
        ({"callee__trust_policy": ...}, "a trust policy is None: write a policy document"),
        ({"caller_scps": {}}, "caller_scps is {}: write a list of levels, each a list of policies"),
        ({"request__actions": [1, None]}, "request.actions is None: write a text or a list of texts"),
        (
            {"permissions_boundary": [{"Statement": []}, {"Statement": []}]},
            "permissions_boundary lists 2 policies: a role or user has one at most",
        ),
    ],
)
def test_mistake_in_a_case_is_named(
    case: Callable[..., dict[str, Any]], changes: dict[str, Any], message: str
) -> None:
    """A case that is not written as the format asks is refused with the place and the value."""
    with pytest.raises(CaseError) as caught:
        parse(case(**changes))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', ": the key 'a' occurs twice in one object: remove one"),
        ("{", ":1: no JSON: Expecting property name enclosed in double quotes"),
        ('{"cases": []}', " is not a file of cases: it holds no list named vectors"),
        ('{"vectors": [{"id": "A1"}]}', ": case A1: caller is missing: write an object"),
        ("[3]", ": case 0: the case is 3: write an object"),
    ],
)
def test_file_that_holds_no_cases_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A file of another format is refused in one line that begins with its name."""
    file = tmp_path / "cases.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        read(file)
    assert str(caught.value) == f"{file}{message}"


def test_byte_order_mark_is_passed_by(tmp_path: Path) -> None:
    """A file that an editor began with a byte order mark is read as any other."""
    file = tmp_path / "cases.json"
    file.write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert [case.id for case in read(file)] == [vector["id"] for vector in VECTORS]


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that does not exist is named."""
    with pytest.raises(CaseError, match="no such file: name a file of cases in JSON"):
        read(tmp_path / "none.json")
