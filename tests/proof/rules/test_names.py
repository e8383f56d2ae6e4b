"""RC17, RC29 and RC33: names, partitions and regions."""

from __future__ import annotations

from typing import Any

import pytest

from rolechain import Chain, ChainRole
from rolechain.proof import Finding, Level, SourceLocation, Template

Kit = Any


@pytest.mark.parametrize(
    ("name", "path", "message", "cure"),
    [
        ("r" * 65, "/", f"the role name {'r' * 65} has 65 characters", "shorten it to 64"),
        ("app", f"/{'p' * 511}/", "the path of app has 513 characters", "shorten it to 512"),
        (
            "r" * 60,
            "/team/",
            f"/team/{'r' * 60} has 66 characters, and the console switches to no role with more than 64",
            "shorten path or name by 2",
        ),
    ],
)
def test_rc17_fires_on_length(kit: Kit, name: str, path: str, message: str, cure: str) -> None:
    """A name or path that is too long for IAM, or both for the console, is an error."""
    role = kit.role(kit.trust("111111111111"), name=name, path=path)
    assert kit.ask("RC17", role) == [Finding("RC17", Level.ERROR, SourceLocation("t", "Role"), message, cure)]


def test_rc17_fires_on_a_name_that_is_taken(kit: Kit) -> None:
    """Names are compared without case and path, within an account."""
    first = kit.role(name="Deploy", logical_id="One")
    second = kit.role(name="deploy", path="/team/", template="u", logical_id="Two")
    assert kit.ask("RC17", first, second) == [
        Finding(
            "RC17",
            Level.ERROR,
            SourceLocation("u", "Two"),
            "deploy is the name of another role of account 111111111111: Deploy of t One",
            "rename one: IAM compares names without case and path",
        )
    ]


def test_rc17_silent_on_names_that_fit(kit: Kit) -> None:
    """The limits themselves, a role that nobody switches to, other accounts and made-up names are right."""
    roles = [
        kit.role(kit.trust("111111111111"), name="r" * 63),
        kit.role(name="s" * 64, path="/service-role/"),
        kit.role(name="app", account="222222222222", template="u"),
        kit.role(name="app"),
        kit.role(name="", arn="arn:aws:iam::111111111111:role/<t.A>", logical_id="A"),
        kit.role(name="", arn="arn:aws:iam::111111111111:role/<t.B>", logical_id="B"),
    ]
    assert kit.ask("RC17", *roles) == []


def test_rc33_fires_on_two_regions(kit: Kit) -> None:
    """One name in the stacks of two regions is an error of its own."""
    roles = [kit.role(name="app", template=region) for region in ("eu-west-1", "us-east-1")]
    templates = [Template(region, {}, "111111111111", region) for region in ("eu-west-1", "us-east-1")]
    assert kit.ask("RC33", *roles, templates=templates) == [
        Finding(
            "RC33",
            Level.ERROR,
            SourceLocation("us-east-1", "Role"),
            "app is created in account 111111111111 from eu-west-1 and from us-east-1",
            "leave it to eu-west-1, or leave RoleName out",
        )
    ]
    assert kit.ask("RC17", *roles, templates=templates) == []


def _stack_set(kit: Kit, regions: list[str], **role: Any) -> Template:
    body = {
        "Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}, **role}}}
    }
    groups = [{"Regions": regions, "DeploymentTargets": {"Accounts": ["222222222222"]}}]
    properties = {"TemplateBody": body, "StackInstancesGroup": groups}
    return kit.template({"Set": ("AWS::CloudFormation::StackSet", properties)})  # type: ignore[no-any-return]


def test_rc33_fires_on_a_stack_set_of_two_regions(kit: Kit) -> None:
    """A stack set that brings a named role to two regions fails in the second."""
    (found,) = kit.read("RC33", _stack_set(kit, ["eu-west-1", "us-east-1"], RoleName="app"))
    assert (found.level, found.place) == (Level.ERROR, SourceLocation("t", "Set"))
    assert found.message == (
        "the stack set creates the role app in eu-west-1 and in us-east-1, where the name is taken"
    )
    assert found.remediation == "write one region: Regions: [eu-west-1]"


