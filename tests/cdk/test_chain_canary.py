"""The canary: what it may do, what its code holds, and what the proof and cdk-nag say of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from rolechain import Chain, ChainError, ChainRole, Entrance
from rolechain.cdk import ChainCanary, PlacementError, RoleChain, canary_arn
from rolechain.cdk.app import quick_app
from rolechain.proof import Proof, prove, templates_in
from rolechain.proof.report import passes
from tests.cdk.test_nag import PACKS, findings

Json = dict[str, Any]
SOURCE = "111111111111"
CANARY = "arn:aws:iam::111111111111:role/rolechain/deploy-canary"
IN_VPC: Json = {
    "subnet_ids": ["subnet-1", "subnet-2"],
    "security_group_ids": ["sg-1"],
    "network_policy_arn": "arn:aws:iam::111111111111:policy/network/functions",
}


def watched(**source: Any) -> Chain:
    """A chain that lets its canary in beside a service."""
    entrances = [Entrance.service("lambda.amazonaws.com"), Entrance.arn(CANARY, **source)]
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole(SOURCE, assumed_by=entrances),
        middle=ChainRole("222222222222", external_id="jump-1"),
        targets=ChainRole("333333333333"),
    )


@pytest.fixture
def canary_in() -> Callable[..., Json]:
    """Synthesizes a chain with its canary into a folder, and gives the template of the source account."""

    def make(folder: Path, chain: Chain, **options: Any) -> Json:
        app = quick_app(folder)
        stack = RoleChain(app, "deploy", chain=chain).stacks[SOURCE]
        ChainCanary(stack, "Canary", chain=chain, **options)
        app.synth()
        found: Json = json.loads((folder / f"deploy-{SOURCE}.template.json").read_text())["Resources"]
        return found

    return make


def of_type(resources: Json, kind: str, begins: str = "Canary") -> Json:
    """The properties of the canary's only resource of a type."""
    (found,) = [each for name, each in resources.items() if each["Type"] == kind and name.startswith(begins)]
    properties: Json = found["Properties"]
    return properties


def code_of(folder: Path) -> Path:
    """The folder of the function's code in an assembly."""
    (found,) = [path.parent for path in folder.glob("asset.*/canary.json")]
    return found


