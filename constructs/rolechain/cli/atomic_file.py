"""Replaces a user's file whole, or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from rolechain.errors import RolechainError


class UserFileError(RolechainError):
    """A user's file cannot be read or written."""


def read_bytes(path: Path) -> bytes:
    """What the file holds; nothing where there is none yet.

    Raises:
        UserFileError: it is no file, or may not be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise UserFileError(f"{path} is no ordinary file, and is left as it is: name another")
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserFileError(f"{path} cannot be read: {error.strerror}") from error


def replace_bytes(path: Path, before: bytes, after: bytes) -> None:
    """Puts ``after`` in the place of ``before``; whoever reads meanwhile, or after a power cut, finds one of the two.

    The file keeps its owner and its mode, and a link stays one. A new file is for its owner only, as is its folder.

    Args:
        path: the file.
        before: what ``read_bytes`` gave.
        after: what it is to hold.

    Raises:
        UserFileError: it cannot be written, or has been changed since it was read.
    """
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = target.stat() if target.exists() else None
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        try:
            with open(handle, "wb") as file:
                if status and hasattr(os, "chown"):
                    os.chown(name, status.st_uid, status.st_gid)
                os.chmod(name, stat.S_IMODE(status.st_mode) if status else 0o600)
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            if read_bytes(target) != before:
                raise UserFileError(f"{path} has been changed meanwhile, and is left as it is: try again")
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserFileError(f"{path} cannot be written: {error.strerror}") from error
