"""A change is told for whom it lets in and whom it keeps out, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rolechain.proof import Template
from rolechain.proof.diff import AccessDiff, diff

ROOT, OTHER = "arn:aws:iam::222222222222:root", "arn:aws:iam::333333333333:root"
ROLE = "arn:aws:iam::111111111111:role/deploy"
IN_ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}


def _allow(
    principal: Any, condition: Any = None, action: Any = "sts:AssumeRole", effect: str = "Allow"
) -> Any:
    statement = {"Effect": effect, "Action": action, "Principal": principal}
    return {**statement, "Condition": condition} if condition else statement


def _template(*trust: Any, policies: Any = None, parameters: Any = None) -> list[Template]:
    """A role with a trust policy, beside a role that may have permissions."""
    resources: dict[str, Any] = {
        "Caller": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "caller",
                "AssumeRolePolicyDocument": {"Statement": [_allow({"Service": "ec2.amazonaws.com"})]},
                "Policies": [{"PolicyName": "own", "PolicyDocument": {"Statement": policies or []}}],
            },
        }
    }
    if trust:
        resources["Role"] = {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "deploy", "AssumeRolePolicyDocument": {"Statement": list(trust)}},
        }
    body = {"Parameters": parameters or {}, "Resources": resources}
    return [Template("app", body, account="111111111111")]


def _gained(found: AccessDiff) -> list[tuple[str, bool]]:
    return [(change.who, change.certain) for change in found.gained]


def _lost(found: AccessDiff) -> list[str]:
    return [change.who for change in found.lost]


def _date(operator: str, day: str) -> Any:
    return {operator: {"aws:CurrentTime": f"2026-{day}T00:00:00Z"}}


@pytest.mark.parametrize(
    ("old", "new", "gained", "lost"),
    [
        # The same, in the same and in other words.
        ([_allow({"AWS": ROOT})], [_allow({"AWS": ROOT})], [], []),
        ([_allow({"AWS": ROOT})], [_allow({"AWS": ["222222222222"]}, action=["sts:assumerole"])], [], []),
        ([_allow({"AWS": [ROOT, OTHER]})], [_allow({"AWS": OTHER}), _allow({"AWS": ROOT})], [], []),
        # More, and less.
        ([_allow({"AWS": ROOT})], [_allow({"AWS": [ROOT, OTHER]})], [("333333333333", True)], []),
        ([_allow({"AWS": [ROOT, OTHER]})], [_allow({"AWS": ROOT})], [], ["333333333333"]),
        ([_allow({"AWS": ROOT}, IN_ORGANIZATION)], [_allow({"AWS": ROOT})], [("222222222222", True)], []),
        ([_allow({"AWS": ROOT})], [_allow({"AWS": ROOT}, IN_ORGANIZATION)], [], ["222222222222"]),
        (
            [_allow({"AWS": ROOT})],
            [_allow("*", IN_ORGANIZATION)],
            [("*", True), ("arn:aws:iam::111111111111:role/caller", True), (ROLE, True)],
            ["222222222222"],
        ),
        # What a sample of values would not tell apart.
        (
            [
                _allow(
                    {"AWS": ROOT}, {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/a*"}}
                )
            ],
            [
                _allow(
                    {"AWS": ROOT}, {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/a*b"}}
                )
            ],
            [],
            None,
        ),
        (
            [
                _allow(
                    {"AWS": ROOT}, {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/a*b"}}
                )
            ],
            [
                _allow(
                    {"AWS": ROOT}, {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/a*"}}
                )
            ],
            "some",
            [],
        ),
        (
            [_allow({"AWS": ROOT}, {"StringEquals": {"sts:ExternalId": ["a1", "b2"]}})],
            [_allow({"AWS": ROOT}, {"StringEquals": {"sts:ExternalId": ["a1", "c3"]}})],
            [("222222222222", True)],
            ["222222222222"],
        ),
        # Denials that come and go.
        (
            [_allow({"AWS": ROOT})],
            [
                _allow({"AWS": ROOT}),
                _allow("*", {"Bool": {"aws:MultiFactorAuthPresent": "false"}}, effect="Deny"),
            ],
            [],
            ["222222222222"],
        ),
        (
            [_allow({"AWS": ROOT}), _allow({"AWS": "arn:aws:iam::222222222222:user/ann"}, effect="Deny")],
            [_allow({"AWS": ROOT})],
            "some",
            [],
        ),
        # Federation and services.
        (
            [_allow({"Service": "lambda.amazonaws.com"})],
            [_allow({"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]})],
            [("ec2.amazonaws.com", True)],
            [],
        ),
        # A role that comes or goes.
        ([], [_allow({"AWS": ROOT})], [("222222222222", True)], []),
        ([_allow({"AWS": ROOT})], [], [], ["222222222222"]),
    ],
)
def test_a_change_of_a_trust_policy(old: list[Any], new: list[Any], gained: Any, lost: Any) -> None:
    """Who gets in now and did not before, and who does not any more, each with a witness."""
    found = diff(_template(*old), _template(*new))
    if gained == "some":
        assert found.gained
    else:
        assert _gained(found) == gained
    if lost is not None:
        assert _lost(found) == lost
    assert all(change.witness for change in found.gained if change.certain)


def test_the_witness_tells_the_difference() -> None:
    """The request that is shown gets in now, and did not before."""
    found = diff(
        _template(_allow({"AWS": ROOT}, {"StringEquals": {"sts:ExternalId": "a1"}})),
        _template(_allow({"AWS": ROOT}, {"StringEquals": {"sts:ExternalId": ["a1", "c3"]}})),
    )
    (change,) = found.gained
    assert "c3" in change.witness
    assert change.words.startswith(f"{ROLE} lets in every principal of account 222222222222")


def test_a_permission_that_opens_a_hop() -> None:
    """Where the trust policy stays and the caller gets the permission, the hop is new; without it, it is lost."""
    trust = _allow({"AWS": "111111111111"})
    hop = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}
    closed, opened = _template(trust), _template(trust, policies=[hop])
    caller = "arn:aws:iam::111111111111:role/caller"
    found = diff(closed, opened)
    assert [(change.who, change.role, change.certain) for change in found.gained] == [(caller, ROLE, True)]
    assert [(change.who, change.role) for change in diff(opened, closed).lost] == [(caller, ROLE)]


def test_what_callers_may_bring() -> None:
    """Session tags that a caller may pass now and might not before are told, as they may open something else."""
    found = diff(
        _template(_allow({"AWS": ROOT})),
        _template(_allow({"AWS": ROOT}), _allow({"AWS": ROOT}, action="sts:TagSession")),
    )
    assert [change.words for change in found.gained if change.who == "*"] == [
        f"{ROLE} lets its callers pass session tags that it may not have let them pass"
    ]


def test_what_is_not_known_any_more() -> None:
    """A value that becomes a parameter is told, and who gets in by it counts as new."""
    parameters = {"Account": {"Type": "String"}}
    found = diff(
        _template(_allow({"AWS": ROOT})),
        _template(_allow({"AWS": {"Ref": "Account"}}), parameters=parameters),
    )
    assert [message for _, message in found.unknown] == [
        "statement 0 of AssumeRolePolicyDocument of Role holds an unresolved Ref Account "
        "(parameter Account has no default)"
    ]
    assert [(change.who, change.certain) for change in found.gained] == [("", False)]


def test_a_removed_denial_is_never_taken_for_harmless() -> None:
    """Without the Deny of before, nobody is shown to have been let in: whoever gets in now counts as new."""
    unsure = _allow("*", _date("DateGreaterThan", "01-01"), effect="Deny")
    found = diff(_template(_allow({"AWS": ROOT}), unsure), _template(_allow({"AWS": ROOT})))
    assert [change.who for change in found.gained] == ["222222222222"]


_UNKNOWN: dict[str, Any] = {
    "Parameters": {"Stage": {"Type": "String"}},
    "Conditions": {"Open": {"Fn::Equals": [{"Ref": "Stage"}, "open"]}},
}


def _role(*trust: Any, version: str = "2012-10-17", condition: str = "", **properties: Any) -> Any:
    document = {"Version": version, "Statement": list(trust)}
    own = {"RoleName": "deploy", "AssumeRolePolicyDocument": document, **properties}
    return {"Type": "AWS::IAM::Role", "Properties": own} | ({"Condition": condition} if condition else {})


def _caller(*statements: Any, **properties: Any) -> Any:
    trust = {"Statement": [_allow({"Service": "ec2.amazonaws.com"})]}
    policies = [{"PolicyName": "own", "PolicyDocument": {"Statement": list(statements)}}]
    own = {"RoleName": "caller", "AssumeRolePolicyDocument": trust, "Policies": policies, **properties}
    return {"Type": "AWS::IAM::Role", "Properties": own}


_OWN_ROOT = {"AWS": "arn:aws:iam::111111111111:root"}
_CALL = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}
_SAME_TAG = {"StringEquals": {"aws:PrincipalTag/team": "${aws:RequestTag/team}"}}
_OWN_TAG = {"StringEquals": {"aws:ResourceTag/open": "yes"}}
_AT_HOME = {"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}
_BY_STAGE = {"AWS": {"Fn::If": ["Open", "*", ROOT]}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # The same text, of which the version makes a variable, in a Deny too.
        (_role(_allow("*", _SAME_TAG), version="2008-10-17"), _role(_allow("*", _SAME_TAG))),
        (
            _role(_allow(_OWN_ROOT), _allow("*", _AT_HOME, effect="Deny")),
            _role(_allow(_OWN_ROOT), _allow("*", _AT_HOME, effect="Deny"), version="2008-10-17"),
        ),
        # The role's own tag that its trust policy asks for.
        (
            _role(_allow({"AWS": ROOT}, _OWN_TAG), Tags=[{"Key": "open", "Value": "no"}]),
            _role(_allow({"AWS": ROOT}, _OWN_TAG), Tags=[{"Key": "open", "Value": "yes"}]),
        ),
        # What is not known on either side says something else now, or is known now.
        (_role(_allow({"AWS": {"Fn::If": ["Open", OTHER, ROOT]}})), _role(_allow(_BY_STAGE))),
        (_role(_allow({"AWS": {"Ref": "Stage"}})), _role(_allow({"AWS": ROOT}))),
        (_role(_allow({"AWS": ROOT}), condition="Open"), _role(_allow({"AWS": ROOT}))),
    ],
)
def test_the_same_words_that_let_in_more(old: Any, new: Any) -> None:
    """A trust policy that reads as before is no proof that nobody new gets in."""
    before, after = (
        [Template("app", {**_UNKNOWN, "Resources": {"Role": role}}, account="111111111111")]
        for role in (old, new)
    )
    found = diff(before, after)
    assert found.gained or found.unknown
    for unchanged in (before, after):
        assert diff(unchanged, unchanged) == AccessDiff((), (), ())


def test_a_condition_that_is_written_anew() -> None:
    """What a condition depends on is a part of what is not known."""
    resources = {"Role": _role(_allow(_BY_STAGE))}
    other = {"Open": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Stage"}, "open"]}]}}
    before = {**_UNKNOWN, "Resources": resources}
    after = {**_UNKNOWN, "Conditions": other, "Resources": resources}
    found = diff([Template("app", before, account="1" * 12)], [Template("app", after, account="1" * 12)])
    assert [place and place.logical_id for place, _ in found.unknown] == ["Role"]


@pytest.mark.parametrize(
    "old",
    [
        _caller({**_CALL, "Resource": {"Ref": "Stage"}}),
        _caller(_CALL, PermissionsBoundary="arn:aws:iam::111111111111:policy/elsewhere"),
        _caller(
            _CALL,
            {**_CALL, "Effect": "Deny", "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        ),
    ],
)
def test_a_hop_that_is_sure_now(old: Any) -> None:
    """A hop that may have been refused before, and is not now, is new."""
    before, after = (
        [Template("app", {**_UNKNOWN, "Resources": {"Role": role, "Caller": caller}}, account="111111111111")]
        for role, caller in ((_role(_allow(_OWN_ROOT)), old), (_role(_allow(_OWN_ROOT)), _caller(_CALL)))
    )
    found = diff(before, after)
    assert _gained(found) == [("arn:aws:iam::111111111111:role/caller", True)]
    assert diff(before, before).gained == ()


def test_two_roles_of_one_arn() -> None:
    """A role of which it was not known which one there is let nobody in for sure."""
    conditions = {**_UNKNOWN["Conditions"], "Shut": {"Fn::Not": [{"Condition": "Open"}]}}
    both = {
        "A": _role(_allow({"AWS": ROOT}), condition="Open"),
        "B": _role(_allow({"AWS": OTHER}), condition="Shut"),
    }
    old = {**_UNKNOWN, "Conditions": conditions, "Resources": both}
    new = {**_UNKNOWN, "Resources": {"A": _role(_allow({"AWS": ROOT}))}}
    found = diff([Template("app", old, account="1" * 12)], [Template("app", new, account="1" * 12)])
    assert {change.who for change in found.gained} == {"222222222222"}


OWN = {"AWS": "arn:aws:iam::111111111111:root"}
CARRYING = ["sts:AssumeRole", "sts:TagSession"]


@pytest.mark.parametrize(
    ("guard", "shown"),
    [
        ({"StringEquals": {"sts:ExternalId": "ticket-7"}}, "with sts:externalid"),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, "lets"),
        ({"StringEquals": {"aws:RequestTag/team": "blue"}}, "with aws:requesttag/team"),
        ({"StringLike": {"sts:RoleSessionName": "ci-*"}}, "with sts:rolesessionname"),
    ],
)
def test_a_guard_that_is_gone(guard: Any, shown: str) -> None:
    """A hop that was there is told where either half asks for less, with a call that it refused before."""
    permission = {"Effect": "Allow", "Action": CARRYING, "Resource": ROLE}
    guarded, free = _allow(OWN, guard, CARRYING), _allow(OWN, action=CARRYING)
    found = diff(_template(guarded, policies=[permission]), _template(free, policies=[permission]))
    assert ("111111111111", True) in _gained(found)
    found = diff(
        _template(free, policies=[{**permission, "Condition": guard}]), _template(free, policies=[permission])
    )
    (change,) = found.gained
    assert (change.who, change.certain) == ("arn:aws:iam::111111111111:role/caller", True)
    assert shown in change.witness
    found = diff(
        _template(free, policies=[permission]), _template(free, policies=[{**permission, "Condition": guard}])
    )
    assert found.gained == ()


def test_a_deny_that_is_gone_and_asked_for_the_time_alone() -> None:
    """Whoever it kept out for some time gets in now, with such a moment."""
    deny = _allow("*", _date("DateGreaterThan", "06-01"), effect="Deny")
    found = diff(_template(_allow({"AWS": ROOT}), deny), _template(_allow({"AWS": ROOT})))
    (change,) = found.gained
    assert (change.who, change.certain) == ("222222222222", True)
    assert "aws:currenttime 2026-06-01" in change.witness.lower()


PERMISSION = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}
CALLER = "arn:aws:iam::111111111111:role/caller"


@pytest.mark.parametrize(
    "condition",
    [
        _date("DateGreaterThan", "06-01"),
        {"NumericGreaterThan": {"aws:MultiFactorAuthAge": "60"}, **_date("DateLessThan", "06-01")},
    ],
)
def test_a_deny_of_the_callers_that_is_gone_and_asked_for_the_time(condition: Any) -> None:
    """The hop was there at other times, and is there at any now; the other way round such calls are lost."""
    deny = {"Effect": "Deny", "Action": "sts:*", "Resource": "*", "Condition": condition}
    guarded, free = (
        _template(_allow(OWN), policies=statements) for statements in ([PERMISSION, deny], [PERMISSION])
    )
    for change in (*diff(guarded, free).gained, *(diff(free, guarded).lost)):
        assert change.who == CALLER
        assert change.place.part == "Policies[0]"
    (change,) = diff(guarded, free).gained
    if "NumericGreaterThan" not in condition:
        assert change.certain
        assert "aws:currenttime 2026-06-01" in change.witness
        assert "on the other side: " in change.witness
        assert _lost(diff(free, guarded)) == [CALLER]
    assert diff(guarded, _template(_allow(OWN), policies=[deny, PERMISSION])).gained == ()


def test_a_boundary_that_is_wider() -> None:
    """A guard of the caller's boundary that is gone is told as one of its policies."""

    def templates(*statements: Any) -> list[Template]:
        (template,) = _template(_allow(OWN), policies=[PERMISSION])
        resources = template.body["Resources"]
        caller = resources["Caller"]
        boundary = {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": {"Statement": statements}},
        }
        own = {**caller, "Properties": {**caller["Properties"], "PermissionsBoundary": {"Ref": "Boundary"}}}
        return [replace(template, body={"Resources": {**resources, "Caller": own, "Boundary": boundary}})]

    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    guard = {"StringEquals": {"sts:ExternalId": "ticket-7"}}
    deny = {**PERMISSION, "Effect": "Deny", "Condition": _date("DateGreaterThan", "06-01")}
    for before in ([{**anything, "Condition": guard}], [anything, deny]):
        (change,) = diff(templates(*before), templates(anything)).gained
        assert (change.who, change.certain) == (CALLER, True)
        assert diff(templates(anything), templates(*before)).gained == ()


