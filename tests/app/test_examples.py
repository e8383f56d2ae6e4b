"""The example apps: each is deployed into a local organization by its README's commands, and its chain is walked."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import aws_cdk as cdk
import boto3
import pytest

from rolechain import Chain
from rolechain.cdk import RoleChain
from rolechain.cdk.app import quick_app
from rolechain.cli.toolchain import find
from rolechain.local import LocalOrganization
from rolechain.proof import prove, templates_in
from tests.repository.documents.blocks import blocks_of
from tests.repository.documents.commands import command_lines

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# One user of the CDK CLI at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")

PACKED = r"(pip install .*) rolechain$", rf"\1 --no-build-isolation {ROOT}"
"""A release is installed from the index, and this one from here."""
DEPLOYER, AUDITOR = "777777777777", "888888888888"


@dataclass
class Reader:
    """Somebody who follows the READMEs of the examples, with a profile ``admin-<account>`` for each account.

    Attributes:
        organization: where the commands go.
        folder: holds a copy of the examples.
        environment: the variables of the commands; the deploying account's administrator where nothing else is said.
    """

    organization: LocalOrganization
    folder: Path
    environment: Mapping[str, str]

    def run(self, example: str, line: str, **variables: str) -> str:
        """Runs a line in an example's folder; what it printed in both streams."""
        run = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder / example,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{line}\n{run.stdout}"
        return run.stdout

    def follow(self, example: str, number: int = 0, **variables: str) -> list[str]:
        """Runs the commands of the README's block with this number; what each printed."""
        shown = [each for each in blocks_of(EXAMPLES / example / "README.md") if each.language == "sh"]
        lines = command_lines(shown[number].text)
        return [self.run(example, re.sub(*PACKED, line), **variables) for line in lines]

    def chain(self, example: str, file: str = "chain.yaml") -> Chain:
        """The chain of an example."""
        return Chain.load(self.folder / example / file)

    def as_session(self, session: boto3.Session) -> dict[str, str]:
        """The variables with which a program has the credentials of a session."""
        keys: Any = session.get_credentials()
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token or "",
        }


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader with a copy of the examples, and an organization that runs functions."""
    folder = tmp_path_factory.mktemp("reader")
    copytree(EXAMPLES, folder / "examples")
    toolchain = find(ROOT)
    with LocalOrganization(outside=[AUDITOR], services=["lambda"]) as organization:
        (folder / "config").write_text(
            "".join(
                f"[profile admin-{digit * 12}]\naws_access_key_id = {digit * 12}\nregion = us-east-1\n"
                f"aws_secret_access_key = {organization.secret_access_key}\n"
                for digit in "123456"
            )
        )
        environment = {**os.environ, **organization.environment(DEPLOYER), **toolchain.environment()}
        mine = {
            "AWS_CONFIG_FILE": str(folder / "config"),
            "PATH": os.pathsep.join([str(toolchain.cdk.parent), environment["PATH"]]),
            "PYTHONPATH": str(ROOT / "constructs"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        yield Reader(organization, folder / "examples", environment | mine)


@pytest.fixture(scope="module")
def bootstrapped(reader: Reader) -> Reader:
    """The accounts of all examples are bootstrapped, as the pipeline's README has it."""
    assert "✗" not in "".join(reader.follow("pipeline"))
    return reader


