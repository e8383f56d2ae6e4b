"""AssumeRole over HTTP: who gets in, who is refused, and in which words."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from typing import Any

import pytest

from rolechain.local import LocalOrganization


@pytest.fixture
def pair(make: Any, accounts: Any) -> Any:
    """A caller that may assume everything, and a callee of another account that trusts it."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", f"arn:aws:iam::{near}:root", "sts:*")
    callee = make.role(far, "callee", caller)
    return near, far, caller, callee


def test_a_declared_hop_is_taken(make: Any, pair: Any) -> None:
    """A hop that both sides allow gives credentials that act as the callee's session."""
    near, far, caller, callee = pair
    first = make.into(caller, by=near)
    answer = make.assume(callee, by=first, RoleSessionName="second")
    role_id = make.iam(far).get_role(RoleName="callee")["Role"]["RoleId"]
    assert answer["AssumedRoleUser"] == {
        "Arn": f"arn:aws:sts::{far}:assumed-role/callee/second",
        "AssumedRoleId": f"{role_id}:second",
    }
    identity = make.into(callee, by=first).client("sts").get_caller_identity()
    assert identity["Account"] == far
    assert identity["Arn"] == f"arn:aws:sts::{far}:assumed-role/callee/hop"


def test_no_identity_policy(make: Any, accounts: Any, refused: Any) -> None:
    """A caller without a permission is refused for its identity policy."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near)
    callee = make.role(far, "callee", caller)
    session = make.into(caller, by=near)
    assert refused(lambda: make.assume(callee, by=session)) == (
        "AccessDenied",
        f"User: arn:aws:sts::{near}:assumed-role/caller/hop is not authorized to perform: sts:AssumeRole "
        f"on resource: {callee} because no identity-based policy allows the sts:AssumeRole action",
    )


def test_no_trust(make: Any, accounts: Any, refused: Any) -> None:
    """A caller that the trust policy does not name is refused for it."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near, "sts:AssumeRole")
    callee = make.role(far, "callee", far)
    session = make.into(caller, by=near)
    code, message = refused(lambda: make.assume(callee, by=session))
    assert code == "AccessDenied"
    assert message.endswith(f"{callee} because no role trust policy allows the sts:AssumeRole action")


def test_explicit_deny_in_the_trust_policy(make: Any, accounts: Any, refused: Any) -> None:
    """A deny in the trust policy wins over its allow, and is named."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near, "sts:AssumeRole")
    base = {"Principal": {"AWS": near}, "Action": "sts:AssumeRole"}
    callee = make.role(far, "callee", ({"Effect": "Allow", **base}, {"Effect": "Deny", **base}))
    session = make.into(caller, by=near)
    code, message = refused(lambda: make.assume(callee, by=session))
    assert (code, message.split(callee)[1]) == (
        "AccessDenied",
        " with an explicit deny in the role trust policy",
    )


def test_explicit_deny_in_the_identity_policy(make: Any, accounts: Any, allowing: Any, refused: Any) -> None:
    """A deny in the caller's own policy is named as such."""
    near, far = accounts(), accounts()
    deny = {**allowing("sts:AssumeRole"), "Effect": "Deny"}
    caller = make.role(near, "caller", near, (allowing("*"), deny))
    callee = make.role(far, "callee", caller)
    session = make.into(caller, by=near)
    code, message = refused(lambda: make.assume(callee, by=session))
    assert (code, message.split(callee)[1]) == (
        "AccessDenied",
        " with an explicit deny in an identity-based policy",
    )


def test_permissions_boundary(make: Any, accounts: Any, document: Any, allowing: Any, refused: Any) -> None:
    """A boundary that leaves AssumeRole out refuses what the identity policy allows."""
    near, far = accounts(), accounts()
    boundary = make.iam(near).create_policy(PolicyName="edge", PolicyDocument=document(allowing("s3:*")))[
        "Policy"
    ]
    caller = make.role(near, "caller", near, "*", PermissionsBoundary=boundary["Arn"])
    callee = make.role(far, "callee", caller)
    session = make.into(caller, by=near)
    code, message = refused(lambda: make.assume(callee, by=session))
    assert code == "AccessDenied"
    assert message.endswith("because no permissions boundary allows the sts:AssumeRole action")


