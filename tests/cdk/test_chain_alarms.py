"""The alarms' bus, topic and rules: who may write to them, and what the proof and cdk-nag say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns

from rolechain import Chain, ChainRole, Entrance, StackSet
from rolechain.cdk import ChainAlarms, ChainCanary, ChainParameters, PlacementError, RoleChain
from rolechain.cdk.app import quick_app
from rolechain.local import LocalOrganization
from rolechain.proof import prove, templates_in
from rolechain.proof.report import passes
from rolechain.statements.event_patterns import watches_of
from tests.cdk.test_chain_canary import IN_VPC, watched
from tests.cdk.test_nag import PACKS, findings

Json = dict[str, Any]
SOURCE, MIDDLE, TARGET, HOLDER = "111111111111", "222222222222", "333333333333", "444444444444"
BUS = f"arn:aws:events:us-east-1:{MIDDLE}:event-bus/deploy-alarms"


def with_alarms(app: cdk.App, chain: Chain, **options: Any) -> dict[str, ChainAlarms]:
    """The alarms of each account of a chain."""
    stacks = RoleChain(app, "deploy", chain=chain).stacks
    return {
        account: ChainAlarms(stack, "Alarms", chain=chain, **options) for account, stack in stacks.items()
    }


def synthesized(folder: Path, chain: Chain, **options: Any) -> dict[str, Json]:
    """The resources of each account."""
    app = quick_app(folder)
    with_alarms(app, chain, **options)
    app.synth()
    return {
        account: json.loads((folder / f"deploy-{account}.template.json").read_text())["Resources"]
        for account in chain.accounts
    }


def of_type(resources: Json, kind: str) -> dict[str, Json]:
    """The properties of the alarms' resources of a type, by logical id."""
    return {
        name: each["Properties"]
        for name, each in resources.items()
        if each["Type"] == kind and name.startswith("Alarms")
    }


def only(resources: Json, kind: str) -> Json:
    (found,) = of_type(resources, kind).values()
    return found


