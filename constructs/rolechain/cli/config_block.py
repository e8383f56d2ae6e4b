"""The part of an AWS config file that belongs to one chain, between two lines that say so."""

from __future__ import annotations

import re
import shlex

from rolechain.errors import RolechainError

_HEADER = re.compile(r"\s*\[\s*(?P<section>[^\]]*?)\s*\]")


class BlockError(RolechainError):
    """The block cannot be written without touching what is not the chain's."""


def with_block(text: str, chain: str, sections: dict[str, dict[str, str]]) -> str:
    """A config file's text with a chain's profiles in the place of those that it had, else at the end.

    Everything outside the two lines stays as it is, to the byte.

    Args:
        text: the file's text.
        chain: the chain's name.
        sections: the settings of each profile, by its name.

    Raises:
        BlockError: a profile of one of the names stands outside the block, one of the two lines is missing, or a
            setting has more lines than one.
    """
    end_of_line = "\r\n" if "\r\n" in text else "\n"
    before, after = _around(text, chain, end_of_line)
    for name, settings in sections.items():
        if torn := [value for value in settings.values() if len(value.splitlines()) > 1]:
            raise BlockError(
                f"profile {name}: {torn[0]!r} holds a line break, which would begin another setting"
            )
        if (line := _line_of(name, before)) or (line := _line_of(name, after)):
            raise BlockError(
                f"profile {name} stands in the file already, outside of what rolechain writes "
                f"({line.strip()}): rename one of the two, or remove that one"
            )
    lines = [f"# rolechain {chain}: begin (what stands here is replaced by `rolechain profiles`)"]
    for name, settings in sections.items():
        lines += [f"[profile {name}]", *(f"{key} = {value}" for key, value in settings.items()), ""]
    lines[-1:] = [_end(chain), ""]
    return before + end_of_line.join(lines) + after


def without_block(text: str, chain: str) -> str:
    """A config file's text without what belongs to the chain; raises as ``with_block`` does."""
    before, after = _around(text, chain, "\n")
    return before + after


def _around(text: str, chain: str, end_of_line: str) -> tuple[str, str]:
    """What stands before the block and after it; a file without one ends with an empty line first."""
    lines = text.splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if line.startswith(f"# rolechain {chain}: begin")]
    ends = [number for number, line in enumerate(lines) if line.strip() == _end(chain)]
    if not begins and not ends:
        gap = "" if not text else end_of_line if text.endswith(("\n", "\r")) else end_of_line * 2
        return text + gap, ""
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        raise BlockError(
            f"the lines that enclose the profiles of chain {chain} are not whole ({len(begins)} begin, "
            f"{len(ends)} end): remove what is left of them, and the profiles between"
        )
    return "".join(lines[: begins[0]]), "".join(lines[ends[0] + 1 :])


def _end(chain: str) -> str:
    return f"# rolechain {chain}: end"


def _line_of(name: str, text: str) -> str | None:
    """The line that begins a profile, if it is there."""
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header and _words(header["section"]) in (["profile", name], [name]):
            return line
    return None


def _words(section: str) -> list[str]:
    try:
        return shlex.split(section)
    except ValueError:
        return []
