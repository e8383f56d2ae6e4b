"""The guardrails of a chain, statement by statement, and within the quotas of Organizations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.iam.limits import CONTROL_POLICY_CHARACTERS, length_of_document
from rolechain.statements.guardrails import ATTACHED, RCP, SCP, GuardrailError, guardrails

SOURCE, MIDDLE, TARGET = (
    "arn:aws:iam::111111111111:role/rolechain/deploy-source",
    "arn:aws:iam::222222222222:role/rolechain/deploy-middle",
    "arn:aws:iam::333333333333:role/rolechain/deploy-target",
)
ADMINISTRATOR = "arn:aws:iam::*:role/platform/admin-*"
ADMINISTERING = [
    "arn:aws:iam::*:role/cdk-*-deploy-role-*-*",
    "arn:aws:iam::*:role/OrganizationAccountAccessRole",
    "arn:aws:iam::*:role/AWSControlTowerExecution",
    "arn:aws:iam::*:role/AWSCloudFormationStackSetExecutionRole",
    "arn:aws:iam::*:role/stacksets-exec-*",
    "arn:aws:iam::*:role/cdk-*-cfn-exec-role-*",
]


@pytest.fixture
def chain() -> Chain:
    """A chain of two hops, entered by a service, by tokens and by a third party."""
    provider = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole(
            "111111111111",
            assumed_by=[
                Entrance.service("lambda.amazonaws.com"),
                Entrance.oidc(provider, audience="sts.amazonaws.com", subject="repo:acme/app:*"),
                Entrance.account("888888888888", third_party=True, external_id="acme-1"),
                Entrance.arn("arn:aws:iam::999999999999:role/scan", third_party=True, external_id="acme-2"),
            ],
        ),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333", permissions_boundary="edge")],
        administrators=[ADMINISTRATOR],
    )


def _statements(chain: Chain, kind: str, **settings: Any) -> dict[str, Any]:
    found = [each for each in guardrails(chain, **settings) if each.type == kind]
    return {
        statement.pop("Sid"): statement
        for each in found
        for statement in map(dict, each.content["Statement"])
    }


def test_only_declared_callers_assume(chain: Chain) -> None:
    """A resource control policy denies every way into middle and target roles but that of the declared caller."""

    def denied(callee: str, caller: str) -> dict[str, Any]:
        return {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sts:AssumeRole*",
            "Resource": callee,
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": caller}},
        }

    assert _statements(chain, RCP) == {
        "DenyUndeclaredCallers": denied(MIDDLE, SOURCE),
        "DenyUndeclaredCallers2": denied(TARGET, MIDDLE),
        "DenyOutsiders": {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
            "Resource": SOURCE,
            "Condition": {
                "StringNotEqualsIfExists": {
                    "aws:PrincipalOrgID": "o-exampleorg1",
                    "aws:PrincipalAccount": ["888888888888", "999999999999"],
                },
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        },
    }
    assert "DenyOutsiders" not in _statements(replace(chain, organization=None), RCP)


def test_a_third_party_enters_where_it_is_declared(chain: Chain) -> None:
    """What is an outsider is told for each source role: the third party of one is none of another."""
    other = ChainRole("444444444444", role="support", assumed_by=[Entrance.account("666666666666")])
    both = replace(chain, sources=[*chain.sources, other])
    outsiders = {
        statement["Resource"]: statement["Condition"]["StringNotEqualsIfExists"]
        for sid, statement in _statements(both, RCP).items()
        if sid.startswith("DenyOutsiders")
    }
    assert outsiders == {
        SOURCE: {
            "aws:PrincipalOrgID": "o-exampleorg1",
            "aws:PrincipalAccount": ["888888888888", "999999999999"],
        },
        "arn:aws:iam::444444444444:role/rolechain/support": {"aws:PrincipalOrgID": "o-exampleorg1"},
    }


def test_only_administrators_change(chain: Chain) -> None:
    """A service control policy denies everybody else what changes the roles, their policies and administrators."""
    excepted = [ADMINISTRATOR, *ADMINISTERING]
    condition = {"ArnNotLike": {"aws:PrincipalArn": excepted}}
    changes = {
        "DenyRoleChanges": {
            "Effect": "Deny",
            "Action": [
                "iam:AttachRolePolicy",
                "iam:CreateAccessKey",
                "iam:CreateLoginProfile",
                "iam:CreateRole",
                "iam:CreateUser",
                "iam:DeleteRole",
                "iam:DeleteRolePermissionsBoundary",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PassRole",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateLoginProfile",
            ],
            "Resource": [SOURCE, MIDDLE, TARGET, *excepted],
            "Condition": condition,
        },
        "DenyPolicyChanges": {
            "Effect": "Deny",
            "Action": ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"],
            "Resource": [
                "arn:aws:iam::111111111111:policy/rolechain/*",
                "arn:aws:iam::222222222222:policy/rolechain/*",
                "arn:aws:iam::333333333333:policy/rolechain/*",
                "arn:aws:iam::333333333333:policy/edge",
            ],
            "Condition": condition,
        },
    }
    assert _statements(chain, SCP) == changes
    assert _statements(chain, SCP, administration=True) == changes | {
        "DenyAdministration": {
            "Effect": "Deny",
            "Action": "sts:AssumeRole",
            "Resource": excepted,
            "Condition": condition,
        },
        "DenyFederationAndStacks": {
            "Effect": "Deny",
            "Action": [
                "cloudformation:CreateStackSet",
                "cloudformation:ExecuteChangeSet",
                "cloudformation:UpdateStack",
                "cloudformation:UpdateStackSet",
                "iam:CreateSAMLProvider",
                "iam:UpdateOpenIDConnectProviderThumbprint",
                "iam:UpdateSAMLProvider",
                "identitystore:CreateGroupMembership",
                "sso:CreateAccountAssignment",
            ],
            "Resource": "*",
            "Condition": condition,
        },
    }
    others = _statements(chain, SCP, administrators=["arn:aws:iam::111111111111:root"])["DenyRoleChanges"]
    assert others["Condition"]["ArnNotLike"]["aws:PrincipalArn"][0] == "arn:aws:iam::111111111111:root"
    assert others["Resource"] == [SOURCE, MIDDLE, TARGET, *ADMINISTERING]


def test_only_from_the_networks(chain: Chain) -> None:
    """Sessions of the roles call from the networks, or by a service on their behalf."""
    found = _statements(chain, SCP, source_ip=["192.0.2.0/24"], source_vpc=["vpc-0123456789abcdef0"])
    assert found["DenyOtherNetworks"] == {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {
            "ArnLike": {"aws:PrincipalArn": [SOURCE, MIDDLE, TARGET]},
            "BoolIfExists": {"aws:ViaAWSService": "false"},
            "NotIpAddressIfExists": {"aws:SourceIp": "192.0.2.0/24"},
            "StringNotEqualsIfExists": {"aws:SourceVpc": "vpc-0123456789abcdef0"},
        },
    }
    assert "DenyOtherNetworks" not in _statements(chain, SCP)


def test_targets_by_unit_are_named_in_any_account() -> None:
    """A chain into every account of a unit has guardrails of the same size as one into a single account."""
    chain = Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        targets=[ChainRole("", organizational_units=["r-ab12/ou-ab12-11111111"])],
    )
    target = f"arn:aws:iam::{'?' * 12}:role/rolechain/deploy-target"
    assert _statements(chain, RCP)["DenyUndeclaredCallers"]["Resource"] == target
    changes = _statements(chain, SCP)
    assert changes["DenyRoleChanges"]["Resource"][:2] == [SOURCE, target]
    assert changes["DenyPolicyChanges"]["Resource"][1] == "arn:aws:iam::*:policy/rolechain/*"
    networks = _statements(chain, SCP, source_ip=["192.0.2.0/24"])["DenyOtherNetworks"]["Condition"]
    assert networks["ArnLike"]["aws:PrincipalArn"][1] == "arn:aws:iam::*:role/rolechain/deploy-target"


def _into(number: int) -> Chain:
    return Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        targets=[ChainRole(str(300000000000 + each)) for each in range(number)],
    )


def test_they_are_split_into_the_quotas() -> None:
    """What one document cannot hold stands in several, whose resources are together those of the chain."""
    chain = _into(60)
    found = guardrails(chain)
    assert [each.name for each in found] == [
        "deploy-service-control",
        "deploy-service-control-2",
        "deploy-resource-control",
    ]
    assert all(length_of_document(each.content) <= CONTROL_POLICY_CHARACTERS for each in found)
    resources = {
        arn
        for each in found
        for statement in each.content["Statement"]
        if statement["Sid"].startswith("DenyRoleChanges")
        for arn in statement["Resource"]
    }
    assert resources == {*(role.arn for role in chain.roles), *ADMINISTERING}


@pytest.mark.parametrize(
    ("chain", "settings", "message"),
    [
        (_into(300), {}, "needs 10 service control policies, and a target takes 4 beside the one of AWS"),
        (_into(1), {"source_ip": ["here"]}, "source_ip is 'here': write a network such as 192.0.2.0/24"),
        (_into(1), {"source_vpc": ["here"]}, "source_vpc is 'here': write the id of a VPC"),
        (
            _into(1),
            {"administrators": [f"arn:aws:iam::111111111111:role/{each:060}" for each in range(60)]},
            "statement DenyRoleChanges has 6,461 characters, 5,120 at most in a control policy",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(chain: Chain, settings: dict[str, Any], message: str) -> None:
    """One line says what does not fit, or is no network."""
    assert ATTACHED == 4
    with pytest.raises(GuardrailError, match=message):
        guardrails(chain, **settings)
