"""A diagram in the language of Graphviz.

Source: Graphviz documentation, "DOT Language" and "escString".
"""

from __future__ import annotations

from rolechain.diagram.diagram import ArrowKind, BoxKind, Diagram, words_of
from rolechain.policy import Verdict

_COLOURS = {Verdict.ALLOW: "#1a7f37", Verdict.UNKNOWN: "#9a6700"}
_OF_KIND = {
    ArrowKind.ENTRANCE: 'color="#57606a"',
    ArrowKind.REFUSED: 'color="#57606a", style=dotted, arrowhead=tee, constraint=false',
    ArrowKind.OPEN: 'color="#cf222e", penwidth=2.5',
}
_OF_BOX = {
    BoxKind.OPEN_DOOR: ', color="#cf222e", style=dashed',
    BoxKind.THIRD_PARTY: ', color="#9a6700", style=dashed',
    BoxKind.OUTSIDE: ", style=dashed",
}


def dot(diagram: Diagram) -> str:
    """The diagram as a directed graph, whose clusters are the accounts."""
    lines = [
        f"digraph {_quoted(diagram.title)} {{",
        f"  label={_quoted(diagram.summary)}; rankdir=LR; fontname=monospace;",
        "  node [shape=box, fontname=monospace]; edge [fontname=monospace];",
    ]
    for number, (heading, boxes) in enumerate(diagram.accounts()):
        lines.append(f"  subgraph cluster_{number} {{ label={_quoted(heading)};")
        for each in boxes:
            box = diagram.boxes[each]
            # The line break is one of the language; names hold none.
            label = _quoted("\n".join(filter(None, (box.title, " ".join(box.rules))))).replace("\n", "\\n")
            lines.append(f"    box{each} [label={label}{_OF_BOX.get(box.kind, '')}];")
        lines.append("  }")
    for arrow in diagram.arrows:
        colour = f'color="{_COLOURS.get(arrow.verdict, "#cf222e")}"'
        style = _OF_KIND.get(arrow.kind, colour)
        words = f"label={_quoted(arrow.label)}, tooltip={_quoted(words_of(arrow, diagram))}"
        lines.append(f"  box{arrow.caller} -> box{arrow.callee} [{words}, {style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(words: str) -> str:
    """A text as a quoted id, in which nothing is an escape of the language."""
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
