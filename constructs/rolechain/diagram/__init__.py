"""Pictures of a chain with what was proven of it, and of the roles of any templates."""

from collections.abc import Callable, Mapping

from rolechain.diagram.diagram import Diagram
from rolechain.diagram.dot import dot
from rolechain.diagram.drawing import diagram_of_chain, diagram_of_graph
from rolechain.diagram.mermaid import mermaid
from rolechain.diagram.page import page
from rolechain.diagram.svg import svg
from rolechain.diagram.text import text

__all__ = [
    "FORMATS",
    "Diagram",
    "diagram_of_chain",
    "diagram_of_graph",
    "dot",
    "mermaid",
    "page",
    "svg",
    "text",
]

FORMATS: Mapping[str, Callable[[Diagram], str]] = {
    "text": text,
    "svg": svg,
    "mermaid": mermaid,
    "html": page,
    "dot": dot,
}
"""What writes a diagram, by the name of the format."""
