"""The whole chain, proven from templates."""

import warnings

from rolechain.cloudformation.assembly import AssemblyError, templates_in
from rolechain.cloudformation.parameter_values import ParameterError
from rolechain.cloudformation.source_location import SourceLocation
from rolechain.cloudformation.template import Template
from rolechain.graph.administrators import Changer
from rolechain.graph.edges import Edge, edges
from rolechain.graph.finding import Finding, Level
from rolechain.graph.role_graph import PolicyRecord, RoleGraph, RoleRecord
from rolechain.graph.template_reader import role_graph_of
from rolechain.proof.diff import AccessChange, AccessDiff, diff
from rolechain.proof.entrances import EntranceRecord
from rolechain.proof.hops import HopProof
from rolechain.proof.prove import audit, prove
from rolechain.proof.report import Proof

__all__ = [
    "AccessChange",
    "AccessDiff",
    "AssemblyError",
    "Changer",
    "Edge",
    "EntranceRecord",
    "Finding",
    "HopProof",
    "Level",
    "ParameterError",
    "PolicyRecord",
    "Proof",
    "RoleGraph",
    "RoleRecord",
    "SourceLocation",
    "Template",
    "audit",
    "diff",
    "edges",
    "prove",
    "role_graph_of",
    "templates_in",
]

_RENAMED = {"Place": "SourceLocation", "World": "RoleGraph", "world_of": "role_graph_of"}


def __getattr__(name: str) -> object:
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    now = _RENAMED[name]
    warnings.warn(f"rolechain.proof.{name} is called {now} now", DeprecationWarning, stacklevel=2)
    return globals()[now]
