"""The example apps: each is deployed into a local organization by its README's commands, and its chain is walked."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aws_cdk as cdk
import boto3
import pytest
import yaml
from aws_cdk import pipelines
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from rolechain import Chain
from rolechain.cdk import RoleChain
from rolechain.cdk.app import quick_app
from rolechain.cli.toolchain import find
from rolechain.local import LocalOrganization
from rolechain.local.chain_roles import workload
from rolechain.proof import prove, templates_in
from rolechain.runtime import verify
from tests.repository.documents.blocks import blocks_of
from tests.repository.documents.commands import command_lines

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# One user of the CDK CLI at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")

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
        return [self.run(example, self.packed(line), **variables) for line in lines]

    def packed(self, line: str) -> str:
        """A line that installs a release from the index, as one that installs this one, which is built once."""
        if not re.search("^pip install .* rolechain$", line):
            return line
        wheels = self.folder / "wheels"
        if not wheels.is_dir():
            self.run("", f"pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels {ROOT}")
        return f"{line} --no-index --find-links {wheels}"

    def chain(self, example: str, file: str = "chain.yaml") -> Chain:
        """The chain of an example."""
        return Chain.load(self.folder / example / file)

    def assumed(self, role: str) -> int:
        """How often a role has been assumed, by the organization's trail."""
        folder = self.organization.trail or Path()
        records = [json.loads(gzip.decompress(file.read_bytes()))["Records"] for file in folder.rglob("*.gz")]
        arns = {
            each["requestID"]: each["requestParameters"]["roleArn"]
            for record in records
            for each in record
            if each["eventName"] == "AssumeRole" and "errorCode" not in each
        }
        return [arn.rsplit("/", 1)[-1] for arn in arns.values()].count(role)


def as_session(session: boto3.Session) -> dict[str, str]:
    """The variables with which a program has the credentials of a session."""
    keys: Any = session.get_credentials()
    return {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token or "",
    }


NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
"""The variables with which a program finds its credentials elsewhere."""


def token(issuer: str, subject: str) -> str:
    """A web identity token: the organization here checks its claims, and no signature."""
    claims = {"iss": f"https://{issuer}", "sub": subject, "aud": "sts.amazonaws.com"}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader with a copy of the examples, and an organization that runs functions."""
    folder = tmp_path_factory.mktemp("reader")
    copytree(EXAMPLES, folder / "examples")
    toolchain = find(ROOT)
    with LocalOrganization(outside=[AUDITOR], services=["lambda"], trail=folder / "trail") as organization:
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


CHAINS = ("auditor", "worker", "github-actions", "eks", "people", "article", "fan-out-aio")
"""The examples that deploy a chain by itself."""
APP = f"""
import aws_cdk as cdk
from rolechain import Chain
from rolechain.cdk import RoleChain

app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)
for name in {CHAINS}:
    chain = Chain.load(f"{{name}}/chain.yaml")
    RoleChain(app, chain.name, chain=chain)
app.synth()
"""


@pytest.fixture(scope="module")
def deployed(bootstrapped: Reader) -> Reader:
    """The chains are deployed, all of them by one run of the CDK CLI in place of one for each."""
    for example in CHAINS:
        text = (EXAMPLES / example / "README.md").read_text()
        assert 'cdk deploy --all --app "python -m rolechain.cdk"\n' in text, example
    (bootstrapped.folder / "app.py").write_text(APP)
    words = "--all --app 'python app.py' --require-approval never --concurrency 8"
    said = bootstrapped.run("", f"cdk deploy {words}")
    assert said.count("is proven: ") == len(CHAINS)
    return bootstrapped


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
            f"arn:aws:iam::{DEPLOYER}:role/pipeline-walker",
            "codebuild.amazonaws.com",
            source_account=DEPLOYER,
        )
        (project,) = [each for key, each in resources.items() if key.startswith(f"Pipeline{name}Walk{name}")]
        build = json.loads(project["Properties"]["Source"]["BuildSpec"])["phases"]["build"]["commands"]
        said = bootstrapped.run("pipeline", build[1], **as_session(session))
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


def test_the_order_of_a_stage(reader: Reader, tmp_path: Path) -> None:
    """Where roles trust by ARN, the pipeline deploys a caller's stack before the callee's."""
    chain = reader.chain("pipeline", "beta.yaml")
    by_arn = [replace(role, trust="role_arn") for role in (*chain.middle, *chain.targets)]
    app = quick_app(tmp_path)
    stack = cdk.Stack(app, "Pipeline", env=cdk.Environment(account=DEPLOYER, region="us-east-1"))
    source = pipelines.CodePipelineSource.connection("acme/chains", "main", connection_arn="arn:aws:x")
    step = pipelines.ShellStep("Synth", input=source, commands=["cdk synth"])
    pipeline = pipelines.CodePipeline(stack, "Pipeline", cross_account_keys=True, synth=step)
    stage = cdk.Stage(stack, "beta")
    RoleChain(stage, "roles", chain=replace(chain, middle=by_arn[:1], targets=by_arn[1:]), proof=False)
    pipeline.add_stage(stage)
    app.synth()
    resources = resources_of(tmp_path).values()
    (made,) = [each["Properties"] for each in resources if each["Type"] == "AWS::CodePipeline::Pipeline"]
    deployments = [
        (action["RunOrder"], action["Name"])
        for action in made["Stages"][-1]["Actions"]
        if action["Name"].endswith(".Deploy")
    ]
    assert sorted(deployments) == [
        (2, "roles-111111111111.Deploy"),
        (4, "roles-222222222222.Deploy"),
        (6, "roles-333333333333.Deploy"),
    ]


def test_existing_app(bootstrapped: Reader) -> None:
    """The chain is proven with the app's other resources, and its function reads in the other account."""
    said = "".join(bootstrapped.follow("existing-app"))
    assert "chain report is proven: 2 hops can be taken" in said
    assert invoke(bootstrapped.organization, "report") == "ann@example.com"


