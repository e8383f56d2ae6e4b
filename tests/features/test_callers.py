"""Who may call a role: one role, an account, the organization, a unit of it, several sources, a third party."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization
from rolechain.statements.builder import trust_statements

Make = Callable[[str, str], boto3.Session]
LAMBDA = [Entrance.service("lambda.amazonaws.com")]


def declared(middle: ChainRole, **fields: Any) -> Chain:
    return Chain(
        **{
            "name": "who",
            "organization": "o-exampleorg1",
            "source": ChainRole("111111111111", assumed_by=LAMBDA),
            "middle": [middle],
            "targets": [ChainRole("333333333333")],
            **fields,
        }
    )


def test_one_role(deploy: Any, function: Make, user: Make, assume: Any) -> None:
    """By default nobody but the caller's own role gets in, whatever the others of its account may do."""
    chain = declared(ChainRole("222222222222"))
    made = deploy(chain)
    assert ":assumed-role/who-target/" in made.walk(chain.hops_to("333333333333"))
    assert assume(function("111111111111", "other"), chain.middle[0].arn) == "AccessDenied"
    assert assume(user("111111111111", "ann"), chain.middle[0].arn) == "AccessDenied"


def test_an_account(deploy: Any, function: Make, user: Make, assume: Any) -> None:
    """Trust by account lets the roles of the caller's account in, and neither its users nor other accounts."""
    chain = declared(ChainRole("222222222222", trust="account"))
    made = deploy(chain)
    assert ":assumed-role/who-target/" in made.walk(chain.hops_to("333333333333"))
    assert ":assumed-role/who-middle/" in assume(function("111111111111", "other"), chain.middle[0].arn)
    assert assume(user("111111111111", "ann"), chain.middle[0].arn) == "AccessDenied"
    assert assume(function("777777777777", "other"), chain.middle[0].arn) == "AccessDenied"


def test_the_organization(deploy: Any, function: Make, user: Make, assume: Any) -> None:
    """Trust by organization lets every role of its accounts in, and no users."""
    chain = declared(ChainRole("222222222222", trust="organization"))
    made = deploy(chain)
    assert ":assumed-role/who-target/" in made.walk(chain.hops_to("333333333333"))
    assert ":assumed-role/who-middle/" in assume(function("777777777777", "other"), chain.middle[0].arn)
    assert assume(user("777777777777", "ann"), chain.middle[0].arn) == "AccessDenied"


@pytest.mark.parametrize("trust", ["principal_arn", "role_arn", "account", "organization"])
def test_another_organization(deploy: Any, trust: Any) -> None:
    """Where the callers belong to another organization than the one that is declared, the hop is refused."""
    chain = declared(ChainRole("222222222222", trust=trust), organization="o-otherother1")
    code, message = deploy(chain).refused(chain.hops_to(chain.middle[0]))
    assert code == "AccessDenied"
    assert f"not authorized to perform: sts:AssumeRole on resource: {chain.middle[0].arn}" in message


def test_an_organizational_unit(deploy: Any, organization: LocalOrganization) -> None:
    """The caller's account must lie in the unit, or in one below it."""
    management = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
    root = management.list_roots()["Roots"][0]["Id"]
    unit = management.create_organizational_unit(ParentId=root, Name="apps")["OrganizationalUnit"]["Id"]
    below = management.create_organizational_unit(ParentId=unit, Name="dev")["OrganizationalUnit"]["Id"]
    account = "151515151515"
    source = ChainRole(account, assumed_by=LAMBDA)
    chain = declared(ChainRole("222222222222", caller_organizational_units=[f"{root}/{unit}"]), source=source)
    made = deploy(chain)
    assert made.refused(chain.hops_to(chain.middle[0]))[0] == "AccessDenied"
    place = root
    for inside in (unit, below):
        management.move_account(AccountId=account, SourceParentId=place, DestinationParentId=inside)
        place = inside
        assert ":assumed-role/who-target/" in made.walk(chain.hops_to("333333333333"))


def test_several_sources(deploy: Any, function: Make, assume: Any) -> None:
    """Each source role reaches every target, and shares one statement of the first middle role's trust policy."""
    sources = [
        ChainRole("111111111111", assumed_by=LAMBDA),
        ChainRole("666666666666", "ci", assumed_by=LAMBDA),
    ]
    chain = declared(ChainRole("222222222222"), source=sources)
    made = deploy(chain)
    assert [role.role for role in chain.sources] == ["who-source-1", "ci"]
    for number in range(2):
        assert ":assumed-role/who-target/" in made.walk(chain.hops_to("333333333333"), number)
    (statement,) = trust_statements(chain, chain.middle[0])
    assert statement["Condition"]["ArnEquals"]["aws:PrincipalArn"] == [role.arn for role in chain.sources]
    assert assume(function("666666666666", "other"), chain.middle[0].arn) == "AccessDenied"
    ways = [(hops[0].caller.role, hops[-1].callee.role) for hops in chain.paths()]
    assert ways == [("who-source-1", "who-target"), ("ci", "who-target")]


def test_a_third_party_calls_with_its_external_id(deploy: Any, function: Make, assume: Any) -> None:
    """A source role of a third party passes the external id, and is asked for no organization of yours."""
    vendor = ChainRole("888888888888", "vendor", path="/", existing=True, third_party=True)
    own = ChainRole("111111111111", assumed_by=LAMBDA)
    chain = declared(ChainRole("222222222222", external_id="vendor-7"), source=[own, vendor])
    assert chain.deployed_accounts == ("111111111111", "222222222222", "333333333333")
    deploy(chain)
    made, role = function("888888888888", "vendor"), chain.middle[0].arn
    assert ":assumed-role/who-middle/" in assume(made, role, ExternalId="vendor-7")
    assert assume(made, role) == "AccessDenied"
    assert assume(made, role, ExternalId="vendor-8") == "AccessDenied"
    asked = [str(statement["Condition"]) for statement in trust_statements(chain, chain.middle[0])]
    assert ["aws:PrincipalOrgID" in conditions for conditions in asked] == [True, False]
