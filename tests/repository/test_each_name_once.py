"""One public name is one thing: no two packages define a class of one name, and no pattern is written twice."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path("constructs/rolechain")
MODULES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
BY_CONTRACT = {"Hop"}
"""The hop that a chain declares, and the one that a session takes."""


def test_no_public_class_is_defined_in_two_packages() -> None:
    """A reader who searches for the name of a class finds one definition."""
    packages: dict[str, set[str]] = defaultdict(set)
    for path, module in MODULES.items():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                packages[node.name].add(path.relative_to(PACKAGE).parts[0])
    assert {
        name: found for name, found in packages.items() if len(found) > 1 and name not in BY_CONTRACT
    } == {}


def test_no_pattern_is_written_twice() -> None:
    """A regular expression is a fact of one place; the others import it."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, module in MODULES.items():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args:
                places[ast.unparse(node.args[0])].append(f"{path}:{node.lineno}")
    written = {pattern: found for pattern, found in places.items() if pattern[0] in "'\"rf"}
    assert {pattern: found for pattern, found in written.items() if len(found) > 1} == {}