def test_sweep(bootstrapped: Reader) -> None:
    """The function reaches every target through one middle session; one that refuses is reported beside the others."""
    bootstrapped.follow("sweep")
    organization = bootstrapped.organization
    organization.session("444444444444").client("iam").create_account_alias(AccountAlias="acme-data")
    before = bootstrapped.assumed("sweep-middle")
    assert invoke(organization, "sweep") == {"without": ["333333333333", "555555555555"], "failed": {}}
    assert bootstrapped.assumed("sweep-middle") == before + 1
    closed = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
    organization.session("555555555555").client("iam").update_assume_role_policy(
        RoleName="sweep-target", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": closed})
    )
    found = invoke(organization, "sweep")
    assert found["without"] == ["333333333333"]
    assert "hop 2 of 2 refused" in found["failed"]["555555555555"]


def test_auditor(deployed: Reader) -> None:
    """The auditor reads in both accounts with the external id, and gets nowhere without it."""
    auditor = as_session(deployed.organization.session(AUDITOR))
    said = deployed.run("auditor", "python auditor.py", **auditor)
    assert [line.split(":")[0] for line in said.splitlines()] == ["333333333333", "444444444444"]
    program = (deployed.folder / "auditor" / "auditor.py").read_text()
    (deployed.folder / "auditor" / "careless.py").write_text(
        program.replace('external_id="acme-', 'external_id="')
    )
    said = deployed.run("auditor", "! python careless.py", **auditor)
    assert "hop 1 of 3 refused" in said
    reports = verify(deployed.chain("auditor"), session=deployed.organization.session(AUDITOR))
    assert all(report.ok for report in reports)


def test_pytest(reader: Reader) -> None:
    """The application's tests pass, by themselves in a folder of their own."""
    assert "2 passed" in "".join(reader.follow("pytest"))


CLOCK = """
import runpy, sys, time
passed, clock, monotonic = [0.0], time.time, time.monotonic
time.time = lambda: clock() + passed[0]
time.monotonic = lambda: monotonic() + passed[0]
time.sleep = lambda seconds: passed.__setitem__(0, passed[0] + seconds)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program for which each sleep is over at once, and the time has passed all the same."""


def test_worker(deployed: Reader) -> None:
    """Within twelve minutes the worker renews the target's session of 15 minutes once, and the middle's never."""
    organization = deployed.organization
    organization.session("333333333333").client("ssm").put_parameter(
        Name="/worker/task", Value="press olives", Type="String"
    )
    chain = deployed.chain("worker")
    task = workload(organization, chain, chain.source)
    (deployed.folder / "worker" / "clock.py").write_text(CLOCK)
    said = deployed.run("worker", "python clock.py worker.py 12", **as_session(task))
    # The organization's clock stands still meanwhile, which the runtime notices.
    lines = [
        line for line in said.splitlines() if not line.startswith("this machine's clock is 10 minutes ahead")
    ]
    assert lines == [f"minute {minute}: press olives" for minute in range(12)]
    assert (deployed.assumed("worker-middle"), deployed.assumed("worker-target")) == (1, 2)


GITHUB = "token.actions.githubusercontent.com"


