"""Where the boxes and arrows of a diagram stand, in cells of one character each.

A chain is layered by its hops: each role stands in the column after its callers'. Boxes of one account and column share
a frame. Arrows run in the gutters between the columns and below all of them, so that none crosses a box.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import combining, east_asian_width

from rolechain.diagram.diagram import Arrow, ArrowKind, Box, Diagram
from rolechain.graph.traversal import successors

_WIDEST = 30
"""The longest line of a box."""
_MOST_LINES = 4
"""The most lines of what a box is called."""
_STEP = 2
"""Rows between the arrows of a box."""

Point = tuple[int, int]
_Bus = tuple[int, ArrowKind, bool]
"""The arrows of one kind that leave a box: those that end in the next column, or those that do not."""


@dataclass
class PlacedBox:
    """A box of the diagram by its number, with its lines, its left and top border, and its width with both borders.

    Attributes:
        entering: what enters it, from the top down: an arrow each, or those that are refused together.
        leaving: the arrows that leave it, from the top down, those of one kind together.
    """

    number: int
    box: Box
    lines: tuple[str, ...]
    x: int = 0
    y: int = 0
    width: int = 0
    entering: list[Hashable] = field(default_factory=list)
    leaving: list[Hashable] = field(default_factory=list)

    @property
    def height(self) -> int:
        """With both borders."""
        ports = max(len(self.entering), len(self.leaving), 1)
        return max(len(self.lines), _STEP * ports - 1) + 2


@dataclass(frozen=True)
class Frame:
    """The boxes of one account in a column: its left and top border, and its size with both borders."""

    heading: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class PlacedArrow:
    """An arrow of the diagram by its number.

    Attributes:
        points: its corners from the caller to the callee; each line between two is level or upright.
        label_x: the column in which its label begins, on its last line.
    """

    number: int
    arrow: Arrow
    points: tuple[Point, ...]
    label_x: int


@dataclass(frozen=True)
class Layout:
    """A diagram in cells: its width in columns, its height in rows, and what stands in it."""

    diagram: Diagram
    width: int
    height: int
    frames: tuple[Frame, ...]
    boxes: tuple[PlacedBox, ...]
    arrows: tuple[PlacedArrow, ...]


def cells(text: str) -> int:
    """How many columns a text takes."""
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def layout_of(diagram: Diagram) -> Layout:
    """Places the boxes and arrows of a diagram."""
    columns = _columns(diagram)
    boxes = [PlacedBox(number, box, _lines(box)) for number, box in enumerate(diagram.boxes)]
    # The hops come first, so that they run along the names of the roles.
    for number, arrow in enumerate(diagram.arrows):
        entering, leaving = boxes[arrow.callee].entering, boxes[arrow.caller].leaving
        entering += [port for port in [_port(number, arrow)] if port not in entering]
        leaving += [bus for bus in [_bus(arrow, columns)] if bus not in leaving]
    stacks = _stacks(diagram, boxes, columns)
    lowest = 0
    for stack in stacks:
        y = 0
        for group in stack:
            for each in group:
                each.y = y + 1
                y += each.height
            y += 3
        lowest = max(lowest, y)
    gutters = _Gutters(diagram, boxes, columns)
    frames: list[Frame] = []
    x = 0
    for column, stack in enumerate(stacks):
        gutters.starts[column] = x
        x += gutters.width(column)
        widest = [
            max(*map(cells, each.lines), cells(each.box.heading) - 2) for group in stack for each in group
        ]
        width = max(widest) + 4
        for group in stack:
            top, bottom = group[0].y - 1, group[-1].y + group[-1].height
            frames.append(Frame(group[0].box.heading, x, top, width + 4, bottom - top + 1))
            for each in group:
                each.x, each.width = x + 2, width
        x += width + 4
    gutters.starts[len(stacks)] = x
    arrows, height = gutters.routes(lowest)
    return Layout(diagram, x + gutters.width(len(stacks)), height, tuple(frames), tuple(boxes), tuple(arrows))


def _lines(box: Box) -> tuple[str, ...]:
    """What stands in a box: what it is called, and the rules that are broken there."""
    title = _wrapped(box.title)
    if len(title) > _MOST_LINES:
        title[_MOST_LINES - 1 :] = [title[_MOST_LINES - 1] + "…"]
    return (*title, *(_wrapped(" ".join(box.rules)) if box.rules else ()))


def _wrapped(words: str) -> list[str]:
    """Lines of a text, broken at blanks and behind the colons and slashes of ARNs, else wherever it must be."""
    lines = [""]
    for piece in re.findall(r"[^\s/:]*[/:]+|[^\s/:]+\s?|\s", words):
        for character in [piece] if cells(lines[-1] + piece.rstrip()) <= _WIDEST else ["\n", *piece]:
            if character == "\n" or cells(lines[-1] + character.rstrip()) > _WIDEST:
                lines.append("")
            lines[-1] += character.strip("\n")
    return [line.rstrip() for line in lines if line.strip()] or [""]


def _columns(diagram: Diagram) -> list[int]:
    """The column of each box: after its callers' for roles, and before the role that it enters for anybody else."""
    hops = [each for each in diagram.arrows if each.kind is ArrowKind.HOP and each.caller != each.callee]
    others = [each for each in diagram.arrows if each.kind in (ArrowKind.ENTRANCE, ArrowKind.OPEN)]
    in_hops = {number for each in hops for number in (each.caller, each.callee)}
    leads = {
        int(one): list(map(int, more))
        for one, more in successors((str(each.caller), str(each.callee)) for each in hops).items()
    }
    column = dict.fromkeys(range(len(diagram.boxes)), 0)
    for number in reversed(_finished(leads, column)):
        for other in leads.get(number, ()):
            column[other] = max(column[other], column[number] + 1)
    entered = {each.callee for each in others if each.caller not in in_hops}
    shift = int(any(column[each] == 0 for each in entered))
    for number in column:
        column[number] += shift
    for each in others:
        if each.caller not in in_hops and each.caller not in entered:
            nearest = min(column[one.callee] for one in others if one.caller == each.caller)
            column[each.caller] = nearest - 1
    return list(column.values())


