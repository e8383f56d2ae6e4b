"""Who may enter at the source role: users with MFA, an account's roles alone, a third party with its external id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, ChainRole, Entrance
from rolechain.local import LocalOrganization
from rolechain.local.chain_roles import workload
from rolechain.runtime import verify

Make = Callable[[str, str], boto3.Session]
Device = Callable[[str, str], tuple[str, Callable[[], str]]]


def declared(*entrances: Entrance) -> Chain:
    return Chain(
        "door",
        source=ChainRole("111111111111", assumed_by=entrances),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )


def test_a_user_enters_with_mfa(deploy: Any, user: Make, assume: Any, device: Device) -> None:
    """The user that is declared gets in with the code of its device, and is refused without."""
    arn = "arn:aws:iam::777777777777:user/ann"
    chain = declared(Entrance.arn(arn, mfa=True, mfa_max_age=900))
    deploy(chain)
    ann = user("777777777777", "ann")
    serial, code = device("777777777777", "ann")
    inside = assume(ann, chain.source.arn, SerialNumber=serial, TokenCode=code())
    assert inside == "arn:aws:sts::111111111111:assumed-role/door-source/bare"
    assert assume(ann, chain.source.arn) == "AccessDenied"


def test_only_users_of_an_account_that_asks_for_mfa(deploy: Any, function: Make, assume: Any) -> None:
    """No role's session carries MFA: of an account that asks for it no role enters."""
    chain = declared(Entrance.account("777777777777", mfa=True))
    deploy(chain)
    assert assume(function("777777777777", "ci"), chain.source.arn) == "AccessDenied"


def test_iam_users_are_kept_out(deploy: Any, user: Make, function: Make, assume: Any) -> None:
    """Of an account the roles enter, and the users only unless they are kept out."""
    chain = declared(Entrance.account("777777777777", iam_users=False), Entrance.account("888888888888"))
    deploy(chain)
    assert ":assumed-role/door-source/" in assume(function("777777777777", "ci"), chain.source.arn)
    assert assume(user("777777777777", "bob"), chain.source.arn) == "AccessDenied"
    assert ":assumed-role/door-source/" in assume(user("888888888888", "eve"), chain.source.arn)


def test_a_third_party_enters_with_its_external_id(deploy: Any, function: Make, assume: Any) -> None:
    """A vendor's account passes the external id that was agreed on, and nothing else."""
    chain = declared(Entrance.account("999999999999", external_id="vendor-7", third_party=True))
    deploy(chain)
    vendor = function("999999999999", "vendor")
    assert ":assumed-role/door-source/" in assume(vendor, chain.source.arn, ExternalId="vendor-7")
    for sent in ({}, {"ExternalId": "vendor-8"}):
        assert assume(vendor, chain.source.arn, **sent) == "AccessDenied"


def test_a_service_enters(deploy: Any, organization: LocalOrganization, function: Make, assume: Any) -> None:
    """The service that is declared gets in; another service, and a role of the source's own account, do not."""
    chain = declared(Entrance.service("lambda.amazonaws.com"))
    made, door = deploy(chain), chain.source.arn
    assert ":assumed-role/door-target/" in made.walk(chain.hops_to("333333333333"))
    with pytest.raises(ClientError) as caught:
        organization.workload(door, "ec2.amazonaws.com")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert assume(function("111111111111", "other"), door) == "AccessDenied"


def test_one_role_enters(deploy: Any, function: Make, assume: Any) -> None:
    """The role that is declared by its ARN gets in, and no other of its account."""
    chain = declared(Entrance.arn("arn:aws:iam::777777777777:role/runner"))
    deploy(chain)
    assert ":assumed-role/door-source/" in assume(function("777777777777", "runner"), chain.source.arn)
    assert assume(function("777777777777", "other"), chain.source.arn) == "AccessDenied"


@pytest.mark.parametrize(
    "entrance",
    [
        Entrance.oidc(
            "arn:aws:iam::111111111111:oidc-provider/ci.example.com",
            audience="sts",
            subject="repo:acme/app:*",
        ),
        Entrance.saml("arn:aws:iam::111111111111:saml-provider/okta"),
        Entrance.permission_set("DeployAccess"),
    ],
    ids=lambda entrance: entrance.kind,
)
def test_who_signs_in_elsewhere_does_not_come_by_assume_role(
    deploy: Any, function: Make, user: Make, assume: Any, entrance: Entrance
) -> None:
    """A door for tokens, assertions or a permission set is none for the roles and users of the source's account."""
    chain = declared(entrance)
    deploy(chain)
    assert assume(function("111111111111", "other"), chain.source.arn) == "AccessDenied"
    assert assume(user("111111111111", "ann"), chain.source.arn) == "AccessDenied"


def test_the_demo_enters_with_what_an_account_must_bring(
    deploy: Any, organization: LocalOrganization, user: Make, assume: Any
) -> None:
    """Who plays an account's user makes up an external id, tags and a source identity that are allowed."""
    entrance = Entrance.account(
        "777777777777",
        external_id="acme@*",
        session_tags={"Team": ["red", "blue"]},
        source_identity=["ann-*"],
    )
    chain = declared(entrance)
    deploy(chain)
    session = workload(organization, chain, chain.source, entrance)
    assert ":assumed-role/door-source/" in session.client("sts").get_caller_identity()["Arn"]
    assert assume(user("777777777777", "bob"), chain.source.arn, ExternalId="acme@1") == "AccessDenied"


def test_who_enters_brings_what_is_asked_of_it(deploy: Any, function: Make, assume: Any) -> None:
    """A session that the entrance names passes the tags and the source identity that have one value by itself."""
    entrance = Entrance.arn(
        "arn:aws:iam::777777777777:role/runner",
        external_id="ext-1",
        session_tags={"Team": "red", "Stage": "dev"},
        transitive_tag_keys="Team",
        source_identity="ann",
    )
    chain = declared(entrance)
    deploy(chain)
    runner = function("777777777777", "runner")
    assert assume(runner, chain.source.arn, ExternalId="ext-1") == "AccessDenied"
    reports = verify(chain, session=runner)
    assert [report for report in reports if not report.ok] == []
    assert [report.index for report in reports if report.verdict == report.expected == "allowed"] == [1, 2, 3]
