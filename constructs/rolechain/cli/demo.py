"""The main job on one machine: an organization, its bootstrap, a deployment, every hop, every shortcut."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from rich.console import Console

from rolechain.cli.bootstrap import Bootstrap, bootstrapped, deploying_account
from rolechain.cli.local import add_services
from rolechain.cli.output import console, show_reports, status
from rolechain.cli.subprocesses import Program, interrupt_when_terminated, started
from rolechain.cli.toolchain import Toolchain, find
from rolechain.cli.trace import last_line, trace_of_folder, walk_line
from rolechain.errors import RolechainError
from rolechain.iam.limits import unit_of_path
from rolechain.local import LocalOrganization
from rolechain.local.chain_roles import (
    example,
    local_entrance,
    make_existing_roles,
    organization_of,
    workload,
)
from rolechain.model.chain import Chain
from rolechain.model.entry_principal import Entrance
from rolechain.model.hop import Hop as DeclaredHop
from rolechain.model.hop import choose
from rolechain.model.role import ChainRole
from rolechain.proof import Level, prove, templates_in
from rolechain.runtime import HopReport, attempt, chain_session, verify
from rolechain.statements.execution_policy import version_parameter
from rolechain.trail import Trace

STRANGER = "999999999999"
"""An account that belongs to the organization and to no chain of the demo."""


_NEXT = (
    ("rolechain demo --chain FILE", "the same with a chain of yours"),
    ("rolechain init DIR", "an app of its own for it"),
    ("rolechain prove", "the proof, after cdk synth"),
    ("rolechain verify", "every hop and shortcut, after cdk deploy"),
    ("rolechain exec -- COMMAND", "a program in the target"),
)


class DemoError(RolechainError):
    """The chain is one that the demo cannot take."""


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
        """The account that deploys."""
        return deploying_account(self.chain)

    @property
    def assembly(self) -> Path:
        """The folder of the synthesized templates."""
        return self.scratch / "cdk.out"

    def bootstrap_and_synth(self) -> None:
        """``cdk bootstrap`` in each account, with its own administrator, and ``cdk synth`` beside it."""
        app = ["--context", f"chain={self.file.resolve()}", "--output", str(self.assembly)]
        if not Path("cdk.json").exists():
            app += ["--app", f"{shlex.quote(sys.executable)} -m rolechain.cdk"]
        plan = Bootstrap(self.chain, self.deployer, self.chain.name)
        with self._cdk(self.deployer, "synth", "--quiet", *app) as synth:
            for account, problem in bootstrapped(
                plan,
                self.chain.deployed_accounts,
                lambda account: self.organization.session(account, region=self.chain.region),
                self.toolchain,
                self.scratch,
            ):
                if problem:
                    raise DemoError(f"cdk bootstrap as account {account}: {problem}")
            synth.finish()

    def deploy(self) -> list[str]:
        """Deploys with the deploying account's administrator alone; gives the stacks of others' accounts, left out."""
        within = (None, *self.chain.deployed_accounts)
        stacks = {each.name: each.account in within for each in templates_in(self.assembly)}
        left_out = [name for name, deployed in stacks.items() if not deployed]
        selected = [name for name, deployed in stacks.items() if deployed] if left_out else ["--all"]
        words = [*selected, "--app", str(self.assembly), "--require-approval", "never", "--concurrency", "4"]
        with self._cdk(self.deployer, "deploy", *words) as program:
            program.finish()
        return left_out

    def _cdk(self, account: str, *words: str) -> AbstractContextManager[Program]:
        environment = self.organization.environment(account, region=self.chain.region)
        # What the CDK and jsii leave in their temporary folder goes with the scratch folder, however they end.
        temporary = self.scratch / "tmp"
        temporary.mkdir(exist_ok=True)
        return started(
            [str(self.toolchain.cdk), *words, "--no-notices"],
            what=f"cdk {words[0]} as account {account}",
            environment=environment | self.toolchain.environment() | {"TMPDIR": str(temporary)},
            folder=Path.cwd(),
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "--chain", metavar="FILE", help="the chain to deploy (default: chain.yaml, else an example)"
    )
    add_services(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the demo.

    Returns:
        0 if every hop was allowed and every shortcut refused, else 1.
    """
    interrupt_when_terminated()
    screen = console()
    with contextlib.ExitStack() as stack:
        file = Path(arguments.chain or "chain.yaml")
        if not arguments.chain and not file.exists():
            file = stack.enter_context(as_file(files("rolechain.cli") / "example" / "chain.yaml"))
        chain = Chain.load(file)
        entering = entrances(chain)
        toolchain = find()
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rolechain-demo-")))
        with _step(screen, "starting an organization on this machine") as done:
            organization = stack.enter_context(
                organization_of(chain, services=arguments.services, trail=scratch / "trail")
            )
            # Sessions that come over the chain find the endpoint here, as those of any SDK do, and no setting of the
            # user's besides, such as a profile or an endpoint of one service.
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                del os.environ[name]
            os.environ.update(organization.environment(chain.source.account, region=chain.region))
            make_existing_roles(organization, chain)
            walked = with_accounts(organization, chain)
            done(f"organization {organization.organization_id} runs at {organization.endpoint_url}")
        deployment = Deployment(organization, toolchain, chain, file, scratch)
        accounts = f"{len(chain.deployed_accounts)} accounts"
        with _step(screen, f"cdk bootstrap in {accounts}, cdk synth") as done:
            deployment.bootstrap_and_synth()
            done(f"cdk bootstrap in {accounts}, each with --trust {deployment.deployer}; cdk synth")
        with _step(screen, "proving the chain from the templates") as done:
            proof = prove(chain, deployment.assembly)
            if not proof.proven:
                errors = [finding for finding in proof.findings if finding.level is Level.ERROR]
                found = [f"{each.rule} {each.place or ''}: {each.message}" for each in errors]
                raise DemoError("\n  ".join(["the chain is not proven, so it is not deployed:", *found]))
            done(f"proven from the templates alone: {len(proof.hops)} hops work, nothing else gets in")
        with _step(screen, "cdk deploy --all") as done:
            left_out = deployment.deploy()
            selected = f"without {', '.join(left_out)}" if left_out else "--all"
            done(
                f"cdk deploy {selected}: {sum(not role.existing for role in chain.roles)} roles in {accounts}"
            )
        with _step(screen, "taking every hop, trying every shortcut") as done:
            workloads = [
                workload(organization, chain, source, entrance)
                for source, entrance in zip(chain.sources, entering, strict=True)
            ]
            tags, identity = choices(chain)
            reports = verify(
                walked,
                session=workloads[0],
                sources=workloads[1:],
                session_tags=tags or None,
                source_identity=identity,
            )
            reports += strangers(organization, walked)
            done(f"{len(reports)} times sts:AssumeRole, over real HTTP")
        for target in walked.targets:
            if target.existing:
                continue
            with _step(screen, f"reading in account {target.account}") as done:
                hops = [hop.choosing(tags, identity) for hop in walked.hops_to(target)]
                session = chain_session(*hops, session=workloads[0], region_name=chain.region)
                done(_read(session, target.account))
        traced = _traced(screen, chain, scratch / "trail")
    screen.print()
    show_reports(screen, reports)
    screen.print(f"Account {STRANGER} belongs to the organization, and the chain does not name it.")
    screen.print("next:")
    for command, purpose in _NEXT:
        screen.print(f"  {command:<32}{purpose}")
    return 0 if all(report.ok for report in reports) and (traced is None or traced.declared) else 1


