"""What limits the sessions of hops: the next hop under it, what else the session may do, and what STS refuses."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, ChainRole, Entrance, Permission
from rolechain.runtime import chain_session, fan_out, verify

Json = dict[str, Any]
TARGET = "arn:aws:iam::333333333333:role/rolechain/limited-target"
READS = ["s3:ListAllMyBuckets", "ssm:DescribeParameters"]


def document(*actions: str, **more: Any) -> Json:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def declared(middle: Json | None = None, target: Json | None = None) -> Chain:
    """A chain whose roles may read buckets and parameters."""
    return Chain(
        "limited",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222", permissions=[Permission(READS, "*")], **(middle or {}))],
        targets=[ChainRole("333333333333", permissions=[Permission(READS, "*")], **(target or {}))],
    )


def may(made: Any, hops: Any) -> list[bool]:
    """Whether the session at the end of some hops may list buckets, and parameters."""
    session = chain_session(*hops, session=made.source(), region_name="us-east-1")
    found: list[str] = []
    for call in (session.client("s3").list_buckets, session.client("ssm").describe_parameters):
        try:
            call()
            found.append("")
        except ClientError as error:
            found.append(error.response["Error"]["Code"].removesuffix("Exception"))
    assert set(found) <= {"", "AccessDenied"}
    return [not code for code in found]


def test_a_policy_that_allows_the_next_hop_alone(deploy: Any) -> None:
    """The chain works, nothing else does for the middle session, and the target's is not limited by it."""
    chain = declared({"policy": document("sts:AssumeRole", Resource=TARGET)})
    made = deploy(chain)
    hops = chain.hops_to("333333333333")
    assert ":assumed-role/limited-target/" in made.walk(hops)
    assert (may(made, hops[:1]), may(made, hops)) == ([False, False], [True, True])
    ((target, session),) = fan_out(hops[:1], hops[1:], session=made.source(), region_name="us-east-1")
    assert isinstance(session, boto3.Session)
    assert ":assumed-role/limited-target/" in session.client("sts").get_caller_identity()["Arn"]
    assert target is hops[1]


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (document("s3:*"), [True, False]),
        (document("ssm:Describe*", "sts:*"), [False, True]),
        (document("*", Effect="Deny"), [False, False]),
        (
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}},
            [False, True],
        ),
        (document("*", Condition={"StringEquals": {"aws:PrincipalAccount": "333333333333"}}), [True, True]),
        (document("*", Condition={"StringEquals": {"aws:PrincipalAccount": "222222222222"}}), [False, False]),
    ],
)
def test_a_target_s_session_does_what_the_policy_leaves(
    deploy: Any, policy: Json, allowed: list[bool]
) -> None:
    """Role and policy must both allow a call."""
    chain = declared(target={"policy": policy})
    assert may(deploy(chain), chain.hops_to("333333333333")) == allowed


def test_managed_policies(deploy: Any, organization: Any) -> None:
    """What any of them allows is left; one that the account does not have is refused by STS."""
    arn = "arn:aws:iam::333333333333:policy/buckets"
    chain = declared(target={"policy_arns": arn})
    made, hops = deploy(chain), chain.hops_to("333333333333")
    code, message = made.refused(hops)
    assert (code, "does not match an existing IAM Managed Policy ARN" in message) == ("ValidationError", True)
    iam = organization.session("333333333333").client("iam")
    iam.create_policy(PolicyName="buckets", PolicyDocument=json.dumps(document("s3:*")))
    assert may(made, hops) == [True, False]
    both = declared(target={"policy_arns": arn, "policy": document("ssm:*")})
    assert may(made, both.hops_to("333333333333")) == [True, True]


@pytest.mark.parametrize(
    ("policy", "target", "action", "because"),
    [
        (
            document("s3:*"),
            {},
            "sts:AssumeRole",
            "because no session policy allows the sts:AssumeRole action",
        ),
        (
            document("sts:AssumeRole"),
            {"session_tags": {"Team": "a"}},
            "sts:TagSession",
            "because no session policy allows the sts:TagSession action",
        ),
        (
            document("sts:AssumeRole"),
            {"source_identity": "ann"},
            "sts:SetSourceIdentity",
            "because no session policy allows the sts:SetSourceIdentity action",
        ),
    ],
)
def test_a_policy_that_leaves_the_next_hop_out(
    deploy: Any, policy: Json, target: Json, action: str, because: str
) -> None:
    """STS refuses the next hop, and verify says of which side."""
    chain = declared({"policy": policy}, target)
    made = deploy(chain)
    code, message = made.refused(chain.hops_to("333333333333"))
    assert (code, message.endswith(f"{TARGET} {because}")) == ("AccessDenied", True), message
    assert f"to perform: {action} on resource" in message
    (report,) = (each for each in verify(chain, session=made.source()) if not each.ok)
    assert (report.callee, report.cause) == (TARGET, "session_policy")


def test_what_must_be_refused_is_tried_without_it(deploy: Any) -> None:
    """A shortcut that is open is found though the middle session's policy leaves it out."""
    chain = Chain(
        "limited",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[
            ChainRole("222222222222", policy=document("sts:*", Resource="arn:aws:iam::444444444444:role/*")),
            ChainRole("444444444444"),
        ],
        targets=[ChainRole("333333333333")],
    )
    made = deploy(chain)
    assert all(report.ok for report in verify(chain, session=made.source()))
    first = chain.middle[0]
    for account, name, trust in (
        ("222222222222", first.role, False),
        ("333333333333", "limited-target", True),
    ):
        iam = made.iam(account)
        if trust:
            statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": first.arn}}
            body = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=body)
        else:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document("sts:*")))
    open_ones = [
        report for report in verify(chain, session=made.source()) if report.expected != report.verdict
    ]
    assert (first.arn, TARGET, "refused", "allowed") in [
        (report.caller, report.callee, report.expected, report.verdict) for report in open_ones
    ]


def test_packed_policies(deploy: Any) -> None:
    """STS says how full the packed policies are, and refuses what is no policy."""
    chain = declared(target={"policy": document("s3:*")})
    made, hops = deploy(chain), chain.hops_to("333333333333")
    session = chain_session(*hops[:1], session=made.source(), region_name="us-east-1")
    answer = session.client("sts").assume_role(
        RoleArn=TARGET, RoleSessionName="bare", Policy=str(chain.targets[0].policy)
    )
    assert 0 < answer["PackedPolicySize"] < 100
    code, _ = made.refused_by_sts(hops, Policy='{"Statement": []}' * 2)
    assert code == "MalformedPolicyDocument"
