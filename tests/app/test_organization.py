"""docs/organization.md, from nothing: each of its commands in its order, and the example that they deploy."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from rolechain import Chain
from rolechain.cdk import canary_arn
from rolechain.cli.toolchain import find
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization
from rolechain.local.mfa import code_at
from rolechain.policy import Effect, Policy
from rolechain.proof import prove, templates_in
from rolechain.runtime import list_unit_accounts
from rolechain.statements.event_patterns import watches_of
from tests.features.test_canary import run_function
from tests.repository.documents.blocks import ROOT, Block, blocks
from tests.repository.documents.commands import command_lines

# One user of the CDK CLI at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")

MANAGEMENT, VENDOR, ARCHIVE = "555555555555", "888888888888", "777777777777"
WEB, JOINS = "666666666666", "999999999999"
ROLES = ("platform-deploy", "platform-audit")
UNTIL = "2099-12-31T00:00:00Z"
SUMMARY, ALIASES = "iam:GetAccountSummary", "iam:ListAccountAliases"
PACKS = ("AwsSolutionsChecks", "NIST80053R5Checks", "HIPAASecurityChecks", "PCIDSS321Checks")
PROFILES = {
    "management": MANAGEMENT_ACCOUNT,
    "team": "111111111111",
    "support": "444444444444",
    "hub": "222222222222",
    "gate": "333333333333",
    "vendor": VENDOR,
    "web": WEB,
}
SERVICES = ["cloudwatch", "events", "lambda", "logs", "sns", "sqs"]
"""What the alarms and the canary are made of, besides what a chain is."""
PAGE = [block for block in blocks("sh") if block.document == "docs/organization.md"]
DEPLOYED = next(number for number, block in enumerate(PAGE) if "cdk deploy" in block.text)
UNITS = {"production": 14, "staging": 15, "sandbox": 15, "security": 14}
"""How many accounts are made in each, besides those of ``HELD``."""
CODES = {"123456": -30, "234567": 0}
"""The codes of the page, and how many seconds ago the device showed each."""
HELD = {"production": WEB, "security": ARCHIVE}


@dataclass
class Reader:
    """Somebody who goes through the page, and writes the ids that commands print in place of the page's own.

    Attributes:
        organization: where the commands go.
        folder: where the reader stands.
        environment: the variables of the commands.
        ids: what stands for the ids of the page.
        said: what each line printed, in both streams, by the line as the page has it.
    """

    organization: LocalOrganization
    folder: Path
    environment: Mapping[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    said: dict[str, tuple[int, str]] = field(default_factory=dict)

    def write(self, text: str) -> str:
        """A text of the page with the ids that there are."""
        return re.sub("|".join(self.ids) or "(?!)", lambda found: self.ids[found[0]], text)

    def run(self, block: Block) -> None:
        """Runs a block's commands."""
        for line in command_lines(block.text):
            if line.startswith("cd "):
                self.folder /= line.removeprefix("cd ")
                for name in ("app.py", "chain.yaml", "watching.json"):
                    self.rewrite(name, self.write)
            else:
                self.line(line)

    def rewrite(self, name: str, change: Callable[[str], str]) -> None:
        """Changes a file of the folder."""
        file = self.folder / name
        file.write_text(change(file.read_text()))

    def line(self, line: str) -> None:
        """Runs a line, which fails where the page says so and nowhere else."""
        if (seed := self.folder / "emergency.txt").exists():
            now = time.time()
            self.ids |= {code: code_at(seed.read_text(), now + ago) for code, ago in CODES.items()}
        written = self.write(line)
        code, said = self.aws(written) if written.startswith("aws ") else self.program(written)
        assert (code != 0) is ("# refused" in line), f"{line}\n{said}"
        self.said[" ".join(line.split())] = code, said
        self.learn(line, said)

    def program(self, line: str) -> tuple[int, str]:
        """The status of a line of the shell, and what it prints in both streams."""
        run = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return run.returncode, run.stdout

    def aws(self, line: str) -> tuple[int, str]:
        """The same of the AWS CLI, which need not be installed: boto3 makes the call as it does."""
        _, service, operation, *words = shlex.split(line, comments=True)
        options = dict(zip(words[::2], words[1::2], strict=True))
        seed = options.pop("--outfile", None)
        options.pop("--bootstrap-method", None)
        for name, value in options.items():
            if value.startswith("file://"):
                options[name] = (self.folder / value.removeprefix("file://")).read_text()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_CONFIG_FILE", self.environment["AWS_CONFIG_FILE"])
            patch.setenv("AWS_ENDPOINT_URL", self.organization.endpoint_url)
            session: Any = boto3.Session(profile_name=options.pop("--profile"))
            client = session.client(service)
        method = operation.replace("-", "_")
        shape = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[method]
        ).input_shape
        names = {"--" + xform_name(each, "-"): each for each in shape.members} if shape else {}
        names["--notification-endpoint"] = "Endpoint"
        try:
            answer = getattr(client, method)(**{names[key]: value for key, value in options.items()})
        except ClientError as error:
            return 1, str(error)
        if seed:
            (self.folder / seed).write_bytes(answer["VirtualMFADevice"].pop("Base32StringSeed"))
        return 0, json.dumps(answer, default=str)

    def learn(self, line: str, said: str) -> None:
        """Notes what a command made."""
        words = line.split()
        if "describe-organization" in words:
            self.ids[MANAGEMENT] = json.loads(said)["Organization"]["MasterAccountId"]
        elif "list-roots" in words:
            self.ids["r-ab12"] = json.loads(said)["Roots"][0]["Id"]
        elif "create-organizational-unit" in words:
            number = len([each for each in self.ids if each.startswith("ou-")]) + 1
            unit = json.loads(said)["OrganizationalUnit"]
            self.ids[f"ou-ab12-{str(number) * 8}"] = unit["Id"]
            self.fill(unit["Name"], unit["Id"])
        elif "create-access-key" in words:
            key = json.loads(said)["AccessKey"]
            with Path(self.environment["AWS_CONFIG_FILE"]).open("a") as file:
                file.write(
                    f"[profile emergency]\naws_access_key_id = {key['AccessKeyId']}\nregion = us-east-1\n"
                    f"aws_secret_access_key = {key['SecretAccessKey']}\n"
                )
        elif "create-account" in words:
            self.ids[JOINS] = json.loads(said)["CreateAccountStatus"]["AccountId"]

    def fill(self, name: str, unit: str) -> None:
        """The accounts that a unit has before anything is deployed."""
        if name in HELD:
            self.organization.move_account(HELD[name], unit)
        for _ in range(UNITS[name]):
            self.organization.create_account(unit)

    def of(self, part: str) -> str:
        """What the one line with this part printed."""
        (said,) = [said for line, (_, said) in self.said.items() if part in line]
        return said


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader in an empty folder, who has the example and the profiles."""
    folder = tmp_path_factory.mktemp("reader")
    copytree(ROOT / "examples" / "organization", folder / "examples" / "organization")
    toolchain = find(ROOT)
    with LocalOrganization(outside=[VENDOR], services=SERVICES, trail=folder / "trail") as organization:
        (folder / "config").write_text(
            "".join(
                f"[profile {name}]\naws_access_key_id = {account}\nregion = us-east-1\n"
                f"aws_secret_access_key = {organization.secret_access_key}\n"
                for name, account in PROFILES.items()
            )
            + "[profile admin]\nrole_arn = arn:aws:iam::222222222222:role/platform-admin\n"
            "source_profile = management\nregion = us-east-1\n"
        )
        settings = organization.environment(MANAGEMENT_ACCOUNT)
        kept = {name: value for name, value in settings.items() if name != "AWS_SESSION_TOKEN"}
        environment = {**os.environ, **kept, **toolchain.environment()}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del environment[name]
        path = [str(toolchain.cdk.parent), environment["PATH"]]
        mine = {
            "AWS_CONFIG_FILE": str(folder / "config"),
            "PATH": os.pathsep.join(path),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        yield Reader(organization, folder, environment | mine)


@pytest.fixture(scope="module")
def deployed(reader: Reader) -> Reader:
    """A reader who has come to where the chain is deployed."""
    for block in PAGE[: DEPLOYED + 1]:
        reader.run(block)
    return reader


@pytest.fixture
def chain(deployed: Reader) -> Chain:
    """The chain with the ids of this organization."""
    return Chain.load(deployed.folder / "chain.yaml")


def test_it_is_proven_and_no_pack_reports_anything(deployed: Reader, chain: Chain) -> None:
    """The synth and the command prove the same, nothing is found by CDK and four packs, and nothing is acknowledged."""
    assembly = deployed.folder / "cdk.out"
    ends = "6 hops can be taken, and nothing else gets in than by 5 declared entrances\n"
    synth = deployed.of("cdk synth")
    assert f"rolechain: chain platform is proven: {ends}" in synth
    (opened,) = [line for line in synth.splitlines() if ":user/emergency gets into " in line]
    assert f":role/rolechain/platform-emergency until {UNTIL}, and from there into " in opened
    assert "without" not in opened
    assert deployed.of("rolechain prove").endswith(f"chain platform is proven from cdk.out: {ends}")
    assert prove(chain, templates_in(assembly)).findings == ()
    assert json.loads((assembly / "validation-report.json").read_text())["pluginReports"] == []
    app = (deployed.folder / "app.py").read_text()
    assert "acknowledge" not in app
    assert not any("cdk_nag" in file.read_text() for file in assembly.glob("*.template.json"))
    assert all(name in app for name in PACKS)


def test_the_canary_walks(deployed: Reader, chain: Chain) -> None:
    """Its function finds the chain as declared as far as the caller of the targets, and says what it leaves out."""
    (code,) = [file.parent for file in (deployed.folder / "cdk.out").glob("asset.*/canary.json")]
    *lines, whole = run_function(deployed.organization, canary_arn(chain), code)
    walked = [line["callee"].rsplit("/")[-1] for line in lines if line["expected"] == "allowed"]
    assert walked == ["platform-delivery", "platform-hub", "platform-gate"]
    assert (whole["Walked"], whole["failed"]) == (1, 0)
    assert whole["left_out"] == [f"arn:aws:iam::*:role/rolechain/{role}" for role in ROLES]


def test_every_account_has_its_alarms(deployed: Reader, chain: Chain) -> None:
    """The rules of the chain's accounts, of an account of the units, and of one that the targets leave out."""
    for account in (*chain.accounts, WEB, ARCHIVE):
        events: Any = deployed.organization.session(account).client("events")
        watched = account if account in chain.accounts else "*"
        rules = events.list_rules()["Rules"]
        patterns = [json.loads(rule["EventPattern"]) for rule in rules if "EventPattern" in rule]
        wanted = [watch.pattern for watch in watches_of(chain, watched)]
        assert [pattern for pattern in wanted if pattern not in patterns] == []
    (gate,) = [role.account for role in chain.middle if role.role == "platform-gate"]
    buses = deployed.organization.session(gate).client("events").list_event_buses()["EventBuses"]
    assert "platform-alarms" in {bus["Name"] for bus in buses}


