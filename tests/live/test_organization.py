"""The control policies above the accounts decide whether a hop works, and let nobody in or out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain
from rolechain.live import (
    Account,
    FolderError,
    Organization,
    OrganizationError,
    load_accounts,
    load_organization,
    prove_live,
    read_organization,
    save_accounts,
    save_organization,
)
from rolechain.local import LocalOrganization
from rolechain.local.organization import MANAGEMENT_ACCOUNT

Read = Callable[[Chain], list[Account]]
DENY = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}


@pytest.fixture
def organizations(organization: LocalOrganization) -> Any:
    return organization.session(MANAGEMENT_ACCOUNT).client("organizations", region_name="us-east-1")


@pytest.fixture
def attach(organizations: Any) -> Iterator[Callable[..., None]]:
    """Attaches a control policy to an account, and takes it away after the test."""
    made = []

    def attach(kind: str, account: str, statement: Any) -> None:
        root = organizations.list_roots()["Roots"][0]
        if kind not in {each["Type"] for each in root["PolicyTypes"]}:
            organizations.enable_policy_type(RootId=root["Id"], PolicyType=kind)
        content = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        policy = organizations.create_policy(Content=content, Description="", Name=account, Type=kind)
        identifier = policy["Policy"]["PolicySummary"]["Id"]
        organizations.attach_policy(PolicyId=identifier, TargetId=account)
        made.append((identifier, account))

    yield attach
    for identifier, account in made:
        organizations.detach_policy(PolicyId=identifier, TargetId=account)
        organizations.delete_policy(PolicyId=identifier)


@pytest.mark.parametrize(
    ("kind", "at", "statement", "said"),
    [
        ("SERVICE_CONTROL_POLICY", 1, DENY, "service control policies"),
        ("RESOURCE_CONTROL_POLICY", 2, {**DENY, "Principal": "*"}, "resource control policies"),
    ],
)
def test_a_control_policy_refuses_a_hop(
    kind: str,
    at: int,
    statement: Any,
    said: str,
    chain: Chain,
    read: Read,
    organization: LocalOrganization,
    attach: Callable[..., None],
) -> None:
    """What is attached to the middle role's account, or to the target's, refuses the second hop and says so."""
    management = organization.session(MANAGEMENT_ACCOUNT)
    free = prove_live(chain, read(chain), organization=read_organization(management, chain.accounts))
    assert [hop.verdict.value for hop in free.hops] == ["allow", "allow"]
    attach(kind, chain.accounts[at], statement)
    proof = prove_live(chain, read(chain), organization=read_organization(management, chain.accounts))
    assert [hop.verdict.value for hop in proof.hops] == ["allow", "explicit_deny"]
    (finding,) = (each for each in proof.findings if each.rule == "RC08")
    assert said in finding.remediation
    assert not proof.proven


def test_a_control_policy_keeps_a_principal_from_changing_a_role(
    chain: Chain, read: Read, organization: LocalOrganization, attach: Callable[..., None]
) -> None:
    """Who may change the target is found; under a service control policy that excepts another role, it is not."""
    target = chain.targets[0]
    iam = organization.session(target.account).client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    allowed = {"Effect": "Allow", "Action": "iam:UpdateAssumeRolePolicy", "Resource": target.arn}
    iam.create_role(RoleName="ops", AssumeRolePolicyDocument=json.dumps(_document(trust)))
    iam.put_role_policy(RoleName="ops", PolicyName="p", PolicyDocument=json.dumps(_document(allowed)))
    management = organization.session(MANAGEMENT_ACCOUNT)

    def found() -> list[str]:
        above = read_organization(management, chain.accounts)
        proof = prove_live(chain, read(chain), organization=above)
        return [each.rule for each in proof.changers or () if each.who.endswith(":role/ops")]

    assert found() == ["RC38"]
    condition = {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{target.account}:role/admin"}}
    deny = {"Effect": "Deny", "Action": "iam:Update*", "Resource": "*", "Condition": condition}
    attach("SERVICE_CONTROL_POLICY", target.account, deny)
    assert found() == []


def _document(statement: Any) -> Any:
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_control_policy_that_asks_for_the_organization(chain: Chain, read: Read) -> None:
    """It refuses no caller of the organization that was read, whether the chain declares one or not."""
    outside = {"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}
    policy = {"Statement": [{**DENY, "Principal": "*", "Condition": outside}]}
    above = {account: ("r-local", account) for account in chain.accounts}
    attached = {"RESOURCE_CONTROL_POLICY": {"r-local": [policy]}}
    proof = prove_live(
        chain, read(chain), organization=Organization("o-exampleorg1", "000000000000", above, attached)
    )
    assert [hop.verdict.value for hop in proof.hops] == ["allow", "allow"]


def test_units_and_policies_are_saved(
    chain: Chain, read: Read, organization: LocalOrganization, organizations: Any, tmp_path: Path
) -> None:
    """Where the accounts stand is read with each level above them, and the folder gives it back."""
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="deploys")["OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=chain.accounts[2], SourceParentId=root, DestinationParentId=unit)
    found = read_organization(organization.session(MANAGEMENT_ACCOUNT), chain.accounts)
    assert found.above[chain.accounts[2]] == (root, unit, chain.accounts[2])
    assert found.limits()[chain.accounts[2]].path == f"{found.id}/{root}/{unit}/"
    save_accounts(tmp_path, read(chain))
    assert load_organization(tmp_path) is None
    path = save_organization(tmp_path, found)
    assert load_organization(tmp_path) == found
    assert [account.id for account in load_accounts(tmp_path)] == list(chain.accounts)
    text = path.read_text()
    for own, other in (
        ("{", "{}"),
        (f'"{found.id}"', "null"),
        (f'"{found.id}"', '""'),
        (f'"{root}",\n', ""),
        ("SERVICE_CONTROL_POLICY", "SCP"),
    ):
        path.write_text(other if own == "{" else text.replace(own, other))
        with pytest.raises(
            FolderError, match=r"organization\.json is not an organization that rolechain saved"
        ):
            load_organization(tmp_path)


def test_an_organization_that_is_not_read(chain: Chain, read: Read, organization: LocalOrganization) -> None:
    """No hop counts as one that can be taken, nothing is proven, and the reason is told."""
    with pytest.raises(OrganizationError, match=r"^AccessDeniedException: You don.t have permissions"):
        read_organization(organization.session(chain.accounts[0]), chain.accounts)
    proof = prove_live(chain, read(chain), organization="AccessDeniedException: no")
    assert [hop.verdict.value for hop in proof.hops] == ["unknown", "unknown"]
    assert not proof.proven
    unknown = [(each.level.value, each.place) for each in proof.findings if each.rule == "RC00"]
    assert unknown == [("error", None)]
    assert proof.findings[0].message.endswith("is not known: AccessDeniedException: no")


def test_an_account_of_another_organization(chain: Chain, read: Read) -> None:
    """What binds it is not known, and nothing is proven."""
    above = {account: ("r-local", account) for account in chain.accounts[1:]}
    proof = prove_live(chain, read(chain), organization=Organization("o-exampleorg1", "000000000000", above))
    assert not proof.proven
    assert f"account {chain.accounts[0]} is none of the organization's" in proof.findings[0].message


def test_accounts_without_an_organization(chain: Chain, read: Read) -> None:
    """No control policy binds them, and their calls have no organization."""
    alone = Organization("", "", {account: (account,) for account in chain.accounts})
    proof = prove_live(chain, read(chain), organization=alone)
    assert proof.proven
    assert [hop.verdict.value for hop in proof.hops] == ["allow", "allow"]


def test_another_organization_than_the_chain_declares(chain: Chain, read: Read) -> None:
    """The conditions on the organization refuse the hops: nothing is proven."""
    declared = replace(chain, organization="o-declared001")
    for found, words in (("o-exampleorg1", "of o-exampleorg1"), ("", "of no organization")):
        above = {account: ("r-local", account) for account in chain.accounts}
        proof = prove_live(declared, read(chain), organization=Organization(found, "000000000000", above))
        assert not proof.proven
        assert f"the accounts are {words}, and the chain declares o-declared001" in proof.findings[0].message