def _finished(leads: Mapping[int, list[int]], nodes: Iterable[int]) -> list[int]:
    """The nodes, each after those that it leads to; an arrow that closes a circle is taken out of ``leads``."""
    done: dict[int, None] = {}
    path: list[int] = []
    for start in nodes:
        path = [] if start in done else [start]
        while path:
            number = path[-1]
            waiting = [each for each in leads.get(number, ()) if each not in done]
            if waiting and waiting[0] in path:
                leads[number].remove(waiting[0])
            elif waiting:
                path.append(waiting[0])
            else:
                done[path.pop()] = None
    return list(done)


def _stacks(
    diagram: Diagram, found: Sequence[PlacedBox], columns: Sequence[int]
) -> list[list[list[PlacedBox]]]:
    """The boxes of each column, those of one account together, near those that they have to do with."""
    callers: dict[int, list[int]] = {}
    for arrow in diagram.arrows:
        if columns[arrow.caller] < columns[arrow.callee]:
            callers.setdefault(arrow.callee, []).append(arrow.caller)
    rank: dict[int, int] = {}
    stacks: list[list[list[PlacedBox]]] = []
    for column in range(max(columns, default=-1) + 1):
        groups: dict[str, list[PlacedBox]] = {}
        for each in found:
            if columns[each.number] == column:
                groups.setdefault(each.box.heading, []).append(each)
        near = {
            heading: [rank[caller] for each in group for caller in callers.get(each.number, ())] or [0]
            for heading, group in groups.items()
        }
        order = sorted(groups, key=lambda heading: sum(near[heading]) / len(near[heading]))
        stacks.append([groups[heading] for heading in order])
        rank |= {each.number: at for at, each in enumerate(each for group in stacks[-1] for each in group)}
    return stacks


class _Gutters:
    """The upright lanes of the arrows between the columns: gutter n lies before column n.

    The arrows of one kind that leave a box share their lanes, so that they branch as late as they can.
    """

    def __init__(self, diagram: Diagram, found: Sequence[PlacedBox], columns: Sequence[int]) -> None:
        self._diagram, self._found, self._columns = diagram, found, columns
        self.starts: dict[int, int] = {}
        self._lanes: dict[int, dict[_Bus, int]] = {}
        self._label = dict.fromkeys(range(max(columns, default=0) + 2), 0)
        rows = [self._rows(number) for number in range(len(diagram.arrows))]
        # So that arrows to neighbours do not run over each other: those that go up from left to right, others before.
        for number in sorted(
            range(len(rows)), key=lambda each: each if rows[each][1] < rows[each][0] else -each
        ):
            arrow = diagram.arrows[number]
            first, last = columns[arrow.caller] + 1, columns[arrow.callee]
            leaves, enters = rows[number]
            for gutter in {first, last} if first != last or leaves != enters else ():
                lanes = self._lanes.setdefault(gutter, {})
                lanes.setdefault(_bus(arrow, columns), len(lanes))
            if arrow.label:
                self._label[last] = max(self._label[last], cells(arrow.label) + 3)

    def width(self, gutter: int) -> int:
        """How wide a gutter is."""
        return 2 + 2 * len(self._lanes.get(gutter, ())) + self._label[gutter]

    def _rows(self, number: int) -> tuple[int, int]:
        """The rows in which an arrow leaves its caller and enters its callee."""
        arrow = self._diagram.arrows[number]
        caller, callee = self._found[arrow.caller], self._found[arrow.callee]
        leaves = caller.leaving.index(_bus(arrow, self._columns))
        enters = callee.entering.index(_port(number, arrow))
        return caller.y + 1 + _STEP * leaves, callee.y + 1 + _STEP * enters

    def routes(self, lowest: int) -> tuple[list[PlacedArrow], int]:
        """Each arrow in its place, and the height of all."""
        placed = []
        rows: dict[_Bus, int] = {}
        for number, arrow in enumerate(self._diagram.arrows):
            caller, callee = self._found[arrow.caller], self._found[arrow.callee]
            first, last = self._columns[arrow.caller] + 1, self._columns[arrow.callee]
            bus = _bus(arrow, self._columns)
            y1, y2 = self._rows(number)
            corners = [(caller.x + caller.width - 1, y1), (callee.x, y2)]
            if first != last or y1 != y2:
                down, up = (self.starts[each] + 1 + 2 * self._lanes[each][bus] for each in (first, last))
                corners[1:1] = [(down, y1), (up, y2)]
            if first != last:
                row = rows.setdefault(bus, lowest + len(rows))
                corners[2:2] = [(down, row), (up, row)]
            points = tuple(each for at, each in enumerate(corners) if at == 0 or each != corners[at - 1])
            label_x = self.starts[last] + self.width(last) - cells(arrow.label) - 3
            placed.append(PlacedArrow(number, arrow, points, label_x))
        return placed, lowest + len(rows)


def _bus(arrow: Arrow, columns: Sequence[int]) -> _Bus:
    return arrow.caller, arrow.kind, columns[arrow.callee] == columns[arrow.caller] + 1


def _port(number: int, arrow: Arrow) -> Hashable:
    """The place where an arrow enters a box, which refused ones share."""
    return (arrow.kind, arrow.verdict) if arrow.kind is ArrowKind.REFUSED else number
