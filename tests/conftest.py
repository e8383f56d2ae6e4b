"""What every test relies on."""

import importlib.util
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from rolechain import Chain, ChainRole, Entrance, Permission

ROOT = Path(__file__).parent.parent

if stray := list((ROOT / "constructs").glob("*.py")):
    pytest.exit(
        f"{stray[0]} shadows the PyPI package constructs: the source root takes no .py file", returncode=4
    )

# CDK leaves a folder for each synthesis, which goes with the run; that of a test that fails stays where pytest has it.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
TEMPORARY = os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="rolechain-tests-")

# CDK starts the first Node on PATH, which may be one that it no longer supports.
if "JSII_NODE" not in os.environ and importlib.util.find_spec("aws_cdk"):
    from rolechain.cli.toolchain import find_node

    os.environ["JSII_NODE"] = str(find_node())

# A shell that starts the tests in the background has them, and every command that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Nothing here may reach AWS, or read the credentials of whoever runs the tests.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def pytest_unconfigure() -> None:
    """Removes what the run has left behind."""
    shutil.rmtree(TEMPORARY, ignore_errors=True)


@pytest.fixture
def minimal() -> Chain:
    """The smallest chain, as its constructs are pinned by snapshots."""
    return Chain(
        "deploy",
        source=ChainRole("111111111111", assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole("222222222222")],
        targets=[ChainRole("333333333333")],
    )


@pytest.fixture
def maximal() -> Chain:
    """A chain of several roles with every kind of entrance, likewise."""
    oidc = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        region="eu-central-1",
        source=ChainRole(
            "111111111111",
            "entry",
            "/jump/",
            "where the chain begins",
            assumed_by=[
                Entrance.service("lambda.amazonaws.com"),
                Entrance.account("777777777777"),
                Entrance.arn("arn:aws:iam::888888888888:role/ci/runner"),
                Entrance.oidc(
                    oidc, audience="sts.amazonaws.com", subject="repo:acme/app:ref:refs/heads/main"
                ),
                Entrance.saml("arn:aws:iam::111111111111:saml-provider/okta"),
                Entrance.permission_set("DeployAccess"),
            ],
            max_session_duration=7200,
        ),
        policy_documents={
            "arn:aws:iam::333333333333:policy/team/reading": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
            }
        },
        administrators=["arn:aws:iam::*:role/admin/*"],
        middle=[
            ChainRole("222222222222", external_id="jump/1"),
            ChainRole("444444444444", "second", trust="role_arn"),
        ],
        targets=[
            ChainRole(
                "333333333333",
                external_id="ext-1",
                managed_policies=["arn:aws:iam::333333333333:policy/team/reading"],
                permissions=[
                    Permission(["ssm:GetParameter"], ["arn:aws:ssm:eu-central-1:333333333333:parameter/app"])
                ],
            ),
            ChainRole("333333333333", "other", external_id="ext-1"),
            ChainRole("555555555555", "third", trust="role_arn"),
        ],
    )