def test_the_execution_policies_allow_its_stack_sets(deployed: Reader) -> None:
    """Where each goes and what its template holds, and no other stack set, unit or type."""
    gate = PROFILES["gate"]
    iam: Any = deployed.organization.session(gate).client("iam")
    policies = []
    role = f"cdk-hnb659fds-cfn-exec-role-{gate}-us-east-1"
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        policy = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        policies.append(Policy.parse(version["PolicyVersion"]["Document"]))

    def may(action: str, resource: str, region: str = "us-east-1") -> bool:
        context = {"cloudformation:TargetRegion": [region]}
        arn = (
            resource
            if resource == "*"
            else f"arn:aws:cloudformation:us-east-1:{MANAGEMENT_ACCOUNT}:{resource}"
        )
        return any(
            policy.judge(f"cloudformation:{action}", arn, context) is Effect.ALLOW for policy in policies
        )

    template = json.loads((deployed.folder / "cdk.out" / f"platform-{gate}.template.json").read_text())
    made = [
        each["Properties"] for each in template["Resources"].values() if each["Type"].endswith("::StackSet")
    ]
    assert len(made) == 3
    for stack_set in made:
        name, (group,) = stack_set["StackSetName"], stack_set["StackInstancesGroup"]
        targets = group["DeploymentTargets"]
        reached = [*targets["OrganizationalUnitIds"], *targets.get("Accounts", [])]
        types = {each["Type"] for each in json.loads(stack_set["TemplateBody"])["Resources"].values()}
        for action in (
            "CreateStackSet",
            "UpdateStackSet",
            "DeleteStackSet",
            "DescribeStackSetOperation",
            "TagResource",
        ):
            assert may(action, f"stackset/{name}:1a-2b")
        for action in ("CreateStackInstances", "UpdateStackInstances", "DeleteStackInstances"):
            assert may(action, f"stackset/{name}:1a-2b")
            assert all(may(action, f"stackset-target/{name}:1a-2b/{each}") for each in reached)
            assert all(may(action, f"type/resource/{each.replace('::', '-')}") for each in types)
            assert not may(action, f"stackset-target/{name}:1a-2b/ou-ab12-55555555")
        assert not may("CreateStackSet", f"stackset/{name}-2:1a-2b")
    assert may("GetTemplateSummary", "*")
    assert not may("CreateStackSet", "type/resource/AWS-Lambda-Function")
    assert not may("CreateStack", "stack/mine/1a-2b")


EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ANYBODY = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
DOCUMENT, OPEN = (json.dumps({"Version": "2012-10-17", "Statement": each}) for each in (EVERYTHING, ANYBODY))
ATTEMPTS: dict[str, tuple[str, str, Callable[[Any], object]]] = {
    "DenyRoleChanges": (
        "service",
        WEB,
        lambda session: session.client("iam").put_role_policy(
            RoleName="platform-audit", PolicyName="own", PolicyDocument=DOCUMENT
        ),
    ),
    "DenyPolicyChanges": (
        "service",
        WEB,
        lambda session: session.client("iam").create_policy_version(
            PolicyArn=f"arn:aws:iam::{WEB}:policy/rolechain/any", PolicyDocument=DOCUMENT
        ),
    ),
    "DenyAdministration": (
        "service",
        PROFILES["gate"],
        lambda session: assume(
            session, f"{PROFILES['gate']}:role/cdk-hnb659fds-deploy-role-333333333333-us-east-1"
        ),
    ),
    "DenyFederationAndStacks": (
        "service",
        PROFILES["gate"],
        lambda session: session.client("cloudformation").update_stack(
            StackName="platform-333333333333", UsePreviousTemplate=True
        ),
    ),
    "DenyUndeclaredCallers": (
        "resource",
        WEB,
        lambda session: assume(session, f"{PROFILES['hub']}:role/rolechain/platform-hub"),
    ),
    "DenyOutsiders": (
        "resource",
        VENDOR,
        lambda session: assume(session, f"{PROFILES['team']}:role/rolechain/platform-delivery"),
    ),
}
"""For each statement of the guardrails: the type of control policy that refuses, who attempts it, and what."""


