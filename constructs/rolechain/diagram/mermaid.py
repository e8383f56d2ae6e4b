"""A diagram as a flowchart of Mermaid, which GitHub and GitLab draw in Markdown.

Source: Mermaid documentation, "Flowcharts Syntax", links and entity codes.
"""

from __future__ import annotations

import re

from rolechain.diagram.diagram import Arrow, ArrowKind, BoxKind, Diagram
from rolechain.policy import Verdict

_LINKS = {ArrowKind.REFUSED: "-.-x", ArrowKind.OPEN: "==>"}
_COLOURS = {Verdict.ALLOW: "#1a7f37", Verdict.UNKNOWN: "#9a6700"}


def mermaid(diagram: Diagram) -> str:
    """The diagram as a flowchart."""
    lines = ["flowchart LR", f"  %% {_said(diagram.summary)}"]
    for number, (heading, boxes) in enumerate(diagram.accounts()):
        lines.append(f'  subgraph account{number}["{_said(heading)}"]')
        for each in boxes:
            box = diagram.boxes[each]
            label = "<br>".join(map(_said, filter(None, (box.title, " ".join(box.rules)))))
            lines.append(f'    box{each}["{label}"]')
        lines.append("  end")
    for arrow in diagram.arrows:
        label = f'|"{_said(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  box{arrow.caller} {_LINKS.get(arrow.kind, '-->')}{label} box{arrow.callee}")
    lines += (f"  linkStyle {each} stroke:{_colour(arrow)}" for each, arrow in enumerate(diagram.arrows))
    doors = [f"box{each}" for each, box in enumerate(diagram.boxes) if box.kind is BoxKind.OPEN_DOOR]
    if doors:
        lines += ["  classDef open stroke:#cf222e,stroke-width:2px", f"  class {','.join(doors)} open"]
    return "\n".join(lines) + "\n"


def _colour(arrow: Arrow) -> str:
    if arrow.kind in (ArrowKind.REFUSED, ArrowKind.ENTRANCE):
        return "#57606a"
    return "#cf222e" if arrow.kind is ArrowKind.OPEN else _COLOURS.get(arrow.verdict, "#cf222e")


def _said(words: str) -> str:
    """A text in which everything that Mermaid, Markdown or HTML might read is an entity code."""
    return re.sub(r"[^\w .,:/@=+-]", lambda found: f"#{ord(found[0])};", words)
