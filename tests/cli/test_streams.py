"""Standard streams that are closed, full, or of an encoding that lacks what is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parents[1] / "policy" / "assume_role_cases.json"


def _run(redirection: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Calls the command through a shell that redirects its streams."""
    script = f'exec "$@" {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", script, "sh", sys.executable, "-m", "rolechain.cli", *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_encoding_without_the_marks_ends_no_revocation(shell: Any, deploy: Any) -> None:
    """Where the output cannot hold a mark, as in a file on Windows, every role's turn comes all the same."""
    accounts = ("111111111111", "222222222222", "333333333333")
    mine = deploy(
        {
            "name": "plain",
            "region": "eu-central-1",
            "source": {"account": accounts[0], "assumed_by": {"account": accounts[0]}},
            "middle": {"account": accounts[1]},
            "targets": {"account": accounts[2]},
        }
    )
    words = ["revoke", "--yes", "--chain", str(mine.file)]
    said = shell.process(*words, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert said.code == 1
    assert said.err == ""
    assert [line.partition(" ")[0] for line in said.out.splitlines()] == ["\\u2713", "\\u2717", "\\u2717"]


def test_an_error_does_not_go_to_stdout_where_stderr_is_closed() -> None:
    """A shell that evaluates the output is not given a message to run."""
    done = _run("2>&-", "env", "--chain", "/no/such/chain.yaml")
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("words", [("simulate", str(CASES)), ("env",), ("whoami", "--json")])
def test_without_stdout_nothing_was_given(shell: Any, words: tuple[str, ...]) -> None:
    """Output that goes nowhere is an error: a script that evaluates it would go on with what was there before."""
    done = _run(">&-", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "rolechain: the output cannot be written: Bad file descriptor\n"


def test_without_stdin_nobody_is_there_to_ask(shell: Any) -> None:
    """A closed stdin confirms nothing."""
    done = _run("<&-", "revoke", "--chain", str(shell.folder / "chain.yaml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "rolechain: revoke ends the sessions of everybody at work: confirm it with --yes\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
def test_a_full_disk_is_one_line() -> None:
    """Output that cannot be written is an error, told without a traceback."""
    done = _run("> /dev/full", "simulate", str(CASES))
    assert done.returncode == 1
    assert done.stderr == "rolechain: the output cannot be written: No space left on device\n"