def test_what_the_function_may_do(canary_in: Callable[..., Json], tmp_path: Path) -> None:
    """It may enter, write its log and its dead letters, and nothing else; Lambda alone assumes its role."""
    resources = canary_in(tmp_path, watched())
    role = of_type(resources, "AWS::IAM::Role")
    assert canary_arn(watched()) == CANARY
    assert (role["Path"], role["RoleName"]) == ("/rolechain/", "deploy-canary")
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Sid": "AllowLambda",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ]
    assert "Policies" not in role
    assert "ManagedPolicyArns" not in role
    names = {each["Type"]: name for name, each in resources.items() if name.startswith("Canary")}
    statements = of_type(resources, "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    assert [(each["Sid"], each["Action"], each["Resource"]) for each in statements] == [
        ("Enter1", "sts:AssumeRole", "arn:aws:iam::111111111111:role/rolechain/deploy-source"),
        ("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], _arn(names["AWS::Logs::LogGroup"])),
        ("DeadLetters", "sqs:SendMessage", _arn(names["AWS::SQS::Queue"])),
        ("Encrypt", ["kms:Decrypt", "kms:GenerateDataKey"], _arn(names["AWS::KMS::Key"])),
    ]
    assert {each["Effect"] for each in statements} == {"Allow"}


def _arn(name: str) -> Json:
    return {"Fn::GetAtt": [name, "Arn"]}


def test_the_function_the_log_and_the_alarm(canary_in: Callable[..., Json], tmp_path: Path) -> None:
    """One at a time on arm64, every five minutes; the log is encrypted and kept; no walk is an alarm too."""
    resources = canary_in(tmp_path, watched())
    function = of_type(resources, "AWS::Lambda::Function")
    assert function["Architectures"] == ["arm64"]
    assert function["Handler"] == "rolechain.runtime.canary.handler"
    assert function["ReservedConcurrentExecutions"] == 1
    assert "VpcConfig" not in function
    assert "Environment" not in function
    assert of_type(resources, "AWS::Events::Rule")["ScheduleExpression"] == "rate(5 minutes)"
    log = of_type(resources, "AWS::Logs::LogGroup")
    assert (log["LogGroupName"], log["RetentionInDays"]) == ("/rolechain/deploy-canary", 90)
    assert log["KmsKeyId"] == of_type(resources, "AWS::SQS::Queue")["KmsMasterKeyId"]
    of_logs = of_type(resources, "AWS::KMS::Key")["KeyPolicy"]["Statement"][-1]
    assert of_logs["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    assert of_logs["Condition"] == {
        "ArnEquals": {
            "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:111111111111:log-group:"
            "/rolechain/deploy-canary"
        }
    }
    alarm = of_type(resources, "AWS::CloudWatch::Alarm")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Rolechain", "Walked")
    assert alarm["Dimensions"] == [{"Name": "Chain", "Value": "deploy"}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    assert "AlarmActions" not in alarm


def proof_of(folder: Path, chain: Chain) -> Proof:
    return prove(chain, templates_in(folder))


def test_the_chain_stays_proven(
    canary_in: Callable[..., Json], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The canary is one more declared entrance, and nothing else comes in by it."""
    canary_in(tmp_path, watched())
    assert passes(proof_of(tmp_path, watched()), strict=True), capsys.readouterr().err
    assert "nothing else gets in than by 2 declared entrances" in capsys.readouterr().err


def test_it_enters_as_the_chain_asks(canary_in: Callable[..., Json], tmp_path: Path) -> None:
    """Where the source asks for tags and a source identity, the function may pass them, and the chain stays proven."""
    chain = watched(session_tags={"Team": "watch"}, source_identity="canary")
    resources = canary_in(tmp_path, chain)
    entering = of_type(resources, "AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"][0]
    assert entering["Action"] == ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    assert passes(proof_of(tmp_path, chain), strict=False)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.__name__)
def test_nag(pack: Any, app: cdk.App) -> None:
    """In a VPC and with somebody to tell, no pack reports anything; without them, those two things and nothing else."""
    stack = RoleChain(app, "deploy", chain=watched()).stacks[SOURCE]
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:222222222222:deploy-alarms")
    ChainCanary(stack, "Canary", chain=watched(), topic=topic, **IN_VPC)
    assert findings(pack(app), app) == []
    bare = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
    ChainCanary(RoleChain(bare, "deploy", chain=watched()).stacks[SOURCE], "Canary", chain=watched())
    left = {rule.split("-", 1)[1].split("[")[0] for rule in findings(pack(bare), bare)}
    assert left <= {"LambdaInsideVPC", "CloudWatchAlarmAction"}


def test_the_same_code_has_the_same_name(canary_in: Callable[..., Json], tmp_path: Path) -> None:
    """The code's hash follows from what it holds alone; another chain is other code."""
    canary_in(tmp_path / "a", watched())
    canary_in(tmp_path / "b", watched())
    canary_in(tmp_path / "c", watched(), source_identity=None, session_tags={})
    names = [code_of(tmp_path / each).name for each in "abc"]
    assert len(set(names)) == 1
    canary_in(tmp_path / "d", watched(source_identity="ann"))
    assert code_of(tmp_path / "d").name != names[0]


def test_the_code_needs_boto3_alone(canary_in: Callable[..., Json], tmp_path: Path) -> None:
    """The function's code imports without CDK, PyYAML and the rest of this package."""
    canary_in(tmp_path, watched())
    code = code_of(tmp_path)
    assert not list(code.rglob("__pycache__"))
    refused = ("aws_cdk", "yaml", "rich", "ministack", "rolechain.cdk", "rolechain.cli", "rolechain.local")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({refused!r})); sys.path.insert(0, {str(code)!r}); "
        "import rolechain.runtime.canary as canary; print(canary.__file__)"
    )
    run = [sys.executable, "-P", "-c", program]
    said = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said.stdout.strip() == str(code / "rolechain" / "runtime" / "canary.py")


def test_a_chain_that_does_not_let_it_in(minimal: Chain, app: cdk.App) -> None:
    """The canary is no way in that nobody declared: the message says what to declare."""
    stack = RoleChain(app, "deploy", chain=minimal).stacks[SOURCE]
    with pytest.raises(
        PlacementError, match=r"add \{arn: arn:aws:iam::111111111111:role/rolechain/deploy-canary\}"
    ):
        ChainCanary(stack, "Canary", chain=minimal)


def test_the_wrong_account(app: cdk.App) -> None:
    """It stands where the chain begins."""
    stack = RoleChain(app, "deploy", chain=watched()).stacks["222222222222"]
    with pytest.raises(
        PlacementError, match=r"no source role in account 222222222222: put its canary into .* 1111"
    ):
        ChainCanary(stack, "Canary", chain=watched())


@pytest.mark.parametrize("missing", IN_VPC)
def test_a_part_of_the_vpc_is_missing(app: cdk.App, missing: str) -> None:
    """A function in a VPC takes all three."""
    stack = RoleChain(app, "deploy", chain=watched()).stacks[SOURCE]
    given = {key: value for key, value in IN_VPC.items() if key != missing}
    with pytest.raises(PlacementError, match="add what is missing"):
        ChainCanary(stack, "Canary", chain=watched(), **given)


def test_values_that_no_hop_takes(app: cdk.App) -> None:
    """What the function would fail with is an error at synth."""
    stack = RoleChain(app, "deploy", chain=watched()).stacks[SOURCE]
    with pytest.raises(ChainError, match="Stage"):
        ChainCanary(stack, "Canary", chain=watched(), session_tags={"Stage": "dev"})


def test_targets_by_organizational_unit(app: cdk.App) -> None:
    """They are left out, with the values that only they take, and the synth says so."""
    unit = ChainRole(organizational_units=["r-ab12"], session_tags={"Stage": ["dev"]})
    chain = replace(watched(), targets=[unit, ChainRole("333333333333", "deploy-other")])
    stack = RoleChain(app, "deploy", chain=chain).stacks[SOURCE]
    with pytest.raises(ChainError, match="Stage"):
        ChainCanary(stack, "Tagged", chain=chain, session_tags={"Stage": "dev"})
    ChainCanary(stack, "Canary", chain=chain)
    (said,) = Annotations.from_stack(stack).find_info("*", Match.string_like_regexp("walks as far as"))
    assert "deploy-canary walks as far as the caller of deploy-target, which are decl" in str(said.entry.data)
