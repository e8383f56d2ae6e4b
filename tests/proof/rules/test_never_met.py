"""RC40: statements of trust policies that let nobody in whom they name."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain.proof import Finding, Level, SourceLocation

Kit = Any
APP = "arn:aws:iam::111111111111:role/app"
PLACE = SourceLocation("t", "Role", 0, "AssumeRolePolicyDocument")
ROOT = "arn:aws:iam::222222222222:root"
CALLER = "arn:aws:iam::222222222222:role/caller"
USER = "arn:aws:iam::222222222222:user/alice"
HOST = "token.actions.githubusercontent.com"
OIDC = f"arn:aws:iam::111111111111:oidc-provider/{HOST}"
SAML = "arn:aws:iam::111111111111:saml-provider/idp"
EKS = "oidc.eks.eu-west-1.amazonaws.com/id/"
WEB, BY_SAML = "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"
LAMBDA = {"Service": "lambda.amazonaws.com"}
ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
SUBJECT = {"StringLike": {f"{HOST}:sub": "repo:acme/app:*"}}


def _messages(kit: Kit, *statements: Any) -> list[str]:
    found = kit.ask("RC40", kit.role(list(statements)))
    assert all(each.level is Level.WARNING for each in found)
    return [each.message.removeprefix(f"{APP} ") for each in found]


def test_rc40_fires_on_a_key_that_a_service_never_carries(kit: Kit) -> None:
    """A service is no member of an organization: the finding names what it tells in its place."""
    assert kit.ask("RC40", kit.role(kit.trust(LAMBDA, ORGANIZATION))) == [
        Finding(
            "RC40",
            Level.WARNING,
            PLACE,
            f"{APP} asks a service (lambda.amazonaws.com) for aws:PrincipalOrgID, which no call of a service carries",
            "write aws:SourceOrgID",
        )
    ]


@pytest.mark.parametrize(
    ("principal", "action", "condition", "asked", "of"),
    [
        (LAMBDA, "sts:AssumeRole", MFA, "aws:MultiFactorAuthPresent", "a service"),
        (LAMBDA, "sts:*", {"Null": {"aws:PrincipalArn": "false"}}, "aws:PrincipalArn", "a service"),
        ({"Federated": OIDC}, WEB, ORGANIZATION, "aws:PrincipalOrgID", "a token"),
        ({"Federated": OIDC}, WEB, {"StringLike": {"sts:ExternalId": "*"}}, "sts:ExternalId", "a token"),
        ({"Federated": SAML}, BY_SAML, MFA, "aws:MultiFactorAuthPresent", "an assertion"),
        (
            {"AWS": CALLER},
            "sts:AssumeRole",
            {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b"}},
            "aws:SourceArn",
            "a role's session",
        ),
        (
            {"AWS": CALLER},
            "sts:AssumeRole",
            {"StringEquals": {"aws:username": "x"}},
            "aws:username",
            "a role's session",
        ),
    ],
)
def test_rc40_fires_on_a_key_that_a_kind_of_caller_never_carries(
    kit: Kit, principal: Any, action: str, condition: Any, asked: str, of: str
) -> None:
    """The finding says which key it is, and which calls do not carry it."""
    (name,) = principal.values()
    assert _messages(kit, kit.trust(principal, condition, action)) == [
        f"asks {of} ({name}) for {asked}, which no call of {of} carries"
    ]


def test_rc40_fires_on_a_key_that_has_another_value(kit: Kit) -> None:
    """A role's session is no IAM user."""
    condition = {"StringEquals": {"aws:PrincipalType": "User"}}
    assert _messages(kit, kit.trust(CALLER, condition)) == [
        f"asks a role's session ({CALLER}) for aws:PrincipalType User, and it is AssumedRole for a role's session"
    ]


@pytest.mark.parametrize(
    ("principal", "action", "message"),
    [
        (
            {"Federated": OIDC},
            "sts:AssumeRole",
            f"names {OIDC} with sts:AssumeRole, which never lets a token in",
        ),
        (
            {"Federated": SAML},
            ["sts:AssumeRole", "sts:TagSession"],
            f"names {SAML} with sts:AssumeRole, sts:TagSession, which never lets an assertion in",
        ),
        ({"Federated": SAML}, WEB, f"names {SAML} with {WEB}, which never lets an assertion in"),
        (LAMBDA, WEB, f"names lambda.amazonaws.com with {WEB}, which never lets a service in"),
        (
            {"AWS": ROOT, "Federated": OIDC},
            WEB,
            f"names {ROOT} with {WEB}, which never lets a role's session or an IAM user in",
        ),
    ],
)
def test_rc40_fires_on_an_action_that_never_admits_a_principal(
    kit: Kit, principal: Any, action: Any, message: str
) -> None:
    """Each kind of caller has its own action, whoever else is named beside it."""
    assert _messages(kit, kit.trust(principal, None, action)) == [message]


