"""``rolechain bootstrap`` and ``rolechain doctor``, with the real CDK CLI against a local organization."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from rolechain import Chain
from rolechain.cli import doctor
from rolechain.cli.bootstrap import Bootstrap
from rolechain.cli.toolchain import find
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization
from rolechain.model.stack_set import SERVICE_PRINCIPAL
from rolechain.policy import Effect, Policy

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "doctor.schema.json").read_text())
# One user of the CDK CLI at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
# No check of theirs asks another account.
NO_OTHERS: Any = None
_numbers = itertools.count(760000000001)

# The handlers of the two types in the CloudFormation registry, as far as the chain's stacks use them.
HANDLERS = {
    "AWS::IAM::Role": (
        *(
            "CreateRole",
            "TagRole",
            "GetRole",
            "ListAttachedRolePolicies",
            "ListRolePolicies",
            "GetRolePolicy",
        ),
        *("UpdateRole", "UpdateRoleDescription", "UpdateAssumeRolePolicy", "UntagRole", "DeleteRole"),
    ),
    "AWS::IAM::ManagedPolicy": (
        *("CreatePolicy", "GetPolicy", "GetPolicyVersion", "ListEntitiesForPolicy", "ListPolicyVersions"),
        *("CreatePolicyVersion", "DeletePolicyVersion", "DeletePolicy"),
    ),
}


class Place:
    """A folder with a chain of its own three accounts, and a profile of each, ``admin-<account>``."""

    def __init__(self, folder: Path, organization: LocalOrganization, keys: Callable[[str], str]) -> None:
        self.folder, self.organization = folder, organization
        self.accounts = [str(next(_numbers)) for _ in range(3)]
        text = (ROOT / "chain.yaml").read_text()
        for declared, own in zip(
            ("111111111111", "222222222222", "333333333333"), self.accounts, strict=True
        ):
            text = text.replace(declared, own)
        (folder / "chain.yaml").write_text(text)
        self.profiles(keys)

    def profiles(self, keys: Callable[[str], str]) -> None:
        """Writes the profiles, with the lines that ``keys`` gives for an account."""
        listed = "".join(f"[admin-{account}]\n{keys(account)}" for account in self.accounts)
        (self.folder / "credentials").write_text(listed)

    @property
    def named(self) -> list[str]:
        """The options that name them."""
        return [word for each in self.accounts for word in ("--account-profile", f"{each}=admin-{each}")]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the deploying account's administrator."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **inherited,
            **self.organization.environment(self.accounts[1]),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "HOME": str(self.folder),
        }

    def __call__(self, *words: str) -> SimpleNamespace:
        """Calls the command, with every profile."""
        done = subprocess.run(
            [sys.executable, "-m", "rolechain.cli", words[0], *self.named, *words[1:]],
            cwd=self.folder,
            env={**self.environment, "PATH": f"{ROOT}/node_modules/.bin:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    def cdk(self, *words: str, account: str | None = None) -> str:
        """Runs the CDK CLI, with this chain's app, as the deploying account's administrator."""
        toolchain = find(ROOT)
        environment = self.environment | self.organization.environment(account or self.accounts[1])
        done = subprocess.run(
            [str(toolchain.cdk), *words, "--no-notices"],
            cwd=self.folder,
            env={**environment, **toolchain.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def deploy(self) -> None:
        """Deploys an app of the chain alone."""
        app = shlex.join([sys.executable, "-m", "rolechain.cdk"])
        self.cdk("deploy", "--all", "--app", app, "--require-approval", "never")

    def checks(self) -> set[tuple[str | None, str, str]]:
        """What is not there, by ``doctor --json``."""
        said = self("doctor", "--json")
        document = json.loads(said.out)
        jsonschema.validate(document, SCHEMA)
        lacking = {
            (each["account"], each["check"], each["status"])
            for each in document["checks"]
            if each["status"] != "ok"
        }
        assert (document["ready"], said.code) == (not lacking, 1 if lacking else 0)
        return lacking

    def client(self, account: str, service: str) -> Any:
        """A client of an account's administrator."""
        return self.organization.session(account).client(service)  # type: ignore[call-overload]


