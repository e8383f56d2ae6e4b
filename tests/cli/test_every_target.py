"""Programs and sessions for every target of a chain."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GIVEN = ("--session-tag", "Stage=dev", "--source-identity", "ann")
CALLER = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
EXEC = ("exec", "--every-target", *GIVEN)


@pytest.fixture
def shell(shell_of: Callable[[Any], Any], featured: Any) -> Any:
    """A shell for a chain of two targets."""
    return shell_of(featured)


def test_a_program_for_every_target(shell: Any) -> None:
    """Each target's program acts as that target, and its lines begin with the target's account."""
    said = shell.process(*EXEC, "--", sys.executable, "-c", CALLER)
    assert (said.code, said.err) == (0, "")
    lines = sorted(said.out.splitlines())
    assert [re.sub(r"/rolechain-.*", "", line) for line in lines] == [
        f"62000000000{digit} | arn:aws:sts::62000000000{digit}:assumed-role/open-target" for digit in "45"
    ]


def test_one_that_fails_does_not_stop_the_others(shell: Any) -> None:
    """Its exit code is told, both streams keep apart, and the command's own is 1."""
    script = 'case "$AWS_ACCESS_KEY_ID" in ASIA*) echo out; echo err >&2; exit 7;; esac'
    said = shell.process(*EXEC, "--jobs", "1", "--", "sh", "-c", script)
    assert said.code == 1
    assert sorted(said.out.splitlines()) == ["620000000004 | out", "620000000005 | out"]
    assert sorted(said.err.splitlines()) == [
        "620000000004 | err",
        "620000000005 | err",
        "rolechain: 2 of 2 targets failed",
        "rolechain: 620000000004: exit code 7",
        "rolechain: 620000000005: exit code 7",
    ]


def test_a_target_that_refuses(shell: Any) -> None:
    """The other targets' programs run, and the refusal is told."""
    file = shell.folder / "chain.yaml"
    file.write_text(file.read_text().replace("ticket-7", "ticket-8"))
    said = shell.process(*EXEC, "--", "echo", "ran")
    assert (said.code, said.out) == (1, "620000000004 | ran\n")
    refused, summary = said.err.splitlines()
    assert refused.startswith("rolechain: 620000000005: hop 3 of 3 refused: ")
    assert summary == "rolechain: 1 of 2 targets failed"


def test_nothing_is_asked_for_a_program_that_is_none(shell: Any) -> None:
    """A program that is not there is told before any call."""
    shell.environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said = shell(*EXEC, "--", "no-such-program")
    assert (said.code, said.out, said.err) == (127, "", "rolechain: no-such-program: no such program\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_programs_end_with_the_command(shell: Any, number: signal.Signals) -> None:
    """Whoever stops the command stops its programs, and no further one begins."""
    script = "echo ready; exec sleep 60"
    process = subprocess.Popen(
        [sys.executable, "-m", "rolechain.cli", *EXEC, "--jobs", "1", "--", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().endswith(" | ready\n")
        process.send_signal(number)
        # Both pipes end only when the programs that hold them have ended too.
        out, err = process.communicate()
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (130, "", "rolechain: interrupted\n")


GRANDCHILD = """
import os, signal, subprocess, sys, time
wait = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", wait], start_new_session=sys.argv[1] == "apart")
print("child", child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("group", ["with", "apart"])
def test_what_a_program_has_started_does_not_keep_the_command(shell: Any, group: str) -> None:
    """A grandchild that ignores SIGTERM and holds the output ends with its group, or is left to itself."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "rolechain.cli",
            *EXEC,
            "--jobs",
            "1",
            "--",
            sys.executable,
            "-c",
            GRANDCHILD,
            group,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = [process.stdout.readline().split() for _ in range(2)]
    pid = int(next(words[-1] for words in told if words[-2] == "child"))
    try:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
        assert (process.returncode, out, err) == (130, "", "rolechain: interrupted\n")
        stat = Path(f"/proc/{pid}/stat")
        alive = stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
        assert alive == (group == "apart")
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_who_answers_in_every_target(shell: Any) -> None:
    """Each target is a line; as JSON they stand in the order of the declaration."""
    said = shell("whoami", "--every-target", *GIVEN)
    assert (said.code, said.err) == (0, "")
    assert [line.split()[0] for line in sorted(said.out.splitlines())] == ["620000000004", "620000000005"]
    said = shell("whoami", "--every-target", "--json", *GIVEN)
    answer = json.loads(said.out)
    assert answer["start"] == "arn:aws:iam::620000000001:user/administrator"
    assert [(each["account"], each["error"]) for each in answer["targets"]] == [
        ("620000000004", None),
        ("620000000005", None),
    ]
    assert all("assumed-role/open-target/" in each["arn"] for each in answer["targets"])


def test_a_target_that_does_not_answer(shell: Any) -> None:
    """It is told with the error, and the exit code is 1."""
    file = shell.folder / "chain.yaml"
    file.write_text(file.read_text().replace("ticket-7", "ticket-8"))
    said = shell("whoami", "--every-target", "--no-cache", *GIVEN)
    assert (said.code, said.out.count("\n"), said.err.count("\n")) == (1, 1, 1)
    assert said.err.startswith("rolechain: 620000000005: hop 3 of 3 refused: ")
    said = shell("whoami", "--every-target", "--json", *GIVEN)
    assert said.code == 1
    assert [bool(each["error"]) for each in json.loads(said.out)["targets"]] == [False, True]


def test_a_shared_hop_that_fails_is_said_once(shell: Any) -> None:
    """Where no target can be reached, one line says why."""
    file = shell.folder / "chain.yaml"
    file.write_text(file.read_text().replace("apollo", "gemini"))
    said = shell("whoami", "--every-target", *GIVEN)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith("rolechain: hop 2 of 3 refused: ")


def test_one_target_and_every_target(shell: Any) -> None:
    """Both at once make no sense."""
    said = shell("whoami", "--every-target", "--target", "620000000004", *GIVEN)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "rolechain: --target names one target and --every-target means all: remove one of the two\n"
    )


def test_several_targets_of_one_account_are_told_apart(shell_of: Callable[[Any], Any], deploy: Any) -> None:
    """Where an account holds several targets, their names stand beside it."""
    deployed = deploy(
        {
            "name": "pair",
            "source": {"account": "630000000001", "assumed_by": {"account": "630000000001"}},
            "middle": {"account": "630000000002"},
            "targets": [{"account": "630000000003", "role": name} for name in ("pair-a", "pair-b")],
        }
    )
    said = shell_of(deployed).process("exec", "--every-target", "--", "echo", "ran")
    assert sorted(said.out.splitlines()) == ["630000000003/pair-a | ran", "630000000003/pair-b | ran"]


def test_a_bar_on_a_terminal(shell: Any) -> None:
    """A terminal shows how many targets are done, and what goes into a pipe holds the programs' lines alone."""
    controller, terminal = pty.openpty()
    shell.environment.setenv("TERM", "xterm")
    process = subprocess.Popen(
        [sys.executable, "-m", "rolechain.cli", *EXEC, "--", "echo", "ran"],
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
    )
    os.close(terminal)
    with os.fdopen(controller, "rb", buffering=0) as screen:
        shown = b"".join(iter(lambda: _read(screen), b""))
    out, _ = process.communicate()
    assert process.returncode == 0
    assert sorted(out.splitlines()) == ["620000000004 | ran", "620000000005 | ran"]
    assert b"2/2" in shown


def _read(screen: Any) -> bytes:
    """What the terminal shows next; a terminal that nobody holds any more ends with an error on Linux."""
    try:
        return bytes(screen.read(4096))
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
