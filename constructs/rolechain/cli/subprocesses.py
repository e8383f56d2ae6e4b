"""Programs that are run to their end, quietly, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

from rolechain.errors import RolechainError

_GRACE_SECONDS = 5.0
_TELLING_LINES = 12
# A terminal that is closed sends SIGHUP, which Windows does not have.
_TERMINATIONS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_LOOK_SECONDS = 0.2
_WATCHDOG = Path(__file__).with_name("watchdog.py")

Result = TypeVar("Result")

_interrupted = threading.Event()


class ProgramError(RolechainError):
    """A program that was run has failed; the message ends with what it said."""


@dataclass(frozen=True)
class Program:
    """A program that runs.

    Attributes:
        what: what it does, for the message where it fails.
        process: its process.
    """

    what: str
    process: subprocess.Popen[str]

    def finish(self) -> None:
        """Waits for the program's end.

        Raises:
            ProgramError: it failed.
        """
        # Communicate would close standard input, which tells the watchdog that this process is gone.
        said = self.process.stdout.read() if self.process.stdout else ""
        self.process.wait()
        if self.process.returncode:
            # The last lines tell why; a program that failed has seldom anything to say behind that.
            lines = [line for line in said.splitlines() if line.strip()][-_TELLING_LINES:]
            raise ProgramError("\n  ".join([f"{self.what} failed:", *lines]))


def interrupt_when_terminated() -> None:
    """Makes a terminated command end as one that Ctrl-C interrupts, so that nothing stays behind.

    A signal that is ignored, as SIGHUP under ``nohup``, stays ignored.
    """
    for number in (signal.SIGINT, *_TERMINATIONS):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    _interrupted.set()
    raise KeyboardInterrupt


def raise_if_interrupted() -> None:
    """Raises an interruption again.

    Python drops an exception that a signal's handler raises while a finalizer or a weak reference's callback runs.

    Raises:
        KeyboardInterrupt: a signal has come since ``interrupt_when_terminated``.
    """
    if _interrupted.is_set():
        raise KeyboardInterrupt


def completed(futures: Iterable[Future[Result]]) -> Iterator[Future[Result]]:
    """Futures in the order in which they are done, as ``concurrent.futures.as_completed`` gives them.

    Raises:
        KeyboardInterrupt: a signal has come, even if Python dropped the exception of its handler.
    """
    pending = set(futures)
    while pending:
        done, pending = wait(pending, _LOOK_SECONDS, FIRST_COMPLETED)
        raise_if_interrupted()
        yield from done


@contextlib.contextmanager
def started(
    command: Sequence[str], *, what: str, environment: Mapping[str, str], folder: Path
) -> Iterator[Program]:
    """A program that runs beside the block.

    It ends with all its children where the block is left early, and where this process is killed.
    """
    process: subprocess.Popen[str] | None = None
    try:
        with _uninterrupted():
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_WATCHDOG), *command],
                cwd=folder,
                env={**os.environ, **environment},
                # The watchdog ends the program where this pipe ends.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                # A group of its own, so that what it started ends with it.
                start_new_session=True,
            )
        yield Program(what, process)
    finally:
        if process is not None:
            if process.poll() is None:
                _end(process)
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keeps an interruption back until the end of the block: a program that starts just then would be lost."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: kept.append(number))
        for number in (signal.SIGINT, *_TERMINATIONS)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if kept:
            signal.raise_signal(signal.Signals(kept[0]))


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a program and all its group: what outlived it might write to a folder that is being removed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(_LOOK_SECONDS / 10)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
