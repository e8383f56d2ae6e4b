"""The standard streams: what is closed, what cannot be encoded, and what would control a terminal."""

from __future__ import annotations

import errno
import io
import os
import re
import sys

_UNWRITTEN = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
# Control characters, and those that reorder the text beside them.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def prepare_streams() -> None:
    """Replaces a stream that is closed, and has one whose encoding lacks a character write its escape.

    An error that is printed while stderr is closed would go to stdout, where a shell may evaluate it. What is written
    to a closed stdout is an error, once it is flushed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            access = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            setattr(sys, name, open(os.open(os.devnull, access), mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_unwritten(error: OSError) -> bool:
    """Whether an error means that the output could not be written, as against a file that has a name."""
    return error.filename is None and error.errno in _UNWRITTEN


def give_up_stdout() -> None:
    """Drops what is yet to be written, so that it is not tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str) -> str:
    """A line of text with its control characters escaped: names in a template may hold any character."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
