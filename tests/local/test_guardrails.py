"""A chain's guardrails, attached in the organization: what they refuse is refused, and the chain works."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.local.organization import MANAGEMENT_ACCOUNT
from rolechain.statements.builder import permission_statements, trust_statements
from rolechain.statements.guardrails import guardrails

SCP_SAYS = "with an explicit deny in a service control policy"
RCP_SAYS = "with an explicit deny in a resource control policy"
EXECUTING = "cdk-hnb659fds-cfn-exec-role"


@pytest.fixture
def chain(make: Any, accounts: Callable[[], str]) -> Chain:
    """A chain whose roles are made, each with a role ops beside it that may do anything."""
    source, middle, target = accounts(), accounts(), accounts()
    made = Chain(
        "guarded",
        organization="o-exampleorg1",
        source=ChainRole(source, assumed_by=[Entrance.arn(f"arn:aws:iam::{source}:role/ops")]),
        middle=[ChainRole(middle)],
        targets=[ChainRole(target)],
    )
    for role in made.roles:
        make.role(role.account, "ops", role.account, "*")
        make.role(
            role.account,
            role.role,
            tuple(trust_statements(made, role)),
            tuple(permission_statements(made, role)) or "s3:*",
            Path=role.path,
        )
    return made


@pytest.fixture
def attach(organization: Any) -> Iterator[Callable[..., None]]:
    """Attaches a chain's guardrails to its accounts, and takes them away after the test."""
    session = organization.session(MANAGEMENT_ACCOUNT)
    client: Any = session.client("organizations", region_name="us-east-1")
    made = []
    enabled = []

    def attach(chain: Chain, **settings: Any) -> None:
        root = client.list_roots()["Roots"][0]
        for each in guardrails(chain, **settings):
            if each.type not in {one["Type"] for one in client.list_roots()["Roots"][0]["PolicyTypes"]}:
                client.enable_policy_type(RootId=root["Id"], PolicyType=each.type)
                enabled.append((root["Id"], each.type))
            policy = client.create_policy(
                Content=json.dumps(each.content), Description="", Name=each.name, Type=each.type
            )["Policy"]["PolicySummary"]["Id"]
            for account in chain.accounts:
                client.attach_policy(PolicyId=policy, TargetId=account)
                made.append((policy, account))

    yield attach
    for policy, account in made:
        client.detach_policy(PolicyId=policy, TargetId=account)
    for policy in dict.fromkeys(policy for policy, _ in made):
        client.delete_policy(PolicyId=policy)
    for root_id, kind in enabled:
        client.disable_policy_type(RootId=root_id, PolicyType=kind)


def _into(make: Any, chain: Chain, number: int, name: str = "ops") -> Any:
    account = chain.roles[number].account
    return make.into(f"arn:aws:iam::{account}:role/{name}", by=account)


def _walked(make: Any, chain: Chain) -> Any:
    session = _into(make, chain, 0)
    for role in chain.roles:
        session = make.into(role.arn, by=session)
    return session


def test_nobody_else_changes_the_roles(
    make: Any, chain: Chain, attach: Any, refused: Any, document: Any, allowing: Any
) -> None:
    """Whoever may do anything is refused by a service control policy; administrators and AWS's roles are not."""
    target = chain.targets[0]
    trust = json.dumps({"Version": "2012-10-17", "Statement": trust_statements(chain, target)})
    excepted = ("admin", f"{EXECUTING}-{target.account}-us-east-1", "stacksets-exec-0a1b2c3d")
    for name in excepted:
        make.role(target.account, name, [target.account, MANAGEMENT_ACCOUNT], "*")
    own = document(allowing("s3:*"))
    policy = make.iam(target.account).create_policy(PolicyName="own", Path=target.path, PolicyDocument=own)
    attach(chain, administrators=["arn:aws:iam::*:role/admin"], administration=True)
    ops = _into(make, chain, 2).client("iam")
    attempts = [
        lambda: ops.update_assume_role_policy(RoleName=target.role, PolicyDocument=trust),
        lambda: ops.put_role_policy(RoleName=target.role, PolicyName="p", PolicyDocument=own),
        lambda: ops.delete_role(RoleName=target.role),
        lambda: ops.create_policy_version(PolicyArn=policy["Policy"]["Arn"], PolicyDocument=own),
        # Nor does anybody make an exception of themselves.
        lambda: ops.update_assume_role_policy(RoleName="admin", PolicyDocument=trust),
        lambda: ops.create_role(
            Path="/cdk-evil/", RoleName="x-cfn-exec-role-y", AssumeRolePolicyDocument=trust
        ),
    ]
    for attempt in attempts:
        code, message = refused(attempt)
        assert (code, SCP_SAYS in message) == ("AccessDenied", True), message
    ops.create_role(RoleName="another", AssumeRolePolicyDocument=trust)
    for name in excepted:
        administrator = f"arn:aws:iam::{target.account}:role/{name}"
        code, message = refused(lambda arn=administrator: make.assume(arn, by=_into(make, chain, 2)))
        assert (code, SCP_SAYS in message) == ("AccessDenied", True), message
        # The management account is bound by no service control policy.
        session = make.into(administrator, by=MANAGEMENT_ACCOUNT)
        session.client("iam").update_assume_role_policy(RoleName=target.role, PolicyDocument=trust)
    _walked(make, chain)


def test_nobody_else_assumes_the_roles(make: Any, chain: Chain, attach: Any, refused: Any) -> None:
    """A trust policy that was opened by hand lets nobody in whom the chain does not declare."""
    target = chain.targets[0]
    everybody = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    make.iam(target.account).update_assume_role_policy(RoleName=target.role, PolicyDocument=document)
    for number in range(3):
        make.assume(target.arn, by=_into(make, chain, number))
    attach(chain)
    for number in range(3):
        session = _into(make, chain, number)
        code, message = refused(lambda session=session: make.assume(target.arn, by=session))
        assert (code, RCP_SAYS in message) == ("AccessDenied", True), message
    _walked(make, chain)


def test_the_roles_are_used_within_the_networks(make: Any, chain: Chain, attach: Any) -> None:
    """Sessions of the roles call from the declared networks alone."""
    attach(chain, source_ip=["127.0.0.0/8"])
    assert _walked(make, chain).client("s3").list_buckets()["Buckets"] is not None


def test_the_roles_are_not_used_from_elsewhere(make: Any, chain: Chain, attach: Any, refused: Any) -> None:
    """From another network not even the first hop is taken; other roles of the accounts are not concerned."""
    attach(chain, source_ip=["192.0.2.0/24"], source_vpc=["vpc-0123456789abcdef0"])
    source = make.into(chain.source.arn, by=_into(make, chain, 0))
    code, message = refused(lambda: make.assume(chain.middle[0].arn, by=source))
    assert (code, SCP_SAYS in message) == ("AccessDenied", True), message
    assert _into(make, chain, 0).client("s3").list_buckets()["Buckets"] is not None
