"""What the explanation of a decision says agrees with what was decided, for any request."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rolechain.policy import Callee, Caller, Decision, Policy, Request, Side, Verdict, decide
from rolechain.policy.context import Context
from rolechain.policy.elements import listed
from rolechain.policy.explain import Mismatch, mismatches
from rolechain.policy.logic import all_of, any_of
from rolechain.policy.policy_types import ActionRequest, answered
from rolechain.policy.statement import Statement

Json = dict[str, Any]
SOURCE, SAME = "arn:aws:iam::111111111111:role/source", "arn:aws:iam::111111111111:role/same"
MIDDLE = "arn:aws:iam::222222222222:role/middle"
SESSION = Caller(
    "role-session", "arn:aws:sts::111111111111:assumed-role/source/s1", "111111111111", SOURCE, "AROASOURCE"
)
USER = Caller("user", "arn:aws:iam::111111111111:user/alice", "111111111111", None, "AIDAALICE")
SERVICE = Caller("service", "lambda.amazonaws.com")
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}

UNRESOLVED = st.just({"Ref": "Parameter"})
keys = st.sampled_from(["aws:PrincipalArn", "sts:ExternalId", "aws:RequestTag/team", "aws:TagKeys"])
conditions = st.dictionaries(
    st.sampled_from(
        [
            "StringEquals",
            "StringNotLike",
            "ArnLike",
            "StringEqualsIfExists",
            "ForAnyValue:StringLike",
            "ForAllValues:StringEquals",
            "NumericLessThan",
        ]
    ),
    st.dictionaries(
        keys, st.sampled_from(["1", "*", "blue", SOURCE, "${aws:username}"]) | UNRESOLVED, max_size=2
    ),
    max_size=2,
).map(lambda found: {operator: _of(operator, asked) for operator, asked in found.items()})
effects = st.sampled_from(["Allow", "Allow", "Allow", "Deny"]) | UNRESOLVED
actions = st.sampled_from(["*", "sts:*", "sts:AssumeRole", "sts:TagSession", "s3:*"]) | UNRESOLVED
resources = st.sampled_from(["*", MIDDLE, SAME, "arn:aws:iam::*:role/mid*", "arn:aws:iam", "*middle"])
principals = st.sampled_from(
    ["*", SOURCE, USER.arn, SESSION.arn, "111111111111", "222222222222", "AROASOURCE", {"Ref": "Role"}]
)
named = st.lists(principals, min_size=1, max_size=2).map(lambda values: {"AWS": values}) | st.just(
    {"Service": "lambda.amazonaws.com"}
)


def _of(operator: str, asked: Json) -> Json:
    """Values that an operator takes: a number where it compares numbers."""
    if operator != "NumericLessThan":
        return asked
    return {key: value if isinstance(value, dict) else "2" for key, value in asked.items()}


def _statements(always: Json, rarely: Json) -> st.SearchStrategy[list[Json]]:
    statement = st.fixed_dictionaries(
        {"Effect": effects, "Action": actions, **always}, optional={"Condition": conditions}
    )
    refused = st.fixed_dictionaries({"Effect": effects, "Action": actions}, optional={**always, **rarely})
    negated = st.fixed_dictionaries({"Effect": effects, "NotAction": actions, **always})
    return st.lists(statement | statement | statement | refused | negated, max_size=3)


allowing = _statements({"Resource": resources}, {"Principal": named, "NotResource": resources})
allowing = allowing.filter(lambda found: not any({"Resource", "NotResource"} <= set(each) for each in found))
trusting = _statements({"Principal": named}, {"Resource": resources})
policies = st.lists(allowing, max_size=2)
levels = st.none() | st.lists(st.lists(allowing | st.just([EVERYTHING]), min_size=1, max_size=2), max_size=2)


@st.composite
def documents(draw: st.DrawFn) -> Json:
    """The policies of a request, by their side; levels of control policies, and a list of every other side's."""
    return {
        Side.TRUST_POLICY: [draw(trusting)],
        Side.IDENTITY_POLICY: draw(policies | st.just([[EVERYTHING]])),
        Side.PERMISSIONS_BOUNDARY: draw(st.none() | allowing.map(lambda found: [found])),
        Side.SESSION_POLICY: draw(st.none() | policies),
        Side.SERVICE_CONTROL_POLICY: draw(levels),
        Side.RESOURCE_CONTROL_POLICY: draw(levels),
    }


