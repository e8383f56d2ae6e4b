"""The one organization: who is in it, who may change it, and what its control policies do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolechain.local import MANAGEMENT_ACCOUNT

SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
DENY_S3 = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
DENY_HOPS = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}


@pytest.fixture
def management(organization: Any) -> Any:
    """The management account's Organizations client."""
    return organization.session(MANAGEMENT_ACCOUNT).client("organizations")


@pytest.fixture
def attached(management: Any, document: Any) -> Any:
    """Makes a policy, attaches it to a target, and takes both away after the test."""
    made: list[tuple[str, str]] = []

    def attach(target: str, *statements: Any, kind: str = SCP) -> str:
        name = f"policy-{target}-{len(made)}"
        policy = management.create_policy(Content=document(*statements), Description="", Name=name, Type=kind)
        policy_id = str(policy["Policy"]["PolicySummary"]["Id"])
        management.attach_policy(PolicyId=policy_id, TargetId=target)
        made.append((policy_id, target))
        return policy_id

    yield attach
    for policy_id, target in made:
        management.detach_policy(PolicyId=policy_id, TargetId=target)
        management.delete_policy(PolicyId=policy_id)


def test_every_account_is_in_the_one_organization(organization: Any, accounts: Any) -> None:
    """Three accounts and the management account describe the same organization."""
    for account in (accounts(), accounts(), accounts(), MANAGEMENT_ACCOUNT):
        described = (
            organization.session(account).client("organizations").describe_organization()["Organization"]
        )
        assert described["Id"] == organization.organization_id == "o-exampleorg1"
        assert described["MasterAccountId"] == MANAGEMENT_ACCOUNT


def test_members_may_not_administer(organization: Any, accounts: Any, refused: Any, document: Any) -> None:
    """A member account can neither write policies nor list accounts."""
    member = organization.session(accounts()).client("organizations")
    denied = ("AccessDeniedException", "You don't have permissions to access this resource.")
    content = document(DENY_S3)
    assert (
        refused(lambda: member.create_policy(Content=content, Description="", Name="p", Type=SCP)) == denied
    )
    assert refused(lambda: member.list_accounts()) == denied


def test_full_access_is_attached_everywhere(management: Any, accounts: Any) -> None:
    """Root, organizational unit and an account that was never used hold FullAWSAccess."""
    root = management.list_roots()["Roots"][0]["Id"]
    unit = management.create_organizational_unit(ParentId=root, Name="full")["OrganizationalUnit"]["Id"]
    for target in (root, unit, accounts()):
        listed = management.list_policies_for_target(TargetId=target, Filter=SCP)["Policies"]
        assert [policy["Name"] for policy in listed] == ["FullAWSAccess"]