@contextlib.contextmanager
def _step(screen: Console, doing: str) -> Iterator[Callable[[str], None]]:
    """Shows what is being done while it is, then what came of it and how long it took."""
    began = time.perf_counter()
    results = [doing]
    with status(screen, doing):
        yield results.append
    screen.print(f"[green]✓[/] {results[-1]} [dim]{time.perf_counter() - began:.1f} s[/]", soft_wrap=True)


def _traced(screen: Console, chain: Chain, trail: Path) -> Trace | None:
    """The demo's own walks as its trail tells them; None where what reads it is not installed."""
    if find_spec("duckdb") is None:
        return None
    with _step(screen, "tracing who walked") as done:
        found = trace_of_folder(chain, trail)
        done(f"traced by CloudTrail's events: {last_line(chain.name, found)}")
    for walk in found.walks:
        screen.print(f"  {walk_line(walk)}", soft_wrap=True)
    return found


def _read(session: boto3.Session, account: str) -> str:
    """Reads the version of an account's bootstrap, with the session that the chain gave."""
    try:
        value = session.client("ssm").get_parameter(Name=version_parameter())["Parameter"]["Value"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ("AccessDeniedException", "ParameterNotFound"):
            raise DemoError(f"reading in account {account} failed: {error}") from error
        arn = session.client("sts").get_caller_identity()["Arn"]
        if code == "ParameterNotFound":
            return f"account {account} answers to {arn}, and holds no bootstrap"
        return f"account {account} answers to {arn}, which may read no parameters there"
    return f"account {account} has version {value} of the bootstrap, read through the chain"


def with_accounts(organization: LocalOrganization, chain: Chain) -> Chain:
    """A chain with one new account in place of the units of each target: it lies in the first of them."""

    def in_account(target: ChainRole) -> ChainRole:
        unit = unit_of_path(target.organizational_units[0])
        return target.in_account(organization.create_account(unit if unit.startswith("ou-") else None))

    return replace(
        chain, targets=[in_account(target) if target.by_unit else target for target in chain.targets]
    )


def entrances(chain: Chain) -> list[Entrance]:
    """The entrance of each source role by which the demo enters the chain."""
    if STRANGER in chain.accounts:
        raise DemoError(
            f"account {STRANGER} is the one outside of the chain in the demo: name another in the chain"
        )
    return [local_entrance(source) for source in chain.sources]


def choices(chain: Chain) -> tuple[dict[str, str], str | None]:
    """Values that are allowed for the session tags and the source identity that the chain leaves open."""
    tags = {tag.key: example(tag.values) for hop in chain.hops() for tag in hop.open_tags}
    identities = [
        example(hop.callee.identity.values)
        for hop in chain.hops()
        if hop.lacks_source_identity and hop.callee.identity
    ]
    return tags, next(iter(identities), None)


def strangers(organization: LocalOrganization, chain: Chain) -> Iterator[HopReport]:
    """The reports of administrators outside of the chain that try each role of it; every one has to be refused."""
    tags, identity = choices(chain)
    hops: dict[str, DeclaredHop] = {}
    for hop in choose((hop for hop in chain.hops() if not hop.callee.by_unit), tags, identity):
        hops.setdefault(hop.callee.arn, hop)
    for account in dict.fromkeys([*(source.account for source in chain.sources), STRANGER]):
        administrator = organization.session(account, region=chain.region)
        for hop in hops.values():
            yield attempt(administrator, hop, expected="refused", index=hop.index)
