"""The standard streams, as the commands take them for granted."""

from __future__ import annotations

import errno
import io
import os
import sys

_UNWRITTEN = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def prepare_streams() -> None:
    """Makes up for a stream that is closed, and for one whose encoding lacks what is printed.

    An error that is printed while stderr is closed would go to stdout, where a shell may evaluate it; and a character
    that cannot be encoded would end the command in the middle of its work, so that it is written as an escape.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for good
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_unwritten(error: OSError) -> bool:
    """Whether an error means that the output could not be written, as against a file that has a name."""
    return error.filename is None and error.errno in _UNWRITTEN


def give_up_stdout() -> None:
    """Drops what is yet to be written, lest it be tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
