"""Whom a trust policy lets in, in words."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain.graph.trusted_access import trusted_access
from rolechain.proof import RoleRecord, Template, audit, role_graph_of

Json = dict[str, Any]
ROOT = {"AWS": "arn:aws:iam::444444444444:root"}
HOST = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::111111111111:oidc-provider/{HOST}"


def _role(*statements: Json) -> RoleRecord:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "role", "AssumeRolePolicyDocument": document},
    }
    (record,) = role_graph_of([Template("app", {"Resources": {"Role": role}}, account="111111111111")]).roles
    return record


def _allow(
    principal: Any, condition: Json | None = None, action: str = "sts:AssumeRole", effect: str = "Allow"
) -> Json:
    statement = {"Effect": effect, "Action": action, "Principal": principal}
    return statement | ({"Condition": condition} if condition else {})


def _words(*statements: Json) -> list[str]:
    return [access.words for access in trusted_access(_role(*statements))]


EVERYBODY_OF_4 = "every principal of account 444444444444 that its own account allows"


@pytest.mark.parametrize(
    ("principal", "condition", "words"),
    [
        (ROOT, None, [EVERYBODY_OF_4]),
        ({"AWS": "444444444444"}, None, [EVERYBODY_OF_4]),
        ("*", None, ["everyone that its own account allows"]),
        (
            {"AWS": "*"},
            {"StringEquals": {"aws:PrincipalOrgID": "o-example"}},
            ["everyone in organization o-example that its own account allows"],
        ),
        (
            "*",
            {"StringEquals": {"aws:PrincipalAccount": "444444444444"}},
            [EVERYBODY_OF_4],
        ),
        (
            ROOT,
            {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/x"}},
            ["the principal arn:aws:iam::444444444444:role/x"],
        ),
        (ROOT, {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::555555555555:role/x"}}, []),
        (
            ROOT,
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x*"}},
            ["every principal of account 444444444444 whose ARN is like arn:aws:iam::*:role/x*"],
        ),
        (ROOT, {"ArnEqualsIfExists": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/x"}},
         ["the principal arn:aws:iam::444444444444:role/x"]),
        (ROOT, {"StringNotEquals": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/x"}},
         [f"{EVERYBODY_OF_4}, if StringNotEquals aws:PrincipalArn arn:aws:iam::444444444444:role/x"]),
        (ROOT, {"StringEquals": {"sts:ExternalId": "x"}}, [f"{EVERYBODY_OF_4}, with the external id x"]),
        (ROOT, {"StringLike": {"sts:RoleSessionName": "?x*", "aws:RequestTag/team": "a*"}}, []),
        (ROOT, {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, [f"{EVERYBODY_OF_4}, from 192.0.2.0/24"]),
        (ROOT, {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
         [f"{EVERYBODY_OF_4}, from 2026-01-01T00:00:00Z on"]),
        (ROOT, {"NumericLessThan": {"sts:DurationSeconds": "900"}},
         [f"{EVERYBODY_OF_4}, if NumericLessThan sts:DurationSeconds 900"]),
        (ROOT, {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-a/*", "o-b/*"]}},
         ["every principal of account 444444444444 in organizational unit o-a/* or o-b/* that its own account allows"]),
        (ROOT, {"Bool": {"aws:PrincipalIsAWSService": "true"}}, []),
        (ROOT, {"Null": {"aws:PrincipalArn": "true"}}, []),
        ({"Service": "lambda.amazonaws.com"}, None, ["the service lambda.amazonaws.com"]),
        (
            {"Service": "sns.amazonaws.com"},
            {"StringEquals": {"aws:SourceAccount": "111111111111"}},
            ["the service sns.amazonaws.com, for account 111111111111"],
        ),
        ({"AWS": "arn:aws:iam::444444444444:user/bob"}, None, ["the principal arn:aws:iam::444444444444:user/bob"]),
        (
            {"AWS": "arn:aws:sts::444444444444:assumed-role/x/session"},
            None,
            ["the principal arn:aws:sts::444444444444:assumed-role/x/session"],
        ),
        ({"AWS": "AROAEXAMPLEEXAMPLE123"}, None, ["the principal AROAEXAMPLEEXAMPLE123, which is not known"]),
        ({"AWS": "arn:aws:iam::444444444444:role/x*"}, None, []),
        ({"Federated": PROVIDER}, None, []),
    ],
)  # fmt: skip
def test_who_is_let_in(principal: Any, condition: Json | None, words: list[str]) -> None:
    """A statement is described by whom it lets in; conditions on what a caller is close it, others are said."""
    assert _words(_allow(principal, condition)) == words


def test_tags_need_their_action() -> None:
    """A door that needs a session tag opens only where sts:TagSession is allowed as well."""
    condition = {"StringLike": {"aws:RequestTag/team": "a*"}}
    assert _words(_allow(ROOT, condition)) == []
    assert _words(_allow(ROOT, condition, "sts:*")) == [f"{EVERYBODY_OF_4}, with the session tag team a*"]


def test_a_deny_closes() -> None:
    """A Deny for everybody but one role leaves that role, and a Deny on a chosen key leaves everybody."""
    other = {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/x"}}
    assert _words(_allow(ROOT), _allow("*", other, effect="Deny")) == [
        "the principal arn:aws:iam::444444444444:role/x"
    ]
    assert _words(_allow(ROOT), _allow("*", {"StringEquals": {"sts:ExternalId": "x"}}, effect="Deny")) == [
        EVERYBODY_OF_4
    ]


def test_two_patterns_that_must_both_match_are_met_together() -> None:
    """Two wildcards that only some ARNs meet at once are still a door."""
    condition = {
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/a*"},
        "StringLike": {"aws:PrincipalArn": "*z"},
    }
    assert _words(_allow(ROOT, condition)) != []


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (None, f"every token of {PROVIDER}"),
        (
            {
                "StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"},
                "StringLike": {f"{HOST}:sub": "repo:a/b:*"},
            },
            f"tokens of {PROVIDER} with {HOST}:aud sts.amazonaws.com and {HOST}:sub repo:a/b:*",
        ),
    ],
)
def test_tokens_are_named_by_what_they_must_carry(condition: Json | None, words: str) -> None:
    """Tokens of an identity provider are let in by their audience and subject, or all of them."""
    assert _words(_allow({"Federated": PROVIDER}, condition, "sts:AssumeRoleWithWebIdentity")) == [words]


def test_an_unresolved_principal_may_be_anybody() -> None:
    """A principal that is not known is a door of which it is not known whom it lets in."""
    (access,) = trusted_access(_role(_allow({"AWS": {"Ref": "Nobody"}})))
    assert (access.kind, access.certain, access.words) == (
        "unknown",
        False,
        "a principal that cannot be resolved",
    )


def test_an_audit_names_every_door_and_every_edge() -> None:
    """Without a chain, every AssumeRole is listed: within the templates, out of them by permission, in by trust."""
    permission = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    resources = ["arn:aws:iam::111111111111:role/b", "arn:aws:iam::999999999999:role/out"]
    document = {"Version": "2012-10-17", "Statement": [permission | {"Resource": resources}]}
    trust = {"Version": "2012-10-17", "Statement": [_allow({"AWS": "arn:aws:iam::111111111111:root"})]}
    body: Json = {
        "Resources": {
            name: {
                "Type": "AWS::IAM::Role",
                "Properties": {"RoleName": name, "AssumeRolePolicyDocument": trust},
            }
            for name in ("a", "b")
        }
    }
    body["Resources"]["a"]["Properties"]["Policies"] = [{"PolicyName": "p", "PolicyDocument": document}]
    proof = audit([Template("app", body)], {"app": "111111111111"})
    a, b = "arn:aws:iam::111111111111:role/a", "arn:aws:iam::111111111111:role/b"
    assert [(hop.caller, hop.callee, hop.verdict) for hop in proof.hops] == [
        (a, b, "allow"),
        (a, "arn:aws:iam::999999999999:role/out", "unknown"),
    ]
    assert [(entrance.role, entrance.who, entrance.declared) for entrance in proof.entrances] == [
        (a, "111111111111", False),
        (b, "111111111111", False),
    ]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"StringEquals": {"aws:PrincipalArn": "${aws:PrincipalTag/arn}"}}, EVERYBODY_OF_4),
        (
            {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/${aws:PrincipalTag/name}"}},
            "every role of account 444444444444 that its own account allows",
        ),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*${aws:PrincipalTag/name}"}}, EVERYBODY_OF_4),
        ({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalTag/account}"}}, EVERYBODY_OF_4),
    ],
)
def test_a_tag_that_a_caller_may_choose_closes_nothing(condition: Json, words: str) -> None:
    """Whoever tags a principal with its own ARN, name or account is let in, and it is shown."""
    (access,) = trusted_access(_role(_allow(ROOT, condition)))
    assert (access.words, access.certain) == (words, True)


def test_many_patterns_are_met_at_once() -> None:
    """A caller whose ARN must be like four patterns at once is found, be they asked for or kept out."""
    asked = {
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::444444444444:role/*a*"},
        "StringLike": {"aws:PrincipalArn": "*b*"},
        "ForAnyValue:StringLike": {"aws:PrincipalArn": "*c*"},
        "ForAnyValue:ArnLike": {"aws:PrincipalArn": "arn:*:*:*:*:*d*"},
    }
    (access,) = trusted_access(_role(_allow(ROOT, asked)))
    patterns = "arn:aws:iam::444444444444:role/*a* and *b* and *c* and arn:*:*:*:*:*d*"
    assert access.words == f"every principal of account 444444444444 whose ARN is like {patterns}"
    assert access.certain
    kept_out = [
        _allow("*", {"StringNotLike": {"aws:PrincipalArn": pattern}}, effect="Deny")
        for pattern in ("*:role/*a*", "*b*", "*c*", "*d*")
    ]
    (access,) = trusted_access(_role(_allow(ROOT), *kept_out))
    assert access.certain


def test_a_token_of_many_values_is_found() -> None:
    """A token is found however many values its claims may have."""
    many = [f"v{number}" for number in range(20)]
    condition = {
        "StringNotEquals": {f"{HOST}:actor": "bob"},
        "StringEquals": {f"{HOST}:{key}": many for key in ("base_ref", "event_name", "head_ref")},
    }
    (access,) = trusted_access(
        _role(_allow({"Federated": PROVIDER}, condition, "sts:AssumeRoleWithWebIdentity"))
    )
    assert (access.kind, access.who, access.certain) == ("federated", PROVIDER, True)


@pytest.mark.parametrize(
    ("principal", "condition", "words"),
    [
        (
            "*",
            {"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}},
            "everyone in its own organization that its own account allows",
        ),
        (
            ROOT,
            {"StringLike": {"aws:PrincipalOrgID": "*"}},
            EVERYBODY_OF_4.replace(" that", " in any organization that"),
        ),
        (
            {"Service": "states.amazonaws.com"},
            {"StringEquals": {"aws:SourceOrgID": "${aws:ResourceOrgId}"}},
            "the service states.amazonaws.com, for its own organization",
        ),
        (
            {"Service": "states.amazonaws.com"},
            {"StringEquals": {"aws:SourceOrgID": "o-exampleorg1"}},
            "the service states.amazonaws.com, for organization o-exampleorg1",
        ),
        (
            "*",
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1/*/ou-ab12-11111111/*"}},
            "everyone in organizational unit o-exampleorg1/*/ou-ab12-11111111/* that its own account allows",
        ),
        (
            ROOT,
            {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
            f"{EVERYBODY_OF_4}, not from 203.0.113.0/24",
        ),
        (ROOT, {"StringEquals": {"aws:SourceVpce": "vpce-1"}}, f"{EVERYBODY_OF_4}, from VPC endpoint vpce-1"),
        (
            ROOT,
            {"StringEquals": {"aws:PrincipalTag/team": "red"}},
            f"{EVERYBODY_OF_4}, whose tag team is red",
        ),
        (
            ROOT,
            {"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}},
            f"{EVERYBODY_OF_4}, until 2027-01-01T00:00:00Z",
        ),
        (
            ROOT,
            {"DateGreaterThanEquals": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}},
            f"{EVERYBODY_OF_4}, from 2027-01-01T00:00:00Z on",
        ),
        (
            ROOT,
            {"NumericLessThanEquals": {"aws:MultiFactorAuthAge": "3600"}},
            f"{EVERYBODY_OF_4.replace('principal', 'IAM user')}, with MFA of the last 3600 seconds",
        ),
    ],
)
def test_the_guards_that_there_are(principal: Any, condition: Json, words: str) -> None:
    """Organization, unit, addresses, endpoints, tags, dates and MFA are said; one's own organization as such."""
    assert _words(_allow(principal, condition)) == [words]


def test_an_id_of_twelve_characters_is_any_account() -> None:
    """The accounts that templates do not tell have twelve digits as well."""
    asked = {
        "StringNotLike": {"aws:PrincipalAccount": "????????????"},
        "ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*"},
    }
    assert _words(_allow("*", asked)) == []
