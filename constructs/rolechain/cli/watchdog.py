"""Runs a program that ends, with all that it started, when whoever started it does: ``python watchdog.py PROGRAM …``.

It holds for every end of a process, SIGKILL too, and on any system with process groups: ``subprocesses.started`` makes
the group and keeps standard input open. The file is run by itself, so it imports the standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

_GRACE_SECONDS = 5.0


def main() -> int:
    """Runs the program of the arguments; returns its exit code."""
    # A handler, unlike an ignored signal, is not inherited: SIGTERM ends the program, and then this process ends.
    signal.signal(signal.SIGTERM, lambda *_: None)
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    orphaned = threading.Event()
    watch = threading.Thread(target=_end_with_input, args=[orphaned], daemon=True)
    watch.start()
    code = program.wait()
    if orphaned.is_set():
        watch.join()
    return code if code >= 0 else 128 - code


def _end_with_input(orphaned: threading.Event) -> None:
    os.read(0, 1)
    orphaned.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
