"""RC24, RC25 and RC26: conditions that look as if they close a statement."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain
from rolechain.proof import Finding, Level, SourceLocation

Kit = Any
PLACE = SourceLocation("t", "Role", 0, "AssumeRolePolicyDocument")
CURE = 'write {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-<id>/r-<root>/ou-<unit>/*"}}'


@pytest.mark.parametrize(
    ("operator", "value", "message"),
    [
        (
            "StringLike",
            "o-exampleorg1/*",
            "aws:PrincipalOrgPaths stands under StringLike, which does not compare it path by path",
        ),
        (
            "ForAllValues:StringLike",
            "o-exampleorg1/*",
            "aws:PrincipalOrgPaths stands under ForAllValues:StringLike, which does not compare it path by path",
        ),
        (
            "ForAnyValue:StringEquals",
            "o-exampleorg1/*",
            "aws:PrincipalOrgPaths stands under ForAnyValue:StringEquals, which does not compare it path by path",
        ),
        ("ForAnyValue:StringLike", "*", "the path * does not begin with the id of one organization"),
        (
            "ForAnyValue:StringLike",
            "*/ou-ab12-11111111/*",
            "the path */ou-ab12-11111111/* does not begin with the id of one organization",
        ),
        (
            "ForAnyValue:StringLike",
            "o-exampleorg1*",
            "the path o-exampleorg1* does not begin with the id of one organization",
        ),
        (
            "ForAnyValue:StringLike",
            "o-exampleorg1/r-ab12/ou-ab12-1111*",
            "the path o-exampleorg1/r-ab12/ou-ab12-1111* does not lead over whole ids to an organizational unit",
        ),
    ],
)
def test_rc24_fires_on_a_path_that_is_no_path(kit: Kit, operator: str, value: str, message: str) -> None:
    """A path must be compared as one, and lead from the organization's id over whole ids."""
    statement = kit.trust("*", {operator: {"aws:PrincipalOrgPaths": value}})
    assert kit.ask("RC24", kit.role(statement)) == [Finding("RC24", Level.ERROR, PLACE, message, CURE)]


def test_rc24_fires_on_another_organization(kit: Kit, chain: Chain) -> None:
    """A path of another organization than the chain's lets foreign accounts in."""
    statement = kit.trust("*", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-foreignorg1/*"}})
    (found,) = kit.ask("RC24", kit.role(statement), chain=chain)
    assert (
        found.message
        == "the path o-foreignorg1/* lies in organization o-foreignorg1, and the chain's is o-exampleorg1"
    )


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("ForAnyValue:StringLike", "o-exampleorg1/*"),
        ("ForAnyValue:StringLike", "o-exampleorg1/r-ab12/ou-ab12-11111111/*"),
        ("ForAnyValue:StringLike", ["o-exampleorg1/r-ab12/ou-ab12-11111111/ou-ab12-22222222/"]),
        ("ForAnyValue:StringEquals", "o-exampleorg1/r-ab12/ou-ab12-11111111/"),
    ],
)
def test_rc24_silent_on_whole_paths(kit: Kit, chain: Chain, operator: str, value: Any) -> None:
    """Whole ids from the organization down, compared path by path, are as AWS means them."""
    statement = kit.trust("*", {operator: {"aws:PrincipalOrgPaths": value}})
    assert kit.ask("RC24", kit.role(statement), chain=chain) == []


def test_rc25_fires_on_organization_keys(kit: Kit) -> None:
    """An organization's key that may be absent lets in accounts of no organization; permissions are read too."""
    condition = {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}}
    assert kit.ask("RC25", kit.role(kit.trust("*", condition))) == [
        Finding(
            "RC25",
            Level.ERROR,
            PLACE,
            "StringEqualsIfExists aws:PrincipalOrgID lets in principals that belong to no organization",
            "write StringEquals",
        )
    ]
    condition = {"StringEqualsIfExists": {"aws:ResourceOrgID": "o-exampleorg1"}}
    (found,) = kit.ask("RC25", kit.role((), kit.policy(kit.allow("*", condition))))
    assert found.place == SourceLocation("t", "Policy", 0, "PolicyDocument")


def test_rc25_silent_where_the_key_must_be_there(kit: Kit) -> None:
    """With a Null check beside it, in a denial, or on another key, IfExists opens nothing."""
    if_exists = {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}}
    statements = [
        kit.trust("*", {**if_exists, "Null": {"aws:PrincipalOrgID": "false"}}),
        kit.trust("*", {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-exampleorg1"}}, Effect="Deny"),
        kit.trust("*", {"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}),
        kit.trust("*", {"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}),
    ]
    assert kit.ask("RC25", kit.role(statements)) == []


@pytest.mark.parametrize(
    "key", ["aws:PrincipalOrgID", "aws:PrincipalArn", "sts:ExternalId", "aws:RequestTag/team"]
)
def test_rc26_fires_on_a_single_valued_key(kit: Kit, key: str) -> None:
    """ForAllValues is met by a request that does not bring the key."""
    (found,) = kit.ask("RC26", kit.role(kit.trust("*", {"ForAllValues:StringEquals": {key: "x1"}})))
    assert found == Finding(
        "RC26",
        Level.ERROR,
        PLACE,
        f"ForAllValues:StringEquals {key} is met by a request that does not bring the key",
        f"write StringEquals: {key} has one value",
    )


def test_rc26_silent_on_sets(kit: Kit) -> None:
    """Keys of several values, denials, and a key that must be there are what the operator is for."""
    statements = [
        kit.trust(
            "*", {"ForAllValues:StringEquals": {"aws:TagKeys": "team", "sts:TransitiveTagKeys": "team"}}
        ),
        kit.trust("*", {"ForAllValues:StringNotLike": {"aws:PrincipalOrgID": "o-x"}}, Effect="Deny"),
        kit.trust(
            "*",
            {
                "ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-x"},
                "Null": {"aws:PrincipalOrgID": "false"},
            },
        ),
    ]
    assert kit.ask("RC26", kit.role(statements)) == []


@pytest.mark.parametrize(
    "path",
    [
        "o-exampleorg1/*/ou-ab12-11111111/*",
        "o-exampleorg1/*/ou-ab12-11111111/",
        "o-exampleorg1/r-ab12/*/ou-ab12-11111111/*",
        "o-exampleorg1/*/ou-ab12-11111111/ou-ab12-22222222/*",
        "o-exampleorg1/*/ou-ab12-11111111*",
    ],
)
def test_rc24_silent_on_a_wildcard_above_a_unit(kit: Kit, path: str) -> None:
    """A unit's whole id says which it is, wherever in the organization it lies."""
    assert (
        kit.ask("RC24", kit.role(kit.trust("*", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": path}})))
        == []
    )
