"""The repository's app, deployed by hand with the real CDK CLI: first, again, changed, destroyed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rolechain import Chain
from rolechain.cli import main
from rolechain.cli.toolchain import find
from rolechain.local import LocalOrganization
from rolechain.local.organization import MANAGEMENT_ACCOUNT

ROOT = Path(__file__).parents[2]
# One user of the CDK CLI at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")

Cdk = Callable[..., str]
DEPLOYER = "222222222222"


@pytest.fixture(scope="module")
def organization() -> Iterator[LocalOrganization]:
    with LocalOrganization() as running:
        yield running


@pytest.fixture(scope="module")
def cdk(organization: LocalOrganization, tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    """Runs the CDK CLI in the repository's root as an account's administrator, and gives what it said."""
    toolchain = find(ROOT)
    # Bootstrapping needs no app, and would synthesize one that it finds.
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*words: str, account: str = DEPLOYER, succeeds: bool = True) -> str:
        environment = {**os.environ, **organization.environment(account), **toolchain.environment()}
        run = subprocess.run(
            [str(toolchain.cdk), *words, "--no-notices"],
            cwd=elsewhere if words[0] == "bootstrap" else ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (run.returncode == 0) is succeeds, run.stdout
        return run.stdout

    return run


def deploy(cdk: Cdk, chain: Path, *, again: bool = False, succeeds: bool = True) -> str:
    """Deploys the app with a chain; ``again`` deploys what was synthesized for it before."""
    assembly = str(chain.parent / "cdk.out")
    app = ["--app", assembly] if again else ["--output", assembly, "--context", f"chain={chain}"]
    return cdk("deploy", "--all", "--require-approval", "never", *app, succeeds=succeeds)


def bootstrap(cdk: Cdk, account: str) -> None:
    """Bootstraps an account to be deployed to from the deploying one."""
    policy = "arn:aws:iam::aws:policy/AdministratorAccess"
    trust = ["--trust", DEPLOYER, "--cloudformation-execution-policies", policy]
    cdk("bootstrap", f"aws://{account}/us-east-1", *trust, account=account)


def roles(organization: LocalOrganization, account: str) -> list[str]:
    """The roles of chains in an account."""
    found = organization.session(account).client("iam").list_roles(PathPrefix="/rolechain/")
    return [role["RoleName"] for role in found["Roles"]]


def can_walk(organization: LocalOrganization, chain: Chain) -> bool:
    """Whether the chain's hops can be taken, from the workload of its source role."""
    session = organization.workload(chain.source.arn, "lambda.amazonaws.com")
    try:
        for hop in chain.hops():
            external_id = {"ExternalId": hop.external_id} if hop.external_id else {}
            sts: Any = session.client("sts")
            given = sts.assume_role(RoleArn=hop.role_arn, RoleSessionName="test", **external_id)[
                "Credentials"
            ]
            session = organization.session_with(
                given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
            )
    except ClientError:
        return False
    return True


def test_deploy_again_changed_destroy(organization: LocalOrganization, cdk: Cdk, tmp_path: Path) -> None:
    """A chain deploys, a second deploy changes nothing, a role can be renamed, and all of it goes again."""
    file = tmp_path / "chain.yaml"
    file.write_text((ROOT / "chain.yaml").read_text())
    chain = Chain.load(file)
    for account in chain.accounts:
        bootstrap(cdk, account)

    deploy(cdk, file)
    assert can_walk(organization, chain)

    assert deploy(cdk, file, again=True).count("(no changes)") == 3

    file.write_text(file.read_text().replace("role: deploy-middle", "role: jump-box"))
    renamed = Chain.load(file)
    deploy(cdk, file)
    assert can_walk(organization, renamed)
    assert roles(organization, "222222222222") == ["jump-box"]

    cdk("destroy", "--all", "--force", "--app", str(tmp_path / "cdk.out"))
    assert [roles(organization, account) for account in chain.accounts] == [[], [], []]


