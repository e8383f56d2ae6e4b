"""What limits a role, and roles that exist already."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rolechain import Chain, ChainError, ChainRole, Entrance, Permission
from rolechain.local import LocalOrganization
from rolechain.runtime import Hop, chain_session
from rolechain.runtime.hop import as_hop
from rolechain.statements.builder import statements_for

Make = Callable[[str, str], boto3.Session]
Send = Callable[..., Sequence[Any]]
LAMBDA = [Entrance.service("lambda.amazonaws.com")]


def declared(**fields: Any) -> Chain:
    return Chain(
        **{
            "name": "limit",
            "source": ChainRole("111111111111", assumed_by=LAMBDA),
            "middle": [ChainRole("222222222222")],
            "targets": [ChainRole("333333333333")],
            **fields,
        }
    )


@pytest.mark.parametrize("by_name", [True, False])
def test_a_permissions_boundary(deploy: Any, organization: LocalOrganization, by_name: bool) -> None:
    """What the boundary leaves out the role cannot do, though its permissions allow it."""
    name = f"fence-{by_name}"
    arn = f"arn:aws:iam::333333333333:policy/{name}"
    allowed = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    iam = organization.session("333333333333").client("iam")
    iam.create_policy(
        PolicyName=name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    )
    target = ChainRole(
        "333333333333",
        permissions_boundary=name if by_name else arn,
        permissions=[Permission(["s3:ListAllMyBuckets", "ssm:DescribeParameters"], ["*"])],
    )
    chain = declared(targets=[target])
    made = deploy(chain)
    session = chain_session(*chain.hops_to("333333333333"), session=made.source(), region_name="us-east-1")
    assert session.client("s3").list_buckets()["Buckets"] == []
    with pytest.raises(ClientError) as caught:
        session.client("ssm").describe_parameters()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_boundary_limits_the_hops(deploy: Any, organization: LocalOrganization) -> None:
    """A caller whose boundary leaves sts:AssumeRole out cannot take its hop, whatever both halves say."""
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
    iam = organization.session("222222222222").client("iam")
    iam.create_policy(PolicyName="no-hops", PolicyDocument=json.dumps(document))
    chain = declared(middle=[ChainRole("222222222222", permissions_boundary="no-hops")])
    code, message = deploy(chain).refused(chain.hops_to("333333333333"))
    assert code == "AccessDenied"
    assert "because no permissions boundary allows the sts:AssumeRole action" in message


def test_the_length_of_a_session(deploy: Any, sending: Send) -> None:
    """The hop asks for the seconds that are declared; more than an hour is refused by STS, and by the chain."""
    chain = declared(targets=[ChainRole("333333333333", duration_seconds=900, max_session_duration=43200)])
    made = deploy(chain)
    hops = chain.hops_to("333333333333")
    assert hops[-1].duration_seconds == 900
    assert ":assumed-role/limit-target/" in made.walk(hops)
    code, message = made.refused_by_sts(hops, DurationSeconds=3601)
    assert (code, "1 hour" in message) == ("ValidationError", True)
    with pytest.raises(ChainError) as caught:
        declared(targets=[ChainRole("333333333333", duration_seconds=3601)])
    assert str(caught.value) == (
        "targets[0].duration_seconds: 3601 seconds: STS gives a chained session 3600 at most; write that or less, and "
        "let the runtime renew the hop for longer work"
    )


def test_an_existing_target(deploy: Any, organization: LocalOrganization) -> None:
    """A role that exists already is not made; with the statements that are written out for its owner it is reached."""
    target = ChainRole("333333333333", "old-target", path="/", existing=True, external_id="own-1")
    chain = declared(targets=[target])
    made = deploy(chain)
    iam = made.iam("333333333333")
    closed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    iam.create_role(
        RoleName="old-target",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [closed]}),
    )
    assert made.refused(chain.hops_to("333333333333"))[0] == "AccessDenied"
    asked = statements_for(chain, chain.targets[0])
    assert asked["permissions"] == []
    statements = [closed, *asked["trust_policy"]]
    iam.update_assume_role_policy(
        RoleName="old-target", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    assert ":assumed-role/old-target/" in made.walk(chain.hops_to("333333333333"))
    iam.delete_role(RoleName="old-target")


def test_an_existing_source(deploy: Any, function: Make, organization: LocalOrganization) -> None:
    """A source role that exists already gets the permission that is written out for its owner."""
    chain = declared(source=ChainRole("111111111111", "old-source", path="/", existing=True))
    made = deploy(chain)
    session = function("111111111111", "old-source")
    iam = made.iam("111111111111")
    asked = statements_for(chain, chain.source)
    assert asked["trust_policy"] == []
    document = json.dumps({"Version": "2012-10-17", "Statement": asked["permissions"]})
    iam.put_role_policy(RoleName="old-source", PolicyName="own", PolicyDocument=document)
    walked = chain_session(*chain.hops_to("333333333333"), session=session, region_name="us-east-1")
    assert ":assumed-role/limit-target/" in walked.client("sts").get_caller_identity()["Arn"]


def test_what_the_hops_carry_to_the_runtime() -> None:
    """A declared hop becomes the call that its callee asks for."""
    chain = declared(
        targets=[
            ChainRole(
                "333333333333",
                external_id="end-1",
                duration_seconds=1800,
                session_tags={"Project": "apollo", "Stage": ["dev", "prod"]},
                transitive_tag_keys=["Stage"],
                source_identity="deploy-bot",
            )
        ]
    )
    last = as_hop(chain.hops_to("333333333333", session_tags={"Stage": "prod"})[-1])
    assert last == Hop(
        "arn:aws:iam::333333333333:role/rolechain/limit-target",
        external_id="end-1",
        duration_seconds=1800,
        tags={"Project": "apollo", "Stage": "prod"},
        transitive_tag_keys=["Stage"],
        source_identity="deploy-bot",
    )
