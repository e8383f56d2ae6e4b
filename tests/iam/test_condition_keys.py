"""The condition keys that describe a principal."""

from __future__ import annotations

import pytest

from rolechain.iam.condition_keys import ALWAYS, NEVER, Kind, principal_keys

ROLE, USER = "arn:aws:iam::111111111111:role/ci/deploy", "arn:aws:iam::111111111111:user/people/ann"


def test_of_a_role_session() -> None:
    """A session is described by its role, and has no user name."""
    found = principal_keys(ROLE, user_id="AROA1:me", tags={"team": "a"}, source_identity="ann")
    assert found == {
        "aws:PrincipalArn": ROLE,
        "aws:PrincipalAccount": "111111111111",
        "aws:PrincipalType": "AssumedRole",
        "aws:PrincipalIsAWSService": "false",
        "aws:userid": "AROA1:me",
        "aws:SourceIdentity": "ann",
        "aws:PrincipalTag/team": "a",
    }


def test_of_a_user_and_its_organization() -> None:
    """A user's name leaves its path out."""
    found = principal_keys(USER, organization="o-exampleorg1", organization_path="o-exampleorg1/r-ab12/")
    assert found["aws:username"] == "ann"
    assert found["aws:PrincipalType"] == "User"
    assert found["aws:PrincipalOrgID"] == "o-exampleorg1"
    assert found["aws:PrincipalOrgPaths"] == ["o-exampleorg1/r-ab12/"]


def test_of_an_account_and_of_a_root_user() -> None:
    """Of an account, only the account is known; a root user has a type of its own."""
    assert principal_keys("111111111111") == {"aws:PrincipalAccount": "111111111111"}
    assert principal_keys("arn:aws:iam::111111111111:root")["aws:PrincipalType"] == "Account"


@pytest.mark.parametrize(
    ("kind", "principal"), [("role", ROLE), ("user", USER), ("service", "lambda.amazonaws.com")]
)
def test_a_request_has_the_keys_that_the_proof_reckons_with(kind: Kind, principal: str) -> None:
    """The keys of a principal are none that its kind never has, and have the values that its kind always has."""
    found = {key.lower(): value for key, value in principal_keys(principal).items()}
    assert not NEVER[kind] & found.keys()
    always = {key: value for key, value in ALWAYS[kind].items() if key.startswith("aws:principal")}
    assert always.items() <= found.items()
