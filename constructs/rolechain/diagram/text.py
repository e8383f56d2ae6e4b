"""A diagram as text, in box-drawing characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rolechain.diagram.diagram import ArrowKind, Diagram
from rolechain.diagram.layout import Layout, Point, cells, layout_of

_UP, _RIGHT, _DOWN, _LEFT = 1, 2, 4, 8
_LINES = " ╵╶└╷│┌├╴┘─┴┐┤┬┼"
"""The character of each sum of the ways that lines lead out of a cell."""
_DASHED = {"─": "╌", "│": "┆"}


def text(diagram: Diagram) -> str:
    """The diagram as lines of text, and what its signs mean."""
    layout = layout_of(diagram)
    canvas = _Canvas(layout.width, layout.height)
    for frame in layout.frames:
        canvas.rectangle(frame.x, frame.y, frame.width, frame.height)
        canvas.write(frame.x + 2, frame.y, f" {frame.heading} ")
    for box in layout.boxes:
        canvas.rectangle(box.x, box.y, box.width, box.height)
        for row, line in enumerate(box.lines, 1):
            canvas.write(box.x + 2, box.y + row, line)
    for placed in layout.arrows:
        canvas.line(placed.points, dashed=placed.arrow.kind is ArrowKind.REFUSED)
    for placed in layout.arrows:
        x, y = placed.points[-1]
        canvas.write(x - 1, y, "✗" if placed.arrow.kind is ArrowKind.REFUSED else "▶")
        if placed.arrow.label:
            canvas.write(placed.label_x, y, f" {placed.arrow.label} ")
    lines = [diagram.summary, "", *canvas.lines(), *_notes(layout)]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _notes(layout: Layout) -> list[str]:
    diagram = layout.diagram
    kinds = {each.kind for each in diagram.arrows}
    notes = ["", *(f"{'•' if declared else '!'} {words}" for words, declared in diagram.changers)]
    if diagram.left_out:
        notes.append(f"left out: {diagram.left_out}")
    if ArrowKind.HOP in kinds:
        notes.append("a hop: its number, then what the caller's policies and the callee's trust policy say")
    return notes if len(notes) > 1 else []


class _Canvas:
    """Rows of characters, on which lines that meet are joined."""

    def __init__(self, width: int, height: int) -> None:
        self._ways = [[0] * width for _ in range(height)]
        self._texts = [[""] * width for _ in range(height)]
        self._dashed: set[Point] = set()

    def rectangle(self, x: int, y: int, width: int, height: int) -> None:
        right, bottom = x + width - 1, y + height - 1
        self.line([(x, y), (right, y), (right, bottom), (x, bottom), (x, y)])

    def line(self, points: Sequence[Point], *, dashed: bool = False) -> None:
        for (x1, y1), (x2, y2) in pairwise(points):
            dx, dy = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
            ahead = {(1, 0): _RIGHT, (-1, 0): _LEFT, (0, 1): _DOWN, (0, -1): _UP}[dx, dy]
            behind = {_RIGHT: _LEFT, _LEFT: _RIGHT, _DOWN: _UP, _UP: _DOWN}[ahead]
            while (x1, y1) != (x2, y2):
                self._ways[y1][x1] |= ahead
                self._ways[y1 + dy][x1 + dx] |= behind
                if dashed:
                    self._dashed |= {(x1, y1), (x1 + dx, y1 + dy)}
                x1, y1 = x1 + dx, y1 + dy

    def write(self, x: int, y: int, words: str) -> None:
        for character in words:
            if width := cells(character):
                self._texts[y][x] = character
                for other in range(1, width):
                    self._texts[y][x + other] = "\0"
                last, x = x, x + width
            else:
                self._texts[y][last] += character

    def lines(self) -> list[str]:
        return [
            "".join(self._character(x, y) for x in range(len(row))).replace("\0", "")
            for y, row in enumerate(self._ways)
        ]

    def _character(self, x: int, y: int) -> str:
        line = _LINES[self._ways[y][x]]
        return self._texts[y][x] or (_DASHED.get(line, line) if (x, y) in self._dashed else line)
