"""Policies that IAM does not store: those that are none, and those beyond the quotas."""

from __future__ import annotations

import json
from typing import Any

import pytest

ALLOW = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}


def _document(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def _long(characters: int) -> str:
    """A policy of permissions of so many characters, with blanks that do not count."""
    empty = {**ALLOW, "Resource": ["arn:aws:s3:::"]}
    left = characters - len(_document(empty).replace(" ", ""))
    return _document({**ALLOW, "Resource": [f"arn:aws:s3:::{'x' * left}"]})


def test_a_trust_policy_beyond_its_quota(make: Any, accounts: Any, refused: Any) -> None:
    """A trust policy has 2,048 characters, blanks apart, when it is made and when it is changed."""
    account = accounts()
    iam = make.iam(account)

    def trust(characters: int) -> str:
        ids = {"StringEquals": {"sts:ExternalId": ""}}
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": account}}
        left = characters - len(_document({**statement, "Condition": ids}).replace(" ", ""))
        return _document({**statement, "Condition": {"StringEquals": {"sts:ExternalId": "x" * left}}})

    iam.create_role(RoleName="fits", AssumeRolePolicyDocument=trust(2048))
    error = ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
    assert refused(lambda: iam.create_role(RoleName="long", AssumeRolePolicyDocument=trust(2049))) == error
    assert (
        refused(lambda: iam.update_assume_role_policy(RoleName="fits", PolicyDocument=trust(2049))) == error
    )


def test_inline_policies_beyond_their_quota(make: Any, accounts: Any, refused: Any) -> None:
    """The inline policies of a role have 10,240 characters together; one that is replaced does not count."""
    account = accounts()
    make.role(account, "r", account)
    iam = make.iam(account)
    iam.put_role_policy(RoleName="r", PolicyName="a", PolicyDocument=_long(10_000))
    iam.put_role_policy(RoleName="r", PolicyName="a", PolicyDocument=_long(10_040))
    iam.put_role_policy(RoleName="r", PolicyName="b", PolicyDocument=_long(200))
    assert refused(lambda: iam.put_role_policy(RoleName="r", PolicyName="b", PolicyDocument=_long(201))) == (
        "LimitExceeded",
        "Maximum policy size of 10240 bytes exceeded for role r",
    )


def test_a_managed_policy_beyond_its_quota(make: Any, accounts: Any, refused: Any) -> None:
    """A managed policy, and a version of it, has 6,144 characters."""
    iam = make.iam(accounts())
    arn = iam.create_policy(PolicyName="fits", PolicyDocument=_long(6144))["Policy"]["Arn"]
    error = ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert refused(lambda: iam.create_policy(PolicyName="long", PolicyDocument=_long(6145))) == error
    assert refused(lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=_long(6145))) == error


@pytest.mark.parametrize(("kind", "most"), [("user", 2048), ("group", 5120)])
def test_inline_policies_of_users_and_groups(
    make: Any, accounts: Any, refused: Any, kind: str, most: int
) -> None:
    """A user has 2,048 characters of inline policies, a group 5,120."""
    iam, name = make.iam(accounts()), {f"{kind.title()}Name": "a"}
    getattr(iam, f"create_{kind}")(**name)
    put = getattr(iam, f"put_{kind}_policy")
    put(**name, PolicyName="p", PolicyDocument=_long(most))
    error = ("LimitExceeded", f"Maximum policy size of {most} bytes exceeded for {kind} a")
    assert refused(lambda: put(**name, PolicyName="p", PolicyDocument=_long(most + 1))) == error


def test_a_managed_policy_that_does_not_exist(make: Any, accounts: Any, refused: Any) -> None:
    """Only a policy that exists is attached, to roles, users and groups."""
    account = accounts()
    make.role(account, "r", account)
    iam, arn = make.iam(account), f"arn:aws:iam::{account}:policy/none"
    iam.create_user(UserName="u")
    error = ("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")
    assert refused(lambda: iam.attach_role_policy(RoleName="r", PolicyArn=arn)) == error
    assert refused(lambda: iam.attach_user_policy(UserName="u", PolicyArn=arn)) == error
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")


def test_an_eleventh_managed_policy(make: Any, accounts: Any, refused: Any) -> None:
    """A role takes 10 managed policies; one that it has may be attached again."""
    account = accounts()
    make.role(account, "r", account)
    iam = make.iam(account)
    arns = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=_document(ALLOW))["Policy"]["Arn"]
        for number in range(11)
    ]
    for arn in (*arns[:10], arns[0]):
        iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    assert refused(lambda: iam.attach_role_policy(RoleName="r", PolicyArn=arns[10])) == (
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerRole: 10",
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (_document({**ALLOW, "Principal": "*"}), "Policy document should not specify a principal."),
        (
            _document({**ALLOW, "NotPrincipal": {"AWS": "111111111111"}}),
            "Policy document should not specify a principal.",
        ),
        (
            _document({**ALLOW, "Sid": "a"}, {**ALLOW, "Sid": "a"}),
            "Syntax errors in policy. (the Sid 'a' occurs twice: give each statement its own)",
        ),
        (
            _document({**ALLOW, "Sid": "read buckets"}),
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*",
        ),
        (
            _document({**ALLOW, "Resource": ["*", "my-bucket"]}),
            'Resource my-bucket must be in ARN format or "*".',
        ),
        (_document({**ALLOW, "Action": []}), "Policy statement must contain actions."),
        (_document({**ALLOW, "Resource": []}), "Policy statement must contain resources."),
        (
            '{"Statement": [], "Statement": []}',
            "Syntax errors in policy. (the key 'Statement' occurs twice in one object: remove one)",
        ),
    ],
)
def test_permissions_that_iam_refuses(
    make: Any, accounts: Any, refused: Any, document: str, message: str
) -> None:
    """A policy of permissions that names a principal, or is no policy, is refused inline and managed."""
    account = accounts()
    make.role(account, "r", account)
    iam = make.iam(account)
    error = ("MalformedPolicyDocument", message)
    assert (
        refused(lambda: iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)) == error
    )
    assert refused(lambda: iam.create_policy(PolicyName="p", PolicyDocument=document)) == error


def test_trust_without_statements_or_actions(make: Any, accounts: Any, refused: Any) -> None:
    """A trust policy has a statement, and each statement an action, when it is made and when it is changed."""
    account = accounts()
    make.role(account, "r", account)
    iam = make.iam(account)
    bare = {"Effect": "Allow", "Action": [], "Principal": {"AWS": account}}
    for document, message in (
        (_document(), "Syntax errors in policy. (the policy has no statement)"),
        (_document(bare), "Policy statement must contain actions."),
    ):
        error = ("MalformedPolicyDocument", message)
        call = {"RoleName": "s", "AssumeRolePolicyDocument": document}
        assert refused(lambda call=call: iam.create_role(**call)) == error
        call = {"RoleName": "r", "PolicyDocument": document}
        assert refused(lambda call=call: iam.update_assume_role_policy(**call)) == error


def test_names_that_are_too_long(make: Any, accounts: Any, refused: Any) -> None:
    """A role's name has 64 characters, and none but those of IAM's names."""
    account = accounts()
    make.role(account, "x" * 64, account)
    refusal = (
        "1 validation error detected: Value '{}' at 'roleName' failed to satisfy constraint: Member must {}"
    )
    for name, constraint in (
        ("x" * 65, "have length less than or equal to 64"),
        ("a role", "satisfy regular expression pattern: [\\w+=,.@-]+"),
    ):
        error = ("ValidationError", refusal.format(name, constraint))
        assert refused(lambda name=name: make.role(account, name, account)) == error