def test_an_scp_on_the_account_denies_the_hop(make: Any, accounts: Any, attached: Any, refused: Any) -> None:
    """A service control policy above the caller denies its AssumeRole; one above the callee does not."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near, "sts:*")
    callee = make.role(far, "callee", caller)
    session = make.into(caller, by=near)
    attached(far, DENY_HOPS)
    assert make.assume(callee, by=session)["AssumedRoleUser"]
    attached(near, DENY_HOPS)
    assert refused(lambda: make.assume(callee, by=session)) == (
        "AccessDenied",
        f"User: arn:aws:sts::{near}:assumed-role/caller/hop is not authorized to perform: sts:AssumeRole "
        f"on resource: {callee} with an explicit deny in a service control policy",
    )


def test_an_scp_on_the_root_and_the_management_account(
    make: Any, management: Any, accounts: Any, attached: Any, refused: Any
) -> None:
    """A policy on the root binds every member, and not the management account."""
    near, far = accounts(), accounts()
    callee = make.role(far, "callee", [near, MANAGEMENT_ACCOUNT])
    root = management.list_roots()["Roots"][0]["Id"]
    attached(root, {**DENY_HOPS, "Resource": callee})
    assert refused(lambda: make.assume(callee, by=near))[0] == "AccessDenied"
    assert make.assume(callee, by=MANAGEMENT_ACCOUNT)["AssumedRoleUser"]


def test_every_level_must_allow(
    make: Any, management: Any, accounts: Any, attached: Any, allowing: Any, refused: Any
) -> None:
    """An organizational unit whose policies leave AssumeRole out denies it to its accounts."""
    near, far = accounts(), accounts()
    callee = make.role(far, "callee", near)
    root = management.list_roots()["Roots"][0]["Id"]
    unit = management.create_organizational_unit(ParentId=root, Name="narrow")["OrganizationalUnit"]["Id"]
    attached(unit, allowing(["s3:*", "iam:*"]))
    management.detach_policy(PolicyId="p-FullAWSAccess", TargetId=unit)
    management.move_account(AccountId=near, SourceParentId=root, DestinationParentId=unit)
    _, message = refused(lambda: make.assume(callee, by=near))
    assert message.endswith("because no service control policy allows the sts:AssumeRole action")
    management.move_account(AccountId=near, SourceParentId=unit, DestinationParentId=root)
    assert make.assume(callee, by=near)["AssumedRoleUser"]
    management.attach_policy(PolicyId="p-FullAWSAccess", TargetId=unit)


def test_the_organizations_path(make: Any, management: Any, accounts: Any, refused: Any) -> None:
    """aws:PrincipalOrgPaths names the units above the caller."""
    near, far = accounts(), accounts()
    root = management.list_roots()["Roots"][0]["Id"]
    unit = management.create_organizational_unit(ParentId=root, Name="paths")["OrganizationalUnit"]["Id"]
    path = f"o-exampleorg1/{root}/{unit}/"
    condition = {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": [f"{path}*"]}}
    callee = make.role(far, "callee", near, condition=condition)
    assert refused(lambda: make.assume(callee, by=near))[0] == "AccessDenied"
    management.move_account(AccountId=near, SourceParentId=root, DestinationParentId=unit)
    assert make.assume(callee, by=near)["AssumedRoleUser"]


def test_scps_act_on_ordinary_calls(
    organization: Any, make: Any, accounts: Any, attached: Any, refused: Any
) -> None:
    """A service control policy denies other calls too, also the administrator's, in the service's own protocol."""
    account = accounts()
    session = make.into(make.role(account, "worker", account, "*"), by=account)
    session.client("s3").list_buckets()
    attached(account, DENY_S3, {"Effect": "Deny", "Action": "ssm:GetParameter", "Resource": "*"})
    assert refused(lambda: session.client("s3").list_buckets()) == (
        "AccessDenied",
        f"User: arn:aws:sts::{account}:assumed-role/worker/hop is not authorized to perform: s3:ListAllMyBuckets "
        "on resource: * with an explicit deny in a service control policy",
    )
    administrator = organization.session(account)
    assert refused(lambda: administrator.client("s3").list_buckets())[0] == "AccessDenied"
    code, message = refused(lambda: session.client("ssm").get_parameter(Name="p"))
    assert code == "AccessDeniedException"
    assert message.endswith("with an explicit deny in a service control policy")
    assert session.client("sts").get_caller_identity()["Account"] == account


def test_a_condition_exempts_a_role_from_an_scp(
    make: Any, accounts: Any, attached: Any, refused: Any
) -> None:
    """aws:PrincipalArn in a service control policy is the role's ARN, also for its sessions."""
    account = accounts()
    exempt = make.role(account, "exempt", account, "*", Path="/ops/")
    other = make.role(account, "other", account, "*")
    attached(account, {**DENY_S3, "Condition": {"ArnNotEquals": {"aws:PrincipalArn": exempt}}})
    make.into(exempt, by=account).client("s3").list_buckets()
    assert refused(lambda: make.into(other, by=account).client("s3").list_buckets())[0] == "AccessDenied"


def test_an_rcp_above_the_callee(
    make: Any, management: Any, accounts: Any, attached: Any, refused: Any
) -> None:
    """A resource control policy above the callee's account denies the hop into it."""
    near, far = accounts(), accounts()
    callee = make.role(far, "callee", near)
    root = management.list_roots()["Roots"][0]["Id"]
    management.enable_policy_type(RootId=root, PolicyType=RCP)
    assert make.assume(callee, by=near)["AssumedRoleUser"]
    attached(far, {**DENY_HOPS, "Principal": "*"}, kind=RCP)
    _, message = refused(lambda: make.assume(callee, by=near))
    assert message.endswith("with an explicit deny in a resource control policy")


def test_disabling_scps_frees_everyone(
    make: Any, management: Any, accounts: Any, attached: Any, refused: Any
) -> None:
    """Without the policy type no policy binds; enabled again, every target has FullAWSAccess and nothing else."""
    near, far = accounts(), accounts()
    callee = make.role(far, "callee", near)
    root = management.list_roots()["Roots"][0]["Id"]
    policy_id = attached(near, DENY_HOPS)
    assert refused(lambda: make.assume(callee, by=near))[0] == "AccessDenied"
    management.disable_policy_type(RootId=root, PolicyType=SCP)
    assert make.assume(callee, by=near)["AssumedRoleUser"]
    management.enable_policy_type(RootId=root, PolicyType=SCP)
    listed = management.list_policies_for_target(TargetId=near, Filter=SCP)["Policies"]
    assert [policy["Name"] for policy in listed] == ["FullAWSAccess"]
    assert make.assume(callee, by=near)["AssumedRoleUser"]
    management.attach_policy(PolicyId=policy_id, TargetId=near)


def test_policies_that_are_none(management: Any, accounts: Any, refused: Any) -> None:
    """A malformed policy cannot be made, and a target never loses its last one."""
    content = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]})
    code, _ = refused(lambda: management.create_policy(Content=content, Description="", Name="bad", Type=SCP))
    assert code == "MalformedPolicyDocumentException"
    target = accounts()
    code, _ = refused(lambda: management.detach_policy(PolicyId="p-FullAWSAccess", TargetId=target))
    assert code == "ConstraintViolationException"
