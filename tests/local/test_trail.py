"""The trail of the local organization: log files as CloudTrail writes them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rolechain.local import LocalOrganization

CALLER, CALLEE = "111111111111", "222222222222"
TRUST = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": CALLER},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trail")


@pytest.fixture(scope="module")
def organization(folder: Path) -> Iterator[LocalOrganization]:
    with LocalOrganization(trail=folder) as running:
        iam = running.session(CALLEE).client("iam")
        iam.create_role(RoleName="visited", Path="/a/", AssumeRolePolicyDocument=json.dumps(TRUST))
        yield running


def records(folder: Path, name: str) -> list[dict[str, Any]]:
    """The records of an operation, in all accounts, the older first."""
    found = []
    for path in folder.rglob("*.json.gz"):
        (record,) = json.loads(gzip.decompress(path.read_bytes()))["Records"]
        assert re.fullmatch(
            rf"AWSLogs/{record['recipientAccountId']}/CloudTrail/{record['awsRegion']}/\d{{4}}/\d\d/\d\d/"
            rf"{record['recipientAccountId']}_CloudTrail_{record['awsRegion']}_\d{{8}}T\d{{4}}Z_[0-9a-f]{{16}}\.json\.gz",
            path.relative_to(folder).as_posix(),
        )
        if record["eventName"] == name:
            found.append((path.stat().st_mtime_ns, record))
    return [record for _, record in sorted(found, key=lambda pair: pair[0])]


@pytest.fixture
def session(organization: LocalOrganization) -> dict[str, Any]:
    """What AssumeRole gave to the caller's administrator."""
    sts = organization.session(CALLER, region="eu-west-1").client("sts")
    return dict(
        sts.assume_role(
            RoleArn=f"arn:aws:iam::{CALLEE}:role/a/visited",
            RoleSessionName="guest",
            DurationSeconds=900,
            Tags=[{"Key": "Team", "Value": "red"}, {"Key": "Stage", "Value": "dev"}],
            TransitiveTagKeys=["Team"],
        )["Credentials"]
    )


def test_assume_role_is_in_both_accounts(folder: Path, session: dict[str, Any]) -> None:
    """The caller's event says who called, the called account's only from where; they share an id and issue one key."""
    own, other = sorted(records(folder, "AssumeRole")[-2:], key=lambda each: str(each["recipientAccountId"]))
    assert own["recipientAccountId"], other["recipientAccountId"] == (CALLER, CALLEE)
    assert own["userIdentity"] == {
        "type": "IAMUser",
        "principalId": f"AIDALOCAL{CALLER}",
        "arn": f"arn:aws:iam::{CALLER}:user/administrator",
        "accountId": CALLER,
        "accessKeyId": CALLER,
        "userName": "administrator",
    }
    assert other["userIdentity"] == {
        "type": "AWSAccount",
        "principalId": f"AIDALOCAL{CALLER}",
        "accountId": CALLER,
    }
    assert own["sharedEventID"] == other["sharedEventID"]
    assert own["eventID"] != other["eventID"]
    for each in (own, other):
        assert each["awsRegion"] == "eu-west-1"
        assert each["requestParameters"] == {
            "durationSeconds": 900,
            "roleArn": f"arn:aws:iam::{CALLEE}:role/a/visited",
            "roleSessionName": "guest",
            "tags": [{"key": "Team", "value": "red"}, {"key": "Stage", "value": "dev"}],
            "transitiveTagKeys": ["Team"],
        }
        assert each["responseElements"]["credentials"]["accessKeyId"] == session["AccessKeyId"]


def test_a_refusal_is_in_the_callers_account_alone(organization: LocalOrganization, folder: Path) -> None:
    """A refused call has its error, no answer, and one event."""
    sts = organization.session("333333333333").client("sts")
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=f"arn:aws:iam::{CALLEE}:role/a/visited", RoleSessionName="guest")
    refused = [each for each in records(folder, "AssumeRole") if "errorCode" in each]
    assert [(each["recipientAccountId"], each["errorCode"]) for each in refused] == [
        ("333333333333", "AccessDenied")
    ]
    assert "is not authorized to perform: sts:AssumeRole" in refused[0]["errorMessage"]
    assert refused[0]["responseElements"] is None


def test_calls_of_a_session(organization: LocalOrganization, folder: Path, session: dict[str, Any]) -> None:
    """A session's call names its key and the role that issued it, whatever protocol the service speaks."""
    inside = organization.session_with(
        session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    )
    inside.client("sts").get_caller_identity()
    calls: dict[str, tuple[Any, dict[str, Any]]] = {
        "GetParameter": ("ssm", {"Name": "/x"}),
        "DescribeStacks": ("cloudformation", {}),
        "ListBuckets": ("s3", {}),
        "GetBucketLocation": ("s3", {"Bucket": "a-bucket"}),
        "GetObject": ("s3", {"Bucket": "a-bucket", "Key": "a/key"}),
        "PutObject": ("s3", {"Bucket": "a-bucket", "Key": "key", "Body": b"x"}),
    }
    for name, (service, parameters) in calls.items():
        with pytest.raises(ClientError):
            getattr(inside.client(service), re.sub("(?<!^)([A-Z])", r"_\1", name).lower())(**parameters)
    for name in ("GetCallerIdentity", *calls):
        (record,) = records(folder, name)
        identity = record["userIdentity"]
        assert (identity["type"], identity["accessKeyId"]) == ("AssumedRole", session["AccessKeyId"]), name
        assert identity["sessionContext"]["sessionIssuer"]["arn"] == f"arn:aws:iam::{CALLEE}:role/a/visited"
        assert identity["arn"] == f"arn:aws:sts::{CALLEE}:assumed-role/visited/guest"
        assert (record.get("errorCode") is None) == (name == "GetCallerIdentity"), name
        assert record["requestParameters"] is None


def test_no_secret_is_written(organization: LocalOrganization, folder: Path, session: dict[str, Any]) -> None:
    """No file holds a secret access key or a session token."""
    text = b"".join(gzip.decompress(path.read_bytes()) for path in folder.rglob("*.json.gz")).decode()
    assert session["AccessKeyId"] in text
    for secret in (session["SecretAccessKey"], session["SessionToken"], organization.secret_access_key):
        assert secret not in text
