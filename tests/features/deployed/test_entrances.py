"""Who enters a deployed chain: its user with MFA, a vendor, an account's roles, a partner's role; what is brought."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, Hop
from rolechain.runtime import Hop as Call
from rolechain.runtime import chain_session

# One user of the CDK CLI at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")

Make = Callable[[str, str], boto3.Session]
Refusal = Callable[[str, str, str], str]
TAGS = [{"Key": "Project", "Value": "apollo"}, {"Key": "Stage", "Value": "dev"}]


def test_a_user_enters_with_mfa_alone(chain: Chain, user: Make, device: Any, refusal: Refusal) -> None:
    """The user walks to a target with the code of its device, and is refused at the door without."""
    ann = user("777777777777", "ann")
    serial, code = device("777777777777", "ann")
    hops = chain.hops_to("300000000012", session_tags={"Stage": "dev"}, source_identity="ann@example.com")
    entered = Call(chain.source.arn, serial_number=serial, token_code=code)
    walked = chain_session(entered, *hops, session=ann, region_name="us-east-1")
    answer = walked.client("sts").get_caller_identity()["Arn"]
    assert answer.startswith("arn:aws:sts::300000000012:assumed-role/release-target/")
    with pytest.raises(ClientError) as caught:
        ann.client("sts").assume_role(RoleArn=chain.source.arn, RoleSessionName="bare")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert caught.value.response["Error"]["Message"] == (
        "User: arn:aws:iam::777777777777:user/ann"
        + refusal("sts:AssumeRole", chain.source.arn, "role trust policy")
    )


def test_who_else_enters(chain: Chain, user: Make, function: Make, assume: Any) -> None:
    """A vendor enters with its external id, an account's roles but not its users, and nobody else."""
    door, vendor = chain.source.arn, function("999999999999", "vendor")
    inside = "arn:aws:sts::111111111111:assumed-role/release-source/bare"
    assert assume(vendor, door, ExternalId="vendor-7") == inside
    assert assume(vendor, door, ExternalId="vendor-8") == "AccessDenied"
    assert assume(vendor, door) == "AccessDenied"
    assert assume(function("777777777777", "ci"), door) == inside
    assert assume(user("777777777777", "bob"), door) == "AccessDenied"
    assert assume(function("888888888888", "other"), door, ExternalId="vendor-7") == "AccessDenied"


def test_the_role_of_the_partner(standing: Any, chain: Chain, function: Make, assume: Any) -> None:
    """The partner's role is let in with what is asked for, and no other role of its account is."""
    asked = {"Tags": TAGS, "TransitiveTagKeys": ["Project"], "ExternalId": "jump-1"}
    inside = "arn:aws:sts::222222222222:assumed-role/release-middle-1/bare"
    assert assume(standing(chain).source(1), chain.middle[0].arn, **asked) == inside
    assert assume(function("888888888888", "other"), chain.middle[0].arn, **asked) == "AccessDenied"


def test_who_enters_with_tags_and_an_identity(
    arriving: Chain, function: Make, assume: Any, refusal: Refusal
) -> None:
    """What is brought goes with the session to the target; without it, or with anything else, the door is closed."""
    pipeline, door = function("777777777777", "pipeline"), arriving.source.arn
    brought: dict[str, Any] = {
        "tags": {"Team": "red", "Ticket": "INC-4"},
        "transitive_tag_keys": ["Team"],
        "source_identity": "ann-7",
    }
    hops: list[Hop | Call] = [Call(door, **brought), *arriving.hops_to(arriving.targets[0])]
    walked = chain_session(*hops, session=pipeline, region_name="us-east-1")
    answer = walked.client("sts").get_caller_identity()["Arn"]
    assert answer.startswith(f"arn:aws:sts::{arriving.targets[0].account}:assumed-role/arriving-target/")

    def sent(**tags: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    right: dict[str, Any] = {
        "Tags": sent(Team="red"),
        "TransitiveTagKeys": ["Team"],
        "SourceIdentity": "ann-7",
    }
    assert assume(pipeline, door, **right) == "arn:aws:sts::111111111111:assumed-role/arriving-source/bare"
    wrongs: list[dict[str, Any]] = [
        {"Tags": sent(Team="green")},
        {"Tags": sent(Team="red", Ticket="REQ-4")},
        {"Tags": sent(Team="red", Admin="yes")},
        {"TransitiveTagKeys": []},
        {"SourceIdentity": "eve"},
    ]
    for wrong in wrongs:
        assert assume(pipeline, door, **right | wrong) == "AccessDenied", wrong
    assert assume(pipeline, door, SourceIdentity="ann-7") == "AccessDenied"
    assert assume(pipeline, door, Tags=right["Tags"], TransitiveTagKeys=["Team"]) == "AccessDenied"
    assert assume(function("777777777777", "other"), door, **right) == "AccessDenied"
