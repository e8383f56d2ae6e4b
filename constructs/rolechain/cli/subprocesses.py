"""Programs that are run to their end, and end with the command however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn, TypeVar

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
    """A program could not be run, or failed; the message ends with what it said."""


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
        """Waits for the program's end."""
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
    """
    if _interrupted.is_set():
        raise KeyboardInterrupt


def completed(futures: Iterable[Future[Result]]) -> Iterator[Future[Result]]:
    """Futures in the order in which they are done, as ``concurrent.futures.as_completed`` gives them."""
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
                _end([process])
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


def _end(programs: Collection[subprocess.Popen[str]]) -> None:
    """Ends programs with their process groups; by force what is left of these after five seconds."""
    try:
        for program in programs:
            _signal(program, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while any(map(_lives, programs)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS / 10)
    finally:
        for program in programs:
            _signal(program, getattr(signal, "SIGKILL", signal.SIGTERM))
            program.wait()


def _signal(program: subprocess.Popen[str], number: int) -> None:
    if not hasattr(os, "killpg"):  # Windows
        program.terminate()
        return
    # A group of which only a program is left that has ended may not be signalled on macOS.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)


def _lives(program: subprocess.Popen[str]) -> bool:
    """Whether a program, or another of its process group, has not ended yet."""
    if program.poll() is None or not hasattr(os, "killpg"):
        return program.returncode is None
    try:
        os.killpg(program.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class ParallelPrograms:
    """Runs a program again and again, each time with another environment; to be used from several threads."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False
        self._unwritten: OSError | None = None
        self._lock = threading.Lock()
        self._printing = threading.Lock()

    def run(self, name: str, environment: Mapping[str, str]) -> None:
        """Runs it to its end, without input; each line of its output begins with ``name``."""
        program = self._start(environment)
        # As daemons: a program that it has started and that outlives it may keep its output open.
        readers = [
            threading.Thread(target=self._copy, args=(name, lines, to), daemon=True)
            for lines, to in ((program.stdout, sys.stdout), (program.stderr, sys.stderr))
        ]
        for reader in readers:
            reader.start()
        while running := [reader for reader in readers if reader.is_alive()]:
            running[0].join(_LOOK_SECONDS)
            if self._unwritten or (self._ended and program.poll() is not None):
                break
        if self._unwritten:
            raise self._unwritten
        code = program.wait()
        with self._lock:
            if not self._ended:
                self._running.discard(program)
        if code:
            raise ProgramError(f"exit code {code}" if code > 0 else f"ended by signal {-code}")

    def say(self, line: str, to: IO[str]) -> None:
        """Prints a line that is not torn by another program's."""
        with self._printing:
            to.write(f"{line}\n")
            to.flush()

    def end(self) -> None:
        """Ends the programs that run, with their process groups, and begins no further one."""
        with self._lock:
            self._ended = True
        _end(self._running)

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        # Under the lock: what starts while the others are ended would be missed.
        with self._lock:
            if self._ended:
                raise ProgramError("not run")
            try:
                program = subprocess.Popen(
                    self._words,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="replace",
                    # A group of its own, so that what it started ends with it.
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", error)
                raise ProgramError(f"{self._words[0]} cannot be run: {reason}") from error
            self._running.add(program)
            return program

    def _copy(self, name: str, lines: IO[str], to: IO[str]) -> None:
        try:
            with lines:
                for line in lines:
                    self.say(f"{name} | {line.rstrip(os.linesep)}", to)
        except OSError as error:
            self._unwritten = error
