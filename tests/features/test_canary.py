"""The canary's function, run for real: its own code in a process of its own, over roles of the local organization."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rolechain import Chain, ChainRole, Entrance
from rolechain.cdk import ChainCanary, RoleChain, canary_arn
from rolechain.cdk.app import quick_app
from rolechain.local import LocalOrganization
from tests.features.conftest import Deploy, Deployed

Json = dict[str, Any]
SOURCE, TARGET = "111111111111", "333333333333"
RUN = """
import sys
sys.path.insert(0, {code!r})
from rolechain.runtime import canary
assert canary.__file__.startswith({code!r})
print(canary.handler({{}}, None))
"""
LETS_LAMBDA_IN = {
    "Statement": {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
}


def run_function(organization: LocalOrganization, role_arn: str, folder: Path) -> Sequence[Json]:
    """Runs the function whose code is in a folder as its role, and gives the lines of its log."""
    credentials = organization.workload(role_arn, "lambda.amazonaws.com").get_credentials()
    assert credentials is not None
    frozen = credentials.get_frozen_credentials()
    assert frozen.access_key and frozen.secret_key and frozen.token  # noqa: PT018
    environment = {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": organization.endpoint_url,
        "AWS_LAMBDA_FUNCTION_NAME": role_arn.rsplit("/", 1)[-1],
        "LAMBDA_TASK_ROOT": str(folder),
    }
    program = [sys.executable, "-P", "-c", RUN.format(code=str(folder))]
    said = subprocess.run(
        program, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    *lines, result = said.stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert result == str({"calls": found[-1]["calls"], "failed": found[-1]["failed"]})
    return found


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain(
        "watched",
        source=ChainRole(
            SOURCE,
            assumed_by=[
                Entrance.arn(f"arn:aws:iam::{SOURCE}:role/rolechain/watched-canary", source_identity="canary")
            ],
        ),
        middle=ChainRole("222222222222", external_id="jump-1", session_tags={"Stage": ["dev", "prod"]}),
        targets=[ChainRole(TARGET), ChainRole("444444444444", duration_seconds=1800)],
    )


@pytest.fixture(scope="module")
def code(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Json]:
    """The folder of the function's code, and the statements of what it may do."""
    folder = tmp_path_factory.mktemp("canary")
    app = quick_app(folder)
    stack = RoleChain(app, "watched", chain=chain).stacks[SOURCE]
    ChainCanary(stack, "Canary", chain=chain, session_tags={"Stage": "dev"})
    app.synth()
    template = json.loads((folder / f"watched-{SOURCE}.template.json").read_text())
    (rights,) = [
        each["Properties"]["PolicyDocument"]
        for name, each in template["Resources"].items()
        if name.startswith("CanaryRights")
    ]
    (found,) = [path.parent for path in folder.glob("asset.*/canary.json")]
    entering = [each for each in rights["Statement"] if each["Sid"].startswith("Enter")]
    return found, {"Version": "2012-10-17", "Statement": entering}


@pytest.fixture
def walk(
    organization: LocalOrganization, chain: Chain, code: tuple[Path, Json], deploy: Deploy
) -> Iterator[tuple[Deployed, Callable[[], Sequence[Json]]]]:
    """The chain, and a run of the function: the lines of its log."""
    iam = organization.session(SOURCE).client("iam")
    folder, rights = code
    iam.create_role(
        RoleName="watched-canary", Path="/rolechain/", AssumeRolePolicyDocument=json.dumps(LETS_LAMBDA_IN)
    )
    iam.put_role_policy(RoleName="watched-canary", PolicyName="own", PolicyDocument=json.dumps(rights))

    run = partial(run_function, organization, canary_arn(chain), folder)
    yield deploy(chain), run
    iam.delete_role_policy(RoleName="watched-canary", PolicyName="own")
    iam.delete_role(RoleName="watched-canary")


Walk = tuple[Deployed, Callable[[], Sequence[Json]]]


def test_a_whole_chain(walk: Walk) -> None:
    """Every hop has its metrics, what must be refused is tried, and the chain counts as walked."""
    lines = walk[1]()
    hops = {
        "1 workload to 111111111111/watched-source": 3600,
        "2 watched-source to 222222222222/watched-middle": 3600,
        "3 watched-middle to 333333333333/watched-target": 3600,
        "3 watched-middle to 444444444444/watched-target": 1800,
    }
    measured = [line for line in lines if "SessionSeconds" in line]
    assert [line["Hop"] for line in measured] == list(hops)
    # STS dates the end of a session by the second.
    assert all(hops[line["Hop"]] - line["SessionSeconds"] in (0, 1) for line in measured)
    for line in measured:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Rolechain"
        assert directive["Dimensions"] == [["Chain", "Hop"]]
        assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
            "Success": "Count",
            "Milliseconds": "Milliseconds",
            "SessionSeconds": "Seconds",
        }
        assert (line["Success"], line["Milliseconds"] > 0) == (1, True)
    refused = [line for line in lines if line.get("expected") == "refused"]
    assert [(line["Hop"], line["altered"], line["ok"]) for line in refused] == [
        ("3 watched-source to 333333333333/watched-target", "", True),
        ("3 watched-source to 444444444444/watched-target", "", True),
        ("2 watched-source to 222222222222/watched-middle", "without external id", True),
        ("2 watched-source to 222222222222/watched-middle", "without session tag Stage", True),
        ("2 watched-source to 222222222222/watched-middle", "with session tag Stage=not-allowed", True),
    ]
    assert not any("_aws" in line for line in refused)
    assert lines[-1] | {"_aws": None} == {
        "Chain": "watched",
        "Walked": 1,
        "calls": 9,
        "failed": 0,
        "_aws": None,
    }
    assert lines[-1]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Chain"]]


def test_a_trust_policy_was_edited(walk: Walk) -> None:
    """The hop into the edited role fails, with the side that refused; the other hops are taken all the same."""
    deployed, run = walk
    (target, _) = deployed.chain.targets
    deployed.iam(TARGET).update_assume_role_policy(
        RoleName=target.role, PolicyDocument=json.dumps(LETS_LAMBDA_IN)
    )
    lines = run()
    (failed,) = [line for line in lines if line.get("ok") is False]
    assert failed["Hop"] == "3 watched-middle to 333333333333/watched-target"
    assert (failed["verdict"], failed["cause"], failed["Success"]) == ("refused", "trust_policy", 0)
    assert "its trust policy must let this caller in" in failed["detail"]
    assert "SessionSeconds" not in failed
    assert (lines[-1]["Walked"], lines[-1]["failed"]) == (0, 1)


def test_a_shortcut_was_opened(walk: Walk) -> None:
    """A target that lets the source in directly is a failure as a refused hop is."""
    deployed, run = walk
    (target, _) = deployed.chain.targets
    opened = {
        "Statement": {
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Principal": {"AWS": [SOURCE, "222222222222"]},
        }
    }
    deployed.iam(TARGET).update_assume_role_policy(RoleName=target.role, PolicyDocument=json.dumps(opened))
    source = {"Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}}
    deployed.iam(SOURCE).put_role_policy(
        RoleName=deployed.chain.source.role, PolicyName="own", PolicyDocument=json.dumps(source)
    )
    lines = run()
    failed = [line for line in lines if line.get("ok") is False]
    assert ("3 watched-source to 333333333333/watched-target", "refused", "allowed") in [
        (line["Hop"], line["expected"], line["verdict"]) for line in failed
    ]
    assert lines[-1]["Walked"] == 0
