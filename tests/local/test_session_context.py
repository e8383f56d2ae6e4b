"""What a session carries along a chain: tags, a source identity, MFA."""

from __future__ import annotations

import time
from typing import Any

ALL = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
BLUE = [{"Key": "team", "Value": "blue"}]


def test_tags_need_tag_session_on_both_sides(make: Any, accounts: Any, refused: Any) -> None:
    """Passing a tag asks for sts:TagSession of the caller and of the trust policy."""
    near, far = accounts(), accounts()
    caller = make.role(near, "caller", near, "sts:AssumeRole")
    tagger = make.role(near, "tagger", near, ALL)
    strict = make.role(far, "strict", near)
    ready = make.role(far, "ready", near, trust_actions=ALL)
    session = make.into(caller, by=near)
    _, message = refused(lambda: make.assume(ready, by=session, Tags=BLUE))
    assert message.endswith("because no identity-based policy allows the sts:TagSession action")
    session = make.into(tagger, by=near)
    _, message = refused(lambda: make.assume(strict, by=session, Tags=BLUE))
    assert message.endswith("because no role trust policy allows the sts:TagSession action")
    assert make.assume(ready, by=session, Tags=BLUE)["AssumedRoleUser"]


def test_transitive_tags_go_all_the_way(make: Any, accounts: Any, refused: Any) -> None:
    """A transitive tag is inherited over two hops, cannot be set again, and another tag is not inherited."""
    near, middle, far = accounts(), accounts(), accounts()
    first = make.role(near, "first", near, ALL, trust_actions=ALL)
    second = make.role(middle, "second", near, ALL, trust_actions=ALL)
    blue = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    third = make.role(far, "third", middle, trust_actions=ALL, condition=blue)
    by_once = {"StringEquals": {"aws:PrincipalTag/once": "yes"}}
    fourth = make.role(far, "fourth", middle, trust_actions=ALL, condition=by_once)
    tags = [*BLUE, {"Key": "once", "Value": "yes"}]
    one = make.into(first, by=near, Tags=tags, TransitiveTagKeys=["team"])
    two = make.into(second, by=one)
    assert make.assume(third, by=two)["AssumedRoleUser"]
    assert refused(lambda: make.assume(fourth, by=two))[0] == "AccessDenied"
    assert refused(lambda: make.assume(third, by=two, Tags=[{"Key": "Team", "Value": "red"}])) == (
        "InvalidParameterValue",
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
        "from the calling session.",
    )


def test_a_session_tag_stands_for_the_roles_own(make: Any, accounts: Any, refused: Any) -> None:
    """A role's tag is its sessions' principal tag, until a session tag of the same key is passed."""
    near, far = accounts(), accounts()
    red = [{"Key": "team", "Value": "red"}]
    caller = make.role(near, "caller", near, ALL, trust_actions=ALL, Tags=red)
    condition = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    callee = make.role(far, "callee", near, condition=condition)
    assert make.assume(callee, by=make.into(caller, by=near))["AssumedRoleUser"]
    blue = make.into(caller, by=near, Tags=BLUE)
    assert refused(lambda: make.assume(callee, by=blue))[0] == "AccessDenied"


def test_tags_of_the_callee(make: Any, accounts: Any, allowing: Any, refused: Any) -> None:
    """A permission on the callee's tags sees its own, and an inherited transitive tag in their place."""
    near, far = accounts(), accounts()
    same = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    caller = make.role(near, "caller", near, (allowing(ALL, Condition=same),), trust_actions=ALL)
    blue = make.role(far, "blue", near, trust_actions=ALL, Tags=BLUE)
    red = make.role(far, "red", near, trust_actions=ALL, Tags=[{"Key": "team", "Value": "red"}])
    session = make.into(caller, by=near)
    assert make.assume(blue, by=session)["AssumedRoleUser"]
    assert refused(lambda: make.assume(red, by=session))[0] == "AccessDenied"
    inheriting = make.into(caller, by=near, Tags=BLUE, TransitiveTagKeys=["team"])
    assert make.assume(red, by=inheriting)["AssumedRoleUser"]


