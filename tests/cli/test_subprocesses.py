"""Programs that are run end with what started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rolechain.cli.subprocesses import ProgramError, started

# Starts a child of its own, writes both process ids, and waits.
PARENT_AND_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1] + ".part", "w").write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_program_that_is_left_early_ends_with_its_children(tmp_path: Path) -> None:
    """An interruption ends the program and what it started."""
    pids = tmp_path / "pids"
    command = [sys.executable, "-c", PARENT_AND_CHILD, str(pids)]

    def interrupted() -> None:
        with started(command, what="waiting", environment={}, folder=tmp_path):
            while not pids.exists():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    parent, child = map(int, pids.read_text().split())
    deadline = time.monotonic() + 10
    while (alive(parent) or alive(child)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(parent)
    assert not alive(child)


def test_a_program_that_fails_is_said_with_its_last_words(tmp_path: Path) -> None:
    """The error names what failed and ends with what the program said."""
    command = [sys.executable, "-c", "print('reading\\n', flush=True); raise SystemExit('no such bucket')"]
    with (
        started(command, what="cdk deploy", environment={}, folder=tmp_path) as program,
        pytest.raises(ProgramError) as caught,
    ):
        program.finish()
    assert str(caught.value) == "cdk deploy failed:\n  reading\n  no such bucket"


def test_the_environment_is_added(tmp_path: Path) -> None:
    """The program sees the variables that it is given besides those of this process."""
    script = "import os; raise SystemExit(0 if os.environ['ADDED'] == 'x' and os.environ['PATH'] else 1)"
    with started(
        [sys.executable, "-c", script], what="x", environment={"ADDED": "x"}, folder=tmp_path
    ) as program:
        program.finish()
    assert os.environ.get("ADDED") is None


def test_an_interruption_as_a_program_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that comes while the program is being started does not lose it."""
    begun: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def interrupted_popen(*words: Any, **settings: Any) -> subprocess.Popen[str]:
        begun.append(popen(*words, **settings))
        signal.raise_signal(signal.SIGINT)
        return begun[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted_popen)

    def start() -> None:
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        with started(command, what="x", environment={}, folder=tmp_path):
            pytest.fail("the block is not reached")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert begun[0].poll() is not None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_run_under_nohup_goes_on() -> None:
    """A termination ends the command as Ctrl-C does; one that the caller ignores stays ignored."""
    script = (
        "import signal; from rolechain.cli.subprocesses import interrupt_when_terminated; "
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); interrupt_when_terminated(); "
        "signal.raise_signal(signal.SIGHUP); print('goes on', flush=True); signal.raise_signal(signal.SIGTERM)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert said.stdout == "goes on\n"
    assert said.stderr.endswith("KeyboardInterrupt\n")


def test_an_interruption_that_python_drops_still_ends_the_command() -> None:
    """A signal that comes while a finalizer runs ends the wait for work that would go on for a minute."""
    script = """
import signal, time
from concurrent.futures import ThreadPoolExecutor
from rolechain.cli.subprocesses import completed, interrupt_when_terminated

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

interrupt_when_terminated()
Finalized()
work = ThreadPoolExecutor(1).submit(time.sleep, 3)
try:
    list(completed([work]))
except KeyboardInterrupt:
    print("interrupted", work.done(), flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.stdout == "interrupted False\n"
