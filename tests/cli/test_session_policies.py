"""Session policies that the chain declares, from the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from configparser import ConfigParser
from typing import Any

import boto3
import pytest

POLICY = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": ["s3:*", "sts:*"], "Resource": "*"},
}
READS = {"actions": ["s3:ListAllMyBuckets", "ssm:DescribeParameters"], "resources": "*"}
PROBE = """
import boto3
boto3.client("s3").list_buckets()
try:
    boto3.client("ssm").describe_parameters()
except boto3.client("ssm").exceptions.ClientError as error:
    print(error.response["Error"]["Code"])
"""


@pytest.fixture(scope="session")
def limited(deploy: Callable[[dict[str, Any]], Any]) -> Any:
    """A chain whose hops pass policies, and whose target may do more than they allow."""
    return deploy(
        {
            "name": "limited",
            "source": {"account": "630000000001", "assumed_by": {"account": "630000000001"}},
            "middle": {"account": "630000000002", "policy": POLICY},
            "targets": {
                "account": "630000000003",
                "policy": json.dumps(POLICY),
                "policy_arns": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"],
                "permissions": READS,
            },
        }
    )


@pytest.fixture
def shell(shell_of: Callable[[Any], Any], limited: Any) -> Any:
    """A shell for that chain."""
    return shell_of(limited)


def test_a_program_is_limited_by_them(shell: Any) -> None:
    """The session does what the policy allows, and is refused what only the role's permissions allow."""
    said = shell.process("exec", "--", sys.executable, "-c", PROBE)
    assert (said.code, said.out, said.err) == (0, "AccessDeniedException\n", "")


def test_env_and_credential_process(shell: Any) -> None:
    """What they print is the limited session."""
    given = json.loads(shell("credential-process").out)
    line = next(line for line in shell("env").out.splitlines() if "AWS_SESSION_TOKEN" in line)
    assert given["SessionToken"] in line
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    assert session.client("s3", region_name="us-east-1").list_buckets()["Buckets"] == []
    with pytest.raises(Exception, match="AccessDenied"):
        session.client("ssm", region_name="us-east-1").describe_parameters()


def test_verify_takes_the_chain_with_them(shell: Any) -> None:
    """Every hop works under the policies, and what must be refused is refused."""
    said = shell("verify", "--json")
    assert said.code == 0, said.out
    assert {each["verdict"] for each in json.loads(said.out)} == {"allowed", "refused"}


def test_config_files_cannot_pass_them(shell: Any) -> None:
    """The profiles of such hops call the command, which is said in one line for each."""
    file = shell.folder / "config"
    file.write_text("[profile base]\naws_access_key_id = x\naws_secret_access_key = y\n")
    shell.environment.setenv("AWS_CONFIG_FILE", str(file))
    said = shell("profiles", "--profile", "base")
    assert said.code == 0, said.err
    assert said.out.splitlines()[1:] == [
        f"profile limited-{name} calls rolechain credential-process: AWS's config files cannot pass a session policy"
        for name in ("middle", "target")
    ]
    config = ConfigParser()
    config.read(file)
    assert "role_arn" not in config["profile limited-target"]
    assert " credential-process " in config["profile limited-target"]["credential_process"]
