"""One program run for every target, several at a time, its output prefixed by the target that it is for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from rolechain.errors import RolechainError


class ProgramFailedError(RolechainError):
    """A program could not be run, or ended with another exit code than 0."""


class ParallelPrograms:
    """Runs a program again and again, each time with another environment; to be used from several threads.

    Args:
        words: the program and its arguments.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False
        self._lock = threading.Lock()
        self._printing = threading.Lock()

    def run(self, name: str, environment: Mapping[str, str]) -> None:
        """Runs it to its end. It has no input, as it does not run alone.

        Args:
            name: what each line of its output begins with.
            environment: all of it.

        Raises:
            ProgramFailedError: it failed.
        """
        program = self._start(environment)
        try:
            self._show(name, program)
        finally:
            with self._lock:
                self._running.discard(program)
        if code := program.returncode:
            raise ProgramFailedError(f"exit code {code}" if code > 0 else f"ended by signal {-code}")

    def say(self, line: str, to: IO[str]) -> None:
        """Prints a line that is not torn by another program's."""
        with self._printing:
            to.write(f"{line}\n")
            to.flush()

    def end(self) -> None:
        """Ends what runs, and begins no further one."""
        with self._lock:
            self._ended = True
            for program in self._running:
                program.terminate()

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        # Under the lock: what starts while the others are ended would be missed.
        with self._lock:
            if self._ended:
                raise ProgramFailedError("not run")
            try:
                program = subprocess.Popen(
                    self._words,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="replace",
                )
            except OSError as error:
                raise ProgramFailedError(f"{self._words[0]} cannot be run: {error.strerror}") from error
            self._running.add(program)
            return program

    def _show(self, name: str, program: subprocess.Popen[str]) -> None:
        """Copies what a program says, until it has ended."""
        with program:
            try:
                errors = threading.Thread(target=self._copy, args=(name, program.stderr or (), sys.stderr))
                errors.start()
                self._copy(name, program.stdout or (), sys.stdout)
                errors.join()
            except BaseException:
                # Nobody reads on, so it is not waited for either.
                program.terminate()
                raise

    def _copy(self, name: str, lines: IO[str] | Iterable[str], to: IO[str]) -> None:
        for line in lines:
            self.say(f"{name} | {line.rstrip(os.linesep)}", to)