def test_github_actions(deployed: Reader) -> None:
    """The workflow's token gives the source role's session, which releases; another subject's does not."""
    chain = deployed.chain("github-actions")
    workflow = yaml.safe_load((EXAMPLES / "github-actions" / "release.yml").read_text())
    job = workflow["jobs"]["release"]
    assert (workflow["permissions"]["id-token"], job["environment"]) == ("write", "production")
    (configured,) = [each["with"] for each in job["steps"] if "role-to-assume" in each.get("with", ())]
    assert configured["role-to-assume"] == chain.source.arn
    sts = boto3.client("sts", region_name=configured["aws-region"], config=Config(signature_version=UNSIGNED))

    def sign_in(subject: str) -> Any:
        return sts.assume_role_with_web_identity(
            RoleArn=chain.source.arn, RoleSessionName="GitHubActions", WebIdentityToken=token(GITHUB, subject)
        )["Credentials"]

    for subject in ("repo:acme/app:ref:refs/heads/main", "repo:acme/fork:environment:production"):
        with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
            sign_in(subject)
    keys = sign_in("repo:acme/app:environment:production")
    session = deployed.organization.session_with(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
    )
    (_, command) = [each["run"] for each in job["steps"] if "run" in each]
    said = deployed.run("github-actions", command, **as_session(session), GITHUB_SHA="3f2a91c")
    assert said == "account 333333333333 runs 3f2a91c\n"
    ssm = deployed.organization.session("333333333333").client("ssm")
    assert ssm.get_parameter(Name="/app/release")["Parameter"]["Value"] == "3f2a91c"


EKS = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
POD = {
    "eks-cluster-arn": "arn:aws:eks:us-east-1:111111111111:cluster/prod",
    "eks-cluster-name": "prod",
    "kubernetes-namespace": "team-a",
    "kubernetes-service-account": "runner",
    "kubernetes-pod-name": "greet-x7k2p",
    "kubernetes-pod-uid": "6b2c1f7e-5d7a-4c55-9a57-0f6f1c1f3a11",
}