@pytest.fixture
def place(tmp_path: Path, organization: LocalOrganization, keys: Callable[[str], str]) -> Place:
    return Place(tmp_path, organization, keys)


def may(place: Place, account: str, action: str, resource: str, context: dict[str, str]) -> bool:
    """Whether the policies of an account's execution role allow a call."""
    iam, name = place.client(account, "iam"), f"cdk-hnb659fds-cfn-exec-role-{account}-us-east-1"
    effects = set()
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        policy = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        effects.add(Policy.parse(version["PolicyVersion"]["Document"]).judge(action, resource, context))
    return effects == {Effect.ALLOW}


def decide_the_stack(place: Place, account: str) -> int:
    """Decides each call of CloudFormation for each resource that it made; gives how many."""
    cloudformation = place.client(account, "cloudformation")
    resources = cloudformation.describe_stack_resources(StackName=f"deploy-{account}")["StackResources"]
    asked = 0
    for each in resources:
        if each["ResourceType"] == "AWS::CDK::Metadata":
            continue
        named = each["PhysicalResourceId"]
        role = each["ResourceType"] == "AWS::IAM::Role"
        arn = place.client(account, "iam").get_role(RoleName=named)["Role"]["Arn"] if role else named
        for action in HANDLERS[each["ResourceType"]]:
            assert may(place, account, f"iam:{action}", arn, {}), (action, arn)
            asked += 1
        if role:
            attached = place.client(account, "iam").list_attached_role_policies(RoleName=named)
            for policy in attached["AttachedPolicies"]:
                for action in ("iam:AttachRolePolicy", "iam:DetachRolePolicy"):
                    assert may(place, account, action, arn, {"iam:PolicyARN": policy["PolicyArn"]})
                    asked += 1
            assert not may(place, account, "iam:PutRolePolicy", arn, {})
    return asked


def test_from_nothing_to_a_deployed_chain(place: Place) -> None:
    """Everything is missing, bootstrap adds it, and the chain is deployed, changed and destroyed by what it made."""
    per_account = ("bootstrap", "trust", "execution policy")
    assert place.checks() == {(each, check, "missing") for each in place.accounts for check in per_account}
    told = place("doctor").out.splitlines()
    command = told[0].split(" → ")[1]
    assert command == shlex.join(
        ["rolechain", "bootstrap", "--run", *place.named, "--account", place.accounts[0]]
    )
    assert told[0].startswith(
        f"✗ {place.accounts[0]} bootstrap: not bootstrapped in us-east-1: no parameter "
    )
    assert told[-1] == "chain deploy: 12 missing, 0 unknown, 25 checks in 3 accounts"

    said = place("bootstrap", "--run")
    assert (said.code, said.err) == (0, "")
    assert said.out == "".join(
        f"✓ {each}: trusts {place.accounts[1]}, deploys with "
        f"arn:aws:iam::{each}:policy/execution-of-deploy-{each}\n"
        for each in place.accounts
    )
    assert place.checks() == set()
    assert place("doctor").out == "chain deploy: nothing is missing, 22 checks in 3 accounts\n"

    place.deploy()
    assert [decide_the_stack(place, each) for each in place.accounts] == [21, 21, 21]
    assert place.checks() == set()

    file = place.folder / "chain.yaml"
    file.write_text(
        file.read_text() + "    max_session_duration: 7200\n    managed_policies: ReadOnlyAccess\n"
    )
    target = place.accounts[2]
    assert place.checks() == {(target, "execution policy", "missing")}
    said = place("bootstrap", "--run", "--account", target)
    assert said.out.startswith(f"✓ {target}: ")
    place.deploy()
    assert decide_the_stack(place, target) == 23
    role = place.client(target, "iam").get_role(RoleName="deploy-target")["Role"]
    assert role["MaxSessionDuration"] == 7200

    place.cdk("destroy", "--all", "--force", "--app", shlex.join([sys.executable, "-m", "rolechain.cdk"]))
    assert place.checks() == set()
    assert [
        place.client(each, "iam").list_roles(PathPrefix="/rolechain/")["Roles"] for each in place.accounts
    ] == [
        [],
        [],
        [],
    ]


