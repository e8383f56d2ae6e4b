"""Sessions kept in files that only their owner can read. Standard library only."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:
    # Windows: processes that start together may then make a call each.
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)
_KEY = re.compile(r"[\w-]{1,128}", re.ASCII)
_SESSION_FILE = re.compile(r"[0-9a-f]{64}\.(?:json|lock)|\.new-rolechain-.*")
"""What is ours beyond doubt, in a folder that may hold a user's files too: named by a key of ``cache_key``."""

_ITSELF = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Opens no link that somebody has put in the place of a file, and waits for nobody to write into a pipe."""

_KEPT_SECONDS = 13 * 3600
"""No session lasts longer than twelve hours."""


def default_cache_folder() -> Path:
    """Where this system keeps a user's caches, and in it the folder ``rolechain``."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rolechain"


class FileCache(MutableMapping[str, dict[str, Any]]):
    """A folder with a file for each entry, as safe between processes as between threads.

    An entry is replaced whole. One that is damaged, or that anyone else could have read or written, is as good
    as missing. Sessions of a chain that are over are removed by and by; any other file of the folder stays.

    Args:
        folder: where the files are; it is made, for its owner only, with the first entry.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser()

    def __repr__(self) -> str:
        return f"FileCache({str(self.folder)!r})"

    def __getitem__(self, key: str) -> dict[str, Any]:
        try:
            with open(os.open(self._file(key), os.O_RDONLY | _ITSELF)) as file:
                if not _is_private(os.fstat(file.fileno())):
                    _log.warning("%s is open to other users, and is not used", self._file(key))
                    raise KeyError(key)
                entry = json.load(file)
        except (OSError, ValueError, RecursionError) as error:
            raise KeyError(key) from error
        if not isinstance(entry, dict):
            raise KeyError(key)
        return entry

    def __setitem__(self, key: str, entry: dict[str, Any]) -> None:
        target = self._file(key)
        text = json.dumps(entry)
        self._make_folder()
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
        """Keeps every other thread and process that asks for the same key waiting; without, where that fails."""
        handle = self._locked(key)
        try:
            yield
        finally:
            if handle is not None:
                # A process that was forked meanwhile has the file open too.
                fcntl.flock(handle, fcntl.LOCK_UN)
                os.close(handle)

    def _locked(self, key: str) -> int | None:
        if fcntl is None:
            return None
        handle = None
        try:
            self._make_folder()
            handle = os.open(self._file(key).with_suffix(".lock"), os.O_RDWR | os.O_CREAT | _ITSELF, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            # So that it is not taken for an old one and removed.
            os.utime(handle)
        except OSError as error:
            _log.warning(
                "%s cannot be locked (%s): processes may make a call each", self.folder, error.strerror
            )
            if handle is not None:
                os.close(handle)
            return None
        return handle

    def _file(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a file cache: use up to 128 of letters, digits, _ and -")
        return self.folder / f"{key}.json"

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _remove_old(self) -> None:
        ended = time.time() - _KEPT_SECONDS
        for file in self.folder.iterdir():
            # Another process may remove the same ones.
            with suppress(FileNotFoundError):
                if _SESSION_FILE.fullmatch(file.name) and file.lstat().st_mtime < ended:
                    file.unlink()


def _is_private(status: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