def test_a_hop_that_is_lost_to_a_deny() -> None:
    """What decides it now stands beside what decided it before."""
    deny = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}
    (change,) = diff(
        _template(_allow(OWN), policies=[PERMISSION]), _template(_allow(OWN), policies=[PERMISSION, deny])
    ).lost
    assert change.who == CALLER
    assert "; on the other side: statement 1 of " in change.witness


def test_a_user_who_may_call_now() -> None:
    """An IAM user that is given the permission gets into a role that trusts its account."""

    def templates(*statements: Any) -> list[Template]:
        (template,) = _template(_allow(OWN))
        policies = [{"PolicyName": "own", "PolicyDocument": {"Statement": list(statements)}}]
        user = {"Type": "AWS::IAM::User", "Properties": {"UserName": "ann", "Policies": policies}}
        return [replace(template, body={"Resources": {**template.body["Resources"], "User": user}})]

    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}
    listed = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    found = diff(templates(listed), templates(listed, allowed))
    assert _gained(found) == [("arn:aws:iam::111111111111:user/ann", True)]
    assert _lost(diff(templates(listed, allowed), templates(listed))) == [
        "arn:aws:iam::111111111111:user/ann"
    ]


@pytest.mark.parametrize(
    ("tagged", "trust", "permission"),
    [
        ("Caller", {"StringEquals": {"aws:PrincipalTag/team": "blue"}}, None),
        ("Role", None, {"StringEquals": {"iam:ResourceTag/team": "blue"}}),
    ],
)
def test_a_tag_that_opens_a_hop(tagged: str, trust: Any, permission: Any) -> None:
    """A role's own tag lets it in, or be assumed, where a condition asks for it; the other way round that is lost."""
    allow = {**PERMISSION, "Condition": permission} if permission else PERMISSION
    (plain,) = _template(_allow(OWN, trust), policies=[allow])
    role = plain.body["Resources"][tagged]
    own = {**role, "Properties": {**role["Properties"], "Tags": [{"Key": "team", "Value": "blue"}]}}
    opened = replace(plain, body={"Resources": {**plain.body["Resources"], tagged: own}})
    (change,) = diff([plain], [opened]).gained
    assert (change.who, change.certain) == (CALLER, True)
    assert "ResourceTag/team is missing" in change.witness or "PrincipalTag/team is missing" in change.witness
    assert diff([opened], [plain]).gained == ()
    assert _lost(diff([opened], [plain])) == [CALLER]


def test_a_role_that_is_gone() -> None:
    """Whoever got in by it does not any more, and nobody reads that it is new."""
    (change,) = diff(_template(_allow({"AWS": ROOT})), _template()).lost
    assert change.words.startswith(f"{ROLE}, which is gone, lets in ")