@contextmanager
def serving(answer: Callable[[str, Mapping[str, str]], Any]) -> Iterator[str]:
    """A server on this machine that answers each GET by its path and headers; gives its address.

    A refusal by STS becomes a status of 400 with its text.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                status, given = 200, answer(self.path, dict(self.headers))
            except ClientError as error:
                status, given = 400, {"code": "AccessDenied", "message": str(error)}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(given, default=lambda time: time.isoformat()).encode())

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_eks(deployed: Reader) -> None:
    """A pod of the service account reads in the target by both ways, and one of another service account does not."""
    organization, source = deployed.organization, deployed.chain("eks").source.arn
    ssm = organization.session("333333333333").client("ssm")
    ssm.put_parameter(Name="/pods/greeting", Value="hello", Type="String")
    account, job = yaml.safe_load_all((EXAMPLES / "eks" / "runner.yaml").read_text())
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": source}
    pod = job["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == account["metadata"]["name"] == POD["kubernetes-service-account"]
    command = " ".join(pod["containers"][0]["command"])
    sts = organization.session_with("pods.eks.amazonaws.com", organization.secret_access_key).client("sts")

    def agent(name: str, headers: Mapping[str, str]) -> Any:
        assert headers["Authorization"] == "of-the-pod"
        tags = POD | {"kubernetes-service-account": name.strip("/")}
        given = sts.assume_role(
            RoleArn=source,
            RoleSessionName="eks-prod-greet",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            TransitiveTagKeys=list(tags),
        )["Credentials"]
        return given | {"Token": given["SessionToken"]}

    for name, refused in (("runner", ""), ("intruder", "! ")):
        with serving(agent) as address:
            mine = {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{address}/{name}",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "of-the-pod",
            }
            by_agent = deployed.run("eks", refused + command, **NO_KEYS, **mine)
        file = deployed.folder / "eks" / f"{name}.jwt"
        file.write_text(token(EKS, f"system:serviceaccount:team-a:{name}"))
        mine = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ROLE_ARN": source}
        by_token = deployed.run("eks", refused + command, **NO_KEYS, **mine)
        if refused:
            assert "AccessDenied" in by_agent
            assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in by_token
        else:
            assert (by_agent, by_token) == ("hello\n", "hello\n")


def test_people(deployed: Reader) -> None:
    """Who has signed in to the permission set gets into the target by a profile; with another set nobody does."""
    organization, chain = deployed.organization, deployed.chain("people")
    iam = organization.session("111111111111").client("iam")
    let_in = {"Effect": "Allow", "Principal": {"Service": "sso.amazonaws.com"}, "Action": "sts:AssumeRole"}
    enter = json.loads((EXAMPLES / "people" / "permission-set.json").read_text())
    roles = {}
    for assigned in ("DeployAccess", "ViewOnlyAccess"):
        # What IAM Identity Center makes of a permission set that is assigned in the account.
        role: Any = iam.create_role(
            Path="/aws-reserved/sso.amazonaws.com/",
            RoleName=f"AWSReservedSSO_{assigned}_0123456789abcdef",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": let_in}),
        )["Role"]
        iam.put_role_policy(RoleName=role["RoleName"], PolicyName="own", PolicyDocument=json.dumps(enter))
        roles[assigned] = role["Arn"]

    def portal(path: str, headers: Mapping[str, str]) -> Any:
        asked = parse_qs(urlsplit(path).query)
        assert (headers["x-amz-sso_bearer_token"], asked["account_id"]) == ("signed-in", ["111111111111"])
        keys: Any = organization.workload(roles[asked["role_name"][0]], "sso.amazonaws.com").get_credentials()
        given = {
            "accessKeyId": keys.access_key,
            "secretAccessKey": keys.secret_key,
            "sessionToken": keys.token,
        }
        return {"roleCredentials": given | {"expiration": int((time.time() + 3600) * 1000)}}

    home = deployed.folder / "people" / "home"
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    signed_in = {
        "startUrl": "https://acme.awsapps.com/start",
        "region": "us-east-1",
        "accessToken": "signed-in",
    }
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    name = sha1(b"acme", usedforsecurity=False).hexdigest()
    (cache / f"{name}.json").write_text(json.dumps(signed_in | {"expiresAt": ends}))
    mine = {"HOME": str(home), "AWS_CONFIG_FILE": str(home / ".aws" / "config")}
    with serving(portal) as address:
        mine |= {"AWS_ENDPOINT_URL_SSO": address, **NO_KEYS}
        said = deployed.follow("people", 1, **mine)[-1]
        assert "wrote profiles people-source, people-middle, people-target" in said
        whoami = (
            "import boto3; session = boto3.Session(profile_name='people-target'); "
            "print(session.client('sts').get_caller_identity()['Arn'])"
        )
        assert f":{chain.targets[0].account}:assumed-role/people-target/" in deployed.run(
            "people", f'python -c "{whoami}"', **mine
        )
        config = home / ".aws" / "config"
        config.write_text(config.read_text().replace("DeployAccess", "ViewOnlyAccess"))
        refused = deployed.run("people", f'! python -c "{whoami}"', **mine)
        assert "is not authorized to perform: sts:AssumeRole on resource: " + chain.source.arn in refused


def test_article(deployed: Reader) -> None:
    """The chain's program gets into the target as the source role does."""
    source = deployed.organization.workload(deployed.chain("article").source.arn, "lambda.amazonaws.com")
    said = deployed.run("article", "python walk.py", **as_session(source))
    assert said.startswith(prefix := "arn:aws:sts::333333333333:assumed-role/article-target/rolechain-")
    (said,) = deployed.follow("article", 1)
    assert prefix in said


SDK = ROOT / "examples" / "article" / "node_modules"


@pytest.mark.skipif(not SDK.is_dir(), reason="the SDK for JavaScript: npm install --prefix examples/article")
def test_article_by_hand(deployed: Reader) -> None:
    """The program of the SDK for JavaScript gets there too."""
    source = deployed.organization.workload(deployed.chain("article").source.arn, "lambda.amazonaws.com")
    said = deployed.run("article", "node walk.mjs", **as_session(source))
    assert said == "arn:aws:sts::333333333333:assumed-role/article-target/walk\n"


# The extras aio and local pin two versions of botocore, so that the program may be run by an environment of its own.
AIO_PYTHON = os.environ.get("ROLECHAIN_AIO_PYTHON") or (sys.executable if find_spec("aioboto3") else None)


@pytest.mark.skipif(AIO_PYTHON is None, reason="aioboto3: ROLECHAIN_AIO_PYTHON names a Python that has it")
def test_fan_out_aio(deployed: Reader) -> None:
    """Every target is counted over one session of the middle role, and one that refuses stops no other."""
    source = deployed.organization.workload(deployed.chain("fan-out-aio").source.arn, "lambda.amazonaws.com")
    iam = deployed.organization.session("444444444444").client("iam")
    closed = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(
        RoleName="count-target", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": closed})
    )
    said = deployed.run("fan-out-aio", f"{AIO_PYTHON} count.py", **as_session(source)).splitlines()
    assert [line.split(": ")[0] for line in said] == ["333333333333", "444444444444", "555555555555"]
    assert all(line.split(": ")[1].isdigit() for line in said[::2])
    assert "refused" in said[1]
    assert (deployed.assumed("count-middle"), deployed.assumed("count-target")) == (1, 2)
