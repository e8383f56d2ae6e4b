"""The chain's session as lines that a shell evaluates."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from rolechain.cli.env import SHELLS
from rolechain.cli.resolved_credentials import CONFLICTING_VARIABLES

SHOW = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('AWS_')}))"
AWKWARD = {"AWS_REGION": "a 'b' \"c\" $HOME `x` \\ \\' !y \u2019z\u2018 ;"}


def test_a_shell_that_evaluates_it_is_the_target(shell: Any) -> None:
    """After eval, the AWS CLI or any SDK acts as the target; what was set before is gone or the session's own."""
    for name in CONFLICTING_VARIABLES:
        if name not in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CREDENTIAL_EXPIRATION"):
            shell.environment.setenv(name, "someone-else")
    script = 'eval "$("$PYTHON" -m rolechain.cli env)" && "$PYTHON" -c "$SHOW" && "$PYTHON" -c "$WHO"'
    shell.environment.setenv("PYTHON", sys.executable)
    shell.environment.setenv("SHOW", SHOW)
    shell.environment.setenv("WHO", "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])")
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True)
    shown, arn = done.stdout.splitlines()
    seen = json.loads(shown)
    assert set(seen) & set(CONFLICTING_VARIABLES) == {"AWS_ACCOUNT_ID", "AWS_CREDENTIAL_EXPIRATION"}
    assert seen["AWS_ACCOUNT_ID"] == "333333333333"
    assert (seen["AWS_REGION"], seen["AWS_DEFAULT_REGION"]) == ("eu-central-1", "eu-central-1")
    assert arn.startswith("arn:aws:sts::333333333333:assumed-role/deploy-target/rolechain-")


@pytest.mark.parametrize(
    ("name", "sets", "unsets"),
    [
        ("bash", "export AWS_DEFAULT_REGION=eu-central-1", f"unset {' '.join(CONFLICTING_VARIABLES)}"),
        ("fish", "set -gx AWS_DEFAULT_REGION 'eu-central-1'", "set -e AWS_PROFILE"),
        ("powershell", "$env:AWS_DEFAULT_REGION = 'eu-central-1'", "$env:AWS_PROFILE = $null"),
    ],
)
def test_the_syntax_of_each_shell(shell: Any, name: str, sets: str, unsets: str) -> None:
    """What is in the way is unset first, then the session is set."""
    said = shell("env", "--shell", name)
    lines = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert lines[-1] == sets
    assert lines[0] == unsets
    assert [line for line in lines if "AWS_SESSION_TOKEN" in line] == lines[-4:-3]


def test_bash_reads_any_value_as_it_is() -> None:
    """No value can break out of its quotes."""
    script = "\n".join([*SHELLS["bash"](AWKWARD), 'printf %s "$AWS_REGION"'])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == AWKWARD["AWS_REGION"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "fish",
            "set -gx AWS_REGION 'a \\'b\\' \"c\" $HOME `x` \\\\ \\\\\\' !y \u2019z\u2018 ;'",
        ),
        (
            "powershell",
            "$env:AWS_REGION = 'a ''b'' \"c\" $HOME `x` \\ \\'' !y \u2019\u2019z\u2018\u2018 ;'",
        ),
    ],
)
def test_quotes_of_the_other_shells(name: str, expected: str) -> None:
    """In fish backslash and quote are escaped; PowerShell doubles every kind of single quote."""
    assert list(SHELLS[name](AWKWARD))[-1] == expected


@pytest.mark.parametrize(
    ("words", "environment", "region"),
    [
        ([], {}, "eu-central-1"),
        ([], {"AWS_DEFAULT_REGION": "us-west-1"}, "us-west-1"),
        ([], {"AWS_DEFAULT_REGION": "us-west-1", "AWS_REGION": "us-west-2"}, "us-west-2"),
        (["--region", "eu-north-1"], {"AWS_REGION": "us-west-2"}, "eu-north-1"),
    ],
)
def test_the_region(shell: Any, words: list[str], environment: dict[str, str], region: str) -> None:
    """The option's region comes first, then the environment's, then the chain's; kept sessions are told apart by it."""
    for name, value in environment.items():
        shell.environment.setenv(name, value)
    for _ in ("taken", "kept"):
        assert f"export AWS_REGION={region}\n" in shell("env", *words).out


def test_an_unknown_shell(shell: Any) -> None:
    """Another shell is a usage error."""
    said = shell("env", "--shell", "tcsh")
    assert (said.code, said.out) == (2, "")
    assert "invalid choice: 'tcsh'" in said.err


def test_nothing_is_printed_where_there_is_no_session(shell: Any) -> None:
    """A shell that evaluates a failure evaluates nothing."""
    file = shell.folder / "chain.yaml"
    file.write_text(file.read_text().replace("ticket-7", "ticket-8"))
    said = shell("env")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("rolechain: hop 3 of 3 refused: ")
