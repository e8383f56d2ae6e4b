"""What is wrong with a chain is heard under the real CDK CLI, whichever stacks are selected."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolechain.cli.toolchain import find
from rolechain.local import LocalOrganization

ROOT = Path(__file__).parents[2]
# One user of the CDK CLI at a time: each starts several processes of Node.
pytestmark = pytest.mark.xdist_group("cdk")

APP = """
import sys
import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from rolechain import Chain, ChainRole, Entrance
from rolechain.cdk import ChainProof, MiddleRole, RoleChain, add_roles

CHAIN = Chain(
    "deploy",
    source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
    middle=[ChainRole("222222222222")],
    targets=[ChainRole("333333333333")],
)
app = cdk.App(analytics_reporting=False, builtin_cloud_formation_validation=False)


def opened(scope):
    made = RoleChain(scope, "deploy", chain=CHAIN)
    trust = made.roles[CHAIN.middle[0].arn].role.assume_role_policy
    trust.add_statements(
        iam.PolicyStatement(actions=["sts:AssumeRole"], principals=[iam.AccountPrincipal("444444444444")])
    )
    return made


def a_role_that_no_stack_makes():
    for account in ("111111111111", "222222222222"):
        stack = cdk.Stack(app, f"deploy-{account}", env=cdk.Environment(account=account, region="us-east-1"))
        add_roles(stack, chain=CHAIN, account=account)


def a_macro():
    RoleChain(app, "deploy", chain=CHAIN).stacks["222222222222"].add_transform("HouseMacro")


def a_stage():
    opened(cdk.Stage(app, "Prod"))


def two_stages():
    for name in ("Beta", "Prod"):
        RoleChain(cdk.Stage(app, name), "deploy", chain=CHAIN)


def an_undeclared_principal():
    opened(app)


def left_out():
    RoleChain(app, "deploy", chain=CHAIN, proof=False)


def asked_twice():
    opened(app)
    cdk.Validations.of(app).add_plugins(ChainProof(CHAIN, scope="app"))


def closed():
    RoleChain(app, "deploy", chain=CHAIN)


def a_part():
    stack = cdk.Stack(app, "deploy-222222222222", env=cdk.Environment(account="222222222222", region="us-east-1"))
    MiddleRole(stack, "Middle", chain=CHAIN)


globals()[sys.argv[1]]()
app.synth()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an app of several cases."""
    made = tmp_path_factory.mktemp("app")
    (made / "app.py").write_text(APP)
    return made


def cdk(folder: Path, case: str, *words: str, **variables: str) -> tuple[int, str]:
    """The exit code of the CDK CLI for a case of the app, and all that it prints."""
    app = ["--app", f"{sys.executable} app.py {case}", "--output", f"{case}.out"]
    return run(folder, *words, *app, **variables)


def run(folder: Path, *words: str, **variables: str) -> tuple[int, str]:
    """The exit code of the CDK CLI, and all that it prints."""
    toolchain = find(ROOT)
    run = subprocess.run(
        [str(toolchain.cdk), *words, "--no-notices"],
        cwd=folder,
        env={**os.environ, **toolchain.environment(), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout


OPENED = "error RC05 deploy-222222222222"
NOWHERE = "error RC08\n    the chain declares arn:aws:iam::333333333333:role/rolechain/deploy-target, and no template"
MACRO = "error RC00 deploy-222222222222\n    the macro HouseMacro may change every resource"


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalOrganization]:
    """An organization in which two accounts are ready to be deployed to."""
    with LocalOrganization() as running:
        for account in ("111111111111", "222222222222"):
            code, output = run(
                tmp_path_factory.mktemp("elsewhere"),
                *("bootstrap", f"aws://{account}/us-east-1", "--trust", "222222222222"),
                *("--cloudformation-execution-policies", "arn:aws:iam::aws:policy/IAMFullAccess"),
                **running.environment(account),
            )
            assert code == 0, output
        yield running


def heard_once(output: str, said: str) -> None:
    """The chain is said not to be proven once, and so is what is wrong with it."""
    assert [line.split(":")[1] for line in output.splitlines() if line.startswith("rolechain: ")] == [
        " chain deploy is not proven"
    ], output
    assert output.count(said) == 1, output


@pytest.mark.parametrize(
    ("case", "words", "said"),
    [
        ("a_role_that_no_stack_makes", ["synth"], NOWHERE),
        ("a_macro", ["synth", "deploy-111111111111"], MACRO),
        ("a_stage", ["synth"], "error RC05 Proddeploy222222222222"),
        ("two_stages", ["synth"], "error RC17 Proddeploy111111111111"),
        ("an_undeclared_principal", ["synth", "deploy-222222222222"], OPENED),
        ("an_undeclared_principal", ["synth", "deploy-111111111111"], OPENED),
        ("asked_twice", ["synth", "deploy-111111111111"], OPENED),
    ],
    ids=lambda value: value.split("\n")[0] if isinstance(value, str) else "-".join(value),
)
def test_what_is_wrong_is_heard(folder: Path, case: str, words: list[str], said: str) -> None:
    """The CLI fails, and the finding is on the screen once, whichever stacks are selected and wherever it stands."""
    code, output = cdk(folder, case, *words)
    assert code != 0, output
    heard_once(output, said)


@pytest.mark.parametrize("stack", ["deploy-111111111111", "deploy-222222222222"])
def test_nothing_of_it_is_deployed(folder: Path, stack: str, organization: LocalOrganization) -> None:
    """A deploy fails likewise, of the stack that is wrong and of one beside it, and makes no stack."""
    code, output = cdk(
        folder,
        "an_undeclared_principal",
        *("deploy", stack, "--require-approval", "never"),
        **organization.environment("222222222222"),
    )
    assert code != 0, output
    heard_once(output, OPENED)
    for account in ("111111111111", "222222222222"):
        stacks = organization.session(account).client("cloudformation", region_name="us-east-1").list_stacks()
        assert [each["StackName"] for each in stacks["StackSummaries"]] == ["CDKToolkit"]


@pytest.mark.parametrize(
    ("case", "line"),
    [
        (
            "closed",
            "rolechain: chain deploy is proven: 2 hops can be taken, and nothing else gets in than by "
            "1 declared entrance",
        ),
        (
            "a_part",
            "rolechain: chain deploy is proven: 2 hops can be taken, and nothing else gets in than by "
            "1 declared entrance; here are deploy-middle (222222222222), and the other roles are taken as declared",
        ),
        ("left_out", "rolechain: chain deploy is not proven: proof=False leaves its proof out"),
    ],
    ids=["closed", "a_part", "left_out"],
)
def test_what_is_proven_is_said_once(folder: Path, case: str, line: str) -> None:
    """A synth that goes through says in one line what was proven, of which roles, or that nothing was."""
    code, output = cdk(folder, case, "synth", "--quiet")
    assert code == 0, output
    assert [each for each in output.splitlines() if each.startswith("rolechain")] == [line]
