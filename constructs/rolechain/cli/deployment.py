"""A chain deployed to the local organization by the real CDK CLI, as a user of AWS would."""

from __future__ import annotations

import contextlib
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from rolechain.cli.subprocesses import Program, started
from rolechain.cli.toolchain import Toolchain
from rolechain.local import LocalOrganization
from rolechain.model.chain import Chain

# What a deployment may do in an account: a chain's stacks hold nothing but IAM, and CloudFormation reads the
# version of the bootstrap from SSM.
EXECUTION_POLICIES = ("IAMFullAccess", "AmazonSSMReadOnlyAccess")
_AT_ONCE = 3


@dataclass(frozen=True)
class Deployment:
    """Deploys the app of the working folder, or one of the chain alone where there is no app.

    Attributes:
        organization: where to.
        toolchain: what with.
        chain: what is deployed.
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
        """The account that deploys, which every other trusts to: that of the first middle role, or of the source.

        It stands for the central team that owns the jump box.
        """
        return (*self.chain.middle, self.chain.source)[0].account

    def bootstrap_and_synth(self) -> None:
        """``cdk bootstrap`` in each account, with its own administrator, and ``cdk synth`` beside it.

        Raises:
            ProgramError: one of them failed.
        """
        with contextlib.ExitStack() as running:
            synth = running.enter_context(self._cdk(self.deployer, "synth", "--quiet", *self._app()))
            accounts = self.chain.deployed_accounts
            for first in range(0, len(accounts), _AT_ONCE):
                batch = [
                    running.enter_context(self._bootstrap(account))
                    for account in accounts[first : first + _AT_ONCE]
                ]
                for bootstrap in batch:
                    bootstrap.finish()
            synth.finish()

    def deploy(self) -> None:
        """``cdk deploy --all``, with the deploying account's administrator alone.

        Raises:
            ProgramError: it failed.
        """
        words = ["--all", "--app", str(self.assembly), "--require-approval", "never", "--concurrency", "4"]
        with self._cdk(self.deployer, "deploy", *words) as program:
            program.finish()

    @property
    def assembly(self) -> Path:
        """The folder of the synthesized templates."""
        return self.scratch / "cdk.out"

    def _app(self) -> list[str]:
        words = ["--context", f"chain={self.file.resolve()}", "--output", str(self.assembly)]
        if not Path("cdk.json").exists():
            words += ["--app", f"{shlex.quote(sys.executable)} -m rolechain.cdk"]
        return words

    def _bootstrap(self, account: str) -> contextlib.AbstractContextManager[Program]:
        policies = ",".join(
            f"arn:{self.chain.partition}:iam::aws:policy/{name}" for name in EXECUTION_POLICIES
        )
        environment = f"aws://{account}/{self.chain.region}"
        words = [environment, "--trust", self.deployer, "--cloudformation-execution-policies", policies]
        # Outside the app's folder, as bootstrapping needs no app and would synthesize one that it finds.
        return self._cdk(account, "bootstrap", *words, folder=self.scratch)

    def _cdk(
        self, account: str, *words: str, folder: Path | None = None
    ) -> contextlib.AbstractContextManager[Program]:
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
