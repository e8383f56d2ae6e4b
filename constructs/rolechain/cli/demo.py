"""The main job on one machine: an organization, its bootstrap, a deployment, every hop, every shortcut."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from rich.console import Console

from rolechain.cli.demo_principals import (
    STRANGER,
    DemoError,
    choices,
    entrances,
    make_existing_roles,
    strangers,
    third_parties,
    workload,
)
from rolechain.cli.local import add_services
from rolechain.cli.output import report_table
from rolechain.cli.subprocesses import interrupt_when_terminated
from rolechain.cli.toolchain import Deployment, find
from rolechain.cli.trace import last_line, trace_of_folder, walk_line
from rolechain.local import LocalOrganization
from rolechain.model.chain import Chain
from rolechain.proof import Level, Proof, prove
from rolechain.runtime import chain_session, verify
from rolechain.trail import Trace

BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
"""The parameter that every bootstrapped account holds."""


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
    console = Console(highlight=False)
    with contextlib.ExitStack() as stack:
        file = _chain_file(arguments.chain, stack)
        chain = Chain.load(file)
        entering = entrances(chain)
        toolchain = find()
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rolechain-demo-")))
        with _step(console, "starting an organization on this machine") as done:
            organization = stack.enter_context(
                LocalOrganization(
                    organization_id=chain.organization or "o-exampleorg1",
                    outside=third_parties(chain),
                    services=arguments.services,
                    trail=scratch / "trail",
                )
            )
            # Sessions that come over the chain find the endpoint here, as those of any SDK do.
            _forget_aws_settings()
            os.environ.update(organization.environment(chain.source.account, region=chain.region))
            make_existing_roles(organization, chain)
            done(f"organization {organization.organization_id} runs at {organization.endpoint_url}")
        deployment = Deployment(organization, toolchain, chain, file, scratch)
        accounts = f"{len(chain.deployed_accounts)} accounts"
        with _step(console, f"cdk bootstrap in {accounts}, cdk synth") as done:
            deployment.bootstrap_and_synth()
            done(f"cdk bootstrap in {accounts}, each with --trust {deployment.deployer}; cdk synth")
        with _step(console, "proving the chain from the templates") as done:
            done(_proven(prove(chain, deployment.assembly)))
        with _step(console, "cdk deploy --all") as done:
            deployment.deploy()
            done(f"cdk deploy --all: {sum(not role.existing for role in chain.roles)} roles in {accounts}")
        with _step(console, "taking every hop, trying every shortcut") as done:
            workloads = [
                workload(organization, chain, source, entrance)
                for source, entrance in zip(chain.sources, entering, strict=True)
            ]
            tags, identity = choices(chain)
            reports = verify(
                chain,
                session=workloads[0],
                sources=workloads[1:],
                session_tags=tags or None,
                source_identity=identity,
            )
            reports += strangers(organization, chain)
            done(f"{len(reports)} times sts:AssumeRole, over real HTTP")
        for target in chain.targets:
            if target.existing:
                continue
            with _step(console, f"reading in account {target.account}") as done:
                hops = [hop.choosing(tags, identity) for hop in chain.hops_to(target)]
                session = chain_session(*hops, session=workloads[0], region_name=chain.region)
                done(_read(session, target.account))
        traced = _traced(console, chain, scratch / "trail")
    console.print()
    console.print(report_table(reports))
    console.print(f"Account {STRANGER} belongs to the organization, and the chain does not name it.")
    return 0 if all(report.ok for report in reports) and (traced is None or traced.declared) else 1


@contextlib.contextmanager
def _step(console: Console, doing: str) -> Iterator[Callable[[str], None]]:
    """Shows what is being done while it is, then what came of it and how long it took."""
    began = time.perf_counter()
    results = [doing]
    with console.status(f"{doing} …"):
        yield results.append
    console.print(f"[green]✓[/] {results[-1]} [dim]{time.perf_counter() - began:.1f} s[/]", soft_wrap=True)


def _traced(console: Console, chain: Chain, trail: Path) -> Trace | None:
    """The demo's own walks as its trail tells them; None where what reads it is not installed."""
    if find_spec("duckdb") is None:
        return None
    with _step(console, "tracing who walked") as done:
        found = trace_of_folder(chain, trail)
        done(f"traced by CloudTrail's events: {last_line(chain.name, found)}")
    for walk in found.walks:
        console.print(f"  {walk_line(walk)}", soft_wrap=True)
    return found


def _forget_aws_settings() -> None:
    """Drops what the user has set for AWS, such as a profile or an endpoint of one service."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]


def _chain_file(named: str | None, stack: contextlib.ExitStack) -> Path:
    if named or Path("chain.yaml").exists():
        return Path(named or "chain.yaml")
    return stack.enter_context(as_file(files("rolechain.cli") / "example" / "chain.yaml"))


def _proven(proof: Proof) -> str:
    """What was proven."""
    if not proof.proven:
        errors = [finding for finding in proof.findings if finding.level is Level.ERROR]
        found = "\n  ".join(f"{finding.rule} {finding.place or ''}: {finding.message}" for finding in errors)
        raise DemoError(f"the chain is not proven, so it is not deployed:\n  {found}")
    return f"proven from the templates alone: {len(proof.hops)} hops work, nothing else gets in"


def _read(session: boto3.Session, account: str) -> str:
    """Reads the version of an account's bootstrap, with the session that the chain gave."""
    try:
        value = session.client("ssm").get_parameter(Name=BOOTSTRAP_VERSION)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise DemoError(f"reading in account {account} failed: {error}") from error
        arn = session.client("sts").get_caller_identity()["Arn"]
        return f"account {account} answers to {arn}, which may read no parameters there"
    return f"account {account} has version {value} of the bootstrap, read through the chain"
