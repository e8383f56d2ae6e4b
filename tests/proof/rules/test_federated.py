"""RC37: whose tokens and assertions get in."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain.proof import Finding, Level, SourceLocation

Kit = Any
APP = "arn:aws:iam::111111111111:role/app"
PLACE = SourceLocation("t", "Role", 0, "AssumeRolePolicyDocument")
GITHUB, GITLAB = "token.actions.githubusercontent.com", "gitlab.com"
EKS, HCP = "oidc.eks.eu-west-1.amazonaws.com/id/ABC", "app.terraform.io"


def _tokens(kit: Kit, host: str, condition: dict[str, Any] | None) -> Any:
    provider = host if host.count(".") and "/" not in host and "cognito" in host else None
    principal = {"Federated": provider or f"arn:aws:iam::111111111111:oidc-provider/{host}"}
    return kit.role(kit.trust(principal, condition, action="sts:AssumeRoleWithWebIdentity"))


def _pinned(host: str, subject: Any, operator: str = "StringLike") -> dict[str, Any]:
    audience, of_subject = {f"{host}:aud": "sts.amazonaws.com"}, {f"{host}:sub": subject}
    return (
        {"StringEquals": audience | of_subject}
        if operator == "StringEquals"
        else {
            "StringEquals": audience,
            operator: of_subject,
        }
    )


def test_rc37_fires_without_audience_and_subject(kit: Kit) -> None:
    """A provider without conditions lets every token in: the audience and the subject are an error each."""
    assert kit.ask("RC37", _tokens(kit, GITHUB, None)) == [
        Finding(
            "RC37",
            Level.ERROR,
            PLACE,
            f"{APP} lets in tokens of {GITHUB} for any audience",
            f'add {{"StringEquals": {{"{GITHUB}:aud": "sts.amazonaws.com"}}}}',
        ),
        Finding(
            "RC37",
            Level.ERROR,
            PLACE,
            f"{APP} lets in tokens of {GITHUB} with any subject",
            f'add {{"StringEquals": {{"{GITHUB}:sub": "repo:<owner>/<repository>:ref:refs/heads/<branch>"}}}}',
        ),
    ]


def test_rc37_says_nothing_of_a_provider_without_a_name(kit: Kit) -> None:
    """An empty text beside a provider names nobody whose tokens could get in; RC02 says that IAM refuses it."""
    role = kit.role(kit.trust({"Federated": [GITHUB, ""]}, action="sts:AssumeRoleWithWebIdentity"))
    assert all(GITHUB in found.message for found in kit.ask("RC37", role))
    assert [found.level for found in kit.ask("RC02", role)] == [Level.ERROR]


@pytest.mark.parametrize(
    "condition",
    [
        _pinned(GITHUB, "*"),
        _pinned(GITHUB, "repo:acme/app:*", "StringNotLike"),
        _pinned(GITHUB, "repo:acme/app:*", "StringLikeIfExists"),
        _pinned(GITHUB, "repo:acme/app:*", "ForAllValues:StringLike"),
        {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:actor": "alice"}},
        {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com", "other.example:sub": "repo:acme/app:x"}},
    ],
)
def test_rc37_fires_on_a_subject_that_is_not_pinned(kit: Kit, condition: dict[str, Any]) -> None:
    """A condition that any subject meets, or none has to bring, pins nothing."""
    (found,) = kit.ask("RC37", _tokens(kit, GITHUB, condition))
    assert (found.level, found.message) == (Level.ERROR, f"{APP} lets in tokens of {GITHUB} with any subject")


@pytest.mark.parametrize(
    ("host", "subject", "level"),
    [
        (GITHUB, "repo:acme/*", Level.WARNING),
        (GITHUB, "repo:acme/app*", Level.WARNING),
        (GITHUB, "repo:acme/*:ref:refs/heads/main", Level.WARNING),
        (GITHUB, "repo:*", Level.ERROR),
        (GITHUB, "repo:acme*/app:ref:refs/heads/main", Level.ERROR),
        (GITHUB, "repo:*/app:ref:refs/heads/main", Level.ERROR),
        (GITHUB, ["repo:acme/app:ref:refs/heads/main", "repo:acm?/app:x"], Level.ERROR),
        (GITLAB, "project_path:*", Level.ERROR),
        (HCP, "organization:acme:project:*:workspace:*:run_phase:*", Level.WARNING),
        (HCP, "organization:*:project:net:workspace:*:run_phase:*", Level.ERROR),
        (EKS, "system:serviceaccount:*:app", Level.ERROR),
        ("idp.example", "team/*", Level.WARNING),
        ("idp.example", "te*", Level.ERROR),
    ],
)
def test_rc37_fires_on_a_wide_subject(kit: Kit, host: str, subject: Any, level: Level) -> None:
    """A wildcard over several repositories or groups is a warning within one owner, and an error beyond."""
    (found,) = kit.ask("RC37", _tokens(kit, host, _pinned(host, subject)))
    wide = subject if isinstance(subject, str) else subject[1]
    whose = "across repositories or groups of one owner" if level is Level.WARNING else "of whatever owner"
    assert (found.level, found.place) == (level, PLACE)
    assert found.message == f"{APP} lets in every token whose subject is {wide}, {whose}"
    example = ": repo:<owner>/<repository>:*" if host == GITHUB else ""
    assert found.remediation == f"write {host}:sub out up to one repository or group{example}"


def test_rc37_fires_on_any_audience_of_an_assertion(kit: Kit) -> None:
    """A SAML provider needs its audience pinned; whose assertions it makes is its own."""
    provider = "arn:aws:iam::111111111111:saml-provider/okta"
    open_to_any = kit.trust(
        {"Federated": provider}, {"StringLike": {"SAML:aud": "*"}}, action="sts:AssumeRoleWithSAML"
    )
    (found,) = kit.ask("RC37", kit.role(open_to_any))
    assert found.message == f"{APP} lets in every assertion of {provider}, whatever its audience"
    assert found.remediation == 'add {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}'


@pytest.mark.parametrize(
    ("host", "subject"),
    [
        (GITHUB, "repo:acme/app:ref:refs/heads/main"),
        (GITHUB, "repo:acme/app:*"),
        (GITHUB, ["repo:acme/app:environment:*", "repo:acme/other:pull_request"]),
        (GITLAB, "project_path:acme/*:ref_type:branch:ref:main"),
        (HCP, "organization:acme:project:net:workspace:*:run_phase:*"),
        (EKS, "system:serviceaccount:payments:*"),
        ("idp.example", "team/app/*"),
    ],
)
def test_rc37_silent_within_one_repository_or_group(kit: Kit, host: str, subject: Any) -> None:
    """A subject that is written out up to one repository or group is as narrow as is asked for."""
    assert kit.ask("RC37", _tokens(kit, host, _pinned(host, subject))) == []


def test_rc37_silent_on_other_kinds_of_providers(kit: Kit) -> None:
    """An identity pool is pinned by its id, an assertion by its audience, and a literal star matches no subject."""
    pool = {
        "StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:pool"},
        "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
    }
    assert kit.ask("RC37", _tokens(kit, "cognito-identity.amazonaws.com", pool)) == []
    saml = kit.trust(
        {"Federated": "arn:aws:iam::111111111111:saml-provider/okta"},
        {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
        action="sts:AssumeRoleWithSAML",
    )
    assert kit.ask("RC37", kit.role([saml, kit.trust({"Service": "ec2.amazonaws.com"})])) == []
    assert kit.ask("RC37", _tokens(kit, GITHUB, _pinned(GITHUB, "repo:*", "StringEquals"))) == []
