"""The proof of chains over many accounts: how it grows, and what it adds to the synth of the same app."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from rolechain import Chain, ChainRole, Entrance
from rolechain.cli.toolchain import find_node
from rolechain.proof import Template, prove, role_graph_of, templates_in
from rolechain.proof.prove import prove_graph
from rolechain.statements.builder import trust_statements
from rolechain.statements.packing import pack

Json = dict[str, Any]
T = TypeVar("T")

ACCOUNTS = (250, 1000, 5000)
SYNTHESIZED = 1000


def main() -> None:
    """Prints the measurements of the proof."""
    print("accounts   roles    hops    read       proof      per hop  findings")
    for count in ACCOUNTS:
        _prove(count)
    _synthesize()


def _prove(count: int) -> None:
    """Three roles in each account: two that the chain ends in, and one that has nothing to do with it."""
    chain = _chain(count, ["deploy-reader", "deploy-writer"])
    templates = list(_templates(chain))
    read, world = _seconds(lambda: role_graph_of(templates, chain))
    seconds, proof = _seconds(lambda: prove_graph(chain, world))
    hops, roles = len(proof.hops), len(world.roles)
    found = ", ".join(sorted({finding.rule for finding in proof.findings})) or "none"
    print(
        f"{count:8,} {roles:7,} {hops:7,} {read:7.2f} s  {seconds:7.2f} s  {seconds / hops * 1e6:8.0f} µs  {found}"
    )


def _chain(count: int, names: list[str]) -> Chain:
    accounts = [f"{100000000000 + number}" for number in range(count)]
    return Chain(
        "deploy",
        organization="o-exampleorg1",
        source=ChainRole(accounts[0], assumed_by=[Entrance.service("lambda.amazonaws.com")]),
        middle=[ChainRole(accounts[1])],
        targets=[ChainRole(account, name) for account in accounts for name in names],
    )


def _templates(chain: Chain) -> Iterator[Template]:
    by_account: dict[str, list[ChainRole]] = {}
    for role in chain.roles:
        by_account.setdefault(role.account, []).append(role)
    first = chain.accounts[:2]
    for account, roles in by_account.items():
        resources = {"App": _role("app", "/", [{"Principal": {"Service": "lambda.amazonaws.com"}}])}
        for number, role in enumerate(roles):
            resources[f"Role{number}"] = _role(role.role, role.path, trust_statements(chain, role))
            for policy in pack(chain, role).hops:
                properties = {
                    "PolicyDocument": _document(policy.statements),
                    "Roles": [{"Ref": f"Role{number}"}],
                }
                resources[f"{policy.id}{number}"] = {
                    "Type": "AWS::IAM::ManagedPolicy",
                    "Properties": properties,
                }
        waits = first[: first.index(account)] if account in first else first
        yield Template(account, {"Resources": resources}, account=account, dependencies=waits)


def _role(name: str, path: str, statements: list[Json]) -> Json:
    trust = [{"Effect": "Allow", "Action": "sts:AssumeRole", **statement} for statement in statements]
    properties = {"RoleName": name, "Path": path, "AssumeRolePolicyDocument": _document(trust)}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _document(statements: Sequence[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _synthesize() -> None:
    """An app of one chain through CDK, with and without CDK's own validation, and the proof of what it wrote."""
    os.environ.setdefault("JSII_NODE", str(find_node()))
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
    import aws_cdk as cdk

    from rolechain.cdk import RoleChain

    chain = _chain(SYNTHESIZED, ["deploy-target"])
    for validated in (True, False):
        with tempfile.TemporaryDirectory(prefix="rolechain-bench-") as folder:
            start = time.perf_counter()
            app = cdk.App(
                outdir=folder, analytics_reporting=False, builtin_cloud_formation_validation=validated
            )
            RoleChain(app, "deploy", chain=chain)
            app.synth()
            synth = time.perf_counter() - start
            seconds, _ = _seconds(lambda: prove(chain, templates_in(folder)))
        terms = "as CDK does it by default" if validated else "without CDK's own validation"
        print(f"synth of {SYNTHESIZED:,} accounts, {terms}: {synth:.2f} s")
        print(f"    its proof, templates read from its folder: {seconds:.2f} s, {seconds / synth:.1%} of it")


def _seconds(run: Callable[[], T]) -> tuple[float, T]:
    """The median of three runs, and what the last of them gave."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result
