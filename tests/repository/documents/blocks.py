"""The code blocks of the documents, with their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
_FENCE = "```"


@dataclass(frozen=True)
class Block:
    """A fenced block of a document.

    Attributes:
        document: the document, from the repository's root.
        line: the line of the fence that opens it.
        language: what the fence says; empty where it says nothing.
        text: what stands between the fences.
    """

    document: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands: ``README.md:8``."""
        return f"{self.document}:{self.line}"


def documents() -> list[Path]:
    """What is read by whoever uses the repository or works on it."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(*languages: str) -> list[Block]:
    """The blocks of all documents in their order, in some languages or in any."""
    return [
        block
        for document in documents()
        for block in blocks_of(document)
        if not languages or block.language in languages
    ]


def blocks_of(document: Path) -> Iterator[Block]:
    """The blocks of one document in their order."""
    name = document.relative_to(ROOT).as_posix()
    start, language, kept = 0, "", list[str]()
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        if not line.lstrip().startswith(_FENCE):
            kept.append(f"{line}\n")
        elif start:
            yield Block(name, start, language, "".join(kept))
            start = 0
        else:
            start, language, kept = number, line.strip().removeprefix(_FENCE), []
    if start:
        raise ValueError(f"{name}:{start}: the block is not closed")