def test_what_was_deployed_is_found_again(
    organization: LocalOrganization,
    cdk: Cdk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The accounts are read, and hold the chain that was declared; its roles have the ids that were deployed."""
    file = tmp_path / "chain.yaml"
    file.write_text((ROOT / "chain.yaml").read_text().replace("deploy", "again"))
    chain = Chain.load(file)
    for account in chain.accounts:
        bootstrap(cdk, account)
    deploy(cdk, file)
    read = (*chain.accounts, MANAGEMENT_ACCOUNT)
    profiles = [
        f"[admin-{account}]\naws_access_key_id = {account}\naws_secret_access_key = {organization.secret_access_key}\n"
        for account in read
    ]
    (tmp_path / "credentials").write_text("".join(profiles))
    for name, value in organization.environment(DEPLOYER).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    named = [word for each in read for word in ("--account-profile", f"{each}=admin-{each}")]
    saved, found = str(tmp_path / "accounts"), str(tmp_path / "found.yaml")
    words = ["--role", chain.targets[0].role, "--output", found, "--adopt"]
    assert main(["import", "--live", *named, "--save", saved, *words]) == 0
    mapping = json.loads(capsys.readouterr().out)
    assert Chain.load(found) == chain
    assert "# " not in Path(found).read_text().split("\n", 1)[1]
    assert main(["prove", "--from", saved, "--chain", found]) == 0
    stacks = [organization.session(each).client("cloudformation") for each in chain.accounts]
    resources = [
        each
        for account, stack in zip(chain.accounts, stacks, strict=True)
        for each in stack.describe_stack_resources(StackName=f"again-{account}")["StackResources"]
    ]
    roles = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in resources
        if each["ResourceType"] == "AWS::IAM::Role"
    }
    assert mapping == {key: {"RoleName": name} for key, name in roles.items()}
    # The templates let in nobody whom the accounts do not, and the accounts besides at the bootstrap's roles alone.
    assembly = str(tmp_path / "cdk.out")
    assert main(["diff", saved, assembly]) == 0
    capsys.readouterr()
    assert main(["diff", assembly, saved, "--format", "json"]) == 1
    gained = json.loads(capsys.readouterr().out)["gained"]
    assert {each["role"].split("/")[-1].split("-")[0] for each in gained} == {"cdk"}


def test_without_trust_at_bootstrap(cdk: Cdk, tmp_path: Path) -> None:
    """An account that was bootstrapped without --trust is not deployed to from another, which the CLI says."""
    file = tmp_path / "chain.yaml"
    file.write_text((ROOT / "chain.yaml").read_text().replace("333333333333", "666666666666"))
    cdk("bootstrap", "aws://666666666666/us-east-1", account="666666666666")
    said = deploy(cdk, file, succeeds=False)
    assert "Could not assume role in target account using current credentials" in said


def test_a_role_that_does_not_exist_fails_the_deploy(
    organization: LocalOrganization, cdk: Cdk, tmp_path: Path
) -> None:
    """A trust policy that names a missing role fails as in AWS, and the stack is rolled back."""
    app = tmp_path / "app.py"
    app.write_text(
        "import aws_cdk as cdk\n"
        "from aws_cdk import aws_iam as iam\n"
        "app = cdk.App(builtin_cloud_formation_validation=False)\n"
        "stack = cdk.Stack(app, 'Lonely', env=cdk.Environment(account='222222222222', region='us-east-1'))\n"
        "missing = iam.ArnPrincipal('arn:aws:iam::111111111111:role/rolechain/missing')\n"
        "first = iam.Role(stack, 'First', role_name='first', path='/lonely/', "
        "assumed_by=iam.AccountPrincipal('111111111111'))\n"
        "second = iam.Role(stack, 'Second', role_name='second', path='/lonely/', assumed_by=missing)\n"
        "second.node.add_dependency(first)\n"
        "app.synth()\n"
    )
    bootstrap(cdk, DEPLOYER)
    words = ["--app", f"python {app}", "--output", str(tmp_path / "cdk.out"), "--require-approval", "never"]
    said = cdk("deploy", *words, succeeds=False)
    assert 'Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:role/rolechain/missing"' in said
    left = organization.session("222222222222").client("iam").list_roles(PathPrefix="/lonely/")
    assert left["Roles"] == []
