"""The whole chain, proven from templates."""

from rolechain.proof.administrators import Changer
from rolechain.proof.assembly import AssemblyError, templates_in
from rolechain.proof.closure import EntranceRecord
from rolechain.proof.edges import Edge, edges
from rolechain.proof.finding import Finding, Level
from rolechain.proof.hops import HopProof
from rolechain.proof.place import Place
from rolechain.proof.prove import audit, prove
from rolechain.proof.read import world_of
from rolechain.proof.report import Proof
from rolechain.proof.template import Template
from rolechain.proof.world import PolicyRecord, RoleRecord, World

__all__ = [
    "AssemblyError",
    "Changer",
    "Edge",
    "EntranceRecord",
    "Finding",
    "HopProof",
    "Level",
    "Place",
    "PolicyRecord",
    "Proof",
    "RoleRecord",
    "Template",
    "World",
    "audit",
    "edges",
    "prove",
    "templates_in",
    "world_of",
]