def test_rc40_says_what_notaction_leaves(kit: Kit) -> None:
    """All actions but the one that admits a principal never let it in."""
    statement = kit.trust(LAMBDA, None, "x")
    statement["NotAction"] = statement.pop("Action") and "sts:AssumeRole"
    (found,) = kit.ask("RC40", kit.role(statement))
    assert found.message.endswith(
        "names lambda.amazonaws.com with all but sts:AssumeRole, which never lets a service in"
    )
    assert found.remediation == "write the Action sts:AssumeRole"


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sts::222222222222:assumed-role/caller/session",
        "arn:aws:sts::222222222222:assumed-role/caller/*",
        ROOT,
        "arn:aws:iam::222222222222:group/admins",
    ],
)
@pytest.mark.parametrize("operator", ["ArnLike", "StringLike"])
def test_rc40_fires_on_what_no_caller_is(kit: Kit, operator: str, arn: str) -> None:
    """aws:PrincipalArn of a session is the ARN of its role."""
    assert _messages(kit, kit.trust(ROOT, {operator: {"aws:PrincipalArn": arn}})) == [
        f"asks a role's session or an IAM user ({ROOT}) for aws:PrincipalArn {arn}, which no call carries: it is the "
        "ARN of a role or of an IAM user, a session's too"
    ]


@pytest.mark.parametrize(
    ("principal", "action", "operator", "key", "value"),
    [
        ({"Federated": OIDC}, WEB, "StringEquals", f"{HOST}:sub", "repo:acme/app:*"),
        ({"Federated": OIDC}, WEB, "StringEqualsIgnoreCase", f"{HOST}:sub", "repo:acme/app:ref:?"),
        ({"AWS": ROOT}, "sts:AssumeRole", "StringEquals", "aws:PrincipalArn", f"{CALLER}-*"),
        ({"AWS": ROOT}, "sts:AssumeRole", "StringEquals", "aws:PrincipalOrgID", "o-*"),
        (LAMBDA, "sts:AssumeRole", "StringEquals", "aws:SourceAccount", "1111*"),
    ],
)
def test_rc40_fires_on_a_wildcard_that_is_compared_as_a_text(
    kit: Kit, principal: Any, action: str, operator: str, key: str, value: str
) -> None:
    """StringEquals knows no wildcard."""
    (found,) = kit.ask("RC40", kit.role(kit.trust(principal, {operator: {key: value}}, action)))
    assert found.message == (
        f"{APP} asks for {operator} {key} {value}, which takes a wildcard as it stands, and no value of that key "
        "holds one"
    )
    assert found.remediation == f"write StringLike for {key}"


def test_rc40_fires_on_the_claims_of_another_provider(kit: Kit) -> None:
    """The keys of one cluster's tokens are not those of another's."""
    provider = f"arn:aws:iam::111111111111:oidc-provider/{EKS}AAAA"
    condition = {"StringEquals": {f"{EKS}BBBB:sub": "system:serviceaccount:app:app"}}
    assert _messages(kit, kit.trust({"Federated": provider}, condition, WEB)) == [
        f"asks a token of {provider} for {EKS}BBBB:sub, which only tokens of another provider carry"
    ]


def test_rc40_fires_on_the_one_of_two_that_is_locked_out(kit: Kit) -> None:
    """A condition that the accounts meet keeps the service out that is named with them."""
    assert _messages(kit, kit.trust({"AWS": ROOT, **LAMBDA}, ORGANIZATION)) == [
        "asks a service (lambda.amazonaws.com) for aws:PrincipalOrgID, which no call of a service carries"
    ]