def test_each_account_sends_to_the_middle_one(tmp_path: Path) -> None:
    """Every watch is a rule whose target is the bus, by a role that may do nothing else."""
    for account, resources in synthesized(tmp_path, watched()).items():
        rules = [
            each
            for each in of_type(resources, "AWS::Events::Rule").values()
            if [target["Id"] for target in each.get("Targets", ())] == ["Bus"]
        ]
        assert [each["EventPattern"] for each in rules] == [
            watch.pattern for watch in watches_of(watched(), account)
        ]
        assert {each["State"] for each in rules} == {"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}
        assert {each["Targets"][0]["Arn"] for each in rules} == {BUS}
        role = only(resources, "AWS::IAM::Role")
        assert (role["RoleName"], role["Path"]) == ("deploy-alarms-us-east-1", "/rolechain/")
        assert role["AssumeRolePolicyDocument"]["Statement"] == [
            {
                "Sid": "AllowEvents",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "events.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ]
        assert only(resources, "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"] == [
            {"Sid": "Send", "Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS}
        ]


def test_the_bus_takes_events_of_the_chain_alone(tmp_path: Path) -> None:
    """The accounts of the chain may write to it, by the roles that send; it is encrypted."""
    accounts = synthesized(tmp_path, watched())
    for account in (SOURCE, TARGET):
        assert not of_type(accounts[account], "AWS::Events::EventBus")
        assert not of_type(accounts[account], "AWS::SNS::Topic")
    bus = only(accounts[MIDDLE], "AWS::Events::EventBus")
    (key,) = of_type(accounts[MIDDLE], "AWS::KMS::Key")
    assert (bus["Name"], bus["KmsKeyIdentifier"]) == ("deploy-alarms", {"Fn::GetAtt": [key, "Arn"]})
    (statement,) = bus["Policy"]["Statement"]
    assert statement == {
        "Sid": "AllowAccounts",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{each}:root" for each in (SOURCE, MIDDLE, TARGET)]},
        "Action": "events:PutEvents",
        "Resource": BUS,
        "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/rolechain/deploy-alarms-*"}},
    }


def test_who_writes_to_the_topic(tmp_path: Path) -> None:
    """The rule on the bus, and alarms of the chain's accounts such as the canary's; both may use the key."""
    resources = synthesized(tmp_path, watched())[MIDDLE]
    topic = only(resources, "AWS::SNS::Topic")
    (key,) = of_type(resources, "AWS::KMS::Key")
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    allowed = [
        (each["Principal"], each["Action"], each["Condition"])
        for each in only(resources, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
        if each["Effect"] == "Allow"
    ]
    rule = f"arn:aws:events:us-east-1:{MIDDLE}:rule/deploy-alarms/deploy-alarms"
    accounts = {"StringEquals": {"aws:SourceAccount": [SOURCE, MIDDLE, TARGET]}}
    assert allowed == [
        ({"Service": "events.amazonaws.com"}, "sns:Publish", {"ArnEquals": {"aws:SourceArn": rule}}),
        ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish", accounts),
    ]
    _, *using = only(resources, "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    use = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    assert [(each["Principal"], each["Action"], each["Condition"]) for each in using] == [
        ({"Service": "events.amazonaws.com"}, use, {"StringEquals": {"aws:SourceAccount": [MIDDLE]}}),
        ({"Service": "cloudwatch.amazonaws.com"}, use, accounts),
    ]


def test_the_chain_stays_proven(tmp_path: Path) -> None:
    """The roles that send let nobody into the chain."""
    synthesized(tmp_path, watched())
    assert passes(prove(watched(), templates_in(tmp_path)), strict=True)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.__name__)
def test_nag(pack: Any, app: cdk.App) -> None:
    """No pack reports anything of alarms, canary and parameters together."""
    alarms = with_alarms(app, watched())
    source = cdk.Stack.of(alarms[SOURCE])
    topic = sns.Topic.from_topic_arn(source, "Topic", f"arn:aws:sns:us-east-1:{MIDDLE}:deploy-alarms")
    ChainCanary(source, "Canary", chain=watched(), topic=topic, **IN_VPC)
    ChainParameters(source, "Parameters", chain=watched())
    assert findings(pack(app), app) == []


def in_units(**more: Any) -> Chain:
    """A chain into the accounts of organizational units, whose stack sets stand in an account without its roles."""
    held = StackSet(administrator_account=HOLDER, failure_tolerance_percentage=10)
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole(SOURCE, assumed_by=[Entrance.account(SOURCE)]),
        middle=ChainRole(MIDDLE),
        targets=[
            ChainRole(organizational_units=["r-ab12/ou-ab12-11111111"], role="one", stack_set=held),
            ChainRole(
                organizational_units=["r-ab12/ou-ab12-11111111/ou-ab12-33333333", "r-ab12/ou-ab12-22222222"],
                role="other",
                stack_set=held,
                exclude=["777777777777"],
            ),
        ],
        **more,
    )


def test_every_account_of_the_units_has_the_rules(tmp_path: Path) -> None:
    """A stack set holds them beside those of the targets, whose accounts it shares, and none of a declared account."""
    chain, app = in_units(), quick_app(tmp_path)
    with_alarms(app, chain)
    assembly = app.synth()
    templates = {each.environment.account: each.template["Resources"] for each in assembly.stacks}
    assert [of_type(templates[each], "AWS::CloudFormation::StackSet") for each in (SOURCE, MIDDLE)] == [
        {},
        {},
    ]
    stack_set = only(templates[HOLDER], "AWS::CloudFormation::StackSet")
    made = json.loads(stack_set.pop("TemplateBody"))["Resources"].values()
    assert stack_set == {
        "StackSetName": "deploy-alarms-members",
        "Description": "What the chain deploy reports",
        "PermissionModel": "SERVICE_MANAGED",
        "CallAs": "DELEGATED_ADMIN",
        "AutoDeployment": {"Enabled": True, "RetainStacksOnAccountRemoval": False},
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "OperationPreferences": {
            "ConcurrencyMode": "STRICT_FAILURE_TOLERANCE",
            "FailureTolerancePercentage": 10,
        },
        "StackInstancesGroup": [
            {
                "DeploymentTargets": {
                    "OrganizationalUnitIds": ["ou-ab12-11111111", "ou-ab12-22222222"],
                    "AccountFilterType": "DIFFERENCE",
                    "Accounts": [SOURCE, MIDDLE, HOLDER],
                },
                "Regions": ["us-east-1"],
            }
        ],
    }
    rules = [each["Properties"] for each in made if each["Type"] == "AWS::Events::Rule"]
    assert [each["EventPattern"] for each in rules] == [watch.pattern for watch in watches_of(chain, "*")]
    assert {each["Targets"][0]["Arn"] for each in rules} == {BUS}
    (sender,) = [each["Properties"] for each in made if each["Type"] == "AWS::IAM::Role"]
    assert sender["RoleName"] == {"Fn::Join": ["", ["deploy-alarms-members-", {"Ref": "AWS::Region"}]]}
    (condition,) = [each["Condition"] for each in sender["AssumeRolePolicyDocument"]["Statement"]]
    assert condition == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert passes(prove(chain, templates_in(tmp_path)), strict=True)


def test_the_bus_takes_events_of_the_units(tmp_path: Path) -> None:
    """Besides the declared accounts, those of the units of the organization may write to it, by the role that sends."""
    app = quick_app(tmp_path)
    with_alarms(app, in_units())
    assembly = app.synth()
    (resources,) = [
        each.template["Resources"] for each in assembly.stacks if each.environment.account == MIDDLE
    ]
    accounts, members = only(resources, "AWS::Events::EventBus")["Policy"]["Statement"]
    assert accounts["Principal"] == {
        "AWS": [f"arn:aws:iam::{each}:root" for each in (SOURCE, MIDDLE, HOLDER)]
    }
    assert members == {
        "Sid": "AllowMembers",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": BUS,
        "Condition": {
            "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/rolechain/deploy-alarms-members-*"},
            "StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"},
            "ForAnyValue:StringLike": {
                "aws:PrincipalOrgPaths": [
                    "o-exampleorg1/r-ab12/ou-ab12-11111111/*",
                    "o-exampleorg1/r-ab12/ou-ab12-22222222/*",
                ]
            },
        },
    }
    (tell,) = [each for each in of_type(resources, "AWS::Events::Rule").values() if "EventBusName" in each]
    assert tell["EventPattern"] == {"source": ["aws.iam", "aws.sts"]}