@pytest.fixture(autouse=True)
def _only_here(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that come over a chain find the organization in the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", reader.organization.endpoint_url)


def resources_of(assembly: Path) -> dict[str, Any]:
    """The resources of the pipeline's own stack."""
    body = json.loads((assembly / "Pipeline.template.json").read_text())
    resources: dict[str, Any] = body["Resources"]
    return resources


def make_walker(organization: LocalOrganization, resources: dict[str, Any]) -> None:
    """Makes the role by which the pipeline enters: what else is in its stack, CloudFormation here does not know."""
    made = {name: each for name, each in resources.items() if name.startswith(("Enter", "Walker8"))}
    assert [each["Type"] for each in made.values()] == ["AWS::IAM::ManagedPolicy", "AWS::IAM::Role"]
    (role,) = [each["Properties"] for each in made.values() if each["Type"] == "AWS::IAM::Role"]
    # No workload here says on whose behalf it runs.
    assert role["AssumeRolePolicyDocument"]["Statement"][0].pop("Condition") == {
        "StringEquals": {"aws:SourceAccount": DEPLOYER}
    }
    stacks: Any = organization.session(DEPLOYER).client("cloudformation")
    template = json.dumps({"Resources": made})
    stacks.create_stack(StackName="Walker", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
    stacks.get_waiter("stack_create_complete").wait(StackName="Walker", WaiterConfig={"Delay": 0.1})


def test_pipeline(bootstrapped: Reader) -> None:
    """The synth proves both chains; each stage deploys in the pipeline's order, and is walked before the next."""
    said = bootstrapped.run("pipeline", "cdk synth --quiet")
    for name in ("beta", "prod"):
        assert f"chain {name} is proven: 2 hops can be taken, and nothing else gets in" in said
    resources = resources_of(bootstrapped.folder / "pipeline" / "cdk.out")
    (pipeline,) = [each for each in resources.values() if each["Type"] == "AWS::CodePipeline::Pipeline"]
    stages = pipeline["Properties"]["Stages"]
    assert [stage["Name"] for stage in stages] == ["Source", "Build", "UpdatePipeline", "beta", "prod"]
    make_walker(bootstrapped.organization, resources)
    for stage in stages[3:]:
        # Every change set is made, then all stacks are deployed at once, then the chain is walked.
        name = stage["Name"]
        stacks = [f"roles-{account}" for account in bootstrapped.chain("pipeline", f"{name}.yaml").accounts]
        assert sorted((action["RunOrder"], action["Name"]) for action in stage["Actions"]) == [
            *((1, f"{stack}.Prepare") for stack in stacks),
            *((2, f"{stack}.Deploy") for stack in stacks),
            (3, f"Walk-{name}"),
        ]
        assembly = f"cdk.out/assembly-Pipeline-{name}"
        deploy = f"cdk deploy --all --require-approval never --concurrency 3 --app {assembly}"
        bootstrapped.run("pipeline", deploy)
        session = bootstrapped.organization.workload(
            f"arn:aws:iam::{DEPLOYER}:role/pipeline-walker", "codebuild.amazonaws.com"
        )
        (project,) = [each for key, each in resources.items() if key.startswith(f"Pipeline{name}Walk{name}")]
        build = json.loads(project["Properties"]["Source"]["BuildSpec"])["phases"]["build"]["commands"]
        said = bootstrapped.run("pipeline", build[1], **bootstrapped.as_session(session))
        assert (said.count("✓ allowed"), said.count("✓ refused"), said.count("✗")) == (3, 1, 0)


def test_a_chain_belongs_to_one_stage(reader: Reader, tmp_path: Path) -> None:
    """The same chain in two stages creates its roles twice, which the proof reports."""
    app, chain = quick_app(tmp_path), reader.chain("pipeline", "beta.yaml")
    for name in ("beta", "prod"):
        RoleChain(cdk.Stage(app, name), "roles", chain=chain, proof=False)
    app.synth()
    found = {each.rule for each in prove(chain, templates_in(tmp_path)).findings}
    assert found == {"RC17"}


def invoke(organization: LocalOrganization, function: str, event: object = None) -> Any:
    """What a function of account 111111111111 answers."""
    client: Any = organization.session("111111111111").client("lambda")
    waiter = client.get_waiter("function_active_v2")
    waiter.wait(FunctionName=function, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return said


def test_existing_app(bootstrapped: Reader) -> None:
    """The chain is proven with the app's other resources, and its function reads in the other account."""
    said = "".join(bootstrapped.follow("existing-app"))
    assert "chain report is proven: 2 hops can be taken" in said
    assert invoke(bootstrapped.organization, "report") == "ann@example.com"