def assume(session: Any, role: str) -> None:
    """Assumes a role: ``<account>:role/<path and name>``."""
    session.client("sts").assume_role(RoleArn=f"arn:aws:iam::{role}", RoleSessionName="guest")


def test_every_guardrail_refuses(deployed: Reader) -> None:
    """Each statement that is deployed has an attempt that it stops, of whoever may do everything in an account."""
    template = json.loads((deployed.folder / "cdk.out" / "guardrails.template.json").read_text())
    statements = {
        (policy["Properties"]["Type"].split("_")[0].lower(), statement["Sid"].rstrip("0123456789"))
        for policy in template["Resources"].values()
        for statement in policy["Properties"]["Content"]["Statement"]
    }
    assert statements == {(kind, sid) for sid, (kind, _, _) in ATTEMPTS.items()}
    organization = deployed.organization
    # Whoever opens a role by a stack: CloudFormation's own role is none of those that are refused.
    kept = []
    for account, role in ((PROFILES["team"], "platform-delivery"), (PROFILES["hub"], "platform-hub")):
        executing = f"arn:aws:iam::{account}:role/cdk-hnb659fds-cfn-exec-role-{account}-us-east-1"
        iam: Any = organization.workload(executing, "cloudformation.amazonaws.com").client("iam")
        kept.append((iam, role, iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]))
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=OPEN)
    for kind, account, attempt in ATTEMPTS.values():
        with pytest.raises(ClientError, match=f"with an explicit deny in a {kind} control policy"):
            attempt(organization.session(account))
    for iam, role, document in kept:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))