def test_session_policy(make: Any, pair: Any, document: Any, allowing: Any, refused: Any) -> None:
    """A session policy narrows what the session may assume."""
    near, _, caller, callee = pair
    narrow = make.into(caller, by=near, Policy=document(allowing("s3:*")))
    code, message = refused(lambda: make.assume(callee, by=narrow))
    assert code == "AccessDenied"
    assert message.endswith("because no session policy allows the sts:AssumeRole action")
    wide = make.into(caller, by=near, Policy=document(allowing("sts:AssumeRole", callee)))
    assert make.assume(callee, by=wide)["AssumedRoleUser"]


def test_a_role_that_does_not_exist_is_not_disclosed(make: Any, accounts: Any, refused: Any) -> None:
    """A missing role and another path are refused in the same words, which give no reason."""
    near, far = accounts(), accounts()
    make.role(far, "callee", near, Path="/app/")
    for resource in ("role/missing", "role/callee", "role/other/callee"):
        arn = f"arn:aws:iam::{far}:{resource}"
        assert refused(lambda arn=arn: make.assume(arn, by=near)) == (
            "AccessDenied",
            f"User: arn:aws:iam::{near}:user/administrator is not authorized to perform: sts:AssumeRole "
            f"on resource: {arn}",
        )
    assert make.assume(f"arn:aws:iam::{far}:role/app/callee", by=near)["AssumedRoleUser"]


