"""Trust policies as IAM stores them: principals must exist, and a deleted one leaves its id behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

MISSING = "arn:aws:iam::{}:role/missing"


@pytest.mark.parametrize(
    "principal",
    [
        "arn:aws:iam::{}:role/missing",
        "arn:aws:iam::{}:user/missing",
        "arn:aws:iam::{}:role/*",
        "arn:aws:iam::{}:role/other/present",
        "arn:aws:iam::{}:group/present",
        "AROAMISSING0000000000",
        "12345",
    ],
)
def test_a_principal_that_does_not_exist(make: Any, accounts: Any, refused: Any, principal: str) -> None:
    """CreateRole and UpdateAssumeRolePolicy refuse a principal that no account holds, wildcards included."""
    account = accounts()
    make.role(account, "present", account)
    principal = principal.format(account)
    error = ("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{principal}"')
    assert refused(lambda: make.role(account, "new", [account, principal])) == error
    trust = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    text = json.dumps({"Version": "2012-10-17", "Statement": trust})
    iam = make.iam(account)
    assert refused(lambda: iam.update_assume_role_policy(RoleName="present", PolicyDocument=text)) == error
    assert refused(lambda: iam.get_role(RoleName="new"))[0] == "NoSuchEntity"


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ({"Service": "cloudformation"}, '"SERVICE":"cloudformation"'),
        ({"Service": "*"}, '"SERVICE":"*"'),
        ({"AWS": "deployer"}, '"AWS":"deployer"'),
        ({"AWS": "arn:aws:iam::12345678901:root"}, '"AWS":"arn:aws:iam::12345678901:root"'),
        ({"AWS": "arn:aws:iam::111111111111:Root"}, '"AWS":"arn:aws:iam::111111111111:Root"'),
        ({"AWS": "arn:aws:iam::${AWS::AccountId}:root"}, '"AWS":"arn:aws:iam::${AWS::AccountId}:root"'),
        ({"AWS": "<account> & more"}, '"AWS":"<account> & more"'),
        ({"Federated": "github"}, '"FEDERATED":"github"'),
        ({"AWS": ""}, '"AWS":""'),
        ({"AWS": ["111111111111", ""]}, '"AWS":""'),
        ({"Service": ""}, '"SERVICE":""'),
    ],
)
def test_what_is_no_principal(make: Any, accounts: Any, refused: Any, principal: Any, named: str) -> None:
    """A principal that is written as IAM writes none is refused with its kind and value."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    assert refused(lambda: make.role(accounts(), "new", (statement,))) == (
        "MalformedPolicyDocument",
        f"Invalid principal in policy: {named}",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Action": "*"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Action": "sts:TagSessions"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        (
            {"Action": ["sts:AssumeRole", "s3:GetObject"]},
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        ({"Principal": {"AWS": []}}, "Missing required field Principal"),
        ({"Principal": {}}, "Missing required field Principal"),
        ({"NotResource": "*"}, "Has prohibited field NotResource"),
    ],
)
def test_elements_that_iam_refuses(
    make: Any, accounts: Any, refused: Any, change: dict[str, Any], message: str
) -> None:
    """Other services' actions, a Principal of nobody and NotResource are refused in IAM's words."""
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", **change}
    error = ("MalformedPolicyDocument", message)
    assert refused(lambda: make.role(accounts(), "new", (statement,))) == error


def test_a_statement_without_a_principal(make: Any, accounts: Any, refused: Any) -> None:
    """A statement that names nobody is refused in IAM's words."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    assert refused(lambda: make.role(accounts(), "new", (statement,))) == (
        "MalformedPolicyDocument",
        "Missing required field Principal",
    )


def test_principals_that_exist(make: Any, accounts: Any) -> None:
    """Accounts, everyone, roles, users, their ids and sessions are accepted."""
    account = accounts()
    make.user(account, "alice")
    role = make.role(account, "present", account)
    role_id = make.iam(account).get_role(RoleName="present")["Role"]["RoleId"]
    session = f"arn:aws:sts::{account}:assumed-role/present/hop"
    user = f"arn:aws:iam::{account}:user/alice"
    root = f"arn:aws:iam::{account}:root"
    callee = make.role(account, "many", [role, user, role_id, session, account, root, "*"])
    assert make.assume(callee, by=account)["AssumedRoleUser"]


def test_a_resource_in_a_trust_policy(make: Any, accounts: Any, refused: Any) -> None:
    """A trust policy with a Resource is refused in IAM's words."""
    account = accounts()
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": account},
        "Action": "sts:AssumeRole",
        "Resource": "*",
    }
    assert refused(lambda: make.role(account, "new", (statement,))) == (
        "MalformedPolicyDocument",
        "Has prohibited field Resource",
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        ('{"Statement": ["Allow"]}', "This policy contains invalid Json"),
        (
            '{"Statement": [], "Statement": []}',
            "Syntax errors in policy. (the key 'Statement' occurs twice in one object: remove one)",
        ),
        (
            '{"Version": "2012-10-17"}',
            "Syntax errors in policy. (Statement is missing: a policy holds one at least)",
        ),
    ],
)
def test_a_trust_policy_that_is_none(
    make: Any, accounts: Any, refused: Any, document: str, message: str
) -> None:
    """A trust policy that cannot be read is refused when it is written."""
    iam = make.iam(accounts())
    error = refused(lambda: iam.create_role(RoleName="new", AssumeRolePolicyDocument=document))
    assert error == ("MalformedPolicyDocument", message)


def test_a_caller_that_is_made_again_is_locked_out(make: Any, accounts: Any, refused: Any) -> None:
    """A trust in a role's ARN shows the id of the deleted role, and a new role of that name is not it."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near, "sts:*")
    old_id = make.iam(near).get_role(RoleName="caller")["Role"]["RoleId"]
    callee = make.role(far, "callee", caller)
    assert _trusted(make.iam(far)) == caller
    make.iam(near).delete_role_policy(RoleName="caller", PolicyName="own")
    make.iam(near).delete_role(RoleName="caller")
    assert _trusted(make.iam(far)) == old_id
    make.role(near, "caller", near, "sts:*")
    session = make.into(caller, by=near)
    _, message = refused(lambda: make.assume(callee, by=session))
    assert message.endswith("because no role trust policy allows the sts:AssumeRole action")
    trust = {"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "sts:AssumeRole"}
    text = json.dumps({"Version": "2012-10-17", "Statement": trust})
    make.iam(far).update_assume_role_policy(RoleName="callee", PolicyDocument=text)
    assert make.assume(callee, by=session)["AssumedRoleUser"]


def _trusted(iam: Any) -> Any:
    document = iam.get_role(RoleName="callee")["Role"]["AssumeRolePolicyDocument"]
    return document["Statement"][0]["Principal"]["AWS"]
