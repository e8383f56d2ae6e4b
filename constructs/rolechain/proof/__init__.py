"""The whole chain, proven from templates."""

from rolechain.proof.finding import Finding, Level
from rolechain.proof.place import Place
from rolechain.proof.template import Template
from rolechain.proof.world import PolicyRecord, RoleRecord, World

__all__ = ["Finding", "Level", "Place", "PolicyRecord", "RoleRecord", "Template", "World"]