calls = st.fixed_dictionaries(
    {
        "caller": st.sampled_from([SESSION, SESSION, USER, SERVICE]),
        "arn": st.sampled_from([MIDDLE, SAME]),
        "actions": st.sampled_from([("sts:AssumeRole",), ("sts:AssumeRole", "sts:TagSession")]),
        "context": st.dictionaries(keys, st.sampled_from(["1", "blue", SOURCE, ["blue", "red"]]), max_size=3),
    }
)


def made(statements: list[Json]) -> Policy:
    return Policy.parse({"Version": "2012-10-17", "Statement": statements})


def asked(written: Json, call: Json) -> Request:
    def each(side: Side) -> list[Policy] | None:
        return None if written[side] is None else [made(one) for one in written[side]]

    def by_level(side: Side) -> list[list[Policy]] | None:
        found = written[side]
        return None if found is None else [[made(one) for one in level] for level in found]

    boundary = each(Side.PERMISSIONS_BOUNDARY)
    return Request(
        call["caller"],
        Callee(call["arn"], made(*written[Side.TRUST_POLICY]), by_level(Side.RESOURCE_CONTROL_POLICY)),
        call["context"],
        call["actions"],
        each(Side.IDENTITY_POLICY) or (),
        boundary[0] if boundary else None,
        each(Side.SESSION_POLICY),
        by_level(Side.SERVICE_CONTROL_POLICY),
    )


def of_action(request: Request, action: str) -> ActionRequest:
    callee, context = request.callee, Context.of(request.context)
    return ActionRequest(action, action.lower(), request.caller, callee.arn, callee.partition, context)


def documents_of(written: Json, side: Side) -> list[list[Json]]:
    """The documents of a side in the order in which a decision counts them."""
    found: list[Any] = written[side] or []
    is_control = side in (Side.SERVICE_CONTROL_POLICY, Side.RESOURCE_CONTROL_POLICY)
    return list(chain(*found)) if is_control else found


def decisive(written: Json, decision: Decision) -> Statement | None:
    """The statement that a decision names as decisive."""
    if decision.policy is None or decision.statement is None:
        return None
    return made(documents_of(written, decision.side)[decision.policy]).statements[decision.statement]


def failing(decision: Decision, statement: Statement, request: Request) -> list[Mismatch]:
    return list(mismatches(decision.side, statement, of_action(request, decision.action)))


@example(
    statements=[
        {"Effect": {"Ref": "P"}, "Action": "*", "Principal": {"AWS": ["*"]}, "NotResource": "*"},
    ],
    trust=[],
    call={
        "caller": Caller(
            "role-session",
            "arn:aws:sts::111111111111:assumed-role/source/s1",
            "111111111111",
            role_arn="arn:aws:iam::111111111111:role/source",
        ),
        "arn": "arn:aws:iam::222222222222:role/middle",
        "actions": ("sts:AssumeRole",),
        "context": {},
    },
)
@given(statements=allowing, trust=trusting, call=calls)
@settings(max_examples=300, deadline=None)
def test_a_statement_applies_unless_something_keeps_it_from(
    statements: list[Json], trust: list[Json], call: Json
) -> None:
    """The mismatches of a statement together say what the evaluator says of it: yes, no or not known."""
    empty: Json = {side: [] for side in Side}
    request = of_action(asked({**empty, Side.TRUST_POLICY: [trust]}, call), call["actions"][-1])
    for element in statements:
        policy = made([element])
        (statement,) = policy.statements
        found = [one.answer for one in mismatches(Side.IDENTITY_POLICY, statement, request)]
        result = answered([policy], request, denies=statement.effect != "Allow")
        assert result.value is all_of([*found, True if statement.effect else None])
    for statement in made(trust).statements:
        found = [one.answer for one in mismatches(Side.TRUST_POLICY, statement, request)]
        value = any_of(value for _, value in request.named_by(statement))
        assert value is all_of([*found, True if statement.effect else None])


