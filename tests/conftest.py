"""What every test relies on."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

if stray := list((ROOT / "constructs").glob("*.py")):
    pytest.exit(
        f"{stray[0]} shadows the PyPI package constructs: the source root takes no .py file", returncode=4
    )