def test_rc33_silent_in_one_region(kit: Kit) -> None:
    """One region, other accounts, and names that CloudFormation makes up do not clash."""
    assert kit.read("RC33", _stack_set(kit, ["eu-west-1"], RoleName="app")) == []
    assert kit.read("RC33", _stack_set(kit, ["eu-west-1", "us-east-1"])) == []
    roles = [kit.role(name="app", account=digit * 12, template=digit) for digit in "12"]
    assert kit.ask("RC33", *roles) == []


def _role_with(kit: Kit, arn: Any, region: str | None, more: Any = "x") -> Template:
    trust = {"Version": "2012-10-17", "Statement": [kit.trust({"Service": "ec2.amazonaws.com"})]}
    properties = {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [arn], "Description": more}
    return kit.template({"Role": ("AWS::IAM::Role", properties)}, region=region)  # type: ignore[no-any-return]


READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_rc29_fires_in_another_partition(kit: Kit, region: str, partition: str) -> None:
    """A literal ``arn:aws:`` in a template of another partition is an error."""
    assert kit.read("RC29", _role_with(kit, READ_ONLY, region)) == [
        Finding(
            "RC29",
            Level.ERROR,
            SourceLocation("t", "Role"),
            f"{READ_ONLY} names the partition aws, and the template is deployed to {partition}",
            f'write {{"Fn::Sub": "arn:${{AWS::Partition}}:…"}}, or arn:{partition}:…',
        )
    ]


def test_rc29_fires_in_a_chain_of_another_partition(kit: Kit) -> None:
    """A chain's partition counts where the template's region is not known."""
    china = Chain(
        "deploy",
        region="cn-north-1",
        partition="aws-cn",
        source=ChainRole("111111111111"),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )
    (found,) = kit.read("RC29", _role_with(kit, READ_ONLY, None), chain=china)
    assert found.level is Level.ERROR


def test_rc29_fires_as_warning_where_it_serves_several(kit: Kit) -> None:
    """A template for any region that names AWS::Partition elsewhere is warned of a literal."""
    (found,) = kit.read("RC29", _role_with(kit, READ_ONLY, None, {"Fn::Sub": "in ${AWS::Partition}"}))
    assert found == Finding(
        "RC29",
        Level.WARNING,
        SourceLocation("t", "Role"),
        f"{READ_ONLY} names the partition aws, and the template names AWS::Partition elsewhere",
        'write {"Fn::Sub": "arn:${AWS::Partition}:…"}',
    )


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:acm:us-west-2:987654321098:certificate/x",
        "arn:aws:s3:eu-central-1::x",
        "arn:aws:iam::987654321098:policy/x",
    ],
)
def test_rc29_silent_of_what_no_other_partition_has(kit: Kit, arn: str) -> None:
    """An ARN with a region or an account in it is of the partition that these are of."""
    more = {"Fn::Sub": "in ${AWS::Partition}"}
    assert kit.read("RC29", _role_with(kit, arn, None, more)) == []
    (found,) = kit.read("RC29", _role_with(kit, arn, "cn-north-1", more))
    assert found.level is Level.ERROR


def test_rc29_silent_in_its_own_partition(kit: Kit, chain: Chain) -> None:
    """A literal where it is right, and the pseudo parameter anywhere, need no word."""
    partition = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/ReadOnlyAccess"}
    assert kit.read("RC29", _role_with(kit, READ_ONLY, "us-east-1", partition)) == []
    assert kit.read("RC29", _role_with(kit, READ_ONLY, None)) == []
    assert kit.read("RC29", _role_with(kit, READ_ONLY, None), chain=chain) == []
    assert kit.read("RC29", _role_with(kit, partition, "cn-north-1")) == []


def test_rc29_shows_the_arn_alone(kit: Kit) -> None:
    """Of a document that is written as a text, the finding shows the ARN."""
    text = '{"Statement": [{"Effect": "Allow", "Resource": "arn:aws:s3:::bucket"}]}'
    role = ("AWS::IAM::Role", {"AssumeRolePolicyDocument": text, "Path": {"Fn::Sub": "/${AWS::Partition}/"}})
    (found,) = kit.read("RC29", kit.template({"Role": role}, region=None))
    assert found.message.startswith("arn:aws:s3:::bucket names the partition aws")
