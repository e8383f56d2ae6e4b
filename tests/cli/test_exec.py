"""Programs that run with the chain's session."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Sequence
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


@pytest.fixture(scope="module")
def named(deploy: Any) -> Any:
    """A chain of two targets, one with an alias."""
    return deploy(
        {
            "name": "named",
            "source": {"account": "630000000001", "assumed_by": {"account": "630000000001"}},
            "targets": [{"account": "630000000002"}, {"account": "630000000003", "alias": "prod"}],
        }
    )


@pytest.fixture
def at_terminal(shell_of: Any, named: Any) -> Any:
    """Runs the command on a terminal, answers what it asks, and gives its exit code and what was shown."""
    shell = shell_of(named)

    def run(*words: str, answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "rolechain", *words],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(terminal)
        shown = ""
        left = list(answers)
        with open(controller, "rb", buffering=0) as screen:
            while data := _read(screen):
                shown += data
                if left and left[0][0] in shown[shown.rfind("\0") + 1 :]:
                    shown += "\0"
                    os.write(controller, f"{left.pop(0)[1]}\n".encode())
        return process.wait(), shown.replace("\0", "")

    shell.environment.setenv("TERM", "dumb")
    run.shell = shell  # type: ignore[attr-defined]
    return run


def _read(screen: Any) -> str:
    try:
        return str(screen.read(4096).decode(errors="replace"))
    except OSError:
        return ""


def test_a_target_by_its_alias(shell_of: Any, named: Any) -> None:
    """--target takes an alias; a program is told where it is, and a misspelled alias names the nearest."""
    shell = shell_of(named)
    said = shell.process(
        "exec", "--target", "prod", "--", "sh", "-c", "echo $AWS_ACCOUNT_ID $ROLECHAIN_TARGET"
    )
    assert (said.code, said.out) == (0, "630000000003 prod\n")
    said = shell("whoami", "--target", "prdo")
    assert (said.code, said.err) == (2, "rolechain: chain named has no target 'prdo': did you mean prod?\n")
    said = shell("whoami")
    assert said.err == (
        "rolechain: chain named has several targets: name one of "
        "arn:aws:iam::630000000002:role/rolechain/named-target, prod with --target\n"
    )


def test_a_target_is_picked_on_a_terminal(at_terminal: Any) -> None:
    """Of several targets one is picked by its number or name; what is neither is asked again."""
    echo = ["--", "sh", "-c", "echo account $AWS_ACCOUNT_ID"]
    code, shown = at_terminal(
        "exec", *echo, answers=[("target: ", "3"), ("target: ", "prdo"), ("target: ", "prod")]
    )
    assert code == 0
    assert "   2  prod          arn:aws:iam::630000000003:role/rolechain/named-target" in shown
    assert "write a number from 1 to 2, or a target's name\r\n" in shown
    assert "or a target's name: did you mean prod?\r\n" in shown
    assert shown.endswith("account 630000000003\r\n")
    assert at_terminal("exec", *echo, answers=[("target: ", "1")])[1].endswith("account 630000000002\r\n")
    code, shown = at_terminal("exec", *echo, answers=[("target: ", "\x04")])
    assert code == 2
    assert shown.endswith("rolechain: no target was picked: name one with --target\r\n")


@pytest.mark.parametrize(
    ("program", "settings", "prompt"),
    [
        ("bash", {".bashrc": "PS1='mine> '\n"}, "(prod) mine> "),
        ("zsh", {".zshenv": "export OWN=1\n", ".zshrc": "PROMPT='mine> '\n"}, "(prod) mine> "),
        (
            "fish",
            {".config/fish/config.fish": "function fish_prompt; echo -n 'mine> '; end\n"},
            "(prod) mine> ",
        ),
        ("sh", {}, "(prod) $ "),
    ],
)
def test_a_shell_says_where_it_is(
    at_terminal: Any, program: str, settings: dict[str, str], prompt: str
) -> None:
    """Without a program, the user's shell starts with its own settings, and its prompt begins with the target."""
    if not (found := shutil.which(program)):
        pytest.skip(f"{program} is not installed")
    for name, text in settings.items():
        file = at_terminal.shell.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    at_terminal.shell.environment.setenv("SHELL", found)
    at_terminal.shell.environment.delenv("ZDOTDIR", raising=False)
    code, shown = at_terminal(
        "exec", "--target", "prod", answers=[(prompt, "echo at-$AWS_ACCOUNT_ID; exit 7")]
    )
    assert prompt in shown
    assert "at-630000000003" in shown
    assert code == 7
