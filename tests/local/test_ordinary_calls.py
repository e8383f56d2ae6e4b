"""Calls of sessions to other services: policies, boundaries and conditions act on them."""

from __future__ import annotations

import json
from typing import Any


def test_identity_policy_boundary_and_session_policy(
    make: Any, accounts: Any, document: Any, allowing: Any, refused: Any
) -> None:
    """A session may do what its role's policy, its boundary and its session policy all allow."""
    account = accounts()
    make.organization.session(account).client("ssm").put_parameter(Name="/p", Value="1", Type="String")
    edge = make.iam(account).create_policy(
        PolicyName="edge", PolicyDocument=document(allowing(["ssm:*", "sts:*"]))
    )["Policy"]
    role = make.role(account, "worker", account, ["ssm:*", "s3:*"], PermissionsBoundary=edge["Arn"])
    session = make.into(role, by=account)
    assert session.client("ssm").get_parameter(Name="/p")["Parameter"]["Value"] == "1"
    assert refused(lambda: session.client("s3").list_buckets())[0] == "AccessDenied"
    narrow = make.into(role, by=account, Policy=document(allowing("s3:*")))
    assert refused(lambda: narrow.client("ssm").get_parameter(Name="/p"))[0] == "AccessDeniedException"


def test_conditions_on_the_caller(make: Any, accounts: Any, allowing: Any, refused: Any) -> None:
    """aws:PrincipalArn is the role's, aws:PrincipalOrgID the organization's, aws:SourceIdentity the session's."""
    account = accounts()
    arn = f"arn:aws:iam::{account}:role/app/worker"
    condition = {
        "ArnEquals": {"aws:PrincipalArn": arn},
        "StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1", "aws:SourceIdentity": "alice"},
    }
    make.role(
        account,
        "worker",
        account,
        (allowing("s3:ListAllMyBuckets", Condition=condition),),
        trust_actions=["sts:AssumeRole", "sts:SetSourceIdentity"],
        Path="/app/",
    )
    assert make.into(arn, by=account, SourceIdentity="alice").client("s3").list_buckets()["Buckets"] == []
    assert refused(lambda: make.into(arn, by=account).client("s3").list_buckets())[0] == "AccessDenied"


def test_a_bucket_that_asks_for_tls(make: Any, accounts: Any) -> None:
    """A bucket policy that denies calls without TLS, as a CDK bootstrap's does, lets them pass."""
    account = accounts()
    bucket = f"assets-{account}"
    s3: Any = make.organization.session(account).client("s3")
    s3.create_bucket(Bucket=bucket)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    session = make.into(make.role(account, "worker", account, "s3:*"), by=account)
    session.client("s3").put_object(Bucket=bucket, Key="k", Body=b"v")
    assert session.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"


def test_a_wrong_secret_is_refused(make: Any, accounts: Any, refused: Any) -> None:
    """A session's key with another secret cannot sign."""
    account = accounts()
    worker = make.role(account, "worker", account, "*")
    credentials = make.assume(worker, by=account)["Credentials"]
    forged = make.organization.session_with(
        credentials["AccessKeyId"], "another", credentials["SessionToken"]
    )
    assert refused(lambda: forged.client("s3").list_buckets())[0] == "SignatureDoesNotMatch"
    assert refused(lambda: forged.client("sts").get_caller_identity())[0] == "SignatureDoesNotMatch"
    assert refused(lambda: make.assume(worker, by=forged))[0] == "SignatureDoesNotMatch"