def test_an_inherited_tag_needs_tag_session(make: Any, accounts: Any, refused: Any) -> None:
    """A session with a transitive tag cannot enter a role that does not allow sts:TagSession."""
    near, far = accounts(), accounts()
    first = make.role(near, "first", near, ALL, trust_actions=ALL)
    second = make.role(far, "second", near)
    session = make.into(first, by=near, Tags=BLUE, TransitiveTagKeys=["team"])
    _, message = refused(lambda: make.assume(second, by=session))
    assert message.endswith("because no role trust policy allows the sts:TagSession action")


def test_a_source_identity_is_inherited_and_stays(make: Any, accounts: Any, refused: Any) -> None:
    """The source identity of the first hop is seen in the third, and cannot be changed on the way."""
    near, middle, far = accounts(), accounts(), accounts()
    first = make.role(near, "first", near, ALL, trust_actions=ALL)
    second = make.role(middle, "second", near, ALL, trust_actions=ALL)
    alice = {"StringEquals": {"aws:SourceIdentity": "alice"}}
    third = make.role(far, "third", middle, trust_actions=ALL, condition=alice)
    answer = make.assume(first, by=near, SourceIdentity="alice")
    assert answer["SourceIdentity"] == "alice"
    one = make.into(first, by=near, SourceIdentity="alice")
    assert refused(lambda: make.assume(second, by=one, SourceIdentity="bob")) == (
        "AccessDenied",
        f"User: arn:aws:sts::{near}:assumed-role/first/hop is not authorized to perform: sts:SetSourceIdentity "
        f"on resource: {second}",
    )
    two = make.into(second, by=one)
    assert make.assume(third, by=two)["SourceIdentity"] == "alice"
    assert refused(lambda: make.assume(third, by=make.into(second, by=near)))[0] == "AccessDenied"


def test_a_source_identity_needs_its_permission(make: Any, accounts: Any, refused: Any) -> None:
    """Setting a source identity asks for sts:SetSourceIdentity in the trust policy."""
    near = accounts()
    role = make.role(near, "role", near)
    _, message = refused(lambda: make.assume(role, by=near, SourceIdentity="alice"))
    assert message.endswith("because no role trust policy allows the sts:SetSourceIdentity action")


def test_mfa(make: Any, accounts: Any, refused: Any) -> None:
    """A user with the code of its device gets in where MFA is asked for; the session after that has none."""
    near, far = accounts(), accounts()
    alice = make.user(near, "alice")
    asked = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    first = make.role(near, "first", near, "sts:*", condition=asked)
    second = make.role(far, "second", near, condition=asked)
    iam = make.iam(near)
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    serial, seed = device["SerialNumber"], device["Base32StringSeed"].decode()
    iam.enable_mfa_device(
        UserName="alice", SerialNumber=serial, AuthenticationCode1="000000", AuthenticationCode2="000001"
    )
    assert refused(lambda: make.assume(first, by=alice))[0] == "AccessDenied"
    wrong = f"{(int(_code(seed)) + 500000) % 1000000:06}"
    assert refused(lambda: make.assume(first, by=alice, SerialNumber=serial, TokenCode=wrong)) == (
        "AccessDenied",
        "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
    )
    session = make.into(first, by=alice, SerialNumber=serial, TokenCode=_code(seed))
    assert refused(lambda: make.assume(second, by=session))[0] == "AccessDenied"
    granted = alice.client("sts").get_session_token(SerialNumber=serial, TokenCode=_code(seed))["Credentials"]
    with_mfa = make.organization.session_with(
        granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"]
    )
    assert make.assume(second, by=with_mfa)["AssumedRoleUser"]


def test_mfa_of_somebody_else(make: Any, accounts: Any, refused: Any) -> None:
    """A device that is not the caller's own is refused."""
    near = accounts()
    alice = make.user(near, "alice")
    role = make.role(near, "role", near)
    serial = f"arn:aws:iam::{near}:mfa/unknown"
    code, message = refused(lambda: make.assume(role, by=alice, SerialNumber=serial, TokenCode="123456"))
    assert code == "AccessDenied"
    assert message.startswith("MultiFactorAuthentication failed, unable to validate MFA code.")


def _code(seed: str) -> str:
    """The device's code by RFC 6238, computed apart from the code under test."""
    import base64
    import hashlib
    import hmac

    digest = hmac.new(
        base64.b32decode(seed), (int(time.time()) // 30).to_bytes(8, "big"), hashlib.sha1
    ).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1000000:06}"
