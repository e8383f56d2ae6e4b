"""A user's file, replaced whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rolechain.cli.aws_config import AwsConfigError, read_bytes, replace_bytes


def test_a_change_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """What another program has written since the file was read is kept, and the user is told."""
    file = tmp_path / "config"
    file.write_bytes(b"theirs")
    with pytest.raises(AwsConfigError, match="has been changed meanwhile, and is left as it is: try again"):
        replace_bytes(file, b"ours", b"new")
    assert file.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["config"]


def test_an_interruption_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted after all was written and before it took its place, the file is what it was."""
    file = tmp_path / "config"
    file.write_bytes(b"theirs")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_bytes(file, b"theirs", b"new")
    assert file.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["config"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """While the file is written again and again, a reader finds one of the two contents, whole."""
    file = tmp_path / "config"
    contents = (b"a" * 100_000, b"b" * 100_000)
    file.write_bytes(contents[0])

    def write() -> None:
        for number in range(50):
            replace_bytes(file, contents[number % 2], contents[(number + 1) % 2])

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(read_bytes(file))
    writer.join()
    assert seen <= set(contents)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The system's reason is told."""
    (tmp_path / "folder").write_text("no folder")
    with pytest.raises(AwsConfigError, match=r"config cannot be read: Not a directory|cannot be written: "):
        replace_bytes(tmp_path / "folder" / "config", b"", b"new")


def test_a_process_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """Killed in the middle of its writing, a process leaves the file whole."""
    file = tmp_path / "config"
    file.write_bytes(b"0" * 50_000)
    script = (
        "import itertools, sys, pathlib; from rolechain.cli.aws_config import *\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "for number in itertools.count(1):\n"
        "    replace_bytes(file, read_bytes(file), str(number % 10).encode() * 50_000)\n"
        "    if number == 20: print('at it', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "at it\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = file.read_bytes()
    assert len(left) == 50_000
    assert len(set(left)) == 1