def test_each_thing_that_is_missing_is_named(place: Place, keys: Callable[[str], str]) -> None:
    """An account without trust, an old bootstrap, refused credentials, a role that is there."""
    first, second, third = place.accounts
    assert place("bootstrap", "--run", "--account", second).code == 0
    place.client(second, "ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="5", Type="String", Overwrite=True
    )
    for account, words in ((first, []), (third, ["--cloudformation-execution-policies", ADMINISTRATOR])):
        place.cdk("bootstrap", f"aws://{account}/us-east-1", *words, account=account)
        # What other apps of the account deploy with is not taken away without being asked to.
        refused = place("bootstrap", "--run", "--account", account)
        assert (refused.code, refused.err) == (1, "")
        assert refused.out == (
            f"✗ {account}: its bootstrap CDKToolkit has {ADMINISTRATOR}, which other apps may need and this would take "
            "away: add --qualifier for a bootstrap of this chain's own, or --replace\n"
        )
    trust = {"Effect": "Allow", "Principal": {"AWS": third}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    place.client(third, "iam").create_role(RoleName="deploy-target", AssumeRolePolicyDocument=document)
    place.profiles(
        lambda account: keys(account) if account != first else keys(account).replace("key = ", "key = x")
    )
    unread = ("region", "bootstrap", "trust", "execution policy", "roles", "quotas")
    assert place.checks() == {
        (first, "credentials", "missing"),
        *((first, check, "unknown") for check in unread),
        (second, "bootstrap", "missing"),
        (third, "trust", "missing"),
        (third, "roles", "missing"),
    }
    out = place("doctor").out
    assert f"✗ {first} credentials: profile admin-{first} does not work: " in out
    assert f"? unknown {first} quotas: no credentials of the account\n" in out
    assert (
        f"✗ {second} bootstrap: version 5 of the bootstrap, and CDK needs 6 or later → rolechain bootstrap"
        in out
    )
    assert (
        f"cdk-hnb659fds-deploy-role-{third}-us-east-1 does not trust account {second}, which deploys → "
        in out
    )
    assert (
        f"a role deploy-target exists already, outside of stack deploy-{third} → npx cdk import deploy-{third}"
        in out
    )

    assert place("bootstrap", "--run", "--account", third, "--qualifier", "deploy").code == 0
    said = place("doctor", "--account", third, "--qualifier", "deploy").out
    assert said.startswith(f"✗ {third} roles: a role deploy-target exists already")
    assert place("bootstrap", "--run", "--account", third, "--replace").code == 0
    assert {each for each in place.checks() if each[0] == third} == {(third, "roles", "missing")}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--trust", "12"], "--trust '12' is not an account's id: write 12 digits"),
        (["--qualifier", "a-b"], "--qualifier 'a-b' is none of CDK's: write up to 10 letters or digits"),
        (
            ["--policy", "a,b"],
            "--policy 'a,b' is no managed policy: write its ARN, or a name in each account",
        ),
        (["--stack-prefix", "a b"], "no stack is named 'a b'"),
        (
            ["--account", "999999999999"],
            "no role of chain deploy is deployed to '999999999999': name one of 7",
        ),
        (["--chain", "none.yaml"], "none.yaml"),
    ],
)
@pytest.mark.parametrize("command", ["bootstrap", "doctor"])
def test_bad_input_is_one_line(place: Place, command: str, words: list[str], told: str) -> None:
    """A call that cannot be made sense of says what to do, in one line."""
    said = place(command, *words)
    assert (said.code != 0, said.out) == (True, "")
    assert told in said.err
    assert said.err.count("\n") == 1


UNITS = """\
name: units
organization: o-exampleorg1
source: {{account: "{source}", assumed_by: {{service: lambda.amazonaws.com}}}}
middle: {{account: "{gate}"}}
targets: {{organizational_units: r-local, stack_set: {{{options}}}}}
"""


