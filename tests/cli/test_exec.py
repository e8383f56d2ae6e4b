"""Programs that run with the chain's session."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from rolechain.cli.resolved_credentials import CONFLICTING_VARIABLES

SHOW = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('AWS_')}))"
CALLER = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


def test_a_program_acts_as_the_target(shell: Any) -> None:
    """The program's own SDK is the target role, whoever started it."""
    said = shell.process("exec", "--", sys.executable, "-c", CALLER)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("arn:aws:sts::333333333333:assumed-role/deploy-target/rolechain-")


def test_the_environment_holds_this_session_and_no_other(shell: Any, organization: Any) -> None:
    """What would lead an SDK to other credentials is gone, and all else is as it was."""
    for name in set(CONFLICTING_VARIABLES) - {
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_CREDENTIAL_EXPIRATION",
    }:
        shell.environment.setenv(name, "someone-else")
    config = shell.folder / "config"
    config.write_text("[profile mine]\nregion = eu-west-3\n")
    shell.environment.setenv("AWS_CONFIG_FILE", str(config))
    shell.environment.setenv("AWS_PROFILE", "mine")
    shell.environment.setenv("AWS_DEFAULT_PROFILE", "mine")
    said = shell.process("exec", sys.executable, "-c", SHOW)
    seen = json.loads(said.out)
    assert set(seen) & set(CONFLICTING_VARIABLES) == {"AWS_ACCOUNT_ID", "AWS_CREDENTIAL_EXPIRATION"}
    assert seen["AWS_ACCOUNT_ID"] == "333333333333"
    assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert seen["AWS_SECRET_ACCESS_KEY"] != organization.secret_access_key
    assert seen["AWS_SESSION_TOKEN"]
    assert seen["AWS_CREDENTIAL_EXPIRATION"].endswith("Z")
    assert (seen["AWS_REGION"], seen["AWS_DEFAULT_REGION"]) == ("eu-west-3", "eu-west-3")
    assert seen["AWS_CONFIG_FILE"] == str(config)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--", "sh", "-c", "exit 7"], 7),
        (["sh", "-c", "exit 7"], 7),
        (["--", "sh", "-c", 'test "$1$2" = ---x', "--", "--", "-x"], 0),
        (["--", "sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
    ],
)
def test_the_exit_code_is_the_programs(shell: Any, words: list[str], code: int) -> None:
    """Whatever the program's end is, it is the command's; its own options are left to it."""
    assert shell.process("exec", *words).code == code


def test_a_program_that_cannot_be_run(shell: Any) -> None:
    """127 is for one that is not there, 126 for one that is not a program, each with one line."""
    said = shell("exec", "--", "no-such-program")
    assert (said.code, said.out, said.err) == (127, "", "rolechain: no-such-program: no such program\n")
    file = shell.folder / "chain.yaml"
    said = shell("exec", "--", str(file))
    assert (said.code, said.err) == (126, f"rolechain: {file}: cannot be run: Permission denied\n")


def test_no_program(shell: Any) -> None:
    """Without a program there is nothing to do, which is a usage error."""
    for words in ([], ["--"]):
        said = shell("exec", *words)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("rolechain: exec needs a program to run: ")


def test_signals_reach_the_program(shell: Any) -> None:
    """The program stands in the command's place, so what the command is sent it gets, and its answer is the end."""
    script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        [sys.executable, "-m", "rolechain.cli", "exec", "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate()[0] == "got it\n"
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 9


def test_a_closed_pipe_ends_the_program(shell: Any) -> None:
    """Python ignores SIGPIPE, and the program does not inherit that."""
    said = shell.process(
        "exec", "--", "sh", "-c", 'grep SigIgn /proc/$$/status 2>/dev/null || echo "SigIgn: 0"'
    )
    assert int(said.out.split()[1], 16) >> (signal.SIGPIPE - 1) & 1 == 0


def test_a_refused_hop_starts_nothing(shell: Any) -> None:
    """Where there is no session, no program runs."""
    file = shell.folder / "chain.yaml"
    file.write_text(file.read_text().replace("ticket-7", "ticket-8"))
    said = shell.process("exec", "--", "touch", "ran")
    assert said.code == 1
    assert said.err.startswith("rolechain: hop 3 of 3 refused: ")
    assert not (shell.folder / "ran").exists()
