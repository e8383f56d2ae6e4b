"""The example with every feature, deployed by the real CDK CLI into an organization of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain, ChainRole
from rolechain.cli.toolchain import find
from rolechain.local import MANAGEMENT_ACCOUNT, LocalOrganization
from rolechain.statements.builder import statements_for

ROOT = Path(__file__).parents[3]
DEPLOYER = "222222222222"
UNIT = "r-ab12/ou-ab12-11111111"
ARRIVING = """
name: arriving
source:
  account: "111111111111"
  assumed_by:
    arn: arn:aws:iam::777777777777:role/pipeline
    session_tags: {{Team: [red, blue], Ticket: {{values: INC-*, required: false}}}}
    transitive_tag_keys: Team
    source_identity: ann-*
targets: {{account: "{target}"}}
"""
LETS_LAMBDA_IN = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"},
}


@pytest.fixture(scope="session")
def organization() -> Iterator[LocalOrganization]:
    """An organization of its own, in which nothing was made by other tests."""
    with LocalOrganization() as running:
        yield running


@pytest.fixture(scope="session")
def unit(organization: LocalOrganization) -> str:
    """The path of the unit that the caller of the second hop lies in."""
    management = organization.session(MANAGEMENT_ACCOUNT).client("organizations")
    root = management.list_roots()["Roots"][0]["Id"]
    made = management.create_organizational_unit(ParentId=root, Name="apps")["OrganizationalUnit"]["Id"]
    management.move_account(AccountId=DEPLOYER, SourceParentId=root, DestinationParentId=made)
    return f"{root}/{made}"


@pytest.fixture(scope="session")
def chain(organization: LocalOrganization, unit: str, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The example, deployed by the repository's app; the roles that exist already are their owners'."""
    folder = tmp_path_factory.mktemp("every-feature")
    file = folder / "chain.yaml"
    file.write_text((ROOT / "examples" / "every-feature.yaml").read_text().replace(UNIT, unit))
    declared = Chain.load(file)
    for role in existing(declared):
        organization.session(role.account).client("iam").create_role(
            RoleName=role.role, AssumeRolePolicyDocument=document([LETS_LAMBDA_IN])
        )
        add(organization, declared, role)
    bootstrap(
        organization, declared.deployed_accounts, cdk(organization, folder, "bootstrap", "--show-template")
    )
    deploy_app(organization, file)
    return declared


@pytest.fixture(scope="session")
def arriving(
    organization: LocalOrganization, chain: Chain, tmp_path_factory: pytest.TempPathFactory
) -> Chain:
    """A chain whose entrance brings tags and a source identity, deployed likewise into accounts of the example."""
    file = tmp_path_factory.mktemp("arriving") / "chain.yaml"
    file.write_text(ARRIVING.format(target=chain.targets[0].account))
    deploy_app(organization, file)
    return Chain.load(file)


def deploy_app(organization: LocalOrganization, file: Path) -> None:
    """Has the CDK CLI deploy the repository's app with a chain."""
    assembly = str(file.parent / "cdk.out")
    app = ["--context", f"chain={file}", "--output", assembly]
    at_once = ["--concurrency", "8", "--method", "direct", "--require-approval", "never"]
    cdk(organization, ROOT, "deploy", "--all", *app, *at_once)


def cdk(organization: LocalOrganization, folder: Path, *words: str) -> str:
    toolchain = find(ROOT)
    run = subprocess.run(
        [str(toolchain.cdk), *words, "--no-notices"],
        cwd=folder,
        env={**os.environ, **organization.environment(DEPLOYER), **toolchain.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def bootstrap(organization: LocalOrganization, accounts: Sequence[str], template: str) -> None:
    """Makes the bootstrap's stack in each account, as who bootstraps many at once does."""
    parameters = {
        "TrustedAccounts": DEPLOYER,
        "CloudFormationExecutionPolicies": ",".join(
            f"arn:aws:iam::aws:policy/{name}" for name in ("IAMFullAccess", "AmazonSSMReadOnlyAccess")
        ),
    }

    def make(account: str) -> None:
        stacks = organization.session(account).client("cloudformation")
        stacks.create_stack(
            StackName="CDKToolkit",
            TemplateBody=template,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )
        stacks.get_waiter("stack_create_complete").wait(StackName="CDKToolkit", WaiterConfig={"Delay": 1})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, accounts))


def existing(chain: Chain) -> list[ChainRole]:
    return [role for role in chain.roles if role.existing]


def document(statements: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def add(organization: LocalOrganization, chain: Chain, role: ChainRole) -> None:
    """What the owner of a role that exists already adds to it: the statements that are written out."""
    iam, asked = organization.session(role.account).client("iam"), statements_for(chain, role)
    trust = document([LETS_LAMBDA_IN, *asked["trust_policy"]])
    iam.update_assume_role_policy(RoleName=role.role, PolicyDocument=trust)
    if hops := asked["permissions"]:
        iam.put_role_policy(RoleName=role.role, PolicyName="hops", PolicyDocument=document(hops))


@pytest.fixture
def without_owners(organization: LocalOrganization, chain: Chain) -> Iterator[None]:
    """The owners of the roles that exist already have not added anything yet."""
    for role in existing(chain):
        iam = organization.session(role.account).client("iam")
        iam.update_assume_role_policy(RoleName=role.role, PolicyDocument=document([LETS_LAMBDA_IN]))
        if chain.calls_of(role):
            iam.delete_role_policy(RoleName=role.role, PolicyName="hops")
    yield
    for role in existing(chain):
        add(organization, chain, role)


@pytest.fixture(scope="session")
def refusal() -> Callable[[str, str, str], str]:
    """The end of AWS's text where a kind of policy does not allow a call."""

    def text(action: str, resource: str, because: str) -> str:
        because = f"because no {because} allows the {action} action"
        return f" is not authorized to perform: {action} on resource: {resource} {because}"

    return text