def test_a_stack_set_needs_its_administrator(place: Place, keys: Callable[[str], str]) -> None:
    """Trusted access and the delegated administrator are missing, unknown where nobody may ask, then there."""
    source, gate, _ = place.accounts
    file = place.folder / "chain.yaml"
    file.write_text(UNITS.format(source=source, gate=gate, options=""))
    asked = ("trusted access", "delegated administrator")

    def lacking(*words: str) -> list[str]:
        said = place("doctor", "--account", gate, *words).out.splitlines()
        return [line for line in said if any(f" {gate} {check}: " in line for check in asked)]

    unknown = f"no credentials for account {MANAGEMENT_ACCOUNT}: name a profile with --account-profile"
    assert [line.partition(f"{unknown} ")[0] for line in lacking()] == [
        f"? unknown {gate} {each}: " for each in asked
    ]
    assert {each for each in place.checks() if each[1] in asked} == {
        (gate, each, "unknown") for each in asked
    }

    (place.folder / "credentials").open("a").write(f"[management]\n{keys(MANAGEMENT_ACCOUNT)}")
    named = ("--account-profile", f"{MANAGEMENT_ACCOUNT}=management")
    trusted, registered = lacking(*named)
    assert trusted == (
        f"✗ {gate} trusted access: trusted access of StackSets is DISABLED in management account {MANAGEMENT_ACCOUNT} "
        "→ aws cloudformation activate-organizations-access --region us-east-1"
    )
    assert registered == (
        f"✗ {gate} delegated administrator: not a delegated administrator of StackSets, by management account "
        f"{MANAGEMENT_ACCOUNT} → aws organizations register-delegated-administrator --service-principal "
        f"{SERVICE_PRINCIPAL} --account-id {gate}"
    )
    place.client(MANAGEMENT_ACCOUNT, "cloudformation").activate_organizations_access()
    organizations = place.client(MANAGEMENT_ACCOUNT, "organizations")
    delegation = {"ServicePrincipal": SERVICE_PRINCIPAL, "AccountId": gate}
    organizations.register_delegated_administrator(**delegation)
    # Now the account may ask by itself.
    assert lacking() == lacking(*named) == []
    organizations.deregister_delegated_administrator(**delegation)
    assert lacking(*named) == [registered]
    file.write_text(UNITS.format(source=source, gate=gate, options="call_as: SELF"))
    told = "a member may not call the stack set of units-target as SELF: declare call_as: DELEGATED_ADMIN"
    assert lacking(*named)[0] == f"✗ {gate} delegated administrator: {told}"
    own = f'administrator_account: "{MANAGEMENT_ACCOUNT}"'
    for options, refused in ((f"{own}, call_as: SELF", False), (own, True)):
        file.write_text(UNITS.format(source=source, gate=gate, options=options))
        said = place("doctor", *named, "--account", MANAGEMENT_ACCOUNT).out
        told = "the management account may not call the stack set of units-target as DELEGATED_ADMIN: declare"
        assert (told in said, "trusted access" in said) == (refused, False)


def test_the_account_that_holds_a_stack_set(place: Place) -> None:
    """Its execution policy allows the stack set, and that of the source's account does not."""
    source, gate, _ = place.accounts
    (place.folder / "chain.yaml").write_text(UNITS.format(source=source, gate=gate, options=""))
    said = place("bootstrap")
    assert (said.code, said.err) == (0, "")
    ours, theirs = ("cloudformation:CreateStackSet" in script for script in said.out.split("\n\n"))
    assert (ours, theirs) == (False, True)
    assert "stackset/units-units-target:*" in said.out
    assert "stackset-target/units-units-target:*/r-local" in said.out