def test_units_of_a_chain_of_another_region(tmp_path: Path) -> None:
    """The stack set goes to the chain's region, and to the one in which IAM reports."""
    app = quick_app(tmp_path)
    with_alarms(app, in_units(region="eu-central-1"))
    (template,) = [each.template for each in app.synth().stacks if each.environment.account == HOLDER]
    stack_set = only(template["Resources"], "AWS::CloudFormation::StackSet")
    assert stack_set["StackInstancesGroup"][0]["Regions"] == ["eu-central-1", "us-east-1"]


def test_the_region_of_iam(app: cdk.App) -> None:
    """Where IAM reports nothing, no rule waits for it; the bus stays in the chain's region."""
    chain = Chain(
        "far",
        region="eu-central-1",
        source=ChainRole(SOURCE, assumed_by=[Entrance.account(SOURCE)]),
        targets=ChainRole(TARGET),
    )
    rules = {}
    for region in ("eu-central-1", "us-east-1"):
        stack = cdk.Stack(app, region, env=cdk.Environment(account=SOURCE, region=region))
        alarms = ChainAlarms(stack, "Alarms", chain=chain)
        assert (alarms.bus is not None) is (region == "eu-central-1")
        rules[region] = {child.node.id for child in alarms.node.children}
    assert rules["us-east-1"] - rules["eu-central-1"] == {"Revoked", "Changed"}


def test_a_topic_of_its_own(app: cdk.App) -> None:
    """A topic that is given takes the place of the one that would be made."""
    given = sns.Topic.from_topic_arn(cdk.Stack(app, "S"), "Topic", f"arn:aws:sns:us-east-1:{MIDDLE}:ours")
    alarms = with_alarms(app, watched(), topic=given)[MIDDLE]
    resources = cdk.assertions.Template.from_stack(cdk.Stack.of(alarms)).to_json()["Resources"]
    assert not of_type(resources, "AWS::SNS::Topic")
    targets = [each.get("Targets", []) for each in of_type(resources, "AWS::Events::Rule").values()]
    assert [{"Id": "Topic", "Arn": f"arn:aws:sns:us-east-1:{MIDDLE}:ours"}] in targets


def test_a_strange_account(app: cdk.App) -> None:
    """An account without a role of the chain has nothing to report, and a stack without a region cannot tell what."""
    for environment in (
        cdk.Environment(account="999999999999", region="us-east-1"),
        cdk.Environment(account=SOURCE),
    ):
        stack = cdk.Stack(app, f"S{environment.account}", env=environment)
        with pytest.raises(PlacementError, match="put its alarms into stacks of 111111111111, 222222222222"):
            ChainAlarms(stack, "Alarms", chain=watched())


def test_they_deploy(tmp_path: Path) -> None:
    """CloudFormation of the local organization makes what is written, in each account."""
    app = quick_app(tmp_path)
    with_alarms(app, watched())
    app.synth()
    with LocalOrganization(services=["events", "sns", "monitoring"]) as organization:
        for account in (MIDDLE, SOURCE, TARGET):
            session = organization.session(account)
            session.client("ssm").put_parameter(
                Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
            )
            stacks: Any = session.client("cloudformation")
            template = (tmp_path / f"deploy-{account}.template.json").read_text()
            stacks.create_stack(StackName="s", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
            stacks.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
            made = session.client("events").list_rules()["Rules"]
            assert len(made) == len(watches_of(watched(), account)) + (account == MIDDLE)
