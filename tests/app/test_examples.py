"""The example apps synthesize, and what they show is so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rolechain.cli.toolchain import find_node

ROOT = Path(__file__).parents[2]


def test_the_library_example_is_proven(tmp_path: Path) -> None:
    """An app of its own that uses the constructs synthesizes, and its chain is proven."""
    environment = {**os.environ, "JSII_NODE": str(find_node()), "CDK_OUTDIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "examples/library/app.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "rolechain: chain report is proven: 2 hops can be taken" in run.stderr
    assert {path.name for path in tmp_path.glob("*.template.json")} == {
        "JumpBox.template.json",
        "Data.template.json",
        "Reporting.template.json",
    }