def test_a_callers_path_is_part_of_its_name(make: Any, accounts: Any, refused: Any) -> None:
    """A trust closed by aws:PrincipalArn admits the role of that path only, and sees role ARNs for sessions."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near, "sts:*", Path="/app/")
    session = make.into(caller, by=near)
    condition = {"ArnEquals": {"aws:PrincipalArn": caller}}
    closed = make.role(far, "closed", near, condition=condition)
    assert make.assume(closed, by=session)["AssumedRoleUser"]
    elsewhere = {"ArnEquals": {"aws:PrincipalArn": caller.replace("/app/", "/")}}
    other = make.role(far, "other", near, condition=elsewhere)
    assert refused(lambda: make.assume(other, by=session))[0] == "AccessDenied"


def test_the_administrator_is_a_user_with_every_permission(make: Any, accounts: Any, refused: Any) -> None:
    """A trust in the account admits its administrator, one that is closed by aws:PrincipalArn does not."""
    near, far = accounts(), accounts()
    role = f"arn:aws:iam::{near}:role/somebody"
    open_role = make.role(far, "open", f"arn:aws:iam::{near}:root")
    closed = make.role(far, "closed", near, condition={"ArnEquals": {"aws:PrincipalArn": role}})
    assert make.assume(open_role, by=near)["AssumedRoleUser"]
    code, message = refused(lambda: make.assume(closed, by=near))
    assert code == "AccessDenied"
    assert message.endswith("because no role trust policy allows the sts:AssumeRole action")


def test_the_organization_in_a_trust_policy(make: Any, accounts: Any, refused: Any) -> None:
    """aws:PrincipalOrgID is the one organization's in every account."""
    near, far = accounts(), accounts()
    ours = make.role(far, "ours", "*", condition={"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}})
    theirs = make.role(
        far, "theirs", "*", condition={"StringEquals": {"aws:PrincipalOrgID": "o-anotherorg1"}}
    )
    assert make.assume(ours, by=near)["AssumedRoleUser"]
    assert refused(lambda: make.assume(theirs, by=near))[0] == "AccessDenied"


def test_external_id(make: Any, accounts: Any, refused: Any) -> None:
    """The right external id opens a role, a wrong or missing one does not."""
    near, far = accounts(), accounts()
    role = make.role(far, "callee", near, condition={"StringEquals": {"sts:ExternalId": "secret-1"}})
    assert make.assume(role, by=near, ExternalId="secret-1")["AssumedRoleUser"]
    assert refused(lambda: make.assume(role, by=near, ExternalId="secret-2"))[0] == "AccessDenied"
    assert refused(lambda: make.assume(role, by=near))[0] == "AccessDenied"


def test_permissions_through_a_group_and_a_managed_policy(
    make: Any, accounts: Any, document: Any, allowing: Any, refused: Any
) -> None:
    """A user's group and managed policies count, and a user without any is refused across accounts."""
    near, far = accounts(), accounts()
    alice = make.user(near, "alice", None)
    callee = make.role(far, "callee", near)
    assert refused(lambda: make.assume(callee, by=alice))[0] == "AccessDenied"
    iam = make.iam(near)
    managed = iam.create_policy(
        PolicyName="hop", PolicyDocument=document(allowing("sts:AssumeRole", callee))
    )["Policy"]
    iam.create_group(GroupName="hoppers")
    iam.attach_group_policy(GroupName="hoppers", PolicyArn=managed["Arn"])
    iam.add_user_to_group(GroupName="hoppers", UserName="alice")
    assert make.assume(callee, by=alice)["AssumedRoleUser"]


def test_an_undecidable_hop_is_refused_with_the_reason(make: Any, accounts: Any, refused: Any) -> None:
    """What the evaluator does not know is refused, and the message says why."""
    near, far = accounts(), accounts()
    callee = make.role(far, "callee", near, condition={"ArnLike": {"aws:PrincipalArn": "*"}})
    code, message = refused(lambda: make.assume(callee, by=near))
    assert code == "AccessDenied"
    assert f"{callee} because the local organization cannot decide it: " in message


def test_the_sessions_of_a_deleted_role_end(make: Any, pair: Any, refused: Any) -> None:
    """Credentials of a role that was deleted and made again are not those of the new role."""
    near, _, caller, _ = pair
    session = make.into(caller, by=near)
    iam = make.iam(near)
    iam.delete_role_policy(RoleName="caller", PolicyName="own")
    iam.delete_role(RoleName="caller")
    make.role(near, "caller", near, "*")
    assert refused(lambda: session.client("sts").get_caller_identity())[0] == "InvalidClientTokenId"


def test_credentials_that_nobody_holds(make: Any, pair: Any, refused: Any) -> None:
    """An unknown key and a session's key without its token are refused before any decision."""
    near, _, caller, callee = pair
    unknown = make.organization.session_with("AKIAUNKNOWN000000000", "secret")
    assert refused(lambda: make.assume(callee, by=unknown))[0] == "InvalidClientTokenId"
    credentials = make.assume(caller, by=near)["Credentials"]
    bare = make.organization.session_with(credentials["AccessKeyId"], credentials["SecretAccessKey"])
    assert refused(lambda: make.assume(callee, by=bare))[0] == "InvalidClientTokenId"


def test_an_unsigned_call(make: Any, pair: Any) -> None:
    """AssumeRole without a signature is refused."""
    call = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": pair[3], "RoleSessionName": "hop"}
    body = urllib.parse.urlencode(call).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(make.organization.endpoint_url, body)  # noqa: S310
    with caught.value as error:
        assert error.code == 403
        assert b"<Code>MissingAuthenticationToken</Code>" in error.read()


def test_a_session_of_the_administrator(make: Any, accounts: Any) -> None:
    """GetSessionToken gives the administrator credentials that are still the administrator's."""
    near, far = accounts(), accounts()
    granted = make.organization.session(near).client("sts").get_session_token()["Credentials"]
    session = make.organization.session_with(
        granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"]
    )
    assert session.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{near}:user/administrator"
    assert make.assume(make.role(far, "callee", near), by=session)["AssumedRoleUser"]


def test_a_function_is_not_chained(make: Any, accounts: Any) -> None:
    """A Lambda function acts as its role, and its first hop may last longer than an hour."""
    with LocalOrganization(services=["lambda"]) as organization:
        _call_by_function(type(make)(organization), accounts(), accounts())


def _call_by_function(make: Any, near: str, far: str) -> None:
    service = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    source = make.role(near, "source", (service,), "sts:*")
    callee = make.role(far, "callee", source, MaxSessionDuration=7200)
    answer = _invoke(make.organization.session(near).client("lambda"), source, callee)
    assert answer == [
        f"arn:aws:sts::{near}:assumed-role/source/hopper",
        f"arn:aws:sts::{far}:assumed-role/callee/fn",
    ]


FUNCTION = """
import boto3
def handler(event, context):
    sts = boto3.client("sts")
    answer = sts.assume_role(RoleArn=event, RoleSessionName="fn", DurationSeconds=7200)
    return [sts.get_caller_identity()["Arn"], answer["AssumedRoleUser"]["Arn"]]
"""


def _invoke(client: Any, role_arn: str, event: str) -> Any:
    """What a new function answers that runs FUNCTION as the role."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("index.py", FUNCTION)
    client.create_function(
        FunctionName="hopper",
        Runtime="python3.11",
        Role=role_arn,
        Handler="index.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
    )
    client.get_waiter("function_active_v2").wait(
        FunctionName="hopper", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )
    return json.loads(client.invoke(FunctionName="hopper", Payload=json.dumps(event))["Payload"].read())
