"""What an account holds is compared with what the templates say, role by role and statement by statement."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from rolechain import Chain
from rolechain.live import Account, drift
from rolechain.local import LocalOrganization
from rolechain.proof import Template
from rolechain.statements.builder import permission_statements, trust_statements

Read = Callable[[Chain], list[Account]]


def _document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture
def templates(chain: Chain) -> list[Template]:
    """The templates that would make the chain's roles."""

    def body(account: str) -> dict[str, Any]:
        (role,) = (role for role in chain.roles if role.account == account)
        properties = {
            "RoleName": role.role,
            "Path": role.path,
            "AssumeRolePolicyDocument": _document(*trust_statements(chain, role)),
            "MaxSessionDuration": role.max_session_duration or 3600,
        }
        if hops := permission_statements(chain, role):
            properties["Policies"] = [{"PolicyName": "hops", "PolicyDocument": _document(*hops)}]
        return {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}

    return [Template(account, body(account), account=account) for account in chain.accounts]


def _told(
    chain: Chain, templates: list[Template], accounts: list[Account]
) -> list[tuple[str, str, bool, bool]]:
    return [
        (each.role.rsplit("/", 1)[-1], each.part, bool(each.declared), bool(each.found))
        for each in drift(chain, templates, accounts)
        if each.matters
    ]


def test_what_is_deployed_does_not_differ(chain: Chain, templates: list[Template], read: Read) -> None:
    """The roles that IAM's own calls made say what the templates say."""
    assert drift(chain, templates, read(chain)) == []


def test_a_statement_that_was_added(
    chain: Chain, templates: list[Template], read: Read, organization: LocalOrganization
) -> None:
    """A trust and a permission that were added by hand are told, each once."""
    target, middle = chain.targets[0], chain.middle[0]
    iam = organization.session(target.account).client("iam")
    extra = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
    }
    own = _document(*trust_statements(chain, target), extra)
    iam.update_assume_role_policy(RoleName=target.role, PolicyDocument=json.dumps(own))
    star = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    organization.session(middle.account).client("iam").put_role_policy(
        RoleName=middle.role, PolicyName="fix", PolicyDocument=json.dumps(_document(star))
    )
    assert _told(chain, templates, read(chain)) == [
        ("deploy-middle", "permissions", False, True),
        ("deploy-target", "trust policy", False, True),
    ]


def test_a_half_and_a_role_that_are_gone(
    chain: Chain, templates: list[Template], read: Read, organization: LocalOrganization
) -> None:
    """A permission that was taken away and a role that was deleted are told."""
    middle, target = chain.middle[0], chain.targets[0]
    organization.session(middle.account).client("iam").delete_role_policy(
        RoleName=middle.role, PolicyName="hops"
    )
    organization.session(target.account).client("iam").delete_role(RoleName=target.role)
    assert _told(chain, templates, read(chain)) == [
        ("deploy-middle", "permissions", True, False),
        ("deploy-target", "role", True, False),
    ]


def test_the_same_in_other_words(
    chain: Chain, templates: list[Template], read: Read, organization: LocalOrganization
) -> None:
    """The order of statements, a Sid, a list of one and how permissions are cut into policies make no difference."""
    middle = chain.middle[0]
    iam = organization.session(middle.account).client("iam")
    (statement,) = permission_statements(chain, middle)
    named = {**statement, "Sid": "Hop", "Action": ["sts:assumerole"]}
    iam.put_role_policy(RoleName=middle.role, PolicyName="hops", PolicyDocument=json.dumps(_document(named)))
    assert drift(chain, templates, read(chain)) == []


def test_what_does_not_matter_is_told_apart(
    chain: Chain, templates: list[Template], read: Read, organization: LocalOrganization
) -> None:
    """Tags and the maximum session duration are differences of their own kind."""
    middle = chain.middle[0]
    iam = organization.session(middle.account).client("iam")
    iam.update_role(RoleName=middle.role, MaxSessionDuration=3600)
    iam.tag_role(RoleName=middle.role, Tags=[{"Key": "owner", "Value": "ann"}])
    found = drift(chain, templates, read(chain))
    assert [(each.part, each.declared, each.found, each.matters) for each in found] == [
        ("maximum session duration", "7200 s", "3600 s", False),
        ("tags", "", "owner=ann", False),
    ]
    assert str(found[0]) == (
        f"maximum session duration of {middle.arn} is 3600 s, and 7200 s in the templates"
    )