@given(written=documents(), call=calls)
@settings(max_examples=300, deadline=None)
def test_the_decisive_statement_is_on_the_side_that_decided(written: Json, call: Json) -> None:
    """What an explanation names as decisive did decide: it lets in, denies, does not allow, or is not known to."""
    request = asked(written, call)
    decision = decide(request)
    statement = decisive(written, decision)
    if decision.verdict is Verdict.ALLOW:
        assert decision.side is Side.TRUST_POLICY
        assert statement is not None
        assert statement.effect == "Allow"
        assert failing(decision, statement, request) == []
    elif decision.verdict is Verdict.EXPLICIT_DENY:
        assert statement is not None
        assert statement.effect == "Deny"
        assert failing(decision, statement, request) == []
    elif decision.verdict is Verdict.IMPLICIT_DENY and statement is not None:
        assert statement.effect != "Deny"
        found = failing(decision, statement, request)
        assert found
        assert any(one.answer is False for one in found) or statement.effect is None
        assert listed(one.words for one in found) in decision.reason
    elif decision.verdict is Verdict.UNKNOWN and "AWS does not document" not in decision.reason:
        assert statement is not None
        found = failing(decision, statement, request)
        assert all(one.answer is None for one in found)
        unsettled = [one.words for one in found]
        assert unsettled or statement.effect is None or statement.principals
        assert listed(unsettled) in decision.reason
        assert ("its Effect is not known" in decision.reason) is (not unsettled and statement.effect is None)


def repaired(statement: Json, words: str, request: ActionRequest) -> None:
    """Changes what a mismatch names, and nothing else, so that it fails no more."""
    match words.split(" is ")[0].split(", ")[0]:
        case "its Action" | "its NotAction":
            statement.pop("NotAction", None)
            statement["Action"] = request.name
        case "its Resource" | "its NotResource" | "it names no Resource":
            statement.pop("NotResource", None)
            statement["Resource"] = request.resource
        case "its Principal" | "it names no Principal":
            kind = "Service" if request.caller.kind == "service" else "AWS"
            statement["Principal"] = {kind: request.caller.arn}
        case "it names a Principal":
            del statement["Principal"]
        case "it holds Resource" | "it holds NotResource":
            statement.pop("Resource", statement.pop("NotResource", None))
        case key:
            for operator, keys_of in list(statement["Condition"].items()):
                if keys_of.pop(key, None) is not None and not keys_of:
                    del statement["Condition"][operator]


@given(written=documents(), call=calls)
@settings(max_examples=300, deadline=None)
def test_a_denial_is_over_where_what_it_names_is_repaired(written: Json, call: Json) -> None:
    """The statement that would allow does so once what is named is repaired, and its side denies no more."""
    request = asked(written, call)
    decision = decide(request)
    if decision.verdict is not Verdict.IMPLICIT_DENY or decision.policy is None or decision.statement is None:
        return
    question = of_action(request, decision.action)
    changed = deepcopy(written)
    element = documents_of(changed, decision.side)[decision.policy][decision.statement]
    statement = made([element]).statements[0]
    if statement.effect is None:
        return
    for one in mismatches(decision.side, statement, question):
        repaired(element, one.words, question)
    statement = made([element]).statements[0]
    assert list(mismatches(decision.side, statement, question)) == []
    after = decide(asked(changed, call))
    same = (after.verdict, after.side, after.action) == (decision.verdict, decision.side, decision.action)
    levels_left = decision.side is Side.SERVICE_CONTROL_POLICY and after.policy != decision.policy
    assert not same or levels_left, (decision, after)
