"""Sessions kept in files that only their owner can read. Standard library only."""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rolechain.errors import RolechainError

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


LOCK_SECONDS = 15.0
"""The longest wait for another process; a call takes a second, and a process that is stopped never ends its call."""

_log = logging.getLogger(__name__)
_KEY = re.compile(r"[\w-]{1,128}", re.ASCII)
_SESSION_FILE = re.compile(r"[0-9a-f]{64}\.(?:json|lock)|\.new-rolechain-.*")
"""The files of this cache, in a folder that may hold a user's files too: named by a key of ``cache_key``."""

_ITSELF = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Refuses a symbolic link in the place of a file, and does not wait for a pipe to be written."""

_KEPT_SECONDS = 13 * 3600
"""No session lasts longer than twelve hours."""


def default_cache_folder() -> Path:
    """The folder ``rolechain`` among this system's caches of the user.

    Raises:
        RolechainError: the user has no home folder, as in some containers, and no variable names the place.
    """
    variable, usual = {
        "win32": ("LOCALAPPDATA", "AppData/Local"),
        "darwin": ("", "Library/Caches"),
    }.get(sys.platform, ("XDG_CACHE_HOME", ".cache"))
    base = os.environ.get(variable, "")
    try:
        # The XDG Base Directory Specification ignores a path that is not absolute.
        return (Path(base) if os.path.isabs(base) else Path.home() / usual) / "rolechain"
    except RuntimeError as error:
        words = " or ".join(filter(None, ("HOME", variable)))
        raise RolechainError(f"this user has no home folder to keep sessions in: set {words}") from error


class FileCache(MutableMapping[str, dict[str, Any]]):
    """A folder with a file for each entry, as safe between processes as between threads.

    An entry is replaced whole. An entry that is damaged, or that another user could have read or written, counts as
    missing, and a folder that is open to others is not used. Expired sessions of a chain are removed with time; any
    other file of the folder stays.

    Args:
        folder: where the files are; it is made, for its owner only, with the first entry.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser()
        self._reported: set[Path] = set()

    def __repr__(self) -> str:
        return f"FileCache({str(self.folder)!r})"

    def __getitem__(self, key: str) -> dict[str, Any]:
        file = self._file(key)
        try:
            if not self._is_private(self.folder, self.folder.stat()):
                raise KeyError(key)
            with open(os.open(file, os.O_RDONLY | _ITSELF)) as opened:
                if not self._is_private(file, os.fstat(opened.fileno())):
                    raise KeyError(key)
                entry = json.load(opened)
        except (OSError, ValueError, RecursionError) as error:
            raise KeyError(key) from error
        if not isinstance(entry, dict):
            raise KeyError(key)
        return entry

    def __setitem__(self, key: str, entry: dict[str, Any]) -> None:
        target = self._file(key)
        text = json.dumps(entry)
        if not self._made_folder():
            return
        # mkstemp makes a file that nobody else may read.
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".new-rolechain-")
        try:
            with open(handle, "w") as file:
                file.write(text)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._remove_old()

    def __delitem__(self, key: str) -> None:
        try:
            self._file(key).unlink()
        except FileNotFoundError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        return (file.stem for file in self.folder.glob("*.json") if _KEY.fullmatch(file.stem))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Keeps every other thread and process that asks for the same key waiting, for ``LOCK_SECONDS`` at most.

        If the lock fails, the log says so and nobody waits: each process may then make a call of its own.
        """
        handle = self._locked(key)
        try:
            yield
        finally:
            if handle is not None:
                # A process that was forked meanwhile has the file open too.
                _unlock(handle)
                os.close(handle)

    def _locked(self, key: str) -> int | None:
        handle, pause, ends = None, 0.005, time.monotonic() + LOCK_SECONDS
        try:
            if not self._made_folder():
                return None
            file = self._file(key).with_suffix(".lock")
            handle = os.open(file, os.O_RDWR | os.O_CREAT | _ITSELF, 0o600)
            while True:
                try:
                    _lock(handle)
                except (BlockingIOError, PermissionError):  # it is held: on POSIX, on Windows
                    if time.monotonic() >= ends:
                        raise TimeoutError(
                            0, f"another holds the lock for over {LOCK_SECONDS:g} seconds"
                        ) from None
                    time.sleep(pause)
                    pause = min(0.1, 2 * pause)
                else:
                    # So that it is not taken for an old one and removed.
                    os.utime(handle if os.utime in os.supports_fd else file)
                    return handle
        except OSError as error:
            _log.warning(
                "%s cannot be locked (%s): processes may make a call each", self.folder, error.strerror
            )
            if handle is not None:
                os.close(handle)
            return None

    def _file(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"{key!r} is not a key of a file cache: use up to 128 of letters, digits, _ and -"
            )
        return self.folder / f"{key}.json"

    def _made_folder(self) -> bool:
        """Makes the folder, if need be, and says whether it serves."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._is_private(self.folder, self.folder.stat())

    def _is_private(self, path: Path, status: os.stat_result) -> bool:
        """Whether nobody else can read or write a path; if somebody can, the log says so once."""
        if sys.platform == "win32":
            return True
        if status.st_uid != os.getuid():
            problem = "belongs to another user and is not used: name a folder of your own"
        elif status.st_mode & 0o077:
            mode = "700" if stat.S_ISDIR(status.st_mode) else "600"
            problem = f"is open to other users and is not used: chmod {mode} {path}"
        else:
            return True
        if path not in self._reported:
            self._reported.add(path)
            _log.warning("%s %s", path, problem)
        return False

    def _remove_old(self) -> None:
        ended = time.time() - _KEPT_SECONDS
        for file in self.folder.iterdir():
            # Another process may remove the same ones.
            with suppress(FileNotFoundError):
                if _SESSION_FILE.fullmatch(file.name) and file.lstat().st_mtime < ended:
                    file.unlink()
