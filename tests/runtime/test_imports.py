"""What importing the package costs, and that its names are what they are called."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rolechain.runtime


def _run(code: str) -> str:
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def test_a_hop_and_a_cache_need_no_botocore() -> None:
    """Nothing of boto3 is imported before a name that needs it."""
    code = (
        "import sys; from rolechain.runtime import FileCache, Hop, Cause, legal_session_name;"
        "print([name for name in sys.modules if 'boto' in name])"
    )
    assert _run(code) == "[]"


def test_a_name_is_never_a_module() -> None:
    """Whatever was imported before, each name is what its package says."""
    code = (
        "import pkgutil, importlib, types, rolechain.runtime as runtime;"
        "[importlib.import_module(f'rolechain.runtime.{m.name}') for m in pkgutil.iter_modules(runtime.__path__)];"
        "print([name for name in runtime.__all__ if isinstance(getattr(runtime, name), types.ModuleType)])"
    )
    assert _run(code) == "[]"


def test_every_name_is_there_and_no_other() -> None:
    """All that is promised can be had, and a wrong name is told as Python tells it."""
    assert dir(rolechain.runtime) == sorted(rolechain.runtime.__all__)
    assert all(getattr(rolechain.runtime, name) for name in rolechain.runtime.__all__)
    with pytest.raises(AttributeError, match=r"module 'rolechain.runtime' has no attribute 'nothing'"):
        rolechain.runtime.nothing  # noqa: B018