def test_the_commands_are_printed(place: Place) -> None:
    """Without --run nothing is called, and what is printed is a script of the same calls."""
    said = place("bootstrap", "--qualifier", "deploy", "--policy", "team/buckets")
    target = place.accounts[2]
    script = said.out.split("\n\n")[2]
    lines = script.splitlines()
    name = f"execution-of-deploy-{target}"
    assert said.code == 0
    assert lines[:2] == [f"# with credentials of account {target}", f"cat > {name}.json <<'EOF'"]
    assert lines[-2] == (
        f"aws cloudformation deploy --stack-name {name} --template-file {name}.json --capabilities "
        f"CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset --region us-east-1 --profile admin-{target}"
    )
    assert lines[-1] == (
        f"npx cdk bootstrap aws://{target}/us-east-1 --trust {place.accounts[1]} "
        f"--cloudformation-execution-policies arn:aws:iam::{target}:policy/{name},"
        f"arn:aws:iam::{target}:policy/team/buckets "
        f"--qualifier deploy --toolkit-stack-name CDKToolkit-deploy --profile admin-{target}"
    )
    written = script.split("<<'EOF'\n")[1].split("\nEOF\n")[0]
    cloudformation = place.client(target, "cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=written, Capabilities=["CAPABILITY_NAMED_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    policy = place.client(target, "iam").get_policy(PolicyArn=f"arn:aws:iam::{target}:policy/{name}")
    assert policy["Policy"]["PolicyName"] == name


def examined(place: Place, check: str, **answers: Any) -> list[doctor.Finding]:
    """What a check finds where calls of AWS have other answers than in the local organization."""
    account = place.accounts[2]
    client = place.organization.session(account).client("iam")
    stub = SimpleNamespace(exceptions=client.exceptions, get_role=client.get_role)
    for name, answer in answers.items():
        setattr(stub, name, lambda answer=answer, **_: answer)
    session: Any = SimpleNamespace(client=lambda *_, **__: stub)
    plan = Bootstrap(Chain.load(place.folder / "chain.yaml"), place.accounts[1], "deploy")
    return list(doctor._CHECKS[check](doctor._Place(account, plan, session, "again", NO_OTHERS)))


def test_a_region_that_is_not_enabled(place: Place) -> None:
    """The command that enables it is told."""
    found = examined(place, "region", get_region_opt_status={"RegionOptStatus": "DISABLED"})
    command = "aws account enable-region --region-name us-east-1"
    assert found == [("region us-east-1 is DISABLED", command)]


def test_quotas_that_are_exceeded(place: Place) -> None:
    """Each with its request for more."""
    summary = {
        "Roles": 1000,
        "RolesQuota": 1000,
        "Policies": 1499,
        "PoliciesQuota": 1500,
        "AttachedPoliciesPerRoleQuota": 10,
        "AssumeRolePolicySizeQuota": 100,
    }
    first, second = examined(place, "quotas", get_account_summary={"SummaryMap": summary})
    request = "aws service-quotas request-service-quota-increase --service-code iam --quota-code"
    assert first == (
        "1,001 roles are needed, and the quota is 1,000",
        f"{request} L-FE177D64 --desired-value 1001 --region us-east-1",
    )
    assert second[0].endswith(" characters of a trust policy are needed, and the quota is 100")
    assert second[1]
    assert f"{request} L-C07B4B0D --desired-value" in second[1]


def test_a_role_that_is_declared_as_existing(place: Place) -> None:
    """It has to exist under its whole ARN: a role of that name in another path is another one."""
    account, file = place.accounts[2], place.folder / "chain.yaml"
    text = file.read_text().split("    external_id")[0] + "    existing: true\n"
    file.write_text(text)
    plan = Bootstrap(Chain.load(file), place.accounts[1], "deploy")
    arn = f"arn:aws:iam::{account}:role/rolechain/deploy-target"
    missing = [(f"{arn} is declared as existing, and does not exist", None)]

    def found() -> list[doctor.Finding]:
        session = place.organization.session(account)
        return list(doctor._CHECKS["roles"](doctor._Place(account, plan, session, "again", NO_OTHERS)))

    assert found() == missing
    iam = place.client(account, "iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    iam.create_role(RoleName="deploy-target", AssumeRolePolicyDocument=document)
    assert found() == missing
    iam.delete_role(RoleName="deploy-target")
    iam.create_role(Path="/rolechain/", RoleName="deploy-target", AssumeRolePolicyDocument=document)
    assert found() == []