def test_an_emergency(deployed: Reader, chain: Chain) -> None:
    """With its code the user gets to production, which is reported; when the time is over it gets nowhere."""
    organization, team = deployed.organization, PROFILES["team"]
    make, use = (block for block in PAGE if "emergency" in block.text)
    deployed.run(make)
    trail = organization.trail
    assert trail
    for path in trail.rglob("*.json.gz"):
        path.unlink()
    deployed.run(use)
    said = deployed.of("--profile emergency")
    assert f"arn:aws:sts::{WEB}:assumed-role/platform-deploy/" in said
    events: Any = organization.session(team).client("events")
    rules = {
        rule["Name"]: rule["EventPattern"] for rule in events.list_rules()["Rules"] if "EventPattern" in rule
    }
    (watch,) = [watch for watch in watches_of(chain, team) if watch.id.startswith("Emergency")]
    assert watch.pattern in map(json.loads, rules.values())
    told = [
        record
        for path in list(trail.rglob("*.json.gz"))
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
        if record["recipientAccountId"] == team and matches(events, watch.pattern, record)
    ]
    assert [record["requestParameters"]["sourceIdentity"] for record in told] == ["ann@example.com"]
    assert "INC-7" in json.dumps(told[0]["requestParameters"])
    # The time passes: what the statement says of it lies in the past, and so does what the file says.
    iam: Any = organization.workload(
        f"arn:aws:iam::{team}:role/cdk-hnb659fds-cfn-exec-role-{team}-us-east-1",
        "cloudformation.amazonaws.com",
    ).client("iam")
    document = json.dumps(iam.get_role(RoleName="platform-emergency")["Role"]["AssumeRolePolicyDocument"])
    assert UNTIL in document
    iam.update_assume_role_policy(
        RoleName="platform-emergency", PolicyDocument=document.replace(UNTIL, "2020-01-01T00:00:00Z")
    )
    deployed.rewrite("chain.yaml", lambda text: text.replace(UNTIL[:16], "2020-01-01T00:00"))
    (line,) = command_lines(use.text)
    after = " ".join(f"{line} --no-cache # refused".split())
    deployed.line(after)
    assert "role/rolechain/platform-emergency closed at 2020-01-01T00:00:00Z: " in deployed.of(after)
    deployed.rewrite("chain.yaml", lambda text: text.replace("2020-01-01T00:00", UNTIL[:16]))
    iam.update_assume_role_policy(RoleName="platform-emergency", PolicyDocument=document)


def matches(events: Any, pattern: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether EventBridge gives an event of the trail to a rule."""
    event = {
        "id": record["eventID"],
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{record['eventSource'].split('.')[0]}",
        "account": record["recipientAccountId"],
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": record,
    }
    answer = events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))
    return bool(answer["Result"])


def test_the_rest_of_the_page(deployed: Reader, chain: Chain) -> None:
    """Both commands reach each account, one that joins is reached without a deployment, one that has left is not."""
    for block in PAGE[DEPLOYED + 1 :]:
        if "emergency" in block.text:
            continue
        if block.text.startswith("cdk deploy"):
            # The packs have reported nothing already.
            deployed.rewrite("app.py", lambda text: text.replace("(pack(app) for pack in packs)", "()"))
            deployed.rewrite(
                "chain.yaml", lambda text: text.replace(f'"{SUMMARY}"', f"[{SUMMARY}, {ALIASES}]")
            )
        deployed.run(block)
    whoami, programs = deployed.of("whoami --every-target"), deployed.of("exec --every-target")
    counts = {}
    for target in chain.targets:
        found = list_unit_accounts(target, deployed.organization.session(MANAGEMENT_ACCOUNT))
        reached = re.findall(rf"::(\d+):assumed-role/{target.role}/", whoami)
        assert sorted(set(reached)) == sorted(found.accounts)
        counts[target.role] = len(found.accounts), dict(found.skipped)
    assert counts == {
        "platform-deploy": (30, {}),
        "platform-audit": (59, {ARCHIVE: "the chain excludes it"}),
    }
    web = deployed.organization.session(WEB).client("iam")
    policies = web.get_account_authorization_details(Filter=["LocalManagedPolicy"])["Policies"]
    assert ALIASES in json.dumps(policies, default=str)
    answers = re.findall(r"^(\d{12})(?:/\S+)? \| \1$", programs, re.MULTILINE)
    assert (len(answers), len(set(answers))) == (30 + 59, 59)
    assert f"{ARCHIVE} is skipped: the chain excludes it" in whoami
    account = deployed.ids[JOINS]
    joined, left = [
        said
        for line, (_, said) in deployed.said.items()
        if "whoami --target" in line and "emergency" not in line
    ]
    assert f"arn:aws:sts::{account}:assumed-role/platform-audit/" in joined
    role = f"arn:aws:iam::{account}:role/rolechain/platform-audit"
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in left
    assert deployed.organization.session(account).client("events").list_rules()["Rules"] == []
