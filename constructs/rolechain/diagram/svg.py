"""A diagram as SVG, by itself or for a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from rolechain.diagram.diagram import ArrowKind, Diagram, words_of
from rolechain.diagram.layout import PlacedArrow, PlacedBox, Point, cells, layout_of

COLUMN, ROW = 8, 20
"""The size of a cell, in pixels."""
_ROUND = 7
"""The radius of an arrow's corners, in pixels."""
STYLE = Path(__file__).with_name("diagram.css").read_text(encoding="utf-8")


def svg(diagram: Diagram, *, interactive: bool = False) -> str:
    """The diagram as an SVG document.

    Args:
        diagram: the diagram.
        interactive: whether it is for a page that holds the style and shows what decides: each box and arrow can be
            reached by the keyboard.
    """
    layout = layout_of(diagram)
    width, height = (layout.width + 1) * COLUMN, (layout.height + 1) * ROW + 6
    role = "group" if interactive else "img"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -6 {width} {height}" '
        f'width="{width}" height="{height}" class="diagram" role="{role}" '
        f'aria-label="{_said(f"{diagram.title}: {diagram.summary}")}">',
        "" if interactive else f"<title>{_said(diagram.summary)}</title><style>{STYLE}</style>",
        '<rect class="ground" y="-6" width="100%" height="100%"/>',
    ]
    for frame in layout.frames:
        parts.append(_rectangle("frame", frame.x, frame.y, frame.width, frame.height))
        parts.append(_text("heading", frame.x + 2, frame.y, frame.heading))
    parts += (_arrow(each, diagram, interactive=interactive) for each in layout.arrows)
    parts += (_box(each, interactive=interactive) for each in layout.boxes)
    return "\n".join(filter(None, (*parts, "</svg>"))) + "\n"


def _said(words: str) -> str:
    return escape(words, quote=True)


def _group(kind: str, identity: str, words: str, inside: Sequence[str], *, interactive: bool) -> str:
    reached = f' id="{identity}" tabindex="0" role="button"' if interactive else ""
    return f'<g class="{kind}"{reached}><title>{_said(words)}</title>{" ".join(inside)}</g>'


def _box(placed: PlacedBox, *, interactive: bool) -> str:
    box = placed.box
    inside = [_rectangle("shape", placed.x, placed.y, placed.width, placed.height)]
    named = " ".join(box.rules)
    for row, line in enumerate(placed.lines, 1):
        kind_of_line = "rules" if row > 1 and line and line in named else "name"
        inside.append(_text(kind_of_line, placed.x + 2, placed.y + row, line))
    kind = box.kind.value.replace(" ", "-")
    words = ", ".join(filter(None, (f"{box.kind.value} {box.title}", box.heading, named)))
    return _group(f"box {kind}", f"box-{placed.number}", words, inside, interactive=interactive)


def _arrow(placed: PlacedArrow, diagram: Diagram, *, interactive: bool) -> str:
    arrow = placed.arrow
    x, y = placed.points[-1]
    line = _path(placed.points)
    inside = [f'<path class="reach" d="{line}"/><path class="line" d="{line}"/>']
    tip, middle = x * COLUMN + COLUMN // 2, y * ROW + ROW // 2
    if arrow.kind is ArrowKind.REFUSED:
        inside.append(f'<path class="line head" d="M{tip - 12} {middle - 5}l9 10m0 -10l-9 10"/>')
    else:
        inside.append(f'<path class="tip" d="M{tip} {middle}l-9 -5v10z"/>')
    if arrow.label:
        inside.append(_rectangle("behind", placed.label_x, y, cells(arrow.label) + 1, 1))
        inside.append(_text("label", placed.label_x + 1, y, arrow.label))
    kind = f"arrow {arrow.kind.value.replace(' ', '-')} {arrow.verdict.value.replace('_', '-')}"
    words = words_of(arrow, diagram)
    ends = f'" data-from="box-{arrow.caller}" data-to="box-{arrow.callee}' if interactive else ""
    return _group(kind + ends, f"arrow-{placed.number}", words, inside, interactive=interactive)


def _rectangle(kind: str, x: int, y: int, width: int, height: int) -> str:
    """The rectangle whose borders run in the middle of their cells."""
    left, top = x * COLUMN + COLUMN // 2, y * ROW + ROW // 2
    if kind == "behind":
        return f'<rect class="{kind}" x="{left}" y="{top - 8}" width="{width * COLUMN}" height="16"/>'
    right, bottom = (width - 1) * COLUMN, (height - 1) * ROW
    return f'<rect class="{kind}" x="{left}" y="{top}" width="{right}" height="{bottom}" rx="5"/>'


def _text(kind: str, x: int, y: int, words: str) -> str:
    left, base = x * COLUMN, y * ROW + ROW // 2 + 4
    return f'<text class="{kind}" x="{left}" y="{base}" xml:space="preserve">{_said(words)}</text>'


def _path(cells: Sequence[Point]) -> str:
    """A line through the middle of some cells, with round corners."""
    points = [(x * COLUMN + COLUMN // 2, y * ROW + ROW // 2) for x, y in cells]
    steps = [f"M{points[0][0]} {points[0][1]}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(at, before), _towards(at, after)
        steps.append(f"L{near[0]} {near[1]} Q{at[0]} {at[1]} {far[0]} {far[1]}")
    return " ".join([*steps, f"L{points[-1][0]} {points[-1][1]}"])


def _towards(at: Point, other: Point) -> Point:
    """The point beside a corner, on the way to another."""
    length = max(abs(other[0] - at[0]), abs(other[1] - at[1]), 1)
    part = min(_ROUND, length // 2)
    return at[0] + (other[0] - at[0]) * part // length, at[1] + (other[1] - at[1]) * part // length