@pytest.mark.parametrize(
    ("principal", "arn", "of"),
    [
        (CALLER, "arn:aws:iam::222222222222:role/other", "a role's session"),
        (CALLER, USER, "a role's session"),
        (ROOT, "arn:aws:iam::333333333333:role/caller", "a role's session or an IAM user"),
    ],
)
def test_rc40_fires_where_principal_and_condition_disagree(
    kit: Kit, principal: str, arn: str, of: str
) -> None:
    """A condition on somebody whom the statement does not name leaves nobody."""
    assert _messages(kit, kit.trust(principal, {"ArnEquals": {"aws:PrincipalArn": arn}})) == [
        f"names {principal}, and no call of {of} that is named meets every condition of the statement"
    ]


def test_rc40_fires_where_a_deny_keeps_all_of_them_out(kit: Kit) -> None:
    """A service carries no MFA, so that a deny of whoever lacks it is met by every call of one."""
    deny = kit.trust("*", {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, Effect="Deny")
    assert _messages(kit, kit.trust(LAMBDA), deny) == [
        "names lambda.amazonaws.com, and the statements that deny keep all of them out"
    ]


@pytest.mark.parametrize(
    ("principal", "condition", "action"),
    [
        (LAMBDA, {"StringEquals": {"aws:SourceAccount": "111111111111"}}, "sts:AssumeRole"),
        (LAMBDA, {"StringEquals": {"sts:ExternalId": "e-1"}}, "sts:AssumeRole"),
        (LAMBDA, {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}}, "sts:AssumeRole"),
        (LAMBDA, {"StringNotEquals": {"aws:PrincipalAccount": "222222222222"}}, "sts:AssumeRole"),
        (LAMBDA, {"StringEquals": {"aws:SourceArn": "arn:aws:logs:eu-west-1:1:x:*"}}, "sts:AssumeRole"),
        ({"Federated": OIDC}, SUBJECT, WEB),
        ({"Federated": OIDC}, SUBJECT, "sts:AssumeRole*"),
        ({"Federated": OIDC}, SUBJECT, "sts:*"),
        ({"Federated": OIDC}, SUBJECT, {"Ref": "Action"}),
        (
            {"Federated": OIDC},
            {"StringEquals": {f"{HOST}:sub": ["repo:acme/app:*", "repo:acme/app:pull_request"]}},
            WEB,
        ),
        ({"Federated": OIDC}, {"StringEquals": {f"{HOST}:sub": {"Ref": "Subject"}}}, WEB),
        ({"Federated": OIDC}, {"StringEquals": {"aws:RequestTag/acme.example:team": "x"}}, WEB),
        ({"Federated": f"{OIDC}/acme"}, {"StringEquals": {f"{HOST}/acme:sub": "x"}}, WEB),
        (
            {"Federated": "cognito-identity.amazonaws.com"},
            {"StringEquals": {"cognito-identity.amazonaws.com:aud": "x"}},
            WEB,
        ),
        ({"Federated": {"Ref": "Provider"}}, ORGANIZATION, "sts:AssumeRole"),
        (
            {"Federated": SAML},
            {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
            BY_SAML,
        ),
        ({"AWS": ROOT, "Federated": SAML}, None, ["sts:AssumeRole", BY_SAML]),
        (ROOT, MFA, "sts:AssumeRole"),
        (ROOT, {"StringEquals": {"aws:username": "alice"}}, "sts:AssumeRole"),
        (ROOT, {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/caller*"}}, "sts:AssumeRole"),
        (ROOT, {"StringEquals": {"aws:PrincipalArn": {"Ref": "Caller"}}}, "sts:AssumeRole"),
        (ROOT, {"StringEquals": {"aws:PrincipalTag/team": "*"}}, "sts:AssumeRole"),
        (
            ROOT,
            {"ArnLike": {"aws:PrincipalArn": "arn:aws-us-gov:iam::222222222222:role/x"}},
            "sts:AssumeRole",
        ),
        (
            "arn:aws:iam::<t>:root",
            {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/x"}},
            "sts:AssumeRole",
        ),
        ("arn:aws-us-gov:iam::222222222222:root", None, "sts:AssumeRole"),
        (CALLER, {"StringEquals": {"sts:ExternalId": "e-1"}}, "sts:AssumeRole"),
        ("*", ORGANIZATION, "sts:AssumeRole"),
        ("*", {"StringEquals": {"aws:SourceAccount": "111111111111"}}, "sts:AssumeRole"),
    ],
)
def test_rc40_silent_where_somebody_may_get_in(kit: Kit, principal: Any, condition: Any, action: Any) -> None:
    """A condition that somebody meets, or of which it is not known, is none that nobody meets."""
    assert _messages(kit, kit.trust(principal, condition, action)) == []


def test_rc40_fires_with_the_action_to_write(kit: Kit) -> None:
    """The cure names the action that lets such callers in."""
    (found,) = kit.ask("RC40", kit.role(kit.trust({"Federated": OIDC})))
    assert found.remediation == f"write {WEB}"


def test_rc40_silent_where_another_rule_tells(kit: Kit) -> None:
    """MFA of a role is RC14's, and a wildcard in a principal RC02's."""
    assert _messages(kit, kit.trust(CALLER, MFA)) == []
    assert _messages(kit, kit.trust(CALLER, {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}})) == []
    assert _messages(kit, kit.trust(ROOT, {**MFA, "ArnEquals": {"aws:PrincipalArn": CALLER}})) == []
    assert _messages(kit, kit.trust("arn:aws:iam::222222222222:role/*")) == []


def test_rc40_silent_on_a_role_that_is_closed_on_purpose(kit: Kit) -> None:
    """A deny without a condition says itself that nobody gets in."""
    assert _messages(kit, kit.trust(ROOT), kit.trust("*", Effect="Deny")) == []


def test_rc40_fires_on_a_trust_policy_without_an_entrance(kit: Kit) -> None:
    """No action, or the actions that only go with a call let nobody in; a Deny alone is on purpose."""
    nobody = [
        "the trust policy of arn:aws:iam::111111111111:role/app lets nobody in: no statement allows sts:AssumeRole"
    ]
    assert _messages(kit, kit.trust(LAMBDA, action=[])) == nobody
    assert _messages(kit, kit.trust(CALLER, action=["sts:TagSession", "sts:SetSourceIdentity"])) == nobody
    assert _messages(kit, {**kit.trust({"AWS": "*"}), "Effect": "Deny"}) == []
    assert _messages(kit, kit.trust(LAMBDA, action="sts:*")) == []


AUDIENCE = {"StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"}}
GITLAB = {"Federated": "arn:aws:iam::111111111111:oidc-provider/gitlab.com"}
NEVER = [
    ("a pod asked for a tag of its principal", {"Service": "pods.eks.amazonaws.com"}, "sts:AssumeRole",
     {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "a"}}),
    ("a service asked for the units of its principal", {"Service": "events.amazonaws.com"}, "sts:AssumeRole",
     {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-exampleorg1/*"}}),
    ("a service asked how old its MFA is", LAMBDA, "sts:AssumeRole",
     {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}),
    ("a service asked to call without TLS", LAMBDA, "sts:AssumeRole", {"Bool": {"aws:SecureTransport": "false"}}),
    ("a role asked for the account it calls for", CALLER, "sts:AssumeRole",
     {"StringEquals": {"aws:SourceAccount": "111111111111"}}),
    ("a token of GitLab asked for a claim of GitHub", GITLAB, WEB, AUDIENCE),
    ("a subject in a list of values with a wildcard as it stands", {"Federated": OIDC}, WEB,
     {**AUDIENCE, "ForAnyValue:StringEquals": {f"{HOST}:sub": ["repo:acme/app:*"]}}),
    ("a role's name with a wildcard as it stands", ROOT, "sts:AssumeRole",
     {"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/app-*"}}),
    ("an assertion that passes an external id", {"Federated": SAML}, BY_SAML,
     {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml", "sts:ExternalId": "e-1"}}),
    ("an identity pool with the action of a role", {"Federated": "cognito-identity.amazonaws.com"},
     "sts:AssumeRole", {"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:x"}}),
    ("an account and a condition on another", ROOT, "sts:AssumeRole",
     {"StringEquals": {"aws:PrincipalAccount": "333333333333"}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("principal", "action", "condition"), [row[1:] for row in NEVER], ids=[row[0] for row in NEVER]
)
def test_rc40_fires_on_what_people_write(kit: Kit, principal: Any, action: str, condition: Any) -> None:
    """Each of them lets nobody in, which is said once."""
    assert len(_messages(kit, kit.trust(principal, condition, action))) == 1


def test_rc40_silent_on_a_certificate(kit: Kit) -> None:
    """Roles Anywhere is the one service that has tags of its principal."""
    condition = {"StringEquals": {"aws:PrincipalTag/x509Subject/CN": "build"}}
    assert _messages(kit, kit.trust({"Service": "rolesanywhere.amazonaws.com"}, condition)) == []
